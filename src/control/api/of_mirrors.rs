//! Mirrors, as checks know them.

use std::sync::Arc;

use checks::disclosure::Disclosure;
use hyper::StatusCode;
use serve::admin::part::PartReply;

use super::query;
use super::reply::{ApiError, ok};
use super::route::Route;
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
pub(super) async fn to_the_end<T: Send + 'static>(
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
        Route::Mirror(key, _) => shown(checker, key, Disclosure::Full).await,
        _ => Ok(ok(&to_the_end(async move { checker.list().await }).await?)),
    }
}

pub(super) async fn shown(
    checker: Arc<Checker>,
    key: &str,
    to: Disclosure,
) -> Result<PartReply, ApiError> {
    let of = key.to_owned();
    let found = to_the_end(async move { checker.show(&of, to).await }).await?;
    found.map(|mirror| ok(&mirror)).ok_or_else(|| ApiError::not_found("mirror", key))
}

/// Nobody visits mirrors.
pub(super) fn off() -> ApiError {
    let message = "mirrors are not visited here: set `control.visit_mirrors`, and `findings_file`";
    ApiError::new(StatusCode::NOT_FOUND, "not_visited", message)
}
