//! The heartbeat: renews what runs here, ends what cannot be renewed, and reaps what others have left.
//!
//! A round every quarter of the time to live, and at least every 15 s: renew first, then look who else is
//! alive. Everything that the store is asked has a time limit, so that a store that does not answer cannot keep
//! a task from being told in time that it may be lost.

use std::collections::BTreeSet;
use std::time::Duration;

use store::Error;
use store::operations::give_back::GiveBack;
use store::operations::lose::Reap;
use store::operations::read::{Find, Found};
use store::operations::renew::{Heartbeat, Kept, Progress, Renew, Renewed, Running};
use store::record::TaskId;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::shared::{Entry, Key, Shared, Step};
use crate::failure::Stop;
use crate::liveness::Liveness;
use crate::numbers::ReapReason;
use crate::status::Phase;

/// How much time lies between two rounds, at most: a node that was not seen for four of them counts as stopped
/// ([`IS_LIVE`](store::operations::node::IS_LIVE)), however long its tasks may live without it.
const MAX_INTERVAL: Duration = Duration::from_secs(15);

/// Returns when another process has taken the name of this node.
pub(super) async fn run(shared: &Shared) {
    let interval = interval(shared);
    let mut liveness = Liveness::new(shared.options.time_to_live, interval);
    let mut last = Instant::now();
    let mut planned = last;
    loop {
        let begin = Instant::now();
        if begin < planned + interval {
            end_overdue(shared, begin);
        }
        // Otherwise this process was held up: that alone is no reason to give up what the store confirms.
        find_hung(shared, begin.saturating_duration_since(last).min(2 * interval), begin);
        last = begin;
        let renewed = renew(shared, begin).await;
        let is_current = renewed.as_ref().map_or(true, |renewed| renewed.is_current);
        let is_renewed = renewed.is_ok();
        if !is_current {
            supersede(shared);
            return;
        }
        end_overdue(shared, Instant::now());
        let is_read = is_renewed && reap(shared, &mut liveness).await;
        if !is_read {
            liveness.note_failure();
        }
        let pause = if is_renewed { interval } else { interval / 3 };
        // Never at once again, however long the store took; and in time for what runs out next.
        let soonest = Instant::now() + interval / 12;
        let next = (begin + pause).min(first_overdue(shared).unwrap_or(begin + pause));
        planned = next.max(soonest);
        sleep_until(planned).await;
    }
}

fn interval(shared: &Shared) -> Duration {
    (shared.options.time_to_live / 4).clamp(Duration::from_millis(1), MAX_INTERVAL)
}

/// How long a claim is believed in after the store has confirmed it: a tenth less than others wait before
/// they reap it.
fn lease(shared: &Shared) -> Duration {
    shared.options.time_to_live.mul_f64(0.9)
}

/// Finds tasks that make no progress. They are renewed no more, so that they are lost although this process
/// lives.
fn find_hung(shared: &Shared, credit: Duration, now: Instant) {
    let mut state = shared.lock();
    let mut hung = Vec::new();
    for (&(id, claim), entry) in &mut state.entries {
        if entry.step != Step::Working || entry.lost_at.is_some() {
            continue;
        }
        if entry.pulse.has_stalled(entry.run.pulse(), credit) {
            entry.lose(now);
            let (node, kind, stage) =
                (&shared.options.name, &entry.kind, entry.run.reached().stage);
            let stage = stage.unwrap_or_default();
            let during = if stage.is_empty() { String::new() } else { format!(" (stage {stage})") };
            let time = entry.pulse.stall_after().as_secs();
            hung.push(((id, claim), format!("it made no progress for {time} s{during}")));
            tracing::warn!(node, %id, kind, stage, "a task makes no progress, and is given up");
        }
    }
    state.hung.extend(hung);
}

