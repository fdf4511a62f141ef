//! What a visit to a mirror has shown, as it is recorded.

use std::net::IpAddr;
use std::ops::Not;

use model::families::IpVersion;
use serde::{Deserialize, Serialize};

use super::class::FailureClass;

/// The most bytes of a failure's detail that are kept.
pub const MAX_DETAIL: usize = 200;
/// The most bytes of a failure's URL that are kept: what a redirect leads to can be longer.
pub const MAX_FAILED_URL: usize = 1_024;

/// What a visit looks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Whether each URL answers over each version of IP, with one small file.
    Probe,
    /// The `repomd.xml` of each repository.
    Hash,
    /// Some files of each category.
    Sample,
    /// All files of a category, by rsync.
    Listing,
}

impl Tier {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Probe, Self::Hash, Self::Sample, Self::Listing];

    /// Its word, as it is recorded.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Hash => "hash",
            Self::Sample => "sample",
            Self::Listing => "listing",
        }
    }
}

/// What one look at one mirror has shown. Visits are recorded whole.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// The key of the mirror ([`model::mirror_key::MirrorKey`]), as text.
    pub mirror: String,
    /// What was looked for.
    pub tier: Tier,
    /// The round that the visit belongs to: visits of one round may share a fault of our own.
    pub round: u64,
    /// When it began, in seconds since 1970 by the clock of the machine that visited.
    pub started: u64,
    /// How long it took, in milliseconds.
    pub millis: u64,
    /// Whether the owner of the mirror or an operator has asked for it.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub is_asked: bool,
    /// Requests that were sent.
    pub requests: u32,
    /// Bytes of bodies that were received.
    pub bytes: u64,
    /// How it ended. Whatever the end, what it says was seen.
    pub end: End,
    /// Each base URL over each version of IP that was tried.
    pub urls: Vec<UrlSeen>,
    /// Each repository that was asked for.
    pub repositories: Vec<RepositorySeen>,
    /// Each directory of which files were looked at.
    pub directories: Vec<DirectorySeen>,
}

/// How a visit ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum End {
    /// Everything that was to be asked was asked.
    Complete,
    /// A budget was used up: `wall`, `requests`, `bytes`, `lines`, or the size of the `record`. The rest is
    /// unknown.
    Budget(String),
    /// The mirror asked to be left alone, for so many seconds if it said so.
    Busy(Option<u32>),
    /// The task was cancelled or its machine was shut down.
    Cancelled,
}

/// What a base URL answered over a version of IP.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlSeen {
    /// The base URL, as the catalog has it.
    pub url: String,
    /// The version of IP.
    #[serde(with = "version")]
    pub version: IpVersion,
    /// The address that was connected to last; `None` if there was none.
    pub address: Option<IpAddr>,
    /// What came of it.
    pub outcome: Outcome,
    /// Milliseconds until the first byte of the answer; `None` without an answer.
    pub first_byte: Option<u32>,
    /// The host that a redirect led to, if it is another one.
    pub redirected_to: Option<String>,
    /// When the certificate expires, in seconds since 1970; `None` without TLS.
    pub certificate_expires: Option<u64>,
}

/// What came of asking a URL.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It answered as it should.
    Good,
    /// It was not tried, as we have no such version of IP: nothing was learned.
    NotTested,
    /// It was not tried, as DNS says for certain that the host has no address of that version.
    NoAddress,
    /// It failed.
    Failed(Failure),
}

/// Why something failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Its class.
    pub class: FailureClass,
    /// The URL that was asked, after redirects; its first [`MAX_FAILED_URL`] bytes.
    pub url: String,
    /// What was seen, on one line of at most [`MAX_DETAIL`] bytes.
    pub detail: String,
}

/// What a mirror has of a repository.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepositorySeen {
    /// The base URL that was asked.
    pub url: String,
    /// The directory that holds `repomd.xml`, below the tree.
    pub directory: String,
    /// What was there.
    pub content: Content,
}

