//! What checks have found out of mirrors: which of them are behind or left out in a directory, and why.
//!
//! Which mirrors these are is decided when a snapshot is compiled, for each directory: an answer reads one
//! set, which is empty where nobody has checked. Why it is so is read by explanations only.

use serde::{Deserialize, Serialize};

use super::packed::{HostSets, Texts};
use model::host_set::contains;
use model::ids::{DirectoryId, HostId};
use model::path::is_within;

/// What checks have found out. All tables are empty where nobody has checked.
#[derive(Serialize, Deserialize, Default)]
pub struct Checked {
    /// Sets of mirrors.
    pub sets: HostSets,
    /// By [`DirectoryId`], all of them or none.
    pub directories: Vec<CheckedDirectory>,
    /// What is wrong with mirrors, in the order of their ids.
    pub faults: Vec<Fault>,
    /// Reasons, names of directories and URLs.
    pub texts: Texts,
}

/// What checks have found out of the mirrors of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckedDirectory {
    /// Index into [`Checked::sets`]: the carriers that are listed after the others.
    pub behind: Option<u32>,
    /// Index into [`Checked::sets`]: those of which explanations say that they are behind. If all that are listed
    /// are, none is listed after another.
    pub outdated: Option<u32>,
    /// Index into [`Checked::sets`]: the mirrors that carried it, and are left out.
    pub left_out: Option<u32>,
}

/// Why a mirror is listed last or left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// The mirror.
    pub host: HostId,
    /// Where it is.
    pub scope: FaultScope,
    /// Index into [`Checked::texts`]: the reason.
    pub reason: u32,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// Where something is wrong with a mirror. All hold indexes into [`Checked::texts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FaultScope {
    /// The mirror is left out everywhere.
    Mirror,
    /// This base URL is left out.
    Url(u32),
    /// It is left out in this directory and below.
    LeftOut(u32),
    /// It is behind in this directory and below.
    Behind(u32),
}

/// What is wrong with a mirror in a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultView<'a> {
    /// What follows from it.
    pub effect: FaultEffect,
    /// The reason, on one line.
    pub reason: &'a str,
    /// Since when, in seconds since 1970.
    pub since: u64,
}

/// What follows in a directory from something that is wrong with a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultEffect {
    /// It is left out.
    LeftOut,
    /// It is behind, and listed after the others.
    Last,
    /// It is behind, and listed as usual, as all that are listed are behind.
    None,
}

impl Checked {
    /// The mirrors of a directory that are behind, as bits; empty if there are none.
    pub(super) fn behind(&self, directory: DirectoryId) -> &[u64] {
        self.set(self.directories.get(directory.index()).and_then(|checked| checked.behind))
    }

    /// The mirrors of a directory that are behind, whether or not others are before them, as bits; empty if there
    /// are none.
    fn outdated(&self, directory: DirectoryId) -> &[u64] {
        self.set(self.directories.get(directory.index()).and_then(|checked| checked.outdated))
    }

    /// The mirrors that carried a directory and are left out, as bits; empty if there are none.
    pub(super) fn left_out(&self, directory: DirectoryId) -> &[u64] {
        self.set(self.directories.get(directory.index()).and_then(|checked| checked.left_out))
    }

    fn set(&self, index: Option<u32>) -> &[u64] {
        index.map_or(&[], |index| self.sets.get(index as usize))
    }