/// Asks the store to keep what runs here.
async fn renew(shared: &Shared, begin: Instant) -> Result<Renewed, ()> {
    let asked: Vec<Progress> = {
        let state = shared.lock();
        let alive = state.entries.values().filter(|entry| is_renewed(entry));
        alive.map(|entry| entry.run.reached()).collect()
    };
    let keys: Vec<Key> = asked.iter().map(|progress| (progress.id, progress.claim)).collect();
    let operation =
        Renew { node: shared.options.name.clone(), boot: shared.boot.clone(), tasks: asked };
    let limit = begin + shared.patience();
    let limit = first_overdue(shared).filter(|&at| at > begin).map_or(limit, |at| at.min(limit));
    let reply = match timeout_at(limit, shared.tasks.store().run(operation)).await {
        Ok(reply) => reply,
        Err(_) => Err(Error::Unavailable("it does not answer in time".to_owned())),
    };
    shared.note_store("renew what runs here", &reply);
    let renewed = reply.map_err(drop)?;
    if renewed.is_current {
        apply(shared, begin, &keys, &renewed.kept);
    }
    Ok(renewed)
}

fn is_renewed(entry: &Entry) -> bool {
    let is_known_lost = entry.lost_at.is_some() || entry.run.stopped() == Some(Stop::Lost);
    !is_known_lost && !matches!(entry.step, Step::Zombie(_))
}

/// What the store has said to a renewal of `keys` that was begun at `begin`.
fn apply(shared: &Shared, begin: Instant, keys: &[Key], kept: &[Kept]) {
    let kept_keys: BTreeSet<Key> = kept.iter().map(|kept| (kept.id, kept.claim)).collect();
    let mut state = shared.lock();
    state.renewed_at = Some(begin);
    for Kept { id, claim, cancelled_by } in kept {
        let Some(entry) = state.entries.get_mut(&(*id, *claim)) else { continue };
        entry.confirmed = begin;
        if let Some(by) = cancelled_by {
            entry.run.tell(Stop::Cancelled { by: by.clone() });
        }
    }
    for key in keys.iter().filter(|key| !kept_keys.contains(key)) {
        // One whose end is being written may have ended: it is told so by the reply to that.
        let entry = state.entries.get_mut(key).filter(|entry| entry.step == Step::Working);
        if entry.is_some_and(|entry| entry.lose(begin)) {
            shared.numbers.lease_lost.add(1);
            let (node, id) = (&shared.options.name, key.0);
            tracing::warn!(node, %id, "a task was lost: another runner may have it");
        }
    }
}

/// When the next claim runs out, unless it is renewed before.
fn first_overdue(shared: &Shared) -> Option<Instant> {
    let lease = lease(shared);
    let state = shared.lock();
    let held = state.entries.values().filter(|entry| is_renewed(entry));
    held.map(|entry| entry.confirmed + lease).min()
}

/// Tells tasks whose claims have run out that they are lost, and no longer waits for those that were told
/// long ago.
fn end_overdue(shared: &Shared, now: Instant) {
    let lease = lease(shared);
    let mut state = shared.lock();
    for (&(id, _), entry) in &mut state.entries {
        let is_overdue = now.saturating_duration_since(entry.confirmed) >= lease;
        if is_renewed(entry) && is_overdue && entry.lose(now) {
            shared.numbers.lease_lost.add(1);
            let node = &shared.options.name;
            tracing::warn!(node, %id, "a task is given up: the store has not confirmed it in time");
        }
        // It may have found out itself, when it looked at its fence.
        let is_lost = entry.run.stopped() == Some(Stop::Lost);
        if is_lost && entry.lose(now) {
            shared.numbers.lease_lost.add(1);
        }
        let has_had_time = entry
            .lost_at
            .is_some_and(|at| now.saturating_duration_since(at) >= shared.options.time_to_live);
        if has_had_time && entry.step == Step::Working && !entry.run.is_abandoned() {
            let (node, kind) = (&shared.options.name, &entry.kind);
            tracing::warn!(node, %id, kind, "a task that is lost does not stop; it is abandoned");
            entry.run.abandon();
        }
    }
}

/// Looks who is alive, and ends the claims of those who are not. Returns whether the store could be read.
async fn reap(shared: &Shared, liveness: &mut Liveness) -> bool {
    let begin = Instant::now();
    let limit = begin + shared.patience();
    let over = over(shared);
    let Ok(Ok(running)) = timeout_at(limit, shared.tasks.store().run(Running)).await else {
        return false;
    };
    let verdict = liveness.observe(Instant::now(), &running);
    let held: BTreeSet<Key> = running.iter().map(|seen| (seen.id, seen.claim)).collect();
    shared.lock().hung.retain(|key, _| held.contains(key));
    let node = &shared.options.name;
    if let Some(n) = verdict.doubts {
        tracing::warn!(
            node,
            "{n} of {} running tasks, of several nodes, have no heartbeat: waiting once more before \
             they are ended",
            running.len()
        );
    }
    // One that cannot be given back keeps nobody from being reaped: half of the time is left for that.
    let soon = begin + shared.patience() / 2;
    for key in unheard_of(shared, &over, &running) {
        if !give_back(shared, key, soon).await {
            break;
        }
    }
    for seen in verdict.dead {
        if !reap_one(shared, seen, limit).await {
            return true;
        }
    }
    true
}

