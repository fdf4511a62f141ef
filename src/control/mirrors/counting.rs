//! Tells metrics what is known of mirrors.

use std::sync::Arc;

use checks::select::Selection;
use checks::state::{MirrorState, Reachability};

use super::checker::Checker;
use super::counts::Summary;
use super::known::{Known, on_thread};
use super::listed::listed;
use super::publish::Published;
use crate::aside::NoThread;

impl Checker {
    /// Tells it, after findings were made of what is known; `None` if nothing has changed since the last time.
    pub(super) async fn tell(
        &self,
        known: &mut Known,
        published: Option<&Published>,
    ) -> Result<(), NoThread> {
        let made = published.map(|published| published.made);
        let is_written = published.is_some_and(|published| published.is_written);
        self.counts.note_findings(made, is_written);
        let Some(published) = published else {
            self.counts.renew_summary();
            return Ok(());
        };
        let (selection, now) = (Arc::clone(&published.selection), (self.clock)());
        let summary = on_thread(known, move |known| summarize(known, &selection, now));
        self.counts.set_summary(summary.await?);
        Ok(())
    }
}

fn summarize(known: &Known, selection: &Selection, now: u64) -> Summary {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut summary = Summary {
        is_settled: known.view().is_settled(),
        contents: selection.contents.clone(),
        n_kept: count(selection.kept.len()),
        n_distrusted: count(selection.distrusted.repositories.len()),
        n_distrusted_directories: count(selection.distrusted.directories.len()),
        scanned: known.expected.scanned,
        ..Summary::default()
    };
    let unvisited = MirrorState::default();
    for (key, entry) in &known.inventory.mirrors {
        let state = known.register.mirrors.get(key).map_or(&unvisited, |state| &**state);
        summary.n_unvisited += u64::from(state.last_visit.is_none());
        let (listed, _) = listed(entry, selection.findings.mirrors.get(key));
        let word = state_word(known, state);
        *summary.mirrors.entry([word, listed.as_str()]).or_default() += 1;
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
    let settings = &known.settings;
    let ends = state.routes.values().filter_map(|routes| {
        let ends = routes.iter().filter_map(|(_, route)| Some((route.certificate_expires?, route)));
        ends.min_by_key(|(end, _)| *end)
    });
    ends.map(move |(end, route)| match end.saturating_sub(now) {
        0 => "ended",
        left if left <= route.certificate_warning(settings) => "ends_soon",
        _ => "valid",
    })
}

#[cfg(test)]
mod tests {
    use checks::inventory::{Entry, Inventory, Tree};
    use checks::moment::Moment;
    use checks::state::{
        LastVisit, Maintenance, Pause, RouteState, RouteVerdict, Routes, Switches,
    };

    use super::*;

    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    /// A mirror with a URL that is so, and a certificate that ends then.
    fn mirror(verdict: RouteVerdict, expires: Option<u64>) -> MirrorState {
        let mut state = MirrorState::default();
        let route = RouteState { verdict, certificate_expires: expires, ..RouteState::default() };
        // The other version of IP has met another certificate.
        let other = RouteState {
            certificate_expires: expires.map(|expires| expires + DAY),
            ..RouteState::default()
        };
        state.routes.insert("https://a.example/".into(), Routes { v4: route, v6: other });
        state.last_visit =
            Some(LastVisit { at: Moment { clock: NOW, credited: 9 }, seen: Default::default() });
        state
    }

    fn switched(switches: Switches) -> MirrorState {
        MirrorState { switches, ..mirror(RouteVerdict::Down, Some(NOW + DAY)) }
    }

    fn summary(states: Vec<MirrorState>) -> Summary {
        let mut known = Known::default();
        known.register.progress.now = Moment { clock: NOW, credited: 9 };
        let tree = Tree { urls: vec!["https://a.example/".into()], ..Tree::default() };
        let entry = Entry { trees: vec![tree], ..Entry::default() };
        let keys = (0..states.len()).map(|n| format!("mirror-{n}"));
        let mirrors = keys.clone().map(|key| (key, entry.clone())).collect();
        known.inventory = Arc::new(Inventory { mirrors });
        known.register.mirrors = keys.zip(states.into_iter().map(Arc::new)).collect();
        summarize(&known, &Selection::default(), NOW)
    }

    #[test]
    fn each_mirror_counts_under_one_state() {
        let pause = Some(Pause { since: 1, note: String::new() });
        let now = Moment { clock: NOW, credited: 9 };
        let window = |from, until| {
            vec![Maintenance { from, until, note: String::new(), is_by_owner: false }]
        };
        let (maintenance, over) = (window(NOW - 1, NOW + 1), window(NOW - 2, NOW));
        let switches = Switches::default();
        let found = summary(vec![
            mirror(RouteVerdict::Up, None),
            mirror(RouteVerdict::Down, None),
            MirrorState::default(),
            switched(Switches { disabled: Some(now), ..switches.clone() }),
            switched(Switches { maintenance, disabled: Some(now), ..switches.clone() }),
            switched(Switches { paused: pause, disabled: Some(now), ..switches.clone() }),
            switched(Switches { maintenance: over, ..switches }),
        ]);
        let states = [
            ("disabled", 1),
            ("down", 2),
            ("maintenance", 1),
            ("paused", 1),
            ("unknown", 1),
            ("up", 1),
        ];
        assert_eq!(found.mirrors, states.map(|(state, n)| ([state, "yes"], n)).into());
        assert_eq!(found.n_unvisited, 1);
    }

    #[test]
    fn certificates_count_by_their_end_but_not_of_who_is_switched_off() {
        let off = Switches {
            paused: Some(Pause { since: 1, note: String::new() }),
            ..Default::default()
        };
        let up = |expires| mirror(RouteVerdict::Up, expires);
        let found = summary(vec![
            up(None),
            up(Some(NOW)),
            up(Some(NOW + 1)),
            up(Some(NOW + 14 * DAY)),
            up(Some(NOW + 14 * DAY + 1)),
            switched(off),
        ]);
        let expected = [("ended", 1), ("ends_soon", 2), ("valid", 1)];
        assert_eq!(found.certificates, expected.into());
    }
}
