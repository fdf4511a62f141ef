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
    /// What is looked for. For [`Tier::Listing`] nothing is asked over HTTP (see
    /// [`rsync::visit`](super::rsync::visit)).
    pub tier: Tier,
    /// The round that the visit belongs to.
    pub round: u64,
    /// When it begins, in seconds since 1970.
    pub started: u64,
    /// What the mirror serves, by the base URLs below which it does.
    pub trees: Vec<Tree>,
    /// The versions of IP that we have ourselves (see [`own_versions`](super::own_versions::find)). Over others
    /// nothing is asked.
    pub versions: Vec<IpVersion>,
    /// Which redirects are followed.
    pub redirects: RedirectPolicy,
    /// What the last visit handed on.
    pub hints: Hints,
}

/// What a mirror serves below the same base URLs. Mirrors that keep each category elsewhere have several.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree {
    /// How it is asked, in this order. URLs of rsync and FTP are left out.
    pub routes: Vec<Route>,
    /// The paths of small files for probes, below each base URL. The next one is asked for where a mirror says
    /// that it does not have the one before; without any, the top directory is.
    pub probes: Vec<String>,
    /// The repositories that it should carry.
    pub repositories: Vec<Repository>,
    /// The files to look for.
    pub samples: Vec<Sample>,
}

/// A base URL over a version of IP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The base URL.
    pub url: BaseUrl,
    /// The version of IP.
    pub version: IpVersion,
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
    /// By URL, each `repomd.xml` that was read whole and has an ETag. The next visit asks for it only if it has
    /// changed since; a caller that wants all of it leaves them out. A visit that does not ask for a URL keeps
    /// what is known of it, because most visits ask for some of the repositories: the caller forgets those that
    /// have left the catalog.
    pub files: BTreeMap<String, KnownFile>,
    /// Whether the mirror refuses HEAD and answers GET. The caller forgets it after a week.
    pub head_is_refused: bool,
}

/// A `repomd.xml` as a URL last sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownFile {
    /// Its ETag.
    pub etag: String,
    /// Its SHA-256, in hexadecimal digits: what the URL still has if it says that nothing has changed. Another
    /// URL of the mirror may have something else.
    pub sha256: String,
}
