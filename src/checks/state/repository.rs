//! The content of one repository and one directory on a mirror, compared with the primary.

use serde::{Deserialize, Serialize};

use crate::class::FailureClass;
use crate::history::{Age, History};
use crate::moment::{Moment, is_to_come};
use crate::observation::{Content, DirectorySeen, Failure};
use crate::settings::Settings;

/// The seconds between the begins of two listings of which the first has put something in doubt. The primary is listed
/// anew in between, so that what it has removed meanwhile puts nobody out.
pub const BETWEEN_LISTINGS: u64 = 4 * 3_600;

/// What is known of a repository on a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepositoryState {
    /// SHA-256 of the `repomd.xml` that it had last; `None` if none was ever read.
    pub hash: Option<String>,
    /// When that hash was seen first in a row.
    pub hash_since: Moment,
    /// When it was asked for first, whatever came of it.
    pub asked_first: Option<Moment>,
    /// When it was asked for last.
    pub asked: Moment,
    /// When the last answer came that says something.
    pub checked: Option<Moment>,
    /// How many looks in a row did not find it.
    pub n_missing: u32,
    /// Since when it is missing, if it is.
    pub missing_since: Option<Moment>,
    /// The last failure, while the last look has failed.
    pub failure: Option<Failure>,
}

/// How a repository on a mirror stands to the primary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The primary's current version.
    Current,
    /// It is there, and there is nothing to compare it with.
    NotComparable,
    /// An earlier version.
    Behind {
        /// When the primary replaced it, in seconds since 1970.
        since: u64,
        /// Whether metalinks still offer it, so that clients accept it.
        is_offered: bool,
        /// How many versions came after it; at least 1.
        n_newer: usize,
    },
    /// A version that the primary did not have when it was scanned last, which was before this version was seen:
    /// the mirror may be ahead of our scan.
    Ahead,
    /// A version that the primary never had.
    Foreign,
    /// It is not there.
    Missing,
    /// It is not known, or not any more.
    Unknown,
}

impl Status {
    /// The words of all of them.
    pub const WORDS: [&'static str; 8] =
        ["current", "uncompared", "behind", "expired", "ahead", "foreign", "missing", "unknown"];

    /// Whether clients accept what the mirror has.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Current | Self::NotComparable | Self::Behind { is_offered: true, .. })
    }

    /// One word for it, of [`Self::WORDS`]. `behind` is what clients still accept, `expired` what they do not.
    pub fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::NotComparable => "uncompared",
            Self::Behind { is_offered: true, .. } => "behind",
            Self::Behind { is_offered: false, .. } => "expired",
            Self::Ahead => "ahead",
            Self::Foreign => "foreign",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }

    /// The class of failure that it is; `None` if it is none.
    pub fn class(self) -> Option<FailureClass> {
        match self {
            Self::Behind { is_offered: false, .. } => Some(FailureClass::HashBehind),
            Self::Foreign => Some(FailureClass::HashUnknown),
            Self::Missing => Some(FailureClass::Missing),
            _ => None,
        }
    }
}

impl RepositoryState {
    /// Whether it was there, and is not decided to be missing since.
    pub(crate) fn is_there(&self) -> bool {
        self.hash.is_some() && self.missing_since.is_none()
    }

    /// Takes in what was seen. `is_trusted` says whether a failure counts.
    pub(crate) fn observe(
        &mut self,
        content: &Content,
        now: Moment,
        is_trusted: bool,
        settings: &Settings,
    ) {
        self.asked = now;
        self.asked_first.get_or_insert(now);
        match content {
            Content::Hash(hash) if is_sha256(hash) => {
                if self.hash.as_ref() != Some(hash) {
                    self.hash = Some(hash.clone());
                    self.hash_since = now;
                }
                self.found(now);
            }
            Content::Unchanged if self.hash.is_some() => self.found(now),
            Content::Hash(_) | Content::Unchanged => {}
            Content::Failed(failure) => {
                self.failure = Some(failure.clone());
                let is_missing = match failure.class {
                    // A page for people is definite: it is the content that clients get.
                    FailureClass::Soft404 => Some(true),
                    FailureClass::Missing
                    | FailureClass::Forbidden
                    | FailureClass::Http4xx
                    | FailureClass::SizeMismatch
                    | FailureClass::RedirectRefused => Some(false),
                    _ => None,
                };
                if let Some(is_definite) = is_missing.filter(|_| is_trusted) {
                    self.n_missing = self.n_missing.saturating_add(1);
                    if is_definite || self.n_missing >= settings.missing_looks {
                        self.missing_since.get_or_insert(now);
                        self.checked = Some(now);
                    }
                }
            }
        }
    }

