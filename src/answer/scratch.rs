//! The memory that a worker reuses for each answer.

use std::time::{Duration, UNIX_EPOCH};

use super::candidates::Workspace;
use super::selection::Selection;
use super::unique::Repeated;
use encode::text::Pieces;

/// Buffers that a worker reuses for each answer.
#[derive(Default)]
pub struct Scratch {
    /// The target that a route makes of a request.
    pub(super) target: String,
    /// Everything that an answer does not borrow from.
    pub(super) buffers: Buffers,
}

/// Buffers of one answer.
#[derive(Default)]
pub(super) struct Buffers {
    /// Memory of a selection.
    pub(super) workspace: Workspace,
    /// The chosen mirrors.
    pub(super) selection: Selection,
    /// The URLs and mirrors that are left out.
    pub(super) repeated: Repeated,
    /// The date of answers.
    pub(super) pubdate: Pubdate,
    /// The key `repo+arch` of the repository that is asked for.
    pub(super) key: String,
    /// The text after each base URL.
    pub(super) url_tail: String,
    /// The text that a route puts behind each URL.
    pub(super) suffix: String,
    /// The text after each URL, escaped for the format.
    pub(super) tails: Pieces,
}

/// The date of answers, formatted once a second.
#[derive(Default)]
pub(super) struct Pubdate {
    second: u64,
    text: String,
}

impl Pubdate {
    /// `Sat, 21 Nov 2026 11:01:29 GMT`.
    pub(super) fn at(&mut self, now: u64) -> &str {
        if self.text.is_empty() || self.second != now {
            // Later times become the last second that the format can express (year 9999).
            let time = UNIX_EPOCH + Duration::from_secs(now.min(253_402_300_799));
            self.text = httpdate::fmt_http_date(time);
            self.second = now;
        }
        &self.text
    }
}
