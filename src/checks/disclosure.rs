//! What is told of a failure, and to whom.
//!
//! The detail of a failure and the URL that failed are for operators. They may hold addresses of our own network and what
//! our resolver says: the owner of a mirror chooses where its redirects lead, so whoever is shown the detail could ask about
//! names and addresses that only we can ask.

use crate::class::FailureClass;
use crate::observation::Failure;
use crate::state::{Event, EventKind};

/// To whom something is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disclosure {
    /// To those who run the checks: everything.
    Full,
    /// To everybody, and to owners of mirrors: classes of failures, and nothing that somebody has noted.
    Public,
}

impl Disclosure {
    /// Why something failed, on one line.
    pub(crate) fn reason(self, failure: &Failure) -> String {
        match self {
            Self::Full => format!("{}: {} ({})", failure.class, failure.detail, failure.url),
            Self::Public => public_class(failure.class).map_or_else(
                || "something that says nothing about the mirror".to_owned(),
                |class| class.as_str().to_owned(),
            ),
        }
    }

    /// A note after a text, if there is one and it is told.
    pub(crate) fn noted(self, note: &str) -> String {
        match self {
            Self::Full if !note.is_empty() => format!(": {note}"),
            Self::Full | Self::Public => String::new(),
        }
    }
}

/// The class of a failure, if everybody is told of it: what is not the mirror's is about our own network.
pub fn public_class(class: FailureClass) -> Option<FailureClass> {
    class.is_of_mirror().then_some(class)
}

/// An event as everybody is told of it; `None` if it is not about the mirror.
pub fn public_event(event: &Event) -> Option<Event> {
    let (subject, detail) = match event.kind {
        // The subject is a base URL of the catalog or a directory.
        EventKind::Failed(class) => {
            public_class(class)?;
            (event.subject.clone(), String::new())
        }
        // The subject is where a redirect has led.
        EventKind::Down => {
            let class = event.detail.split(':').next().and_then(FailureClass::parse);
            let class = class.and_then(public_class);
            (String::new(), class.map_or_else(String::new, |class| class.to_string()))
        }
        // How many days are left.
        EventKind::Certificate => (event.subject.clone(), event.detail.clone()),
        EventKind::Recovered | EventKind::Disabled | EventKind::Enabled => {
            (String::new(), String::new())
        }
    };
    Some(Event { subject, detail, ..event.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distrust::Distrusted;
    use crate::explain::explain;
    use crate::history::History;
    use crate::inventory::{Entry, Tree};
    use crate::moment::Moment;
    use crate::progress::Progress;
    use crate::settings::Settings;
    use crate::state::{
        Maintenance, MirrorState, Pause, RepositoryState, RouteState, RouteVerdict, Routes,
    };
    use crate::verdict::View;

    const SECRETS: [&str; 3] = ["corp.internal", "10.1.2.3", "new disks"];
    const DETAIL: &str = "a redirect leads to where none is followed: blocked_address: \
                          git.corp.internal: 10.1.2.3 is not a global address";

    fn is_told(text: &str) -> bool {
        SECRETS.iter().any(|secret| text.contains(secret))
    }

    #[test]
    fn where_a_redirect_leads_and_what_somebody_has_noted_is_not_for_everybody() {
        let now = Moment { clock: 1_800_000_000, credited: 1_000_000 };
        let base = "https://a.example/pub".to_owned();
        let progress = Progress { now, settled: Some(now), ..Progress::default() };
        let (settings, history) = (Settings::default(), History::default());
        let view = View { settings: &settings, history: &history, progress: &progress };
        let verdicts = [RouteVerdict::Unknown, RouteVerdict::Up, RouteVerdict::Down];
        let mut n_told = 0;
        for class in FailureClass::ALL {
            for verdict in verdicts {
                let failure = Failure::new(*class, "http://git.corp.internal/".to_owned(), DETAIL);
                let route = RouteState {
                    verdict,
                    since: now,
                    failure: Some(failure.clone()),
                    redirected_to: Some("git.corp.internal".into()),
                    ..RouteState::default()
                };
                let repository = RepositoryState {
                    checked: Some(now),
                    failure: Some(failure),
                    ..RepositoryState::default()
                };
                let mut state = MirrorState { is_proven: true, ..MirrorState::default() };
                let routes = Routes { v4: route, v6: RouteState::default() };
                state.routes.insert(base.clone(), routes);
                state.repositories.insert("9/os/repodata".into(), repository);
                let repositories = vec!["9/os/repodata".to_owned()];
                let tree = Tree { urls: vec![base.clone()], repositories, directories: vec![] };
                let entry = Entry { trees: vec![tree], ..Entry::default() };
                let planned = |from: u64| {
                    let (until, note) = (from + 3_600, "new disks".to_owned());
                    vec![Maintenance { from, until, note, is_by_owner: true }]
                };
                let pause = Pause { since: now.clock, note: "new disks".to_owned() };
                for (paused, maintenance) in [
                    (None, vec![]),
                    (Some(pause), vec![]),
                    (None, planned(now.clock)),
                    (None, planned(now.clock + 60)),
                ] {
                    state.switches.paused = paused;
                    state.switches.maintenance = maintenance;
                    let text = |to| {
                        format!("{:?}", explain(&state, &entry, &view, &Distrusted::default(), to))
                    };
                    let public = text(Disclosure::Public);
                    assert!(!is_told(&public), "{public}");
                    assert!(!public.contains("own_network"), "{public}");
                    n_told += usize::from(is_told(&text(Disclosure::Full)));
                }
            }
        }
        assert_eq!(n_told, FailureClass::ALL.len() * verdicts.len() * 4, "others are told");
    }

    #[test]
    fn events_say_what_has_failed_and_not_where_a_redirect_has_led() {
        let event = |kind, subject: &str, detail: &str| {
            let (subject, detail) = (subject.to_owned(), detail.to_owned());
            Event { kind, subject, detail, first: 1, last: 2, count: 3 }
        };
        let told = |kind, subject: &str, detail: &str| {
            let public = public_event(&event(kind, subject, detail))?;
            assert_eq!((public.kind, public.first, public.last, public.count), (kind, 1, 2, 3));
            assert!(!is_told(&format!("{public:?}")), "{public:?}");
            Some((public.subject, public.detail))
        };
        let both = |subject: &str, detail: &str| Some((subject.to_owned(), detail.to_owned()));
        let base = "https://a.example/pub over IPv4";
        for class in FailureClass::ALL {
            let expected = class.is_of_mirror().then(|| (base.to_owned(), String::new()));
            assert_eq!(told(EventKind::Failed(*class), base, DETAIL), expected);
        }
        let down = format!("redirect_refused: {DETAIL}");
        let to = "http://git.corp.internal/";
        assert_eq!(told(EventKind::Down, to, &down), both("", "redirect_refused"));
        assert_eq!(told(EventKind::Down, to, DETAIL), both("", ""));
        assert_eq!(told(EventKind::Enabled, "", "new disks"), both("", ""));
        let left = "expires in 9 days";
        let certificate = told(EventKind::Certificate, "https://a.example", left);
        assert_eq!(certificate, both("https://a.example", left));
    }
}