    /// How it stands to the primary at `now`.
    pub fn status(
        &self,
        repodata: &str,
        history: &History,
        now: Moment,
        settings: &Settings,
    ) -> Status {
        let is_forgotten = self.checked.is_none_or(|checked| {
            now.credited.saturating_sub(checked.credited) > settings.unknown_keep
        });
        if is_forgotten {
            return Status::Unknown;
        }
        if self.missing_since.is_some() {
            return Status::Missing;
        }
        let Some(hash) = &self.hash else { return Status::Unknown };
        match history.find(repodata, hash) {
            Age::NotComparable => Status::NotComparable,
            Age::Current => Status::Current,
            Age::Replaced { at, is_offered, n_newer } => {
                Status::Behind { since: at, is_offered, n_newer }
            }
            Age::NeverSeen if history.scanned() <= self.hash_since.clock => Status::Ahead,
            Age::NeverSeen => Status::Foreign,
        }
    }

    /// Whether it was asked for in vain for so long that nothing is known any more, or that something should
    /// be known.
    pub fn is_silent(&self, now: Moment, settings: &Settings) -> bool {
        let known = self.checked.or(self.asked_first);
        known.is_some_and(|known| {
            now.credited.saturating_sub(known.credited) > settings.unknown_keep
        })
    }

    /// Whether the last look did not find it, and the next one decides.
    pub fn is_in_doubt(&self) -> bool {
        self.n_missing > 0 && self.missing_since.is_none()
    }

    fn found(&mut self, now: Moment) {
        self.checked = Some(now);
        self.n_missing = 0;
        self.missing_since = None;
        self.failure = None;
        // The clock was set back: scans from now on are later than this.
        if self.hash_since.clock > now.clock {
            self.hash_since.clock = now.clock;
        }
    }
}

/// What is known of a directory on a mirror, of which files were looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DirectoryState {
    /// When it was looked at last.
    pub checked: Moment,
    /// How many looks in a row missed something.
    pub n_incomplete: u32,
    /// How many looks in a row missed nothing.
    pub n_complete: u32,
    /// Whether something is missing for certain.
    pub is_incomplete: bool,
    /// Since when that is so, if it is.
    pub incomplete_since: Option<Moment>,
    /// How many files were missing or of another size at the last look.
    pub n_missing: u64,
    /// How many files were looked for at the last look.
    pub n_files: u64,
}

impl DirectoryState {
    /// Takes in what was seen; a look that saw no file says nothing. Listings and samples decide after the
    /// same number of looks in a row, except that a whole listing that misses nothing decides at once.
    pub(crate) fn observe(
        &mut self,
        seen: &DirectorySeen,
        now: Moment,
        is_trusted: bool,
        settings: &Settings,
    ) {
        let n_missing = seen.n_lacking();
        let n_files = seen.present.saturating_add(n_missing);
        if n_files == 0 || (n_missing > 0 && !is_trusted) {
            return;
        }
        *self = Self { checked: now, n_missing, n_files, ..*self };
        if n_missing > 0 {
            self.n_complete = 0;
            self.n_incomplete = self.n_incomplete.saturating_add(1);
            self.is_incomplete |= self.n_incomplete >= settings.missing_looks;
            if self.is_incomplete {
                self.incomplete_since.get_or_insert(now);
            }
        } else {
            self.n_incomplete = 0;
            self.n_complete = self.n_complete.saturating_add(1);
            self.is_incomplete &= !seen.is_whole && self.n_complete < settings.missing_looks;
            self.incomplete_since = self.incomplete_since.filter(|_| self.is_incomplete);
        }
    }

