//! What checks have found out of mirrors, as it was applied to a catalog.

use model::ids::HostId;

/// What checks have found out. Empty where nobody has checked.
#[derive(Debug, Default)]
pub struct Checked {
    /// Sets of mirrors, as [bits](model::host_set).
    pub sets: Vec<Box<[u64]>>,
    /// By [`DirectoryId`](model::ids::DirectoryId); empty where nobody has checked.
    pub directories: Vec<CheckedDirectory>,
    /// What is wrong with mirrors, in the order of their ids.
    pub faults: Vec<(HostId, Fault)>,
}

/// What checks have found out of the mirrors of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CheckedDirectory {
    /// Index into [`Checked::sets`]: the carriers that are listed after the others, as they have older content.
    /// `None` if none of the others is listed for all clients.
    pub behind: Option<u32>,
    /// Index into [`Checked::sets`]: the carriers that have older content, or that are listed only as there are too
    /// few others.
    pub outdated: Option<u32>,
    /// Index into [`Checked::sets`]: the mirrors that are carriers no longer, because checks say so.
    pub left_out: Option<u32>,
}

/// Why a mirror is listed last or left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where it is.
    pub scope: FaultScope,
    /// The reason, on one line: the end of a sentence that begins with "left out" or "behind".
    pub reason: String,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// Where something is wrong with a mirror. Directories are those of the narrowest scope that holds one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultScope {
    /// The mirror is left out everywhere.
    Mirror,
    /// This base URL is left out.
    Url(String),
    /// It is left out in this directory and below.
    LeftOut(String),
    /// It is behind in this directory and below.
    Behind(String),
}
