//! What is told of mirrors, as JSON.

use checks::disclosure::{Disclosure, public_event};
use checks::explain::Gate;
use checks::observation::Visit;
use checks::select::Selection;
use checks::state::{MirrorState, Reachability};
use serde_json::{Value, json};

use super::checker::{Checker, tier_of};
use super::known::{Error, Known, on_thread};
use super::listed::listed;
use crate::api::time;

/// How many of the last visits of a mirror are told.
const N_VISITS: i64 = 10;

impl Checker {
    /// All mirrors in short, by key.
    pub(crate) async fn list(&self) -> Result<Value, Error> {
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await?;
        let now = (self.clock)();
        let telling = Telling { now, to: Disclosure::Full };
        let list = on_thread(&mut known, move |known| {
            let selection = known.select();
            let mirrors = known.inventory.mirrors.keys();
            let mirrors = mirrors.map(|key| short(known, &selection, key, telling));
            json!({
                "now": time::of_seconds(now),
                "settled": known.view().is_settled(),
                "mirrors": mirrors.collect::<Vec<_>>(),
            })
        });
        Ok(list.await?)
    }

    /// One mirror; `None` if the catalog has no such mirror that can be visited. What visits have seen is not for
    /// everybody, and neither is what somebody has noted: pages for everybody do not show it.
    pub(crate) async fn show(&self, key: &str, to: Disclosure) -> Result<Option<Value>, Error> {
        let visits = match to {
            Disclosure::Full => self.last_visits(key, N_VISITS).await?,
            Disclosure::Public => Vec::new(),
        };
        let mut known = self.known.lock().await;
        self.refresh(&mut known).await?;
        if !known.inventory.mirrors.contains_key(key) {
            return Ok(None);
        }
        let now = (self.clock)();
        let selection = on_thread(&mut known, Known::select).await?;
        let mut mirror = short(&known, &selection, key, Telling { now, to });
        if let Some(fields) = mirror.as_object_mut() {
            let state = known.register.mirrors.get(key);
            let events = state.map(|state| match to {
                Disclosure::Full => json!(state.events),
                Disclosure::Public => {
                    let told = state.events.all().iter().filter_map(public_event);
                    json!(told.collect::<Vec<_>>())
                }
            });
            let gates = known.gates(key, &selection.distrusted, to);
            fields.insert("gates".into(), gates.iter().map(gate).collect());
            fields.insert("events".into(), events.unwrap_or_else(|| json!([])));
            fields.insert("visits".into(), visits.iter().map(visit).collect());
        }
        Ok(Some(json!({ "now": time::of_seconds(now), "mirror": mirror })))
    }
}

/// When mirrors are told of, and to whom.
#[derive(Clone, Copy)]
struct Telling {
    /// In seconds since 1970.
    now: u64,
    to: Disclosure,
}

fn short(known: &Known, selection: &Selection, key: &str, telling: Telling) -> Value {
    let Telling { now, to } = telling;
    let entry = known.inventory.mirrors.get(key).cloned().unwrap_or_default();
    let unvisited = MirrorState::default();
    let state = known.register.mirrors.get(key).map_or(&unvisited, |state| &**state);
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
    let at = time::of_seconds;
    let told = |note: &str| (to == Disclosure::Full).then(|| note.to_owned());
    json!({
        "key": key,
        "state": reachability,
        "listed": listed.as_str(),
        "kept": n_kept,
        "why": why.as_ref().map(|why| why.reason().to_owned()),
        "since": why.as_ref().map(|why| why.since()).filter(|since| *since > 0).map(at),
        "paused": state.switches.paused.as_ref().map(|pause| json!({
            "since": at(pause.since),
            "note": told(&pause.note),
        })),
        "maintenance": state.switches.maintenance_after(now).into_iter().map(|planned| json!({
            "from": at(planned.from),
            "until": at(planned.until),
            "note": told(&planned.note),
        })).collect::<Vec<_>>(),
        "checked_in": state.owner.checked_in.map(|last| json!({
            "at": at(last.at),
            "finished_at": last.finished_at.map(at),
            "directories": last.n_directories,
        })),
        "repositories": repositories.len(),
        "accepted": n_accepted,
        "last_visit": state.last_visit.map(|visit| at(visit.at.clock)),
        "next_visit": known.next(key, now).map(|next| at(next.at.max(now))),
    })
}

fn gate(gate: &Gate) -> Value {
    json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
}

fn visit(visit: &Visit) -> Value {
    json!({
        "tier": tier_of(visit),
        "started": time::of_seconds(visit.started),
        "millis": visit.millis,
        "requests": visit.requests,
        "bytes": visit.bytes,
        "end": visit.end,
        "urls": visit.urls,
        "repositories": visit.repositories,
        "directories": visit.directories,
    })
}
