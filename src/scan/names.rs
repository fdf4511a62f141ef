//! Names in the tree: which files get checksums, which folders are no part of the tree, which names no
//! client could ask for.

use index::{Directory, File};

/// The file that describes a repository.
pub(super) const REPOMD: &str = "repomd.xml";

/// How deep a directory may lie.
const MAX_DEPTH: usize = 64;

/// Folders that tools keep in a tree while they work, or that file systems put there.
const NO_PART_OF_THE_TREE: [&str; 5] = [".repodata", ".snapshot", ".zfs", ".~tmp~", "lost+found"];

/// What checksum files of images are called after a prefix such as `Fedora-41-x86_64-`, in upper case.
const CHECKSUM_FILES: [&str; 11] = [
    "CHECKSUM",
    "CHECKSUMS",
    "MD5SUM",
    "MD5SUMS",
    "SHA1SUM",
    "SHA1SUMS",
    "SHA256SUM",
    "SHA256SUMS",
    "SHA512SUM",
    "SHA512SUMS",
    "SHASUMS",
];

/// Whether a file gets checksums: `repomd.xml`, `CHECKSUM`, `Fedora-41-CHECKSUM`, `x.iso.CHECKSUM`,
/// `SHA256SUMS`, `sha256sum.txt` and the like.
pub(super) fn is_listed(name: &str) -> bool {
    if name == REPOMD {
        return true;
    }
    let name = name.strip_suffix(".txt").unwrap_or(name);
    let last = name.rsplit(['-', '.', '_']).next().unwrap_or(name);
    CHECKSUM_FILES.iter().any(|known| known.eq_ignore_ascii_case(last))
}

/// Whether a folder of this name, with what is in it, is left out.
pub(super) fn is_left_out(name: &str) -> bool {
    NO_PART_OF_THE_TREE.contains(&name)
}

/// Whether a directory lies deeper than directories are followed.
pub(super) fn is_too_deep(directory: &str) -> bool {
    directory.split('/').count() > MAX_DEPTH
}

/// The directory of that name, among directories in order.
pub(super) fn find<'d>(directories: &'d [Directory], name: &str) -> Option<&'d Directory> {
    let found = directories.binary_search_by(|directory| (*directory.name).cmp(name));
    directories.get(found.ok()?)
}

/// The file of that name in a directory.
pub(super) fn find_file<'d>(directory: &'d Directory, name: &str) -> Option<&'d File> {
    let found = directory.files.binary_search_by(|file| (*file.name).cmp(name));
    directory.files.get(found.ok()?)
}

/// The path of an entry of a directory.
pub(super) fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        directory => [directory, "/", name].concat(),
    }
}

/// The directory that holds an entry.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_checksums_of_images_are_listed() {
        for name in [
            "repomd.xml",
            "CHECKSUM",
            "SHA256SUMS",
            "SHA256SUM",
            "Fedora-Workstation-41-1.4-x86_64-CHECKSUM",
            "Rocky-9.6-x86_64-dvd.iso.CHECKSUM",
            "CentOS-Stream-9-latest-x86_64-dvd1.iso.SHA256SUM",
            "sha256sum.txt",
            "md5sum.txt",
        ] {
            assert!(is_listed(name), "{name}");
        }
        for name in [
            "repomd.xml.asc",
            "repomd.xml.key",
            "primary.xml.gz",
            "CHECKSUM.asc",
            "SHA256SUMS.gpg",
            "checksum-tool-1.rpm",
            "sha256sum-1.0-1.x86_64.rpm",
            "",
        ] {
            assert!(!is_listed(name), "{name}");
        }
    }

    #[test]
    fn paths_are_joined_and_split() {
        for (directory, name, path) in [("", "a", "a"), ("a", "b", "a/b"), ("a/b", "c", "a/b/c")] {
            assert_eq!(join(directory, name), path);
            assert_eq!(parent(path), directory);
        }
    }
}
