//! Turns replies into HTTP responses.
//!
//! Scripts of any site may read every answer (`Access-Control-Allow-Origin: *`): an answer holds nothing
//! that its client could not have requested itself, and does not depend on cookies.
//!
//! Headers stay small, because a proxy rejects an answer whose headers exceed its buffer, and then
//! considers this server broken ([`MAX_HEADER_BYTES`]). Only the headers of a redirect have a length
//! that others determine, and it is limited where they are made ([`redirect::MAX_BYTES`]).
//!
//! `connection` adds Date; hyper adds Content-Length and Connection. The answer to HEAD is made like
//! that to GET; hyper sends its headers, Content-Length included, and leaves the body out.

use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER, VARY,
};
use hyper::{Response, StatusCode};

use super::body::{self, Body, BodyBytes};
use super::compress::{Coding, MIN_BYTES, compress};
use super::constant::Constants;
use super::route::RouteRefusal;
use answer::redirect::{self, Redirect};
use answer::{Reply, Status};
use encode::append::Append;
use encode::text::Text;
use snapshot::Generation;

/// The maximum length of the status line and all headers of an answer, including those of hyper. nginx's
/// buffer for them is 4 KB on systems with pages of that size, and also holds other data.
pub const MAX_HEADER_BYTES: usize = 3_000;
/// Redirects leave enough for all other headers: the longest are 540 bytes together.
const _: () = assert!(redirect::MAX_BYTES + 600 <= MAX_HEADER_BYTES);

/// Methods that are answered.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");
/// How long browsers may cache a preflight answer: one day. They limit it to two hours or to a day.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("86400");

/// Names the snapshot that an answer was made from.
pub static GENERATION: HeaderName = HeaderName::from_static("mirrorlist-generation");

/// How a body may be compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// The coding that the client asked for, if any.
    pub coding: Option<Coding>,
    /// The maximum length of a body that is compressed.
    pub max_bytes: usize,
    /// Whether the body is sent. If not, only its coding is named.
    pub is_sent: bool,
}

/// Headers of answers: built once for each snapshot and kind of answer, then copied.
///
/// Inserting four headers one by one hashes their names and moves the table twice.
#[derive(Default)]
pub struct Headers {
    generation: Option<Generation>,
    /// A short list: one for each format, with and without compression, and those that routes ask for.
    kinds: Vec<(Kind, HeaderMap)>,
}

/// What tells kinds of answers apart.
struct Kind {
    content_type: Box<str>,
    /// `None` for answers that depend on no header.
    vary: Option<&'static str>,
    /// For how many seconds caches may give an answer to other clients.
    cache_seconds: Option<u32>,
}

impl Headers {
    fn of(
        &mut self,
        content_type: &str,
        vary: Option<&'static str>,
        cache_seconds: Option<u32>,
        generation: Generation,
    ) -> HeaderMap {
        if self.generation != Some(generation) {
            self.kinds.clear();
            self.generation = Some(generation);
        }
        let is_same = |kind: &Kind| {
            kind.vary == vary
                && kind.cache_seconds == cache_seconds
                && *kind.content_type == *content_type
        };
        if let Some((_, headers)) = self.kinds.iter().find(|(known, _)| is_same(known)) {
            return headers.clone();
        }
        let mut headers = HeaderMap::with_capacity(8);
        // This reserves an entry for Date: adding a header to a copy would move all of them.
        headers.insert(DATE, HeaderValue::from_static(""));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        // Media types are valid values: those of routes are checked when the catalog is read.
        if let Ok(value) = HeaderValue::try_from(content_type) {
            headers.insert(CONTENT_TYPE, value);
        }
        // Private, because the answer depends on the client's address.
        let private = HeaderValue::from_static("private");
        let public = cache_seconds.map(|seconds| format!("public, max-age={seconds}"));
        let cache_control = public.and_then(|public| HeaderValue::try_from(public).ok());
        headers.insert(CACHE_CONTROL, cache_control.unwrap_or(private));
        if let Some(vary) = vary {
            headers.insert(VARY, HeaderValue::from_static(vary));
        }
        // Hexadecimal digits are a valid value.
        if let Ok(value) = HeaderValue::try_from(generation.to_string()) {
            headers.insert(GENERATION.clone(), value);
        }
        let kind = Kind { content_type: content_type.into(), vary, cache_seconds };
        self.kinds.push((kind, headers.clone()));
        headers
    }
}

