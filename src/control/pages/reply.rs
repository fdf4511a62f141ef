//! Answers with pages.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serve::admin::part::PartReply;
use serve::pages::{HTML, POLICY};

/// A page. It must not be stored: it shows the present state.
pub(super) fn html(status: StatusCode, page: String) -> PartReply {
    let headers = [
        (CONTENT_TYPE, HTML),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
    ];
    reply(status, &headers, page)
}

/// Sends the browser on to a path, which it asks for with GET.
pub(super) fn see_other(path: &str) -> PartReply {
    let mut answer = reply(StatusCode::SEE_OTHER, &[], String::new());
    // Paths are made of numbers, and of what is percent-encoded.
    if let Ok(path) = HeaderValue::try_from(path) {
        answer.headers_mut().insert(LOCATION, path);
    }
    answer
}

/// A line of text, where no page can be made.
pub(super) fn failed(line: &'static str) -> PartReply {
    reply(
        StatusCode::INTERNAL_SERVER_ERROR,
        &[(CONTENT_TYPE, "text/plain; charset=utf-8")],
        line.to_owned(),
    )
}

/// A text for programs, of a media type.
pub(super) fn text(status: StatusCode, media_type: &'static str, body: String) -> PartReply {
    reply(status, &[(CONTENT_TYPE, media_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")], body)
}

/// Says which methods there are.
pub(super) fn allowing(mut answer: PartReply, methods: &'static str) -> PartReply {
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn reply(status: StatusCode, headers: &[(HeaderName, &'static str)], body: String) -> PartReply {
    let mut answer = Response::new(Full::new(Bytes::from(body)).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::UNAUTHORIZED {
        // RFC 9110 wants it. No browser asks for a token by it: the form does.
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    for (name, value) in headers {
        answer.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
    }
    answer
}
