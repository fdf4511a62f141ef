//! What is the case with a mirror that its owner should know, as far as notices tell it.

use crate::class::FailureClass;
use crate::inventory::{Entry, repository_of};
use crate::notice::{Condition, Outbox, Rules};
use crate::state::{MirrorState, RouteState, RouteVerdict, Status};
use crate::verdict::View;

/// Brings the notices of a mirror up to date. Nothing is told of one that somebody has paused, or that is in
/// maintenance, and of none before the first round has ended.
pub fn tell(key: &str, state: &mut MirrorState, entry: &Entry, view: &View<'_>, rules: &Rules) {
    let is_decided = view.why_hidden(state, entry).is_some_and(|why| why.is_decided());
    if view.is_settled() && !is_decided {
        let conditions = conditions(state, entry, view);
        let outbox: &mut Outbox = &mut state.notices;
        outbox.update(key, &conditions, view.now(), rules);
    }
}

/// All that is the case with a mirror.
fn conditions(state: &MirrorState, entry: &Entry, view: &View<'_>) -> Vec<Condition> {
    let mut found = Vec::new();
    if let Some(since) = state.switches.disabled {
        found.push(Condition::Disabled { since });
    }
    if let Some(since) = state.down_since {
        let routes = || state.all_routes().map(|(_, _, route)| route);
        let is_returning = routes().any(RouteState::is_returning);
        let failure = routes().find_map(|route| {
            route.failure.as_ref().filter(|_| route.verdict == RouteVerdict::Down)
        });
        let class = failure.map_or(FailureClass::Cancelled, |failure| failure.class);
        let detail = failure.map_or_else(String::new, |failure| failure.detail.clone());
        found.push(Condition::Down { since, is_returning, class, detail });
    }
    for (url, routes) in &state.routes {
        let expires = routes.iter().filter_map(|(_, route)| route.certificate_expires).min();
        found.extend(expires.map(|expires| Condition::Certificate { url: url.clone(), expires }));
    }
    // What a mirror has that is down is not known.
    let repositories = entry.repositories().filter(|_| state.down_since.is_none());
    for repodata in repositories {
        if let Status::Behind { since, .. } = view.status(state, entry, repodata) {
            let repository = repository_of(repodata).to_owned();
            let known = state.repositories.get(repodata).and_then(|known| known.checked);
            let checked = known.map_or(0, |checked| checked.clock);
            found.push(Condition::Behind { repository, since, checked });
        }
    }
    found
}
