//! Dispatch of a request: checks its host, finds its route, and makes the answer here or on a page
//! thread.

use std::sync::Arc;

use hyper::header::{ALLOW, HeaderValue, RETRY_AFTER};
use hyper::{Request, StatusCode};

use super::allowed_hosts::AllowedHosts;
use super::reply::{AdminReply, failed, text};
use super::route_lookup::{AdminRoute, Handler, NoRoute, find, index};
use super::state::AdminState;
use crate::pages::page_threads::{PageError, PageThreads};

const UNKNOWN_HOST: &str = "\
the Host header names this server as it does not know itself: ask by address or as localhost, or add
the name to `hosts` in the table [admin] of the configuration (--admin-host)
";

/// What requests are answered from.
pub(super) struct Dispatcher {
    pub(super) state: Arc<AdminState>,
    pub(super) routes: &'static [AdminRoute],
    pub(super) page_threads: PageThreads,
    /// The host names that are allowed; `None` where no page can reach the socket.
    pub(super) hosts: Option<AllowedHosts>,
}

impl Dispatcher {
    /// Answers one request.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> AdminReply {
        if self.hosts.as_ref().is_some_and(|hosts| !hosts.allow(request)) {
            return text(StatusCode::MISDIRECTED_REQUEST, UNKNOWN_HOST);
        }
        match find(self.routes, request.method(), request.uri().path()) {
            Ok(route) => match route.handler {
                Handler::AtOnce(make) => make(&self.state),
                Handler::OnPageThread(make) => self.answer_on_page_thread(make).await,
                Handler::WithQuery(make) => {
                    let query = request.uri().query().unwrap_or("").to_owned();
                    self.answer_on_page_thread(move |state| make(state, &query)).await
                }
            },
            Err(NoRoute::UnknownPath) => text(StatusCode::NOT_FOUND, index(self.routes)),
            Err(NoRoute::OtherMethods(methods)) => refuse_method(&methods),
        }
    }

    async fn answer_on_page_thread(
        &self,
        make: impl FnOnce(&Arc<AdminState>) -> AdminReply + Send + 'static,
    ) -> AdminReply {
        let state = Arc::clone(&self.state);
        match self.page_threads.run(move || make(&state)).await {
            Ok(reply) => reply,
            Err(PageError::Busy) => {
                let reason = "all threads for pages are busy; /healthz and /readyz are not\n";
                let mut reply = text(StatusCode::SERVICE_UNAVAILABLE, reason);
                reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                reply
            }
            Err(PageError::Panicked) => failed("the page panicked; see the log\n"),
        }
    }
}

fn refuse_method(allowed: &[&str]) -> AdminReply {
    let reason = format!("only {} are served here\n", allowed.join(" and "));
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, reason);
    // Method names are valid header values.
    if let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) {
        reply.headers_mut().insert(ALLOW, allowed);
    }
    reply
}
