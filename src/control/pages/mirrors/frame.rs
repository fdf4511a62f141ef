//! What all pages of mirrors have around them.

use serve::pages::layout::{Labelled, PageLayout};
use store::record::Timestamp;

use super::super::display::When;
use crate::mirrors::survey::Survey;

/// What a page has around it.
pub(super) struct MirrorFrame {
    /// The path of the page among those that all link to.
    here: &'static str,
    /// When the survey was made that the page shows.
    pub(super) made: When,
    /// When a mirror was visited last; `None` before the first visit.
    pub(super) visited: Option<When>,
    /// Whether a newer one should be there.
    pub(super) is_stale: bool,
    /// When the findings were made that lists follow; `None` if there are none.
    pub(super) found: Option<When>,
}

impl MirrorFrame {
    /// The frame of the page at `here`, whose same for programs is at `twin`.
    pub(super) fn new(
        layout: &mut PageLayout,
        here: &'static str,
        twin: &str,
        survey: &Survey,
    ) -> Self {
        // One link of the listener stands for all pages here.
        layout.path = if here == "/mirrors" { "/mirrors" } else { "" };
        layout.for_programs.insert(0, Labelled::new(twin, "JSON"));
        let made = time(survey.made);
        Self {
            here,
            made: When::new(made, made),
            visited: (survey.visited > 0).then(|| When::new(time(survey.visited), made)),
            is_stale: survey.is_stale,
            found: (survey.found > 0).then(|| When::new(time(survey.found), made)),
        }
    }

    /// The pages of mirrors: path, text, and whether it is this one.
    pub(super) fn pages(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let pages = [("/mirrors", "All mirrors"), ("/propagation", "Propagation")];
        pages.into_iter().map(|(path, label)| (path, label, path == self.here))
    }
}

/// A time as pages show it.
pub(super) fn time(seconds: u64) -> Timestamp {
    Timestamp(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
}
