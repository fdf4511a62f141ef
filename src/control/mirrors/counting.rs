//! Tells metrics what is known of mirrors.

use std::sync::Arc;

use checks::select::Selection;
use checks::state::{MirrorState, Reachability};
use tasks::Failure;

use super::checker::{Checker, of_check};
use super::counts::Summary;
use super::known::{Known, on_thread};
use super::publish::Published;
use super::shown::listed;

impl Checker {
    /// Tells it, after findings were made of what is known; `None` if nothing has changed since the last time.
    pub(super) async fn tell(
        &self,
        known: &mut Known,
        published: Option<&Published>,
    ) -> Result<(), Failure> {
        let Some(published) = published else {
            self.counts.note_findings(None, false);
            return Ok(());
        };
        let (selection, now) = (Arc::clone(&published.selection), (self.clock)());
        let summary = on_thread(known, move |known| summarize(known, &selection, now));
        self.counts.set_summary(summary.await.map_err(|error| of_check(error.into()))?);
        self.counts.note_findings(Some(published.made), published.is_written);
        Ok(())
    }
}

fn summarize(known: &Known, selection: &Selection, now: u64) -> Summary {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut summary = Summary {
        is_settled: known.view().is_settled(),
        contents: selection.contents.clone(),
        n_kept: count(selection.kept.len()),
        n_distrusted: count(selection.distrusted.len()),
        scanned: known.history.scanned(),
        ..Summary::default()
    };
    let unvisited = MirrorState::default();
    for (key, entry) in &known.inventory.mirrors {
        let state = known.register.mirrors.get(key).unwrap_or(&unvisited);
        summary.n_unvisited += u64::from(state.last_visit.is_none());
        let (listed, _) = listed(entry, selection.findings.mirrors.get(key));
        let word = state_word(known, state);
        *summary.mirrors.entry([word, listed]).or_default() += 1;
        if matches!(word, "up" | "down" | "unknown") {
            for validity in certificates(known, state, now) {
                *summary.certificates.entry(validity).or_default() += 1;
            }
        }
    }
    summary
}

/// The state of a mirror in one of the words of [`STATES`](super::counts::STATES).
fn state_word(known: &Known, state: &MirrorState) -> &'static str {
    let view = known.view();
    let switches = &state.switches;
    match state.reachability(view.settings) {
        _ if switches.paused.is_some() => "paused",
        _ if switches.maintenance_at(view.now().clock).is_some() => "maintenance",
        _ if switches.disabled.is_some() => "disabled",
        Reachability::Up => "up",
        Reachability::Down => "down",
        Reachability::Unknown => "unknown",
    }
}

/// Until when the certificates of the base URLs of a mirror are valid, in words of
/// [`VALIDITIES`](super::counts::VALIDITIES). Of several of one URL the one that ends first counts.
fn certificates(
    known: &Known,
    state: &MirrorState,
    now: u64,
) -> impl Iterator<Item = &'static str> {
    let soon = now.saturating_add(known.settings.certificate_warning);
    let ends = state.routes.values().filter_map(|routes| {
        routes.iter().filter_map(|(_, route)| route.certificate_expires).min()
    });
    ends.map(move |end| match end {
        end if end <= now => "ended",
        end if end <= soon => "ends_soon",
        _ => "valid",
    })
}
