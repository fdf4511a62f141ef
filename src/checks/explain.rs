//! Why a mirror is listed or not: each gate that it has to pass, in plain words.

use std::fmt;

use model::families::IpVersion;

use crate::disclosure::Disclosure;
use crate::distrust::Distrusted;
use crate::findings::Standing;
use crate::inventory::{Entry, repository_of};
use crate::moment::Moment;
use crate::state::{MirrorState, RouteState, RouteVerdict, Status};
use crate::verdict::{View, WhyHidden};

/// Something that a mirror must be, to be listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    /// What it is about.
    pub kind: GateKind,
    /// Whether the mirror passes; `None` if that is not known, which hides nothing.
    pub is_passed: Option<bool>,
    /// What is the case, on one line.
    pub text: String,
}

/// What a gate is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum GateKind {
    /// The mirror as a whole.
    Mirror,
    /// A URL over a version of IP.
    Reachable {
        /// The base URL.
        url: String,
        /// The version of IP.
        version: IpVersion,
    },
    /// The certificate of a URL.
    Certificate {
        /// The base URL.
        url: String,
    },
    /// A repository, by its directory.
    Repository(String),
    /// The files of a directory.
    Directory(String),
}

impl fmt::Display for GateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mirror => f.write_str("mirror"),
            Self::Reachable { url, version } => write!(f, "{url} over IPv{}", version.as_str()),
            Self::Certificate { url } => write!(f, "certificate of {url}"),
            Self::Repository(directory) if directory.is_empty() => f.write_str("repository"),
            Self::Repository(directory) => write!(f, "repository {directory}"),
            Self::Directory(directory) => write!(f, "files of {directory}"),
        }
    }
}

impl fmt::Display for Gate {
    /// One line: `ok`, `NO` or `?`, what it is about, and what is the case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.is_passed {
            Some(true) => "ok",
            Some(false) => "NO",
            None => "?",
        };
        write!(f, "{mark:2}  {}: {}", self.kind, self.text)
    }
}

/// The gates of a mirror, those of the whole mirror first, as they are told `to` somebody. `distrusted` is where the
/// primary is doubted, which other mirrors show; nowhere if nothing is known of those.
pub fn explain(
    state: &MirrorState,
    entry: &Entry,
    view: &View<'_>,
    distrusted: &Distrusted,
    to: Disclosure,
) -> Vec<Gate> {
    let mut gates = vec![whole(state, entry, view, distrusted, to)];
    for url in entry.urls() {
        let routes = state.routes.get(url);
        for version in IpVersion::ALL {
            let (is_passed, text) = match routes {
                Some(routes) => reachable(routes.over(version), view, to),
                None => (None, "not visited yet".to_owned()),
            };
            let kind = GateKind::Reachable { url: url.clone(), version };
            gates.push(Gate { kind, is_passed, text });
        }
        let expires = routes.and_then(|routes| {
            routes.iter().filter_map(|(_, route)| route.certificate_expires).min()
        });
        if let Some(expires) = expires {
            let now = view.now().clock;
            let text = match expires.checked_sub(now) {
                Some(left) => format!("expires in {}", duration(left)),
                None => format!("expired {} ago", duration(now - expires)),
            };
            let kind = GateKind::Certificate { url: url.clone() };
            gates.push(Gate { kind, is_passed: Some(expires > now), text });
        }
    }
    for repodata in entry.repositories() {
        let is_distrusted = distrusted.repositories.contains(repodata);
        let (is_passed, text) = repository(state, entry, view, (repodata, is_distrusted), to);
        let kind = GateKind::Repository(repository_of(repodata).to_owned());
        gates.push(Gate { kind, is_passed, text });
    }
    for (directory, known) in &state.directories {
        let mut text = match known.n_missing {
            0 => format!("all of {} files that were looked for", known.n_files),
            n => format!("{n} of {} files are missing or have another size", known.n_files),
        };
        let mut is_hiding = known.is_incomplete_at(view.now(), view.settings);
        if known.is_incomplete && !is_hiding {
            text.push_str(", but nobody has looked for days");
        }
        if known.n_missing > 0 && distrusted.directories.contains(directory) {
            text.push_str(", as on so many mirrors that the scan of the primary is doubted");
            is_hiding = false;
        }
        let kind = GateKind::Directory(directory.clone());
        gates.push(Gate { kind, is_passed: Some(!is_hiding), text });
    }
    gates
}