/// The `repomd.xml` of a mirror.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// A file with that SHA-256, in lower-case hexadecimal digits.
    Hash(String),
    /// The mirror says that it is as it was at the last visit (304).
    Unchanged,
    /// It could not be read.
    Failed(Failure),
}

/// How much of a directory a mirror has.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySeen {
    /// Its name below the tree.
    pub directory: String,
    /// Files that were looked for and are there, with the right size.
    pub present: u64,
    /// Files that are not there.
    pub missing: u64,
    /// Files of another size.
    pub other_size: u64,
    /// Whether every file of the directory was looked for.
    pub is_whole: bool,
}

impl DirectorySeen {
    /// How many files are missing or have another size.
    pub fn n_lacking(&self) -> u64 {
        self.missing.saturating_add(self.other_size)
    }
}

impl Failure {
    /// A failure; the detail is brought onto one line, and both texts are cut.
    pub fn new(class: FailureClass, url: impl Into<String>, detail: &str) -> Self {
        let mut detail: String =
            detail.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        let mut url = url.into();
        cut(&mut detail, MAX_DETAIL);
        cut(&mut url, MAX_FAILED_URL);
        Self { class, url, detail }
    }
}

/// Leaves at most `max` bytes of a text, up to the border of a character.
fn cut(text: &mut String, max: usize) {
    let end = (0..=max.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    text.truncate(end.unwrap_or(0));
}

impl Visit {
    /// How many of its requests the mirror is charged for. What a mirror that works redirects to is free: so half of
    /// its requests may be made, where http leads to https. Tries that fail are not.
    pub fn n_charged(&self) -> u32 {
        let has_failed = self.urls.iter().any(|seen| matches!(seen.outcome, Outcome::Failed(_)))
            || self.repositories.iter().any(|seen| matches!(seen.content, Content::Failed(_)));
        if has_failed {
            return self.requests;
        }
        let files = |seen: &DirectorySeen| seen.present.saturating_add(seen.n_lacking());
        let n_files: u64 = self.directories.iter().map(files).fold(0, u64::saturating_add);
        let n_others = u64::try_from(self.urls.len() + self.repositories.len()).unwrap_or(u64::MAX);
        self.requests.min(u32::try_from(n_files.saturating_add(n_others)).unwrap_or(u32::MAX))
    }

    /// The visit as one line of JSON of at most `max` bytes, and how many repositories and directories were left out
    /// for that, the last ones first; they are as if they had not been asked for. `None` if it does not fit
    /// without any of them either.
    pub fn to_record(&self, max: usize) -> Result<Option<(String, usize)>, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        if text.len() <= max {
            return Ok(Some((text, 0)));
        }
        let mut visit = self.clone();
        if visit.end == End::Complete {
            visit.end = End::Budget("record".into());
        }
        let n_seen = |visit: &Self| visit.repositories.len() + visit.directories.len();
        while n_seen(&visit) > 0 {
            // What is lost of directories says less.
            match visit.directories.len() {
                0 => visit.repositories.truncate(visit.repositories.len() / 2),
                n => visit.directories.truncate(n / 2),
            }
            let text = serde_json::to_string(&visit)?;
            if text.len() <= max {
                return Ok(Some((text, n_seen(self) - n_seen(&visit))));
            }
        }
        Ok(None)
    }
}