/// Attempts of this process that are over.
fn over(shared: &Shared) -> Vec<Key> {
    let state = shared.lock();
    state.begun.iter().filter(|key| !state.entries.contains_key(key)).copied().collect()
}

/// The claims that this process holds and has never begun: the reply to a claim was lost. `over` are attempts
/// that were over before `running` was read.
fn unheard_of(shared: &Shared, over: &[Key], running: &[Heartbeat]) -> Vec<Key> {
    let own: BTreeSet<Key> = running
        .iter()
        .filter(|seen| seen.boot == shared.boot)
        .map(|seen| (seen.id, seen.claim))
        .collect();
    let mut state = shared.lock();
    for key in over.iter().filter(|key| !own.contains(key)) {
        state.begun.remove(key);
    }
    if state.is_claiming {
        // It may be on its way.
        return Vec::new();
    }
    own.into_iter().filter(|key| !state.begun.contains(key)).collect()
}

/// Gives back a claim that was never heard of. Returns whether the store has answered.
async fn give_back(shared: &Shared, (id, claim): Key, limit: Instant) -> bool {
    let (node, boot) = (shared.options.name.clone(), shared.boot.clone());
    let operation = GiveBack { id, claim, node, boot };
    match timeout_at(limit, shared.tasks.change_task(id, operation)).await {
        Ok(Ok(state)) => {
            if let Some(state) = state {
                let node = &shared.options.name;
                tracing::warn!(node, %id, "the reply to a claim was lost: given back; it is {state}");
            }
            true
        }
        // What is unknown is looked at again in the next round.
        Ok(Err(_)) | Err(_) => false,
    }
}

/// Ends a claim. Returns whether the store has answered.
async fn reap_one(shared: &Shared, seen: Heartbeat, limit: Instant) -> bool {
    let (id, key) = (seen.id, (seen.id, seen.claim));
    let holder = seen.node.clone();
    // Also after its work was dropped, and its place is free.
    let hung = shared.lock().hung.get(&key).cloned();
    let is_hung = hung.is_some();
    let reap = Reap { seen, by: shared.options.name.clone(), hung };
    let reply = match timeout_at(limit, shared.tasks.change_task(id, reap)).await {
        Ok(reply) => reply,
        Err(_) => Err(Error::Unavailable("it does not answer in time".to_owned())),
    };
    // What is unknown is looked at again in the next round.
    let Ok(reply) = reply else { return false };
    let Some(state) = reply else { return true };
    let reason = if is_hung { ReapReason::Hung } else { ReapReason::NoHeartbeat };
    shared.numbers.count_reaped(reason, 1);
    let node = &shared.options.name;
    match is_hung {
        true => tracing::warn!(node, %id, "a task that made no progress was ended; it is {state}"),
        false => {
            tracing::warn!(node, %id, holder, "a task without heartbeat was ended; it is {state}")
        }
    }
    if state.is_terminal() {
        count_end(shared, id, limit).await;
    }
    true
}

async fn count_end(shared: &Shared, id: TaskId, limit: Instant) {
    let found = timeout_at(limit, shared.tasks.store().run(Find(id))).await;
    if let Ok(Ok(Found::Task(task))) = found
        && let Some(kind) = shared.numbers.kind(&task.kind)
    {
        kind.count_end(task.state);
    }
}

/// Another process has taken the name: nothing that runs here is ours any more.
fn supersede(shared: &Shared) {
    shared.set_phase(Phase::Superseded);
    let now = Instant::now();
    let mut state = shared.lock();
    for entry in state.entries.values_mut() {
        if entry.lose(now) {
            shared.numbers.lease_lost.add(1);
        }
    }
}
