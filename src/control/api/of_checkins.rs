//! Check-ins: mirrors say that they have new content, in a form of ours or in that of MirrorManager's program
//! `report_mirror`.
//!
//! What they say is not believed: a visit looks. So of a check-in it only counts that it came, and from whom. It is
//! decoded on a thread of its own, one at a time, as a small one can stand for much; of a report, not before somebody is
//! known to have its password. Names of directories are only counted, and do not leave that thread.

use std::sync::Arc;

use bytes::Bytes;
use checks::checkin::json::{self, Checkin, Content};
use checks::checkin::{CheckinError, Limits as CheckinLimits, report_mirror, xml_rpc};
use http_body_util::{BodyExt, Full};
use hyper::Method;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use model::secret::Secret;
use serve::admin::part::{PartReply, PartRequest};

use super::limits::Limits;
use super::of_mirrors::{off, to_the_end};
use super::reply::{ApiError, ok};
use super::{body, query, time};
use crate::access::{Access, Actor};
use crate::aside::aside;
use crate::mirrors::checker::Checker;
use crate::mirrors::owners::CheckIn;

/// Where `report_mirror` calls: as its own configuration has it, and without the prefix that a proxy may take away.
const REPORT_PATHS: &[&str] = &["/xmlrpc", "/mirrormanager/xmlrpc"];

/// Whether a path is one that `report_mirror` calls.
pub(super) fn is_report(path: &str) -> bool {
    REPORT_PATHS.contains(&path)
}

/// The longest body of a check-in, in bytes.
pub(super) fn longest_body() -> usize {
    CheckinLimits::default().body()
}

/// Takes in a check-in of ours.
pub(super) async fn check_in(
    checker: Option<&Arc<Checker>>,
    limits: &Limits,
    actor: &Actor,
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    let checker = checker.ok_or_else(off)?;
    body::check_json(request)?;
    let (document, now) = (request.body.clone(), (checker.clock)());
    let decode = move || {
        let checkin = json::decode(&document, &CheckinLimits::default(), now)?;
        let Checkin { mirror, finished_at, content, .. } = checkin;
        let (n_directories, n_skipped) = match &content {
            Content::Directories(names) => (Some(count(names.names().len())), names.n_skipped()),
            Content::Manifest(_) => (None, 0),
        };
        let what = CheckIn { finished_at: Some(finished_at), n_directories };
        Ok::<_, CheckinError>((mirror, what, n_skipped))
    };
    let (mirror, what, n_skipped) = decoded(limits, decode).await?;
    actor.may_change_mirror(&mirror)?;
    let at = record(checker, &mirror, what).await?;
    let at = at.ok_or_else(|| ApiError::not_found("mirror", &mirror))?;
    Ok(ok(&serde_json::json!({
        "mirror": mirror,
        "checked_in": time::of_seconds(at),
        "directories": what.n_directories,
        "skipped": n_skipped,
    })))
}

/// Answers `report_mirror`. It prints what it gets if that is a string, also a refusal; of a failure of HTTP it says
/// that it should be tried again.
pub(super) async fn report(
    checker: Option<&Arc<Checker>>,
    (access, limits): (&Access, &Limits),
    request: &PartRequest,
) -> Result<PartReply, ApiError> {
    if request.method != Method::POST {
        return Err(ApiError::other_method(&["POST"]));
    }
    query::refuse_any(&request.query)?;
    let checker = checker.ok_or_else(off)?;
    let (owners, call) = (access.owners(request)?, request.body.clone());
    let decode = move || {
        let mut owner = None;
        let is_known = |password: &Secret| {
            owner = owners.find(password);
            owner.is_some()
        };
        let report = report_mirror::decode_call(&call, &CheckinLimits::default(), is_known)?;
        let n: usize = report.categories.values().map(|names| names.names().len()).sum();
        Ok::<_, CheckinError>((owner.ok_or(CheckinError::Password)?, report.host, n))
    };
    let (actor, host, n) = match decoded(limits, decode).await {
        Ok(reported) => reported,
        Err(error) if error.status.is_client_error() => {
            return Ok(answer(&format!("The check-in is refused: it {}", error.message)));
        }
        Err(error) => return Err(error),
    };
    let own = actor.own_mirrors();
    let key = match own {
        // Whatever its host is called.
        [only] => only,
        _ if own.contains(&host) => &host,
        _ => {
            let own = own.join(", ");
            return Ok(answer(&format!(
                "The check-in is refused: `name` in [host] must be the key of a mirror of this password: {own}"
            )));
        }
    };
    let what = CheckIn { finished_at: None, n_directories: Some(count(n)) };
    Ok(match record(checker, key, what).await? {
        Some(_) => answer(&format!(
            "Thank you: mirror {key} has checked in with {n} directories, and is visited within 5 minutes if it is up"
        )),
        None => {
            answer(&format!("The check-in is refused: there is no mirror {key} that is visited"))
        }
    })
}

/// Decodes a check-in on a thread of its own, which has its turn until it ends, whoever waits for it.
async fn decoded<T: Send + 'static, E: ToString + Send + 'static>(
    limits: &Limits,
    decode: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ApiError> {
    let turn = limits.decode().await?;
    let decode = move || {
        let _turn = turn;
        decode()
    };
    let decoded = aside(decode).await.map_err(crate::mirrors::known::Error::from)?;
    decoded.map_err(|error| ApiError::invalid(error.to_string()))
}

/// When it was taken in; `None` if the catalog has no such mirror that can be visited.
async fn record(checker: &Arc<Checker>, key: &str, what: CheckIn) -> Result<Option<u64>, ApiError> {
    let (checker, key) = (Arc::clone(checker), key.to_owned());
    to_the_end(async move { checker.check_in(&key, what).await }).await
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// An answer that `report_mirror` prints.
fn answer(text: &str) -> PartReply {
    let mut reply = PartReply::new(Full::new(Bytes::from(xml_rpc::success(text))).boxed());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    reply
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_client_that_leaves_does_not_end_the_turn_of_its_check_in() {
        let limits = Limits::default();
        let (begin, has_begun) = oneshot::channel();
        let (end, may_end) = std::sync::mpsc::channel::<()>();
        let decode = move || {
            begin.send(()).unwrap();
            may_end.recv().map_err(|error| error.to_string())
        };
        // The work has begun, and nobody waits for it any more.
        tokio::select! {
            _ = decoded(&limits, decode) => panic!("it has ended"),
            begun = has_begun => begun.unwrap(),
        }
        assert_eq!(limits.decoding.available_permits(), 0);
        end.send(()).unwrap();
        assert!(decoded(&limits, || Ok::<_, String>(())).await.is_ok());
    }
}