    /// What is wrong with a mirror in a directory; `None` if nothing is.
    pub(super) fn find(
        &self,
        host: HostId,
        directory: DirectoryId,
        name: &str,
    ) -> Option<FaultView<'_>> {
        let is_in = |set| contains(set, host);
        let effect = match () {
            () if is_in(self.left_out(directory)) => FaultEffect::LeftOut,
            () if is_in(self.behind(directory)) => FaultEffect::Last,
            () if is_in(self.outdated(directory)) => FaultEffect::None,
            () => return None,
        };
        let from = self.faults.partition_point(|fault| fault.host < host);
        let faults = self.faults.get(from..).unwrap_or(&[]);
        let faults = faults.iter().take_while(|fault| fault.host == host);
        // The reason that holds for most: that of the mirror, then that of the narrowest directory.
        let (_, fault) = faults
            .filter_map(|fault| {
                let around = |index: u32| {
                    let outer = self.texts.get(index as usize);
                    is_within(name, outer).then_some(outer.len() + 1)
                };
                let rank = match fault.scope {
                    FaultScope::Behind(_) if effect == FaultEffect::LeftOut => return None,
                    FaultScope::Behind(index) => (true, around(index)?),
                    // One that is behind may be so because it would have been left out.
                    FaultScope::Mirror => (false, usize::MAX),
                    FaultScope::Url(_) => (false, 0),
                    FaultScope::LeftOut(index) => (false, around(index)?),
                };
                Some((rank, fault))
            })
            .max_by_key(|&(rank, _)| rank)?;
        let reason = self.texts.get(fault.reason as usize);
        Some(FaultView { effect, reason, since: fault.since })
    }

    /// Whether every index is in range.
    pub(super) fn is_sound(&self, n_hosts: usize, n_directories: usize) -> bool {
        let set = |index: Option<u32>| index.is_none_or(|index| (index as usize) < self.sets.len());
        let text = |index: u32| (index as usize) < self.texts.len();
        (self.sets.is_empty() || self.sets.is_sound(n_hosts))
            && (self.directories.is_empty() || self.directories.len() == n_directories)
            && self.directories.iter().all(|checked| {
                set(checked.behind) && set(checked.outdated) && set(checked.left_out)
            })
            && self.texts.is_sound()
            && self.faults.is_sorted_by_key(|fault| fault.host)
            && self.faults.iter().all(|fault| {
                let is_scope_sound = match fault.scope {
                    FaultScope::Mirror => true,
                    FaultScope::Url(index)
                    | FaultScope::LeftOut(index)
                    | FaultScope::Behind(index) => text(index),
                };
                fault.host.index() < n_hosts && text(fault.reason) && is_scope_sound
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_that_of_the_narrowest_scope() {
        let mut checked = Checked { sets: HostSets::new(2), ..Checked::default() };
        for text in ["", "9", "9/os", "broad", "narrow", "old", "https"] {
            checked.texts.push(text).expect("room");
        }
        let fault = |host, scope, reason| Fault { host: HostId(host), scope, reason, since: 7 };
        checked.faults = vec![
            fault(0, FaultScope::LeftOut(0), 3),
            fault(0, FaultScope::LeftOut(2), 4),
            fault(0, FaultScope::Behind(1), 5),
            fault(0, FaultScope::Url(0), 6),
            fault(1, FaultScope::Url(0), 6),
        ];
        let both = checked.sets.push(&[0b11]).expect("room");
        let first = checked.sets.push(&[0b01]).expect("room");
        checked.directories = vec![
            CheckedDirectory { behind: None, outdated: None, left_out: Some(both) },
            CheckedDirectory { behind: None, outdated: Some(both), left_out: None },
            CheckedDirectory { behind: Some(first), outdated: Some(first), left_out: None },
        ];
        assert!(checked.is_sound(2, 3) && !checked.is_sound(2, 2) && !checked.is_sound(1, 3));
        let find = |host, directory, name| {
            let view = checked.find(HostId(host), DirectoryId(directory), name);
            view.map(|view| (view.effect, view.reason))
        };
        assert_eq!(find(0, 0, "9/os/repodata"), Some((FaultEffect::LeftOut, "narrow")));
        assert_eq!(find(0, 0, "9/osx"), Some((FaultEffect::LeftOut, "broad")));
        assert_eq!(find(1, 0, "9/os"), Some((FaultEffect::LeftOut, "https")));
        assert_eq!(find(0, 1, "9/os"), Some((FaultEffect::None, "old")));
        assert_eq!(find(1, 1, "9/os"), Some((FaultEffect::None, "https")), "brought back");
        assert_eq!(find(0, 2, "9/os"), Some((FaultEffect::Last, "old")));
        assert_eq!(find(1, 2, "9/os"), None);
    }

    #[test]
    fn indexes_out_of_range_are_found() {
        let mut checked = Checked { sets: HostSets::new(1), ..Checked::default() };
        assert!(checked.is_sound(1, 1));
        checked.texts.push("down").expect("room");
        let fault = |host, scope, reason| Fault { host: HostId(host), scope, reason, since: 7 };
        for bad in [
            fault(1, FaultScope::Mirror, 0),
            fault(0, FaultScope::Mirror, 1),
            fault(0, FaultScope::Url(1), 0),
            fault(0, FaultScope::LeftOut(1), 0),
            fault(0, FaultScope::Behind(1), 0),
        ] {
            checked.faults = vec![bad];
            assert!(!checked.is_sound(1, 1), "{:?}", checked.faults);
        }
        checked.faults = vec![fault(0, FaultScope::Mirror, 0)];
        assert!(checked.is_sound(1, 1));
        for bad in [[Some(0), None, None], [None, Some(0), None], [None, None, Some(0)]] {
            let [behind, outdated, left_out] = bad;
            checked.directories = vec![CheckedDirectory { behind, outdated, left_out }];
            assert!(!checked.is_sound(1, 1));
        }
    }
}
