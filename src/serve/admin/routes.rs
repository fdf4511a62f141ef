//! The table of routes of the admin listener. A new page is one more row.

use std::sync::Arc;

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, StatusCode};

use super::health::{Health, Readiness};
use super::reply::{AdminReply, failed, html, respond, text};
use super::report::StatusReport;
use super::route_lookup::Handler::{AtOnce, OnPageThread, WithPartMetrics, WithQuery};
use super::route_lookup::{AdminRoute, Handler, Link, index, layout};
use super::state::{AdminState, Surface};
use super::{prometheus, status_page};
use crate::http::date::seconds_since_1970;
use crate::pages::explaining::{Asker, Asking};
use crate::pages::explanation::{self, Made};

/// All routes of a process that serves, in the order of the index.
pub(super) const ROUTES: &[AdminRoute] = &[
    INDEX,
    HEALTH,
    get(
        "/readyz",
        "200 when it has data and is not stopping, else 503, with the reason",
        Link::None,
        AtOnce(readiness),
    ),
    METRICS,
    get("/status", "for people", Link::Page("Status"), OnPageThread(status_page)),
    get(
        "/status.json",
        "the same for programs",
        Link::Twin("/status", "JSON"),
        OnPageThread(status_json),
    ),
    get("/explain", "why a client gets its list", Link::Page("Explain"), WithQuery(explain_page)),
    get(
        "/explain.json",
        "the same for programs",
        Link::Twin("/explain", "JSON"),
        WithQuery(explain_json),
    ),
];

/// All routes of a process without a public listener.
pub(super) const ROUTES_WITHOUT_SERVER: &[AdminRoute] = &[
    INDEX,
    HEALTH,
    get(
        "/readyz",
        "200 when its parts work and it is not stopping, else 503, with the reason",
        Link::None,
        AtOnce(readiness),
    ),
    METRICS,
];

/// All routes of a listener for everybody, besides what its parts have.
pub(super) const ROUTES_FOR_EVERYBODY: &[AdminRoute] =
    &[get("/", "sent on to the first page", Link::None, AtOnce(first_page))];

const INDEX: AdminRoute = get("/", "this list", Link::None, AtOnce(list));
const HEALTH: AdminRoute =
    get("/healthz", "200 while the process is alive", Link::None, AtOnce(health));
const METRICS: AdminRoute =
    get("/metrics", "for Prometheus", Link::ForPrograms("metrics"), WithPartMetrics(metrics));

/// The routes of a process.
pub(super) fn routes_of(state: &AdminState) -> &'static [AdminRoute] {
    match state.surface {
        Surface::OperatorOfServer => ROUTES,
        Surface::Operator => ROUTES_WITHOUT_SERVER,
        Surface::Everybody => ROUTES_FOR_EVERYBODY,
    }
}

const fn get(path: &'static str, about: &'static str, link: Link, handler: Handler) -> AdminRoute {
    AdminRoute { method: Method::GET, path, about, link, handler }
}

fn list(state: &Arc<AdminState>) -> AdminReply {
    text(StatusCode::OK, index(routes_of(state), &state.parts))
}

fn first_page(state: &Arc<AdminState>) -> AdminReply {
    let path = state.parts.iter().find_map(|part| part.pages().first());
    let mut reply = text(StatusCode::SEE_OTHER, "");
    if let Some((path, _)) = path {
        reply.headers_mut().insert(LOCATION, HeaderValue::from_static(path));
    }
    reply
}

fn health(_: &Arc<AdminState>) -> AdminReply {
    text(StatusCode::OK, "alive\n")
}

fn readiness(state: &Arc<AdminState>) -> AdminReply {
    let health = Health::collect(state);
    let status = match health.readiness {
        Readiness::Ready => StatusCode::OK,
        Readiness::Loading | Readiness::Failing | Readiness::Stopping => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    text(status, health.to_text())
}

fn metrics(state: &Arc<AdminState>, of_parts: &str) -> AdminReply {
    match prometheus::render(state, of_parts) {
        Ok(text) => respond(StatusCode::OK, prometheus::CONTENT_TYPE, text),
        Err(_) => failed("cannot write metrics\n"),
    }
}

fn status_page(state: &Arc<AdminState>) -> AdminReply {
    match status_page::render(
        &StatusReport::collect(state),
        layout(ROUTES, &state.parts, "/status"),
    ) {
        Ok(page) => html(StatusCode::OK, page),
        Err(_) => failed("cannot write the page\n"),
    }
}

fn status_json(state: &Arc<AdminState>) -> AdminReply {
    match serde_json::to_string_pretty(&StatusReport::collect(state)) {
        Ok(json) => respond(StatusCode::OK, "application/json", json + "\n"),
        Err(_) => failed("cannot write JSON\n"),
    }
}

fn explain_page(state: &Arc<AdminState>, query: &str) -> AdminReply {
    let layout = layout(ROUTES, &state.parts, "/explain");
    explain(state, query, |asking| match explanation::page(asking, layout) {
        Ok(Made { status, body }) => html(status_of(status), body),
        Err(_) => failed("cannot write the page\n"),
    })
}

fn explain_json(state: &Arc<AdminState>, query: &str) -> AdminReply {
    explain(state, query, |asking| match explanation::json(asking) {
        Ok(Made { status, body }) => respond(status_of(status), "application/json", body),
        Err(_) => failed("cannot write JSON\n"),
    })
}

/// Explains by the data and the options that are in use now.
fn explain(
    state: &Arc<AdminState>,
    query: &str,
    write: impl FnOnce(&Asking<'_>) -> AdminReply,
) -> AdminReply {
    let Some(live) = state.live.get() else {
        return text(StatusCode::SERVICE_UNAVAILABLE, "no data are loaded yet\n");
    };
    // No guard: a page may take longer than an answer, and the reaper waits for it.
    let edition = Arc::clone(&live.load());
    write(&Asking {
        edition: &edition,
        options: &state.answer,
        query,
        asker: Asker::Operator,
        now: seconds_since_1970(),
    })
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_probes_ask_for_waits_for_no_page() {
        let at_once = ROUTES.iter().filter(|route| matches!(route.handler, AtOnce(_)));
        let paths: Vec<_> = at_once.map(|route| route.path).collect();
        assert_eq!(paths, ["/", "/healthz", "/readyz"]);
    }
}