/// The mirror as a whole.
fn whole(
    state: &MirrorState,
    entry: &Entry,
    view: &View<'_>,
    distrusted: &Distrusted,
    to: Disclosure,
) -> Gate {
    let now = view.now();
    let since = |credited: u64| duration(now.credited.saturating_sub(credited));
    let text = match view.why_hidden(state, entry) {
        None if !view.is_settled() => {
            let text = "listed as the catalog says, until the first round of visits has ended";
            return Gate { kind: GateKind::Mirror, is_passed: None, text: text.to_owned() };
        }
        None => {
            let (n_listed, n) = listed_repositories(state, entry, view, distrusted);
            let mut text = match n_listed {
                0 if n > 0 => "listed for none of its repositories".to_owned(),
                _ if n_listed < n => format!("listed for {n_listed} of {n} repositories"),
                _ => "listed".to_owned(),
            };
            if let Some(next) = state.switches.maintenance_after(now.clock).first() {
                text += &format!(
                    "; maintenance begins in {} for {}{}",
                    duration(next.from.saturating_sub(now.clock)),
                    duration(next.until.saturating_sub(next.from)),
                    to.noted(&next.note)
                );
            }
            let is_passed = Some(n == 0 || n_listed > 0);
            return Gate { kind: GateKind::Mirror, is_passed, text };
        }
        // Who it was is not for everybody either.
        Some(WhyHidden::Paused(_)) if to == Disclosure::Public => {
            "switched off by its owner or by an operator".to_owned()
        }
        Some(WhyHidden::Paused(at)) => {
            let note = state.switches.paused.as_ref().map_or("", |pause| &pause.note);
            format!("paused for {}: {note}", duration(now.clock.saturating_sub(at)))
        }
        Some(WhyHidden::Maintenance(window)) => {
            let left = window.until.saturating_sub(now.clock);
            let mut planned = state.switches.maintenance.iter();
            let note = planned.find(|planned| planned.window() == window);
            let note = note.map_or("", |planned| &planned.note);
            format!("in maintenance for another {}{}", duration(left), to.noted(note))
        }
        Some(WhyHidden::Disabled(at)) => format!(
            "switched off by the checks {} ago, after days without any use; comes back after {} of \
             good visits, or when its owner asks for a visit",
            since(at.credited),
            duration(view.settings.enable_after),
        ),
        Some(WhyHidden::Down(at)) => format!("no URL works, for {}", since(at.credited)),
        Some(WhyHidden::Unproven) => "new: no visit was good yet".to_owned(),
        Some(WhyHidden::AwaitsContent) => {
            "works again, but no repository was seen yet that clients accept".to_owned()
        }
        Some(WhyHidden::Silent) => {
            format!("nothing was learned for more than {}", duration(view.settings.unknown_keep))
        }
    };
    Gate { kind: GateKind::Mirror, is_passed: Some(false), text }
}

/// For how many repositories a mirror is listed that is not left out as a whole, and how many there are.
fn listed_repositories(
    state: &MirrorState,
    entry: &Entry,
    view: &View<'_>,
    distrusted: &Distrusted,
) -> (usize, usize) {
    let is_listed = |repodata: &&String| {
        let is_distrusted = distrusted.repositories.contains(*repodata);
        let standing = view.standing(state, entry, repodata, is_distrusted);
        !matches!(standing, Some(Standing::Hidden(_)))
    };
    (entry.repositories().filter(is_listed).count(), entry.repositories().count())
}

fn reachable(route: &RouteState, view: &View<'_>, to: Disclosure) -> (Option<bool>, String) {
    let now = view.now();
    let time = duration(now.credited.saturating_sub(route.since.credited));
    let failure = route.failure.as_ref();
    let reason = failure.map_or_else(String::new, |failure| format!(": {}", to.reason(failure)));
    let mut text = match route.verdict {
        RouteVerdict::Unknown if failure.is_some() => format!("not decided yet{reason}"),
        RouteVerdict::Unknown if route.tried == Moment::default() => "not visited yet".to_owned(),
        RouteVerdict::Unknown => "tried, and nothing was learned yet".to_owned(),
        RouteVerdict::NotTested => {
            "not tested: no address of this version here or there".to_owned()
        }
        RouteVerdict::Up if failure.is_some() => format!("up, but the last probe failed{reason}"),
        RouteVerdict::Up => format!("{} for {time}", route.word(view.settings)),
        RouteVerdict::Down if failure.is_none() => format!("down for {time}, worked just now"),
        RouteVerdict::Down => format!("{} for {time}{reason}", route.word(view.settings)),
    };
    // Where a redirect leads that failed is part of what failed.
    let is_host_told = to == Disclosure::Full || failure.is_none();
    if let Some(host) = route.redirected_to.as_ref().filter(|_| is_host_told) {
        text.push_str(&format!(", through {host}"));
    }
    let is_passed = match route.verdict {
        RouteVerdict::Up => Some(true),
        RouteVerdict::Down => Some(false),
        RouteVerdict::Unknown | RouteVerdict::NotTested => None,
    };
    (is_passed, text)
}

