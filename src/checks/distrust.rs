//! When many mirrors have what the primary never had, or lack what it should have, it is the primary that is not
//! known well.

use crate::settings::Settings;
use crate::state::Status;

/// The mirrors that have a repository, or a directory of which files were looked at.
#[derive(Clone, Copy, Default)]
pub(crate) struct Holders {
    n_known: usize,
    /// Those with a version that the primary never had, or without files that it has.
    n_strange: usize,
}

impl Holders {
    pub(crate) fn add(&mut self, status: Status) {
        self.n_known += usize::from(status != Status::Unknown);
        self.n_strange += usize::from(matches!(status, Status::Ahead | Status::Foreign));
    }

    pub(crate) fn add_directory(&mut self, is_incomplete: bool) {
        self.n_known += 1;
        self.n_strange += usize::from(is_incomplete);
    }

    /// Whether it is the primary that is doubted.
    pub(crate) fn are_trusted_more(self, settings: &Settings) -> bool {
        self.n_strange >= settings.min_mirrors
            && self.n_strange.saturating_mul(100)
                > self.n_known.saturating_mul(settings.distrust_percent)
    }
}
