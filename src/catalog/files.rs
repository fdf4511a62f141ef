//! Checks and sorts the versions of files.
//!
//! The first version is the current one: aria2 accepts only that, and dnf accepts the others as well.
//! A source that knows which one is current gives it first, and its order stays, because the primary may
//! have gone back to an earlier version ([`VersionOrder::CurrentFirst`]). Other sources give versions in
//! any order: they are sorted by their times, the newest first ([`VersionOrder::ByTime`]). Versions of a
//! file that several records describe keep their order only if every record has the current one first.
//!
//! A version without any checksum is never listed together with one that has some: dnf would reject
//! every mirror that serves the one without, and use an outdated mirror. If the current version has no
//! checksum, it is listed alone.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::entry::Entry;
use super::origin::Origin;
use super::records::{Directory, File, Version, VersionOrder};
use super::report::Report;
use model::{MAX_NAME, path};

/// The most versions of a file that are listed. MirrorManager keeps a few; each adds about 600 bytes to
/// every metalink of the file.
const MAX_VERSIONS: usize = 32;
/// Seconds by which a version may be newer than the data, because clocks differ.
const TOLERANCE: u64 = 86_400;
/// The last second of year 9999; later times are invalid.
const LAST_SECOND: u64 = 253_402_300_799;
/// The largest size: clients read sizes as signed numbers.
const LARGEST: u64 = i64::MAX as u64;

/// Files of a directory by name, and where they were first read.
type Files = (Origin, BTreeMap<String, File>);

/// Adds the files to the directories; records of one file are joined. `created` is the time of the data.
pub(super) fn collect(
    records: Vec<Entry<String, Vec<File>>>,
    created: u64,
    directories: &mut [Directory],
    report: &mut Report,
) {
    // By the position of the directory.
    let mut files: BTreeMap<usize, Files> = BTreeMap::new();
    for Entry { origin, key: written, value } in records {
        let origin = &origin;
        if path::leads_above(&written) {
            let problem = "directory name leads above where it begins, skipped";
            report.skipped(origin, problem, written);
            continue;
        }
        let name = path::canonical(&written);
        if *name != *written {
            let problem = "directory name with odd slashes or dots, mended";
            report.mended(origin, problem, format_args!("{written} to {name}"));
        }
        let found = directories.binary_search_by(|directory| (*directory.name).cmp(&*name));
        let Ok(directory) = found else {
            report.skipped(origin, "directory that no mirror carries, skipped", name);
            continue;
        };
        if files.contains_key(&directory) {
            report.mended(origin, "directory occurs twice, files joined", &name);
        }
        let (_, by_name) =
            files.entry(directory).or_insert_with(|| (origin.clone(), BTreeMap::new()));
        for file in value {
            let value = format_args!("{name}/{}", file.name);
            if let Some(problem) = find_name_trouble(&file.name) {
                report.skipped(origin, problem, value);
            } else if file.versions.is_empty() {
                report.skipped(origin, "file without details, skipped", value);
            } else if let Some(known) = by_name.get_mut(&file.name) {
                report.mended(origin, "file occurs twice, versions joined", value);
                known.versions.extend(file.versions);
                if file.order == VersionOrder::ByTime {
                    known.order = file.order;
                }
                // Which of them was replaced when is not known of all together.
                known.changed = None;
            } else {
                by_name.insert(file.name.clone(), file);
            }
        }
    }
    for (directory, (origin, by_name)) in files {
        let Some(directory) = directories.get_mut(directory) else { continue };
        for mut file in by_name.into_values() {
            let name = format_args!("{}/{}", directory.name, file.name);
            let mut review = Review { origin: &origin, name, created, order: file.order, report };
            review.put_in_order(&mut file.versions);
            if file.name == "repomd.xml" {
                review.look_at_index(&file.versions);
            }
            directory.files.push(file);
        }
    }
}

