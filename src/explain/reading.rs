//! What a package manager does with a list, as data.

use serde::{Deserialize, Serialize};

use super::package_manager::PackageManager;

/// What a package manager does with a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// The package manager.
    pub client: PackageManager,
    /// Whether it reads answers of this format. If not, the other fields say nothing.
    pub reads_format: bool,
    /// The URLs in the order in which it tries them, one step after another. It chooses by chance among
    /// those of a step.
    pub tries: Vec<Vec<String>>,
    /// The order in which it goes on if the first URL gives no answer in time; `null` if that is the same as
    /// for any failure.
    pub after_timeout: Option<Vec<String>>,
    /// The URLs that it does not try.
    pub skipped: Vec<SkippedUrl>,
    /// What else there is to know, a sentence each.
    pub notes: Vec<String>,
}

/// A URL that is not tried.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SkippedUrl {
    /// The URL.
    pub url: String,
    /// The reason.
    pub reason: String,
}