fn repository(
    state: &MirrorState,
    entry: &Entry,
    view: &View<'_>,
    (repodata, is_distrusted): (&str, bool),
    to: Disclosure,
) -> (Option<bool>, String) {
    let known = state.repositories.get(repodata);
    let failure = known.and_then(|known| known.failure.as_ref());
    let reason = failure.map_or_else(String::new, |failure| format!(": {}", to.reason(failure)));
    let versions = |n: usize| if n == 1 { "1 version".to_owned() } else { format!("{n} versions") };
    match view.status(state, entry, repodata) {
        Status::Current => (Some(true), format!("current{reason}")),
        Status::NotComparable if entry.is_always_fresh => {
            (Some(true), "the catalog says that it is always fresh".to_owned())
        }
        Status::NotComparable => {
            (Some(true), "there; the primary has nothing to compare with".to_owned())
        }
        Status::Behind { since, is_offered, n_newer } => {
            let time = duration(view.now().clock.saturating_sub(since));
            let then = match is_offered {
                true => "clients still accept that: listed after those that are current",
                false => "clients do not accept that any more",
            };
            (Some(is_offered), format!("{} behind, for {time}; {then}{reason}", versions(n_newer)))
        }
        Status::Ahead | Status::Foreign if is_distrusted => {
            let text = "a version that the primary never had, as on so many mirrors that the scan of \
                        it is doubted: listed after those that are current";
            (Some(true), text.to_owned())
        }
        Status::Ahead => {
            let text = "a version that the primary did not have when it was scanned last; decided \
                        after its next scan";
            (Some(false), text.to_owned())
        }
        Status::Foreign => (Some(false), "a version that the primary never had".to_owned()),
        Status::Missing => (Some(false), format!("not there{reason}")),
        Status::Unknown => {
            let is_silent = known.is_some_and(|known| known.is_silent(view.now(), view.settings));
            let text = match known {
                None => "not asked for yet".to_owned(),
                Some(_) => format!("not known{reason}"),
            };
            (is_silent.then_some(false), text)
        }
    }
}

