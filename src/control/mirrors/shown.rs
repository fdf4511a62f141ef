//! What is told of mirrors, as JSON.

use checks::explain::Gate;
use checks::findings::{Cause, MirrorFindings, Standing};
use checks::inventory::{Entry, repository_of};
use checks::observation::Visit;
use checks::select::Selection;
use checks::state::{MirrorState, Reachability};
use model::path::is_within;
use serde_json::{Value, json};

use super::checker::{Checker, tier_of, timestamp};
use super::known::{Error, Known, on_thread};
use crate::api::time;

/// How many of the last visits of a mirror are told.
const N_VISITS: i64 = 10;

impl Checker {
    /// All mirrors in short, by key.
    pub(crate) async fn list(&self) -> Result<Value, Error> {
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await?;
        let now = (self.clock)();
        let list = on_thread(&mut known, move |known| {
            let selection = known.select();
            let mirrors = known.inventory.mirrors.keys();
            let mirrors = mirrors.map(|key| short(known, &selection, key, now));
            json!({
                "now": time::text(timestamp(now)),
                "settled": known.view().is_settled(),
                "mirrors": mirrors.collect::<Vec<_>>(),
            })
        });
        Ok(list.await?)
    }

    /// One mirror; `None` if the catalog has no such mirror that can be visited.
    pub(crate) async fn show(&self, key: &str) -> Result<Option<Value>, Error> {
        let visits = self.last_visits(key, N_VISITS).await?;
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await?;
        if !known.inventory.mirrors.contains_key(key) {
            return Ok(None);
        }
        let now = (self.clock)();
        let selection = on_thread(&mut known, Known::select).await?;
        let mut mirror = short(&known, &selection, key, now);
        if let Some(fields) = mirror.as_object_mut() {
            let state = known.register.mirrors.get(key);
            let events = state.map(|state| json!(state.events));
            let gates = known.gates(key);
            fields.insert("gates".into(), gates.iter().map(gate).collect());
            fields.insert("events".into(), events.unwrap_or_else(|| json!([])));
            fields.insert("visits".into(), visits.iter().map(visit).collect());
        }
        Ok(Some(json!({ "now": time::text(timestamp(now)), "mirror": mirror })))
    }
}

fn short(known: &Known, selection: &Selection, key: &str, now: u64) -> Value {
    let entry = known.inventory.mirrors.get(key).cloned().unwrap_or_default();
    let unvisited = MirrorState::default();
    let state = known.register.mirrors.get(key).unwrap_or(&unvisited);
    let view = known.view();
    let (listed, why) = listed(&entry, selection.findings.mirrors.get(key));
    // What keeps it out although it is in some lists, as there are too few others.
    let why = view.why_hidden(state, &entry).map(|why| why.cause(state)).or(why);
    let reachability = match state.reachability(view.settings) {
        Reachability::Up => "up",
        Reachability::Down => "down",
        Reachability::Unknown => "unknown",
    };
    let repositories: Vec<&String> = entry.repositories().collect();
    let n_accepted = repositories
        .iter()
        .filter(|repodata| view.status(state, &entry, repodata).is_accepted())
        .count();
    let n_kept = selection.kept.values().filter(|keys| keys.iter().any(|kept| kept == key)).count();
    let at = |seconds: u64| time::text(timestamp(seconds));
    json!({
        "key": key,
        "state": reachability,
        "listed": listed,
        "kept": n_kept,
        "why": why.as_ref().map(|why| why.reason().to_owned()),
        "since": why.as_ref().map(|why| why.since()).filter(|since| *since > 0).map(at),
        "paused": state.switches.paused.as_ref().map(|pause| json!({
            "since": at(pause.since),
            "note": pause.note,
        })),
        "repositories": repositories.len(),
        "accepted": n_accepted,
        "last_visit": state.last_visit.map(|visit| at(visit.at.clock)),
        "next_visit": known.next(key, now).map(|next| at(next.at.max(now))),
    })
}

/// Whether lists have a mirror for what it carries: `yes`, `partly` or `no`, and what keeps it out of the first one
/// that has it not.
pub(super) fn listed(
    entry: &Entry,
    findings: Option<&MirrorFindings>,
) -> (&'static str, Option<Cause>) {
    // Most mirrors have none that hide anything.
    let Some(findings) = findings.filter(|findings| findings.hides()) else { return ("yes", None) };
    if let Some(cause) = &findings.hidden {
        return ("no", Some(cause.clone()));
    }
    let why_hidden = |url: &String| findings.urls.get(url).and_then(|url| url.hidden.as_ref());
    // It takes long to find the trees of all repositories, and most mirrors have no such URL.
    let has_hidden_url = findings.urls.values().any(|url| url.hidden.is_some());
    let (mut n, mut n_listed, mut why) = (0, 0, None);
    let repositories: Vec<&str> = entry.repositories().map(|name| repository_of(name)).collect();
    let directories = entry.directories().map(String::as_str);
    // What lies above repositories is listed for what is beside them, of which nothing is known.
    let others = directories.filter(|top| !repositories.iter().any(|one| is_within(one, top)));
    for top in others.chain(repositories.iter().copied()) {
        n += 1;
        let trees = has_hidden_url.then(|| entry.trees_of(top)).into_iter().flatten();
        let urls: Vec<&String> = trees.flat_map(|tree| &tree.urls).collect();
        let is_reached = urls.is_empty() || urls.iter().any(|url| why_hidden(url).is_none());
        let cause = match findings.standing(top) {
            Some(Standing::Hidden(cause)) => Some(cause),
            _ if !is_reached => urls.into_iter().find_map(why_hidden),
            _ => None,
        };
        match cause {
            None => n_listed += 1,
            Some(cause) if why.is_none() => why = Some(cause.clone()),
            Some(_) => {}
        }
    }
    match n_listed {
        // It carries nothing that is checked.
        0 if n == 0 => {
            let urls = entry.trees.iter().flat_map(|tree| &tree.urls);
            let hidden: Option<Vec<&Cause>> = urls.map(why_hidden).collect();
            match hidden.as_deref().and_then(<[_]>::first) {
                Some(&cause) => ("no", Some(cause.clone())),
                None => ("yes", None),
            }
        }
        0 => ("no", why),
        _ if n_listed < n => ("partly", why),
        _ => ("yes", None),
    }
}

fn gate(gate: &Gate) -> Value {
    json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
}

fn visit(visit: &Visit) -> Value {
    json!({
        "tier": tier_of(visit),
        "started": time::text(timestamp(visit.started)),
        "millis": visit.millis,
        "requests": visit.requests,
        "bytes": visit.bytes,
        "end": visit.end,
        "urls": visit.urls,
        "repositories": visit.repositories,
    })
}
