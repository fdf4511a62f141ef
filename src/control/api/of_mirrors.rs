//! Mirrors, as checks know them.

use std::time::SystemTime;

use checks::state::Pause;
use hyper::StatusCode;
use serve::admin::part::{PartReply, PartRequest};
use store::record::{bounded, bounds};

use super::reply::{ApiError, ok};
use super::route::{Route, Verb};
use super::{body, query};
use crate::mirrors::checker::Checker;
use crate::mirrors::known::Error;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::Inputs(_) | Error::Thread(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_readable", error.to_string())
            }
            Error::State(..) | Error::Fact(..) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_broken", error.to_string())
            }
        }
    }
}

/// Reads all mirrors, or one.
pub(super) async fn read(
    checker: Option<&Checker>,
    route: &Route,
    query: &str,
) -> Result<PartReply, ApiError> {
    query::refuse_any(query)?;
    let checker = checker.ok_or_else(off)?;
    match route {
        Route::Mirror(key, _) => {
            let found = checker.show(key).await?;
            found.map(|mirror| ok(&mirror)).ok_or_else(|| ApiError::not_found("mirror", key))
        }
        _ => Ok(ok(&checker.list().await?)),
    }
}

/// Pauses a mirror, or ends that.
pub(super) async fn change(
    checker: Option<&Checker>,
    (key, verb): (&str, Verb),
    actor: &str,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let checker = checker.ok_or_else(off)?;
    let pause = match verb {
        Verb::Pause => {
            let note = format!("{actor}: {}", body::needed_reason(request)?);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let since = now.map_or(0, |now| now.as_secs());
            Some(Pause { since, note: bounded(&note, bounds::LINE) })
        }
        Verb::Resume => {
            body::nothing(request)?;
            None
        }
        // There is no such path.
        Verb::Run => return Err(ApiError::no_such_path()),
    };
    if !checker.set_pause(key, pause).await? {
        return Err(ApiError::not_found("mirror", key));
    }
    let shown = checker.show(key).await?;
    shown.map(|mirror| ok(&mirror)).ok_or_else(|| ApiError::not_found("mirror", key))
}

/// Nobody visits mirrors.
fn off() -> ApiError {
    let message = "mirrors are not visited here: set `control.visit_mirrors`, and `findings_file`";
    ApiError::new(StatusCode::NOT_FOUND, "not_visited", message)
}
