//! Replies as HTTP responses.
//!
//! hyper adds Date, Content-Length and Connection. The answer to HEAD is made like the one to GET;
//! hyper sends its headers, Content-Length included, and leaves the body out.

use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LINK, LOCATION, VARY,
};
use hyper::{Response, StatusCode};

use super::body::{self, Block, Body};
use super::compress::{Coding, compress};
use super::route::Refusal;
use crate::answer::redirect::Redirect;
use crate::answer::{Reply, Status};
use crate::model::text::{Append, Text};
use crate::snapshot::Generation;

/// Names the snapshot that an answer was made from.
pub static GENERATION: HeaderName = HeaderName::from_static("mirrorlist-generation");

/// Whether a body may be compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    /// Never.
    Off,
    /// With the coding that the client asked for, if any.
    On(Option<Coding>),
}

/// The headers of answers: made once for each snapshot and kind of answer, and copied.
///
/// Inserting four headers one by one hashes their names and moves the table twice.
#[derive(Default)]
pub struct Headers {
    generation: Option<Generation>,
    /// A few: the kinds are the formats, with compression or without.
    kinds: Vec<(Kind, HeaderMap)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Kind {
    content_type: &'static str,
    vary: &'static str,
}

impl Headers {
    fn of(&mut self, kind: Kind, generation: Generation) -> HeaderMap {
        if self.generation != Some(generation) {
            self.kinds.clear();
            self.generation = Some(generation);
        }
        if let Some((_, headers)) = self.kinds.iter().find(|(known, _)| *known == kind) {
            return headers.clone();
        }
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.content_type));
        // The answer depends on who asks.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private"));
        headers.insert(VARY, HeaderValue::from_static(kind.vary));
        // Hexadecimal digits are a valid value.
        if let Ok(value) = HeaderValue::try_from(generation.to_string()) {
            headers.insert(GENERATION.clone(), value);
        }
        self.kinds.push((kind, headers.clone()));
        headers
    }
}

/// The response for a reply and the body that was written with it.
pub fn from_reply(
    reply: Reply<'_>,
    generation: Generation,
    body: Text,
    compression: Compression,
    headers: &mut Headers,
) -> Response<Body> {
    let (coding, vary) = match compression {
        Compression::Off => (None, "accept"),
        Compression::On(coding) => (coding, "accept, accept-encoding"),
    };
    let compressed = coding.and_then(|coding| Some((coding, compress(coding, body.as_bytes())?)));
    let (encoding, body) = match compressed {
        Some((coding, bytes)) => {
            // Its memory goes back to the worker.
            drop(Block::new(body));
            (Some(coding.name()), Text::written(bytes))
        }
        None => (None, body),
    };
    let mut response = Response::new(Full::new(Block::new(body)));
    *response.status_mut() = match reply.status {
        Status::Ok => StatusCode::OK,
        Status::Found => StatusCode::FOUND,
        Status::BadRequest => StatusCode::BAD_REQUEST,
        Status::NotFound => StatusCode::NOT_FOUND,
    };
    *response.headers_mut() =
        headers.of(Kind { content_type: reply.content_type, vary }, generation);
    let headers = response.headers_mut();
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    for (name, value) in reply.redirect.into_iter().flat_map(|redirect| redirect_headers(*redirect))
    {
        // `answer` promises visible ASCII. If it breaks its word, this one request fails.
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
pub fn from_refusal(refusal: Refusal) -> Response<Body> {
    let mut response = text(refusal.status(), refusal.message());
    match refusal {
        Refusal::Method => {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        Refusal::Body => close_after(&mut response),
        _ => {}
    }
    response
}

/// What a request gets whose answer panicked.
pub fn internal_error() -> Response<Body> {
    text(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
}

/// Makes hyper close the connection after this response, and says so to the client.
pub fn close_after(response: &mut Response<Body>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn text(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut body = body::begin();
    body.push_str(message);
    let mut response = Response::new(Full::new(Block::new(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
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
            Compression::Off,
            &mut Headers::default(),
        );
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn headers_follow_the_snapshot_and_the_kind() {
        let mut headers = Headers::default();
        for generation in [0xab, 0xab, 7].map(Generation::new) {
            for vary in ["accept", "accept, accept-encoding", "accept"] {
                let kind = Kind { content_type: "text/plain", vary };
                let made = headers.of(kind, generation);
                assert_eq!(made[&GENERATION], generation.to_string());
                assert_eq!(made[VARY], vary);
                assert_eq!(made.len(), 4);
            }
        }
    }
}
