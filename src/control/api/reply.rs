//! Replies and errors.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use serde_json::json;
use serve::admin::part::PartReply;
use store::Error;
use store::record::{TaskId, bounded};

use crate::access::Refusal;
use crate::requests::NotAccepted;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1_000;

/// The reason why a request was not answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) allow: &'static [&'static str],
    /// After how many seconds the same may be answered.
    pub(super) retry_after: Option<u64>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let retry_after = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, code, message: message.into(), allow: &[], retry_after }
    }

    /// The client is at fault.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// It was asked too often.
    pub(super) fn too_early(seconds: u64, message: impl Into<String>) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_early", message);
        Self { retry_after: Some(seconds), ..error }
    }

    pub(super) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no_such_path",
            "there is nothing here; / lists what there is",
        )
    }

    pub(super) fn other_method(allow: &'static [&'static str]) -> Self {
        let message = format!("only {} is served here", allow.join(" and "));
        let error = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
        Self { allow, ..error }
    }

    /// There never was such a task.
    pub(super) fn unknown(id: TaskId) -> Self {
        let message = format!("there is no task {id}");
        Self::new(StatusCode::NOT_FOUND, "unknown_task", message)
    }

    /// There was such a task.
    pub(super) fn purged(id: TaskId) -> Self {
        let message = format!("task {id} ended long ago, and its row was removed");
        Self::new(StatusCode::GONE, "purged", message)
    }

    pub(super) fn not_found(what: &str, name: &str) -> Self {
        let message = format!("there is no {what} `{}`", bounded(name, 60));
        Self::new(StatusCode::NOT_FOUND, "unknown_name", message)
    }

    /// The reply.
    pub(super) fn reply(self) -> PartReply {
        let message = bounded(&self.message, MAX_MESSAGE);
        let body = json!({"error": {"code": self.code, "message": message}});
        let mut reply = json_reply(self.status, &body);
        let headers = reply.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                // Names of methods are valid header values.
                if let Ok(allowed) = HeaderValue::try_from(self.allow.join(", ")) {
                    headers.insert(ALLOW, allowed);
                }
            }
            _ => {}
        }
        reply
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Unavailable(_) | Error::Collided(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable")
            }
            Error::NotWritable(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_not_writable"),
            Error::Refused(_) => (StatusCode::BAD_REQUEST, "invalid"),
            Error::Overtaken(_) => (StatusCode::CONFLICT, "changed_meanwhile"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "store_broken"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<NotAccepted> for ApiError {
    fn from(refused: NotAccepted) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        match refused {
            NotAccepted::Invalid(message) => Self::invalid(message),
            NotAccepted::NoNode(message) => Self::new(unavailable, "no_node", message),
            NotAccepted::NameUsed(message) => {
                Self::new(StatusCode::CONFLICT, "request_id_used", message)
            }
            NotAccepted::Full(message) => Self::new(unavailable, "refused_by_store", message),
            NotAccepted::NoSchedule => Self::no_such_path(),
            NotAccepted::Purged(id) => Self::purged(id),
            NotAccepted::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status, refusal.code, refusal.message)
    }
}

/// A reply of JSON, which shows the present state, so that no cache may keep it.
pub(super) fn json_reply(status: StatusCode, body: &impl Display) -> PartReply {
    let mut reply = PartReply::new(Full::new(Bytes::from(format!("{body}\n"))).boxed());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    reply
}

/// A reply of JSON to a request that went well.
pub(super) fn ok(body: &impl Display) -> PartReply {
    json_reply(StatusCode::OK, body)
}