    /// Forgets a first look that has missed something.
    pub(crate) fn forget_doubt(&mut self) {
        if !self.is_incomplete {
            (self.n_incomplete, self.n_missing) = (0, 0);
        }
    }

    /// Whether a listing of that time may be taken in: one that misses something is a second look no sooner than
    /// [`BETWEEN_LISTINGS`] after the first, so that the primary was listed anew meanwhile.
    pub(crate) fn may_be_looked_at(&self, seen: &DirectorySeen, begin: Moment, now: u64) -> bool {
        let is_second = self.n_incomplete > 0 && !self.is_incomplete;
        let misses = seen.n_lacking() > 0;
        let is_soon = begin.clock < self.checked.clock.saturating_add(BETWEEN_LISTINGS);
        !is_second || !misses || !is_soon || is_to_come(self.checked.clock, now)
    }

    /// Whether the last look said something else than what is certain.
    pub fn is_in_doubt(&self, settings: &Settings) -> bool {
        let n_looks = if self.is_incomplete { self.n_complete } else { self.n_incomplete };
        (1..settings.missing_looks).contains(&n_looks)
    }

    /// Whether something is missing for certain, and somebody has looked not too long ago.
    pub fn is_incomplete_at(&self, now: Moment, settings: &Settings) -> bool {
        let age = now.credited.saturating_sub(self.checked.credited);
        self.is_incomplete && age <= settings.unknown_keep
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::history::{PrimaryScan, PrimaryVersion};

    const REPODATA: &str = "9/repodata";

    fn hash(digit: u8) -> String {
        char::from(digit).to_string().repeat(64)
    }

    fn at(clock: u64) -> Moment {
        Moment { clock, credited: clock }
    }

    fn history(scanned: u64, versions: &[(u8, Option<u64>)]) -> History {
        let versions = versions
            .iter()
            .map(|&(digit, replaced)| PrimaryVersion { sha256: hash(digit), replaced });
        let repositories = BTreeMap::from([(REPODATA.to_owned(), versions.collect())]);
        let mut history = History::default();
        let scan = PrimaryScan { scanned, repositories: Some(repositories) };
        history.absorb(&scan, &Settings::default());
        history
    }

    fn observe(repository: &mut RepositoryState, clock: u64, content: &Content) {
        repository.observe(content, at(clock), true, &Settings::default());
    }

    fn status(repository: &RepositoryState, clock: u64, history: &History) -> Status {
        repository.status(REPODATA, history, at(clock), &Settings::default())
    }

    fn failed(class: FailureClass) -> Content {
        Content::Failed(Failure::new(class, "http://a.example/", "x"))
    }

    #[test]
    fn what_is_ahead_of_our_scan_is_foreign_or_current_after_the_next_one() {
        let mut repository = RepositoryState::default();
        observe(&mut repository, 200, &Content::Hash(hash(b'b')));
        let before = history(100, &[(b'a', None)]);
        assert_eq!(status(&repository, 200, &before), Status::Ahead);
        let foreign = history(300, &[(b'a', None)]);
        assert_eq!(status(&repository, 300, &foreign), Status::Foreign);
        let current = history(300, &[(b'b', None), (b'a', Some(300))]);
        assert_eq!(status(&repository, 300, &current), Status::Current);
    }

    #[test]
    fn a_change_of_the_primary_alone_makes_behind() {
        let mut repository = RepositoryState::default();
        observe(&mut repository, 200, &Content::Hash(hash(b'a')));
        let offered = history(300, &[(b'b', None), (b'a', Some(300))]);
        let expected = Status::Behind { since: 300, is_offered: true, n_newer: 1 };
        assert_eq!(status(&repository, 310, &offered), expected);
        assert!(expected.is_accepted());
    }

    #[test]
    fn missing_is_decided_at_the_second_look_and_a_page_for_people_at_the_first() {
        let primary = history(100, &[(b'a', None)]);
        let mut repository = RepositoryState::default();
        observe(&mut repository, 200, &Content::Hash(hash(b'a')));
        observe(&mut repository, 300, &failed(FailureClass::Missing));
        assert_eq!(status(&repository, 300, &primary), Status::Current);
        assert!(repository.is_in_doubt());
        observe(&mut repository, 310, &failed(FailureClass::Http5xx));
        observe(&mut repository, 320, &failed(FailureClass::Forbidden));
        assert_eq!(status(&repository, 320, &primary), Status::Missing);
        observe(&mut repository, 330, &Content::Unchanged);
        assert_eq!(status(&repository, 330, &primary), Status::Current);
        observe(&mut repository, 340, &failed(FailureClass::Soft404));
        assert_eq!(status(&repository, 340, &primary), Status::Missing);
    }

    #[test]
    fn what_was_known_holds_for_three_days() {
        let primary = history(100, &[(b'a', None)]);
        let mut repository = RepositoryState::default();
        observe(&mut repository, 200, &Content::Hash(hash(b'a')));
        let keep = Settings::default().unknown_keep;
        for clock in [300, 200 + keep] {
            observe(&mut repository, clock, &failed(FailureClass::ReadTimeout));
            assert_eq!(status(&repository, clock, &primary), Status::Current);
        }
        assert_eq!(status(&repository, 201 + keep, &primary), Status::Unknown);
        assert!(repository.is_silent(at(201 + keep), &Settings::default()));
    }

    #[test]
    fn what_is_no_hash_is_not_kept() {
        let mut repository = RepositoryState::default();
        for text in ["", "a", &"A".repeat(64), &"a".repeat(65)] {
            observe(&mut repository, 1, &Content::Hash(text.to_owned()));
        }
        assert_eq!((repository.hash, repository.checked), (None, None));
    }

    #[test]
    fn a_directory_is_incomplete_at_the_second_look() {
        let settings = Settings::default();
        let mut directory = DirectoryState::default();
        let mut look = |present, missing, is_whole| {
            let directory_name = "iso".to_owned();
            let seen = DirectorySeen {
                directory: directory_name,
                present,
                missing,
                other_size: 0,
                is_whole,
            };
            directory.observe(&seen, at(1), true, &settings);
            directory.is_incomplete
        };
        assert!(!look(3, 1, false));
        assert!(!look(0, 0, false), "says nothing");
        assert!(look(3, 1, false));
        assert!(look(3, 0, false));
        assert!(!look(3, 0, false));
        assert!(!look(3, 1, true));
        assert!(look(3, 1, true));
        assert!(!look(4, 0, true));
        let in_doubt = [(false, 0, 5), (false, 1, 0), (true, 2, 0), (true, 0, 1)];
        let in_doubt = in_doubt.map(|(is_incomplete, n_incomplete, n_complete)| {
            let directory = DirectoryState {
                is_incomplete,
                n_incomplete,
                n_complete,
                ..DirectoryState::default()
            };
            directory.is_in_doubt(&settings)
        });
        assert_eq!(in_doubt, [false, true, false, true]);
    }

    #[test]
    fn an_incomplete_directory_is_given_another_chance_if_nobody_looks() {
        let settings = Settings::default();
        let known = DirectoryState { is_incomplete: true, checked: at(5), ..Default::default() };
        assert!(known.is_incomplete_at(at(5 + settings.unknown_keep), &settings));
        assert!(!known.is_incomplete_at(at(6 + settings.unknown_keep), &settings));
    }

    #[test]
    fn since_when_files_are_missing_stays_while_they_are() {
        let mut directory = DirectoryState::default();
        let mut look = |clock, missing, is_whole| {
            let present = 20 - missing;
            let directory_name = "iso".to_owned();
            let seen = DirectorySeen {
                directory: directory_name,
                present,
                missing,
                other_size: 0,
                is_whole,
            };
            directory.observe(&seen, at(clock), true, &Settings::default());
            directory.incomplete_since.map(|since| since.clock)
        };
        assert_eq!(look(100, 1, false), None);
        assert_eq!(look(200, 2, false), Some(200));
        assert_eq!(look(300, 3, false), Some(200));
        assert_eq!(look(400, 0, false), Some(200), "the next look decides");
        assert_eq!(look(500, 1, false), Some(200));
        assert_eq!(look(600, 0, true), None);
    }
}
