//! What the next snapshot needs to know of the mirrors.

use std::collections::BTreeMap;

use model::families::Families;

/// What is known of all mirrors that were visited. A mirror, a URL or a repository that it does not name is
/// listed as the catalog says.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Findings {
    /// When they were made, in seconds since 1970.
    pub made: u64,
    /// By the key of the mirror ([`model::mirror_key::MirrorKey`]), as text.
    pub mirrors: BTreeMap<String, MirrorFindings>,
}

/// What is known of a mirror.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MirrorFindings {
    /// Whether it is left out as a whole.
    pub is_hidden: bool,
    /// Whether it is slow, which halves its weight.
    pub is_slow: bool,
    /// By base URL, as the catalog has it.
    pub urls: BTreeMap<String, UrlFindings>,
    /// By directory below the tree: each one holds for everything below it that has no entry of its own.
    pub directories: BTreeMap<String, Standing>,
}

/// What is known of a base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UrlFindings {
    /// Whether it is left out.
    pub is_hidden: bool,
    /// Over which versions of IP it works.
    pub families: Families,
}

/// Whether a mirror is listed for a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It has the current content.
    Current,
    /// It has older content that clients still accept: listed after those that are current.
    Behind,
    /// It is left out.
    Hidden,
}
