//! The check-in of ours.
//!
//! ```json
//! {"mirror": "berlin", "category": "fedora", "finished_at": 1795689000, "directories": ["41", "41/os"]}
//! ```
//!
//! In place of `directories` there may be `manifest_sha256`: the SHA-256, in hexadecimal digits, of a manifest
//! of the primary that the mirror has reached.

use std::borrow::Cow;

use model::checksum::parse_hex;
use model::date::Timestamp;
use serde::Deserialize;

use super::directories::{Collector, Directories};
use super::error::CheckinError;
use super::limits::Limits;

/// How much later than now a sync may have finished, in seconds: clocks differ.
const MAX_AHEAD: u64 = 600;
/// The longest name of a mirror or a category, in bytes.
const MAX_TEXT: usize = model::MAX_NAME;
/// The last second that is shown as a date: the end of the year 9999.
const MAX_SHOWN: u64 = 253_402_300_799;

/// A check-in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkin {
    /// The key of the mirror, as text.
    pub mirror: String,
    /// The name of the category that was synced.
    pub category: String,
    /// When the sync finished, in seconds since 1970, by the clock of the mirror.
    pub finished_at: u64,
    /// What the mirror has.
    pub content: Content,
}

/// What a mirror has of a category.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// These directories.
    Directories(Directories),
    /// What the manifest with this SHA-256 lists.
    Manifest([u8; 32]),
}

/// Decodes a document. `now` is the time in seconds since 1970.
pub fn decode(bytes: &[u8], limits: &Limits, now: u64) -> Result<Checkin, CheckinError> {
    if bytes.len() > limits.packed {
        return Err(CheckinError::TooLong { found: bytes.len(), limit: limits.packed });
    }
    let document: Document<'_> =
        serde_json::from_slice(bytes).map_err(|error| CheckinError::json(&error))?;
    let Document { mirror, category, finished_at, directories, manifest_sha256 } = document;
    for (key, text) in [("mirror", &mirror), ("category", &category)] {
        if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            let problem =
                format!("`{key}` is empty, longer than 500 bytes, or holds control characters");
            return Err(CheckinError::Content(problem));
        }
    }
    if finished_at > now.saturating_add(MAX_AHEAD) {
        let shown = Timestamp { seconds: finished_at.min(MAX_SHOWN) };
        let problem = format!("`finished_at` is in the future: {finished_at}, {shown}");
        return Err(CheckinError::Content(problem));
    }
    let content = match (directories, manifest_sha256) {
        (Some(names), None) => Content::Directories(collect(&names, limits)?),
        (None, Some(text)) => Content::Manifest(parse_hex(&text).ok_or_else(|| {
            CheckinError::Content("`manifest_sha256` is not 64 hexadecimal digits".to_owned())
        })?),
        _ => {
            let problem = "has to hold either `directories` or `manifest_sha256`";
            return Err(CheckinError::Content(problem.to_owned()));
        }
    };
    Ok(Checkin { mirror, category, finished_at, content })
}

fn collect(names: &[Name<'_>], limits: &Limits) -> Result<Directories, CheckinError> {
    let mut directories = Directories::default();
    let mut collector = Collector::new(*limits);
    for Name(name) in names {
        collector.add(&mut directories, name.as_bytes())?;
    }
    directories.finish();
    Ok(directories)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    mirror: String,
    category: String,
    finished_at: u64,
    #[serde(borrow)]
    directories: Option<Vec<Name<'a>>>,
    manifest_sha256: Option<String>,
}

/// A name that lies in the document where it has no escapes: a million of them take 24 MB.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