/// The largest unit: `3 d`, `5 h`, `12 min`.
fn duration(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class::FailureClass;
    use crate::history::{History, PrimaryScan, PrimaryVersion};
    use crate::inventory::Tree;
    use crate::observation::Failure;
    use crate::progress::Progress;
    use crate::settings::Settings;
    use crate::state::{DirectoryState, Maintenance, Pause, RepositoryState, Routes};

    fn moment(seconds: u64) -> Moment {
        Moment { clock: 1_800_000_000 + seconds, credited: seconds }
    }

    #[test]
    fn each_gate_is_a_line() {
        let now = moment(1_000_000);
        let url = "https://a.example/".to_owned();
        let failure = Failure::new(FailureClass::ConnectTimeout, url.clone(), "5 s");
        let v6 = RouteState {
            verdict: RouteVerdict::Down,
            since: moment(1_000_000 - 9_000),
            failure: Some(failure),
            ..RouteState::default()
        };
        let v4 = RouteState {
            verdict: RouteVerdict::Up,
            since: moment(0),
            checked: now,
            certificate_expires: Some(now.clock + 11 * 86_400),
            ..RouteState::default()
        };
        let repository = |digit: char| RepositoryState {
            hash: Some(digit.to_string().repeat(64)),
            checked: Some(now),
            ..RepositoryState::default()
        };
        let mut state = MirrorState { is_proven: true, ..MirrorState::default() };
        state.routes.insert(url.clone(), Routes { v4, v6 });
        state.repositories.insert("8/os/repodata".into(), repository('a'));
        state.repositories.insert("9/os/repodata".into(), repository('b'));
        let directory =
            DirectoryState { is_incomplete: true, n_missing: 2, n_files: 20, ..Default::default() };
        let directory = DirectoryState { checked: now, ..directory };
        state.directories.insert("iso".into(), directory);
        let repositories = ["8", "9", "10"].map(|name| format!("{name}/os/repodata")).to_vec();
        let tree = Tree { urls: vec![url], repositories, directories: vec![] };
        let entry = Entry { trees: vec![tree], ..Entry::default() };
        let version = |digit: char, replaced| PrimaryVersion {
            sha256: digit.to_string().repeat(64),
            replaced,
        };
        let versions = vec![version('a', None), version('b', Some(now.clock - 18_000))];
        let repositories =
            ["8/os/repodata", "9/os/repodata"].map(|name| (name.to_owned(), versions.clone()));
        let settings = Settings::default();
        let mut history = History::default();
        let scan = PrimaryScan { scanned: now.clock, repositories: Some(repositories.into()) };
        history.absorb(&scan, &settings);
        let progress = Progress { now, settled: Some(moment(1)), ..Progress::default() };
        let view = View { settings: &settings, history: &history, progress: &progress };
        let lines = |state: &MirrorState| -> Vec<String> {
            let distrusted = Distrusted::default();
            let gates = explain(state, &entry, &view, &distrusted, Disclosure::Full);
            gates.iter().map(Gate::to_string).collect()
        };
        assert_eq!(
            lines(&state),
            [
                "ok  mirror: listed",
                "ok  https://a.example/ over IPv4: up for 11 d",
                "NO  https://a.example/ over IPv6: down for 2 h: connect_timeout: 5 s (https://a.example/)",
                "ok  certificate of https://a.example/: expires in 11 d",
                "ok  repository 8/os: current",
                "ok  repository 9/os: 1 version behind, for 5 h; clients still accept that: listed after \
                 those that are current",
                "?   repository 10/os: not asked for yet",
                "NO  files of iso: 2 of 20 files are missing or have another size",
            ]
        );
        let lost = RepositoryState {
            missing_since: Some(now),
            checked: Some(now),
            ..RepositoryState::default()
        };
        let all = state.clone();
        for (name, expected) in [
            ("8", "ok  mirror: listed for 2 of 3 repositories"),
            ("9", "ok  mirror: listed for 1 of 3 repositories"),
            ("10", "NO  mirror: listed for none of its repositories"),
        ] {
            state.repositories.insert(format!("{name}/os/repodata"), lost.clone());
            assert_eq!(lines(&state)[0], expected);
        }
        state = all;
        let note = "new disks".to_owned();
        state.switches.paused = Some(Pause { since: now.clock - 7_200, note });
        assert_eq!(lines(&state)[0], "NO  mirror: paused for 2 h: new disks");
        state.switches.paused = None;
        let from = now.clock + 10_800;
        let planned =
            Maintenance { from, until: from + 3_600, note: "new disks".into(), is_by_owner: true };
        state.switches.plan(planned, now.clock).unwrap();
        let expected = "ok  mirror: listed; maintenance begins in 3 h for 60 min: new disks";
        assert_eq!(lines(&state)[0], expected);
        state.switches.maintenance[0].from = now.clock;
        assert_eq!(lines(&state)[0], "NO  mirror: in maintenance for another 4 h: new disks");
        state.switches.maintenance.clear();
        state.switches.disabled = Some(moment(1_000_000 - 300_000));
        let expected = "NO  mirror: switched off by the checks 3 d ago, after days without any use; \
                        comes back after 2 d of good visits, or when its owner asks for a visit";
        assert_eq!(lines(&state)[0], expected);
    }

    #[test]
    fn where_the_primary_is_doubted_mirrors_are_listed() {
        let now = moment(1_000_000);
        let repodata = "9/os/repodata".to_owned();
        let mut state = MirrorState { is_proven: true, ..MirrorState::default() };
        let foreign = RepositoryState {
            hash: Some("f".repeat(64)),
            checked: Some(now),
            ..RepositoryState::default()
        };
        state.repositories.insert(repodata.clone(), foreign);
        let lacking = DirectoryState {
            checked: now,
            is_incomplete: true,
            n_missing: 2,
            n_files: 20,
            ..DirectoryState::default()
        };
        state.directories.insert("iso".into(), lacking);
        let repositories = vec![repodata.clone()];
        let tree = Tree { repositories, directories: vec!["iso".into()], ..Tree::default() };
        let entry = Entry { trees: vec![tree], ..Entry::default() };
        let versions = vec![PrimaryVersion { sha256: "a".repeat(64), replaced: None }];
        let repositories = Some([(repodata.clone(), versions)].into());
        let (settings, mut history) = (Settings::default(), History::default());
        history.absorb(&PrimaryScan { scanned: now.clock, repositories }, &settings);
        let progress = Progress { now, settled: Some(now), ..Progress::default() };
        let view = View { settings: &settings, history: &history, progress: &progress };
        let lines = |distrusted: &Distrusted| -> Vec<String> {
            let gates = explain(&state, &entry, &view, distrusted, Disclosure::Full);
            gates.iter().map(Gate::to_string).collect()
        };
        assert_eq!(
            lines(&Distrusted::default()),
            [
                "NO  mirror: listed for none of its repositories",
                "NO  repository 9/os: a version that the primary never had",
                "NO  files of iso: 2 of 20 files are missing or have another size",
            ]
        );
        let distrusted =
            Distrusted { repositories: [repodata].into(), directories: ["iso".to_owned()].into() };
        assert_eq!(
            lines(&distrusted),
            [
                "ok  mirror: listed",
                "ok  repository 9/os: a version that the primary never had, as on so many mirrors that the scan of \
                 it is doubted: listed after those that are current",
                "ok  files of iso: 2 of 20 files are missing or have another size, as on so many mirrors that the \
                 scan of the primary is doubted",
            ]
        );
    }
}
