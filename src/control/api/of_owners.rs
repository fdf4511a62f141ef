//! What operators and owners of mirrors do to a mirror: check it, pause it, resume it.

use std::sync::Arc;

use checks::disclosure::Disclosure;
use checks::state::{ASK_PAUSE, Maintenance, NotTurned, Pause};
use hyper::StatusCode;
use serve::admin::part::{PartReply, PartRequest};
use store::record::{bounded, bounds};
use tasks::Request;

use super::body::{self, PauseTime};
use super::of_mirrors::{off, shown, to_the_end};
use super::of_tasks::accepted;
use super::reply::ApiError;
use super::route::MirrorVerb;
use crate::access::Actor;
use crate::kinds::visit::args_of;
use crate::mirrors::VISIT;
use crate::mirrors::checker::Checker;
use crate::mirrors::owners::Switch;
use crate::requests::Requests;

/// Does it.
pub(super) async fn change(
    checker: Option<&Arc<Checker>>,
    (key, verb): (&str, MirrorVerb),
    actor: Actor,
    (requests, request): (&Requests<'_>, &PartRequest),
) -> Result<PartReply, ApiError> {
    let checker = Arc::clone(checker.ok_or_else(off)?);
    let (changing, is_by_owner) = (Arc::clone(&checker), actor.is_owner());
    let switch = match verb {
        MirrorVerb::Check => return check(checker, key, actor, (requests, request)).await,
        MirrorVerb::Pause => pause(&checker, &actor, request)?,
        MirrorVerb::Resume => {
            body::nothing(request)?;
            Switch::Resume { is_by_owner }
        }
    };
    let of = key.to_owned();
    let turned = to_the_end(async move { changing.turn(&of, &switch).await }).await?;
    match turned.ok_or_else(|| ApiError::not_found("mirror", key))? {
        Ok(()) => {
            // Where the redirects of a mirror lead is the choice of its owner, so what came of it is not theirs to ask.
            let to = if is_by_owner { Disclosure::Public } else { Disclosure::Full };
            shown(checker, key, to).await
        }
        Err(refused @ NotTurned::OfOperator) => {
            Err(ApiError::new(StatusCode::CONFLICT, "paused_by_operator", refused.to_string()))
        }
        Err(refused @ NotTurned::TooOften(seconds)) => {
            Err(ApiError::too_early(seconds, refused.to_string()))
        }
        Err(refused) => Err(ApiError::invalid(refused.to_string())),
    }
}

/// The pause that a request asks for.
fn pause(checker: &Checker, actor: &Actor, request: &PartRequest) -> Result<Switch, ApiError> {
    let (reason, time) = body::mirror_pause(request)?;
    let note = bounded(&format!("{}: {reason}", actor.name), bounds::LINE);
    let (now, is_by_owner) = ((checker.clock)(), actor.is_owner());
    Ok(match time {
        PauseTime::Open => Switch::Pause { pause: Pause { since: now, note }, is_by_owner },
        PauseTime::Until { from, until } => {
            Switch::Plan(Maintenance { from: from.unwrap_or(now), until, note, is_by_owner })
        }
    })
}

/// Asks for a visit to a mirror, whether it is due or not. Operators may do so at any time.
async fn check(
    checker: Arc<Checker>,
    key: &str,
    actor: Actor,
    (requests, request): (&Requests<'_>, &PartRequest),
) -> Result<PartReply, ApiError> {
    let request_id = body::request_id(request)?;
    let (of, is_owner) = (key.to_owned(), actor.is_owner());
    let (kind, args) = (VISIT.to_owned(), args_of(key));
    let wanted = Request { kind, args, request_id, actor: actor.name, ..Request::default() };
    let parts = requests.to_parts();
    // All of it, even if the client leaves: an owner may ask again only later, and so must get the visit.
    let asked = to_the_end(async move {
        let requests = Requests::of_parts(&parts);
        if !is_owner {
            let exists = checker.has(&of).await?;
            return Ok(if exists { Some(Ok(requests.submit(&wanted).await)) } else { None });
        }
        let asked = match checker.ask_visit(&of).await? {
            Some(Ok(asked)) => asked,
            Some(Err(seconds)) => return Ok(Some(Err(seconds))),
            None => return Ok(None),
        };
        let submitted = requests.submit(&wanted).await;
        if submitted.is_err() {
            checker.ask_no_visit(&of, asked).await?;
        }
        Ok(Some(Ok(submitted)))
    });
    let asked = asked.await?.ok_or_else(|| ApiError::not_found("mirror", key))?;
    let submitted = asked.map_err(|seconds| {
        let message = format!(
            "the owner of a mirror can have it checked every {} minutes; ask again in {seconds} s",
            ASK_PAUSE / 60
        );
        ApiError::too_early(seconds, message)
    })?;
    Ok(accepted(&submitted?))
}
