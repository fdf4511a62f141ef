//! What a visit is to ask, and what one visit hands on to the next.

use std::collections::BTreeMap;

use checks::observation::Tier;
use model::base_url::BaseUrl;
use model::families::IpVersion;

use super::redirect::RedirectPolicy;

/// What one visit to one mirror is to ask.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The key of the mirror, as text.
    pub mirror: String,
    /// What is looked for. [`Tier::Listing`] is rsync's: here nothing is asked for it.
    pub tier: Tier,
    /// The round that the visit belongs to.
    pub round: u64,
    /// When it begins, in seconds since 1970.
    pub started: u64,
    /// What the mirror serves, by the base URLs below which it does.
    pub trees: Vec<Tree>,
    /// The versions of IP that we have ourselves, the one to prefer first (see
    /// [`own_versions`](super::own_versions::find)).
    pub versions: Vec<IpVersion>,
    /// Which redirects are followed.
    pub redirects: RedirectPolicy,
    /// What the last visit handed on.
    pub hints: Hints,
}

/// What a mirror serves below the same base URLs. Mirrors that keep each category elsewhere have several.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree {
    /// The base URLs. Those of rsync and FTP are left out.
    pub urls: Vec<BaseUrl>,
    /// The path of a small file for probes, below each base URL; `None` asks for the top directory.
    pub probe: Option<String>,
    /// The repositories that it should carry.
    pub repositories: Vec<Repository>,
    /// The files to look for.
    pub samples: Vec<Sample>,
}

/// A repository that a mirror should carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repository {
    /// The directory that holds its `repomd.xml`, as it is recorded.
    pub directory: String,
    /// The path of that file below each base URL.
    pub path: String,
}

/// A file that a mirror should carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// Its directory, as it is recorded.
    pub directory: String,
    /// Its path below each base URL.
    pub path: String,
    /// Its size on the primary, in bytes.
    pub size: u64,
}

/// What one visit hands on to the next, beside what it has seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hints {
    /// The ETag of each URL of a `repomd.xml` that was read whole. The next visit asks for what has changed
    /// since; a caller that wants all of it leaves them out.
    pub etags: BTreeMap<String, String>,
    /// Whether the mirror refuses HEAD and answers GET. The caller forgets it after a week.
    pub head_is_refused: bool,
}
