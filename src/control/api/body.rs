//! The JSON that a client sends.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serve::admin::part::PartRequest;
use store::record::{bounded, bounds};
use tasks::{Args, Request};

use super::reply::ApiError;
use super::time;

/// The longest delay.
const MAX_DELAY: u64 = 366 * 86_400;
/// The greatest distance of a priority from 0.
const MAX_PRIORITY: i64 = 1_000;
/// The longest name of a request, in bytes.
const MAX_REQUEST_ID: usize = 200;
/// The longest reason or comment, in bytes.
const MAX_TEXT: usize = bounds::LINE;

/// A task that is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    kind: String,
    #[serde(default)]
    args: Args,
    priority: Option<i64>,
    delay_seconds: Option<u64>,
    request_id: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: Option<String>,
}

/// The pause of a mirror.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct MirrorPause {
    reason: Option<String>,
    from: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RequestName {
    request_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    text: String,
}

/// The task that a body asks for.
pub(super) fn new_task(request: &PartRequest, actor: String) -> Result<Request, ApiError> {
    let new: NewTask = read(request)?.ok_or_else(|| {
        ApiError::invalid("the body is empty; it must be JSON such as {\"kind\":\"primary.scan\"}")
    })?;
    let priority = new.priority;
    if priority.is_some_and(|priority| !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority)) {
        let message = format!("`priority` must be from -{MAX_PRIORITY} to {MAX_PRIORITY}");
        return Err(ApiError::invalid(message));
    }
    let n_bytes = serde_json::to_string(&new.args).map_or(usize::MAX, |args| args.len());
    if n_bytes > bounds::ARGS {
        let message = format!("`args` have {n_bytes} bytes, at most {} are taken", bounds::ARGS);
        return Err(ApiError::invalid(message));
    }
    let delay = new.delay_seconds.unwrap_or(0);
    if delay > MAX_DELAY {
        return Err(ApiError::invalid(format!("`delay_seconds` must be at most {MAX_DELAY}")));
    }
    Ok(Request {
        kind: new.kind,
        args: new.args,
        priority,
        request_id: checked_name(new.request_id)?,
        delay: Duration::from_secs(delay),
        actor,
        parent: None,
    })
}

/// The reason in a body; empty if there is none.
pub(super) fn reason(request: &PartRequest) -> Result<String, ApiError> {
    let reason = read::<Reason>(request)?.unwrap_or_default().reason.unwrap_or_default();
    checked_text("reason", reason)
}

/// The reason in a body, which must not be empty.
pub(super) fn needed_reason(request: &PartRequest) -> Result<String, ApiError> {
    needed(reason(request)?)
}

/// For how long a mirror is paused, in seconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PauseTime {
    /// Until it is resumed.
    Open,
    /// From a time, or now, until another one.
    Until { from: Option<u64>, until: u64 },
}

/// The reason for which a mirror is to be paused, and for how long.
pub(super) fn mirror_pause(request: &PartRequest) -> Result<(String, PauseTime), ApiError> {
    let MirrorPause { reason, from, until } = read(request)?.unwrap_or_default();
    let reason = needed(checked_text("reason", reason.unwrap_or_default())?)?;
    let at = |name: &str, text: Option<String>| {
        let parsed = text.map(|text| {
            time::parse(&text).and_then(|time| u64::try_from(time.0 / 1_000).ok()).ok_or_else(
                || {
                    let form = "a time such as 2026-11-26T12:00:00Z";
                    ApiError::invalid(format!(
                        "`{name}` is `{}`, and not {form}",
                        bounded(&text, 60)
                    ))
                },
            )
        });
        parsed.transpose()
    };
    match (at("from", from)?, at("until", until)?) {
        (None, None) => Ok((reason, PauseTime::Open)),
        (from, Some(until)) => Ok((reason, PauseTime::Until { from, until })),
        (Some(_), None) => {
            let message = "`from` needs `until`: a pause without an end begins at once";
            Err(ApiError::invalid(message))
        }
    }
}

fn needed(reason: String) -> Result<String, ApiError> {
    match reason {
        reason if reason.is_empty() => {
            Err(ApiError::invalid("`reason` is missing or empty: write {\"reason\":\"…\"}"))
        }
        reason => Ok(reason),
    }
}

/// The name of a request in a body.
pub(super) fn request_id(request: &PartRequest) -> Result<Option<String>, ApiError> {
    checked_name(read::<RequestName>(request)?.unwrap_or_default().request_id)
}

/// The comment in a body.
pub(super) fn comment(request: &PartRequest) -> Result<String, ApiError> {
    let comment = read::<Comment>(request)?.map(|comment| comment.text).unwrap_or_default();
    match comment.trim().is_empty() {
        true => Err(ApiError::invalid("`text` is missing or empty: write {\"text\":\"…\"}")),
        false => checked_text("text", comment),
    }
}

/// That a body holds nothing.
pub(super) fn nothing(request: &PartRequest) -> Result<(), ApiError> {
    reason(request).map(drop)
}

fn checked_text(name: &str, text: String) -> Result<String, ApiError> {
    match text.len() > MAX_TEXT {
        true => Err(ApiError::invalid(format!("`{name}` is longer than {MAX_TEXT} bytes"))),
        false => Ok(bounded(text.trim(), MAX_TEXT)),
    }
}

fn checked_name(name: Option<String>) -> Result<Option<String>, ApiError> {
    let is_odd = |name: &String| {
        name.is_empty() || name.len() > MAX_REQUEST_ID || name.chars().any(char::is_control)
    };
    match name.as_ref().is_some_and(is_odd) {
        true => Err(ApiError::invalid(format!(
            "`request_id` must have 1 to {MAX_REQUEST_ID} bytes, and no control characters"
        ))),
        false => Ok(name),
    }
}

/// Reads a body; `None` if it is empty.
fn read<T: DeserializeOwned>(request: &PartRequest) -> Result<Option<T>, ApiError> {
    if request.body.is_empty() {
        return Ok(None);
    }
    check_json(request)?;
    let value = serde_json::from_slice(&request.body);
    value.map(Some).map_err(|error| ApiError::invalid(format!("the body: {error}")))
}

/// Refuses a body that does not say that it is JSON.
pub(super) fn check_json(request: &PartRequest) -> Result<(), ApiError> {
    // A form of a page elsewhere cannot say this.
    let media_type = request.headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
    let media_type =
        media_type.map(|value| value.split(|&byte| byte == b';').next().unwrap_or(value));
    if !media_type.is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(b"application/json"))
    {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "the body must be JSON, and the request say so: `Content-Type: application/json`",
        ));
    }
    Ok(())
}
