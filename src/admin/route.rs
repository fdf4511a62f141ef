//! What is where on the admin listener.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::health::{Health, Readiness};
use super::hosts::Hosts;
use super::report::Report;
use super::state::State;
use super::{page, prometheus};

const INDEX: &str = "\
/healthz      200 while the process is alive
/readyz       200 when it has data and is not stopping, else 503, with the reason
/metrics      for Prometheus
/status       for people
/status.json  the same for programs
";

const UNKNOWN_HOST: &str = "\
the Host header names this server as it does not know itself: ask by address or as localhost, or add
the name to `hosts` in the table [admin] of the configuration (--admin-host)
";

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers one request that must name one of `hosts`, or any where there are none.
pub(super) fn answer<B>(
    state: &Arc<State>,
    hosts: Option<&Hosts>,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    if hosts.is_some_and(|hosts| !hosts.allow(request)) {
        return respond(StatusCode::MISDIRECTED_REQUEST, TEXT, UNKNOWN_HOST);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response =
            respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are served here\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let ok = StatusCode::OK;
    match request.uri().path() {
        "/" => respond(ok, TEXT, INDEX),
        "/healthz" => respond(ok, TEXT, "alive\n"),
        "/readyz" => {
            let health = Health::collect(state);
            let status = match health.readiness {
                Readiness::Ready => ok,
                Readiness::Loading | Readiness::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            };
            respond(status, TEXT, health.to_text())
        }
        "/metrics" => match prometheus::render(state) {
            Ok(text) => respond(ok, prometheus::CONTENT_TYPE, text),
            Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "cannot write metrics\n"),
        },
        "/status" => {
            let html = page::render_status(&Report::collect(state));
            let mut response = respond(ok, "text/html; charset=utf-8", html);
            // Nothing on the page is fetched from anywhere, and no text in it can change that.
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
            response
        }
        "/status.json" => match serde_json::to_string_pretty(&Report::collect(state)) {
            Ok(json) => respond(ok, "application/json", json + "\n"),
            Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "cannot write JSON\n"),
        },
        _ => respond(StatusCode::NOT_FOUND, TEXT, INDEX),
    }
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
