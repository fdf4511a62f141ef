//! The page that explains answers, on the public listener, where it is switched on.
//!
//! It takes far longer than an answer. So no worker makes it: it is made on other threads, which stand
//! behind the workers, within [`ExplainLimits`]. Beyond them the answer is 429, or 503 where a page hangs.
//!
//! Whoever asks with `ip=` may look for somebody else's mirrors, so the combined log shows neither the
//! query of such a request nor where it came from.

use std::sync::Arc;
use std::time::Instant;

use hyper::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERER, REFERRER_POLICY, VARY,
};
use hyper::{Method, Request, Response, StatusCode, Uri};

use super::body::{Body, BodyBytes};
use super::compress::{Coding, MIN_BYTES, compress};
use super::connection_origin::ConnectionOrigin;
use super::context::Context;
use super::date::seconds_since_1970;
use super::explain_limits::ExplainLimits;
use super::response::{self, GENERATION};
use super::route::host_of;
use crate::pages::POLICY;
use crate::pages::explaining::{Asker, Asking};
use crate::pages::explanation::{self, Representation};
use crate::pages::layout::{Labelled, PageLayout};
use crate::pages::page_threads::PageError;
use answer::requester::Requester;
use encode::text::Text;

/// Makes the page that `request` asks for.
pub(super) async fn answer(
    context: &Arc<Context>,
    limits: &ExplainLimits,
    origin: &ConnectionOrigin,
    request: &Request<()>,
    representation: Representation,
) -> Response<Body> {
    if !limits.may_make_one(Instant::now()) {
        return response::try_again(
            StatusCode::TOO_MANY_REQUESTS,
            "too many people ask this just now: try again in a second\n",
        );
    }
    let (shared, question) = (Arc::clone(context), Questioner::new(context, origin, request));
    let made = limits.threads.run(move || {
        runtime::priority::lower();
        question.make(&shared, representation)
    });
    match made.await {
        Ok(Some(response)) => response,
        Err(PageError::Busy) => response::try_again(
            StatusCode::SERVICE_UNAVAILABLE,
            "all threads for pages are busy: try again in a second\n",
        ),
        Err(PageError::Panicked) => {
            context.metrics.panics.increment();
            response::internal_error()
        }
        Ok(None) => response::internal_error(),
    }
}

/// What is taken from a request for the page.
struct Questioner {
    query: String,
    host: String,
    requester: Requester,
    coding: Option<Coding>,
    is_head: bool,
}

impl Questioner {
    fn new(context: &Context, origin: &ConnectionOrigin, request: &Request<()>) -> Self {
        let options = &context.options;
        let accepted = request.headers().get(ACCEPT_ENCODING);
        let accepted = accepted.and_then(|value| value.to_str().ok()).unwrap_or("");
        Self {
            query: request.uri().query().unwrap_or("").to_owned(),
            host: host_of(request).to_owned(),
            requester: origin.requester(&options.trusted_proxies, request),
            coding: options.compress.then(|| Coding::negotiate(accepted)).flatten(),
            is_head: request.method() == Method::HEAD,
        }
    }

    /// Makes the response; `None` if it cannot be written.
    fn make(&self, context: &Context, representation: Representation) -> Option<Response<Body>> {
        // One edition for the whole page. It may be retired meanwhile, and is freed by the reaper.
        let edition = Arc::clone(&context.live.load());
        let asking = Asking {
            edition: &edition,
            options: &context.options.answer,
            query: &self.query,
            asker: Asker::Public { requester: self.requester, host: &self.host },
            now: seconds_since_1970(),
        };
        let made = match representation {
            Representation::Page => explanation::page(&asking, public_layout()).ok()?,
            Representation::Json => explanation::json(&asking).ok()?,
        };
        let bytes = made.body.into_bytes();
        let is_sizeable = bytes.len() >= MIN_BYTES && !self.is_head;
        let compressed = self.coding.filter(|_| is_sizeable);
        let compressed = compressed.and_then(|coding| Some((coding, compress(coding, &bytes)?)));
        let (encoding, bytes) = match compressed {
            Some((coding, bytes)) => (Some(coding.name()), bytes),
            None => (None, bytes),
        };
        let mut response = Response::new(Body::new(BodyBytes::new(Text::written(bytes))));
        *response.status_mut() = StatusCode::from_u16(made.status).ok()?;
        let headers = response.headers_mut();
        let fixed = [
            (CONTENT_TYPE, representation.content_type()),
            // It is for this client, and shows the present state.
            (CACHE_CONTROL, "private, no-store"),
            // No other site learns from a link which address was asked for.
            (REFERRER_POLICY, "no-referrer"),
        ];
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        match representation {
            Representation::Page => {
                headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            }
            // Scripts of any site may read it, as they may read answers.
            Representation::Json => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
        }
        if context.options.compress {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        headers.extend(encoding.map(|name| (CONTENT_ENCODING, HeaderValue::from_static(name))));
        // Hexadecimal digits are a valid value.
        let generation = edition.snapshot().generation().to_string();
        headers.insert(GENERATION.clone(), HeaderValue::try_from(generation).ok()?);
        Some(response)
    }
}

/// The layout of the public page: nothing else of this server is for people.
fn public_layout() -> PageLayout {
    let json = Labelled::new("why.json", "JSON");
    PageLayout { path: "why", pages: Vec::new(), for_programs: vec![json] }
}

/// The request as the combined log may show it: without its query, and without where it came from, which is
/// the page itself as a rule.
pub(super) fn without_question(request: &Request<()>) -> Request<()> {
    let mut shown = request.clone();
    shown.headers_mut().remove(REFERER);
    *shown.uri_mut() = request.uri().path().parse().unwrap_or(Uri::from_static("/why"));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_does_not_tell_what_was_asked() {
        let request = Request::get("http://m.example/a/why?ip=192.0.2.1")
            .header(REFERER, "https://m.example/a/why?ip=192.0.2.2")
            .header("user-agent", "a browser")
            .body(())
            .expect("a valid literal");
        let shown = without_question(&request);
        assert_eq!(shown.uri(), "/a/why");
        assert_eq!(shown.headers().len(), 1);
    }
}