mod version {
    use model::families::IpVersion;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        version: &IpVersion,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(version.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<IpVersion, D::Error> {
        let text = String::deserialize(deserializer)?;
        IpVersion::parse(&text).ok_or_else(|| D::Error::custom("`version` is neither 4 nor 6"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_short_line() {
        let failure = Failure::new(FailureClass::Dns, "u", &format!("a\nb{}", "ü".repeat(200)));
        assert!(failure.detail.starts_with("a b"));
        assert!(failure.detail.len() <= MAX_DETAIL);
        let long = format!("http://a.example/{}", "ü".repeat(2_000));
        let failure = Failure::new(FailureClass::RedirectRefused, long, "x");
        assert!((MAX_FAILED_URL - 1..=MAX_FAILED_URL).contains(&failure.url.len()));
    }

    #[test]
    fn tiers_have_the_words_that_are_recorded() {
        for tier in Tier::ALL {
            assert_eq!(serde_json::to_string(&tier).unwrap(), format!("\"{}\"", tier.as_str()));
        }
    }

    #[test]
    fn outcomes_have_stable_names() {
        for (outcome, name) in [
            (Outcome::Good, "good"),
            (Outcome::NotTested, "not_tested"),
            (Outcome::NoAddress, "no_address"),
        ] {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{name}\""));
        }
    }

    fn visit() -> Visit {
        let failure = Failure::new(FailureClass::ConnectRefused, "http://a.example/x", "refused");
        Visit {
            mirror: "berlin".into(),
            tier: Tier::Hash,
            round: 7,
            started: 1_800_000_000,
            millis: 12,
            is_asked: false,
            requests: 2,
            bytes: 4096,
            end: End::Busy(Some(60)),
            urls: vec![UrlSeen {
                url: "http://a.example/".into(),
                version: IpVersion::V6,
                address: Some("2001:db8::1".parse().unwrap()),
                outcome: Outcome::Failed(failure.clone()),
                first_byte: None,
                redirected_to: None,
                certificate_expires: None,
            }],
            repositories: vec![RepositorySeen {
                url: "http://a.example/".into(),
                directory: "9/BaseOS/x86_64/os/repodata".into(),
                content: Content::Failed(failure),
            }],
            directories: Vec::new(),
        }
    }

    #[test]
    fn a_visit_is_read_as_it_is_written() {
        let line = serde_json::to_string(&visit()).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Visit>(&line).unwrap(), visit());
    }

    #[test]
    fn redirects_of_what_works_are_free_and_tries_that_fail_are_not() {
        let mut seen = visit();
        let repository = seen.repositories.remove(0);
        let good = RepositorySeen { content: Content::Hash("a".repeat(64)), ..repository.clone() };
        seen.urls[0].outcome = Outcome::Good;
        seen.repositories = vec![good; 10];
        let charged = |seen: &Visit, requests| Visit { requests, ..seen.clone() }.n_charged();
        assert_eq!([10, 20].map(|requests| charged(&seen, requests)), [10, 11]);
        let missing = Visit { repositories: vec![repository], ..seen.clone() };
        assert_eq!(charged(&missing, 20), 20);
        let failure = Failure::new(FailureClass::ConnectRefused, "u", "x");
        seen.urls[0].outcome = Outcome::Failed(failure);
        assert_eq!(charged(&seen, 20), 20);
    }

    #[test]
    fn a_record_that_would_be_too_large_keeps_what_fits() {
        let mut large = visit();
        large.end = End::Complete;
        large.repositories = vec![large.repositories.remove(0); 100];
        let directory = DirectorySeen {
            directory: "9/iso".into(),
            present: 1,
            missing: 0,
            other_size: 0,
            is_whole: false,
        };
        large.directories = vec![directory; 1_000];
        let whole = serde_json::to_string(&large).unwrap();
        assert_eq!(large.to_record(whole.len()).unwrap(), Some((whole.clone(), 0)));
        let read = |max| {
            let (text, n_left_out) = large.to_record(max).unwrap()?;
            assert!(text.len() <= max);
            let read: Visit = serde_json::from_str(&text).unwrap();
            let n_kept = (read.repositories.len(), read.directories.len());
            assert_eq!(n_kept.0 + n_kept.1 + n_left_out, 1_100);
            assert_eq!((&read.urls, read.end), (&large.urls, End::Budget("record".into())));
            Some(n_kept)
        };
        assert_eq!(read(whole.len() - 1), Some((100, 500)));
        assert_eq!(read(10_000), Some((50, 0)));
        let bare = Visit { repositories: Vec::new(), directories: Vec::new(), ..large.clone() };
        let bare = serde_json::to_string(&bare).unwrap().len();
        assert_eq!(read(bare + 20), Some((0, 0)));
        assert_eq!(read(bare / 2), None);
    }
}