fn find_name_trouble(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.chars().any(char::is_control) {
        Some("file name is empty or holds a control character, skipped")
    } else if name.len() > MAX_NAME {
        Some("file name is longer than 500 bytes, skipped")
    } else if name.contains('/') || name == "." || name == ".." {
        Some("file name is no name within a directory, skipped")
    } else {
        None
    }
}

/// Looks at the versions of one file.
struct Review<'a, N> {
    origin: &'a Origin,
    /// The file's, with its directory.
    name: N,
    created: u64,
    order: VersionOrder,
    report: &'a mut Report,
}

impl<N: Display> Review<'_, N> {
    fn put_in_order(&mut self, versions: &mut Vec<Version>) {
        for version in &mut *versions {
            if version.timestamp > LAST_SECOND || version.size > LARGEST {
                self.mended("version with an impossible time or size, left out", "");
                version.timestamp =
                    Some(version.timestamp).filter(|&t| t <= LAST_SECOND).unwrap_or(0);
                version.size = Some(version.size).filter(|&size| size <= LARGEST).unwrap_or(0);
            }
        }
        let is_by_time = self.order == VersionOrder::ByTime;
        if is_by_time && !versions.is_sorted_by(|one, other| one.timestamp >= other.timestamp) {
            self.mended("versions out of order, sorted by their times", "");
            // The sort is stable: versions of equal times keep their order.
            versions.sort_by_key(|version| std::cmp::Reverse(version.timestamp));
        }
        let n_read = versions.len();
        if versions.first().is_some_and(lacks_checksums) {
            if versions.iter().any(|version| !lacks_checksums(version)) {
                let problem = "newest version has no checksum, older ones are not listed";
                self.mended(problem, "");
            } else {
                self.mended("file without any checksum", "");
            }
            versions.truncate(1);
        } else {
            versions.retain(|version| !lacks_checksums(version));
            if versions.len() < n_read {
                self.mended("older version without a checksum, not listed", "");
            }
        }
        let n_usable = versions.len();
        let mut kept: Vec<Version> = Vec::with_capacity(n_usable.min(MAX_VERSIONS));
        for version in versions.drain(..) {
            if kept.contains(&version) {
                self.mended("version occurs twice, listed once", "");
            } else if kept.len() < MAX_VERSIONS {
                kept.push(version);
            } else {
                let problem = "file with more than 32 versions, the oldest are not listed";
                self.mended(problem, format_args!(" has {n_usable}"));
                break;
            }
        }
        *versions = kept;
        for version in &*versions {
            if version.timestamp > self.created.saturating_add(TOLERANCE) {
                let time = version.timestamp;
                self.mended("version newer than the data", format_args!(" of {time}"));
            }
            if is_by_time && version.timestamp == 0 && versions.len() > 1 {
                self.mended("version without a time, taken for the oldest", "");
            }
        }
    }

    /// Checks a repository's index. dnf keeps its copy only if the sha256 or sha512 is the same, and
    /// hosts in FIPS mode compute no other hash.
    fn look_at_index(&mut self, versions: &[Version]) {
        let Some(current) = versions.first() else { return };
        let sums = &current.checksums;
        if sums.sha256.is_none() && sums.sha512.is_none() {
            let problem = "repomd.xml without sha256 and sha512, clients cannot verify it";
            self.report.harmful(self.origin, problem, &self.name);
        }
        if current.timestamp == 0 || current.size == 0 {
            // yum 3 requires both.
            self.mended("repomd.xml without a time or a size", "");
        }
    }

    fn mended(&mut self, problem: &'static str, addition: impl Display) {
        let value = format_args!("{}{addition}", self.name);
        self.report.mended(self.origin, problem, value);
    }
}

fn lacks_checksums(version: &Version) -> bool {
    let sums = &version.checksums;
    sums.md5.is_none() && sums.sha1.is_none() && sums.sha256.is_none() && sums.sha512.is_none()
}
