//! Answers of the admin listener.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};

use super::part::PartReply;
use crate::pages::{HTML, POLICY};

/// An answer. Those of this room are complete; those of parts may go on.
pub(super) type AdminReply = PartReply;

const TEXT: &str = "text/plain; charset=utf-8";

/// A response of any content type. It must not be stored by caches: it shows the present state.
pub(super) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> AdminReply {
    let mut reply = AdminReply::new(Full::new(body.into()).boxed());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// A plain text response.
pub(super) fn text(status: StatusCode, body: impl Into<Bytes>) -> AdminReply {
    respond(status, TEXT, body)
}

/// An HTML page.
pub(super) fn html(status: StatusCode, body: String) -> AdminReply {
    let mut reply = respond(status, HTML, body);
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    reply
}

/// The response if a page could not be made.
pub(super) fn failed(reason: &'static str) -> AdminReply {
    text(StatusCode::INTERNAL_SERVER_ERROR, reason)
}
