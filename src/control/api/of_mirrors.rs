//! Mirrors, as checks know them.

use std::sync::Arc;

use checks::state::Pause;
use hyper::StatusCode;
use serve::admin::part::{PartReply, PartRequest};
use store::record::{bounded, bounds};

use super::reply::{ApiError, ok};
use super::route::{Route, Verb};
use super::{body, query};
use crate::aside::NoThread;
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

/// Does it to its end although the asker may leave: what was read then need not be read again.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::spawn(work).await;
    Ok(done.unwrap_or(Err(Error::Thread(NoThread::Panicked)))?)
}

/// Reads all mirrors, or one.
pub(super) async fn read(
    checker: Option<&Arc<Checker>>,
    route: &Route,
    query: &str,
) -> Result<PartReply, ApiError> {
    query::refuse_any(query)?;
    let checker = Arc::clone(checker.ok_or_else(off)?);
    match route {
        Route::Mirror(key, _) => shown(checker, key).await,
        _ => Ok(ok(&to_the_end(async move { checker.list().await }).await?)),
    }
}

async fn shown(checker: Arc<Checker>, key: &str) -> Result<PartReply, ApiError> {
    let of = key.to_owned();
    let found = to_the_end(async move { checker.show(&of).await }).await?;
    found.map(|mirror| ok(&mirror)).ok_or_else(|| ApiError::not_found("mirror", key))
}

/// Pauses a mirror, or ends that.
pub(super) async fn change(
    checker: Option<&Arc<Checker>>,
    (key, verb): (&str, Verb),
    actor: &str,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let checker = Arc::clone(checker.ok_or_else(off)?);
    let pause = match verb {
        Verb::Pause => {
            let note = format!("{actor}: {}", body::needed_reason(request)?);
            Some(Pause { since: (checker.clock)(), note: bounded(&note, bounds::LINE) })
        }
        Verb::Resume => {
            body::nothing(request)?;
            None
        }
        // There is no such path.
        Verb::Run => return Err(ApiError::no_such_path()),
    };
    let (of, changing) = (key.to_owned(), Arc::clone(&checker));
    if !to_the_end(async move { changing.set_pause(&of, pause).await }).await? {
        return Err(ApiError::not_found("mirror", key));
    }
    shown(checker, key).await
}

/// Nobody visits mirrors.
fn off() -> ApiError {
    let message = "mirrors are not visited here: set `control.visit_mirrors`, and `findings_file`";
    ApiError::new(StatusCode::NOT_FOUND, "not_visited", message)
}
