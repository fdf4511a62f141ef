//! What all pages of tasks have around them: links to each other, refreshing, what a change has come to.

use serve::admin::part::PartRequest;
use serve::pages::layout::{Labelled, PageLayout};
use store::record::Timestamp;

use crate::access::Access;

use super::display::{Shown, When};
use super::fields::Fields;

/// The pages of tasks, in the order of their links.
const PAGES: [(&str, &str); 5] = [
    ("/tasks", "Overview"),
    ("/tasks/list", "List"),
    ("/tasks/schedules", "Schedules"),
    ("/tasks/nodes", "Nodes"),
    ("/tasks/run", "Run"),
];

/// How often a page may be loaded again, in seconds.
const REFRESHES: [u32; 3] = [2, 5, 30];
/// The interval that pages offer.
const OFFERED_REFRESH: &str = "5";

/// What a page has around it.
pub(super) struct Frame {
    /// The path of the page among [`PAGES`].
    here: &'static str,
    /// What a change has come to.
    pub(super) notice: Option<&'static str>,
    /// How often the page loads itself again, in seconds. Such a page has no field to fill in, so that
    /// nothing is lost.
    pub(super) refresh: Option<u32>,
    /// The query that switches that on or off; `None` where there is nothing to see again.
    pub(super) refresh_query: Option<String>,
    /// How forms that change something show who sends them.
    access: FormAccess,
    /// The time that the page shows; `None` if it shows none.
    pub(super) now: Option<When>,
}

/// How forms that change something show who sends them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FormAccess {
    /// Whoever can connect may.
    Connected,
    /// By a cookie: this one has sent a token before.
    SignedIn(String),
    /// By a token, which the form asks for.
    Token,
    /// Nobody may: no token is configured.
    Nobody,
}

impl FormAccess {
    /// What forms in the answer to a request must show.
    pub(super) fn of(access: &Access, request: &PartRequest) -> Self {
        match access.signed_in(request) {
            Some(name) => Self::SignedIn(name),
            None if access.is_read_only(request) => Self::Nobody,
            None if access.needs_token(request) => Self::Token,
            None => Self::Connected,
        }
    }
}

impl Frame {
    /// The frame of the page at `here`, asked for with `query` at `now`. `twin` is the path of the same for
    /// programs; it comes into the links of the listener, `layout`.
    pub(super) fn new(
        layout: &mut PageLayout,
        here: &'static str,
        twin: &str,
        query: &Fields,
        access: FormAccess,
        now: Option<Timestamp>,
    ) -> Self {
        // One link of the listener stands for all pages here.
        layout.path = if here == "/tasks" { "/tasks" } else { "" };
        layout.for_programs.insert(0, Labelled::new(twin, "JSON"));
        // That page is a form.
        let can_refresh = here != "/tasks/run";
        let refresh = query.get("refresh").parse().ok().filter(|_| can_refresh);
        let refresh = refresh.filter(|seconds| REFRESHES.contains(seconds));
        let kept = query.without(&["refresh", "done"]);
        let refresh_query = match refresh {
            Some(_) => kept.to_query(),
            None => kept.with("refresh", OFFERED_REFRESH).to_query(),
        };
        Self {
            here,
            notice: notice(query.get("done")),
            refresh,
            refresh_query: can_refresh.then(|| match refresh_query.is_empty() {
                true => "?".to_owned(),
                false => refresh_query,
            }),
            access,
            now: now.map(|now| When::new(now, now)),
        }
    }

    /// The pages of tasks: path, text, and whether it is this one.
    pub(super) fn pages(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        PAGES.iter().map(|(path, label)| (*path, *label, *path == self.here))
    }

    /// Whether the page has forms.
    pub(super) fn has_forms(&self) -> bool {
        self.refresh.is_none() && self.access != FormAccess::Nobody
    }

    /// Who may sign out here.
    pub(super) fn signed_in(&self) -> Option<Shown> {
        match &self.access {
            FormAccess::SignedIn(name) if self.refresh.is_none() => Some(Shown::short(name)),
            _ => None,
        }
    }

    /// Whether nobody may change anything from here.
    pub(super) fn asks_nobody(&self) -> bool {
        self.access == FormAccess::Nobody
    }

    /// Whether forms ask for a token.
    pub(super) fn asks_token(&self) -> bool {
        self.access == FormAccess::Token
    }
}

/// What pages say after a change, by the word in `done=`. Only these texts can be shown.
const NOTICES: &[(&str, &str)] = &[
    ("accepted", "The task was accepted."),
    ("merged", "Such a task is there already: this is it. If it runs, another run follows."),
    ("cancelled", "The task is cancelled."),
    (
        "asked",
        "The task was asked to stop. It does so as soon as its runner looks, within seconds.",
    ),
    ("already", "Somebody had asked the task to stop before."),
    ("ended", "The task had ended before: nothing was changed."),
    ("retried", "This task does it again."),
    ("commented", "The note was added."),
    ("paused", "Paused. What runs goes on to its end, and nothing else is begun."),
    ("resumed", "It goes on."),
    ("signed-out", "You are signed out: the next form asks for a token again."),
];

fn notice(word: &str) -> Option<&'static str> {
    NOTICES.iter().find(|(known, _)| *known == word).map(|(_, text)| *text)
}

/// A name for what a form asks, so that sent twice it is done once.
pub(super) fn new_request_id() -> String {
    format!("page-{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(query: &str) -> Frame {
        let query = Fields::read(query).unwrap();
        Frame::new(
            &mut PageLayout::default(),
            "/tasks/list",
            "/x",
            &query,
            FormAccess::Token,
            Some(Timestamp(0)),
        )
    }

    #[test]
    fn refreshing_keeps_the_filters_and_leaves_forms_out() {
        let off = frame("kind=a%26b&done=paused");
        assert_eq!(
            (off.refresh, off.refresh_query.as_deref()),
            (None, Some("?kind=a%26b&refresh=5"))
        );
        assert!(off.has_forms() && off.notice.is_some());
        let on = frame("kind=a&refresh=5");
        assert_eq!((on.refresh, on.refresh_query.as_deref()), (Some(5), Some("?kind=a")));
        assert!(!on.has_forms());
        assert_eq!(frame("refresh=0").refresh, None);
        assert_eq!(frame("refresh=30").refresh_query.as_deref(), Some("?"));
    }

    #[test]
    fn only_known_notices_are_shown() {
        assert_eq!(frame("done=<script>").notice, None);
    }
}