/// Builds the response from a reply and the body that was written with it.
pub fn from_reply(
    reply: Reply<'_>,
    generation: Generation,
    body: Text,
    compression: Option<Compression>,
    headers: &mut Headers,
    constants: &mut Constants,
) -> Response<Body> {
    let vary = match (compression.is_some(), reply.varies_by_accept) {
        (false, false) => None,
        (false, true) => Some("accept"),
        (true, false) => Some("accept-encoding"),
        (true, true) => Some("accept, accept-encoding"),
    };
    let is_empty = body.is_empty();
    let compressed = compression.and_then(|compression| {
        let is_sizeable = (MIN_BYTES..=compression.max_bytes).contains(&body.len());
        let coding = compression.coding.filter(|_| is_sizeable)?;
        if !compression.is_sent {
            return Some((coding, Vec::new()));
        }
        let constant = (reply.n_constant > 0).then(|| {
            let (kind, n_constant) = (reply.content_type, reply.n_constant);
            constants.compress(generation, kind, coding, body.as_bytes(), n_constant)
        });
        let bytes = constant.flatten().or_else(|| compress(coding, body.as_bytes()))?;
        Some((coding, bytes))
    });
    let (encoding, body) = match compressed {
        Some((coding, bytes)) => {
            // Its memory goes back to the worker.
            drop(BodyBytes::new(body));
            (Some(coding.name()), Text::written(bytes))
        }
        None => (None, body),
    };
    let mut response = Response::new(Full::new(BodyBytes::new(body)));
    *response.status_mut() = match reply.status {
        Status::Ok => StatusCode::OK,
        Status::Found => StatusCode::FOUND,
        Status::BadRequest => StatusCode::BAD_REQUEST,
        Status::NotFound => StatusCode::NOT_FOUND,
    };
    *response.headers_mut() = headers.of(reply.content_type, vary, reply.cache_seconds, generation);
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if is_empty {
        // hyper adds this header for GET only.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    for (name, value) in reply.redirect.into_iter().flat_map(|redirect| redirect_headers(*redirect))
    {
        // `answer` promises visible ASCII. If that is violated, only this request fails.
        let Ok(value) = HeaderValue::try_from(value) else {
            return internal_error();
        };
        headers.insert(name, value);
    }
    response
}

fn redirect_headers(redirect: Redirect) -> impl Iterator<Item = (HeaderName, String)> {
    let Redirect { location, link, digest } = redirect;
    let headers =
        [(LOCATION, Some(location)), (LINK, link), (HeaderName::from_static("digest"), digest)];
    headers.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// The response to a request that the router refused.
pub fn from_refusal(refusal: RouteRefusal) -> Response<Body> {
    let mut response = text(refusal.status(), refusal.message());
    match refusal {
        RouteRefusal::Method => {
            response.headers_mut().insert(ALLOW, METHODS);
        }
        RouteRefusal::Body => close_after(&mut response),
        _ => {}
    }
    response
}

/// Builds the response to OPTIONS: the methods, and permission for scripts of any site.
pub fn options() -> Response<Body> {
    let mut response = Response::new(Full::new(BodyBytes::new(Text::default())));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().extend([
        (ALLOW, METHODS),
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, ANY),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ]);
    response
}

/// Builds the response to a request whose answer panicked.
pub fn internal_error() -> Response<Body> {
    text(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
}

/// Builds the response to a request for which there is no time just now.
pub fn try_again(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut response = text(status, message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// Makes hyper close the connection after this response and tell the client so.
pub fn close_after(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn text(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut body = body::begin();
    body.push_str(message);
    let mut response = Response::new(Full::new(BodyBytes::new(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_location_costs_one_request_and_no_panic() {
        let reply = Reply {
            status: Status::Found,
            content_type: "text/plain",
            varies_by_accept: true,
            cache_seconds: None,
            n_constant: 0,
            redirect: Some(Box::new(Redirect {
                location: "http://a/\r\nSet-Cookie: x".into(),
                link: None,
                digest: None,
            })),
            found: None,
            log: None,
            countme: None,
        };
        let response = from_reply(
            reply,
            Generation::new(0),
            Text::default(),
            None,
            &mut Headers::default(),
            &mut Constants::default(),
        );
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn headers_follow_the_snapshot_and_the_kind() {
        let mut headers = Headers::default();
        for generation in [0xab, 0xab, 7].map(Generation::new) {
            for vary in ["accept", "accept, accept-encoding", "accept"] {
                let made = headers.of("text/plain", Some(vary), None, generation);
                assert_eq!(made[&GENERATION], generation.to_string());
                assert_eq!(made[VARY], vary);
                assert_eq!(made[CACHE_CONTROL], "private");
                assert_eq!(made.len(), 6);
            }
            for (content_type, seconds) in [("text/x", 60), ("text/plain", 60), ("text/plain", 7)] {
                let made = headers.of(content_type, None, Some(seconds), generation);
                assert_eq!(made[CONTENT_TYPE], content_type);
                assert_eq!(made[CACHE_CONTROL], format!("public, max-age={seconds}"));
                assert_eq!(made.get(VARY), None);
            }
        }
    }
}
