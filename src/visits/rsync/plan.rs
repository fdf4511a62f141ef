//! What a visit by rsync is to list.

use std::collections::BTreeMap;

use model::base_url::BaseUrl;
use model::families::IpVersion;
use model::path::is_within;

use crate::redirect::RedirectPolicy;

/// What a visit lists.
#[derive(Clone, Debug)]
pub struct ListingPlan {
    /// The key of the mirror, as text.
    pub mirror: String,
    /// The round that the visit belongs to.
    pub round: u64,
    /// When it begins, in seconds since 1970.
    pub started: u64,
    /// Whether somebody has asked for it.
    pub is_asked: bool,
    /// What is listed, one after the other.
    pub trees: Vec<ListedTree>,
    /// The directories that lacked something at the last look. Of others that lack nothing, nothing is recorded.
    pub doubted: BTreeMap<String, Doubt>,
    /// Which redirects are followed where a file is asked for over HTTP.
    pub redirects: RedirectPolicy,
    /// The versions of IP that we have, the one to use first in front.
    pub versions: Vec<IpVersion>,
    /// What the primary has had as it is since then, in seconds since 1970, must be there.
    pub settled: u64,
}

/// What is held of a directory that lacked something at the last look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// It was the first look that missed something.
    First,
    /// It counts as incomplete.
    Certain,
}

/// A part of the tree that a mirror serves below the same base URLs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedTree {
    /// The base URLs of rsync, in the order in which they are tried.
    pub urls: Vec<BaseUrl>,
    /// The base URLs of HTTP(S), which clients use.
    pub http: Vec<BaseUrl>,
    /// The full name of the directory that is listed.
    pub top: String,
    /// Its path below each base URL.
    pub path: String,
    /// The directories below which the mirror carries everything.
    pub carried: Vec<String>,
    /// Those within them that other base URLs of the mirror serve.
    pub excluded: Vec<String>,
}

impl ListedTree {
    /// Whether other base URLs serve something below a directory.
    pub(super) fn leaves_out_below(&self, directory: &str) -> bool {
        self.excluded.iter().any(|top| is_within(top, directory))
    }

    /// Whether a directory is served by these URLs: what names it most narrowly does.
    pub(super) fn serves(&self, directory: &str) -> bool {
        let depth = |tops: &[String]| {
            tops.iter().filter(|top| is_within(directory, top)).map(String::len).max()
        };
        depth(&self.carried)
            .is_some_and(|own| depth(&self.excluded).is_none_or(|other| other <= own))
    }
}
