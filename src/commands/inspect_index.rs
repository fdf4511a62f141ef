//! What `mirrorlistd inspect` says of the index of a primary tree.

use std::fmt::Write;
use std::path::Path;

use encode::write::push_hex;
use serde_json::{Value, json};

use super::output::date;
use index::{File, Index, Version};
use model::checksum::Checksums;

/// The file that describes a repository.
const REPOMD: &str = "repomd.xml";

/// A repository of the tree.
struct Repository<'i> {
    /// The directory that holds its `repodata`; empty for that of the tree itself.
    directory: &'i str,
    repomd: &'i File,
}

/// The repositories of a tree, in the order of the directories.
fn repositories(index: &Index) -> impl Iterator<Item = Repository<'_>> {
    index.directories().iter().filter_map(|found| {
        let directory = match &*found.name {
            "repodata" => "",
            name => name.strip_suffix("/repodata")?,
        };
        let repomd = found.listed().find(|file| &*file.name == REPOMD)?;
        Some(Repository { directory, repomd })
    })
}

/// What is counted. A file is read again by the next scan if it is held back, or changed so shortly before
/// the last scan that a later change could have the same time.
pub(super) fn describe(path: &Path, index: &Index) -> Value {
    let files = || index.directories().iter().flat_map(index::Directory::listed);
    let n_earlier: usize = files().map(|file| file.versions.len().saturating_sub(1)).sum();
    let times = || repositories(index).filter_map(|found| found.repomd.versions.first());
    let newest = times().map(|version| version.timestamp).max();
    let oldest = times().map(|version| version.timestamp).min();
    json!({
        "file": path.to_string_lossy(),
        "kind": "index",
        "intact": true,
        "bytes": std::fs::metadata(path).ok().map(|meta| meta.len()),
        "scanned": index.scanned(),
        "scanned_date": date(index.scanned()),
        "holds": {
            "directories": index.directories().len(),
            "files": index.directories().iter().map(|found| found.n_files).fold(0, u64::saturating_add),
            "aliases": index.aliases().len(),
            "with_checksums": files().count(),
            "earlier_versions": n_earlier,
            "held_back_or_just_changed": files().filter(|file| file.stamp.is_none()).count(),
            "repositories": repositories(index).count(),
        },
        "oldest_repository": oldest,
        "oldest_repository_date": oldest.and_then(date),
        "newest_repository": newest,
        "newest_repository_date": newest.and_then(date),
    })
}

/// The repositories with the versions of their `repomd.xml`, the current one first.
pub(super) fn describe_repositories(index: &Index) -> Value {
    let describe = |found: Repository<'_>| {
        json!({
            "directory": found.directory,
            "held_back_or_just_changed": found.repomd.stamp.is_none(),
            "versions": found.repomd.versions.iter().map(describe_version).collect::<Vec<_>>(),
        })
    };
    repositories(index).map(describe).collect()
}

fn describe_version(version: &Version) -> Value {
    let Version { timestamp, size, checksums, replaced } = version;
    let Checksums { md5, sha1, sha256, sha512 } = checksums;
    let sha512 = sha512.as_ref().map(|halves| halves.as_flattened());
    json!({
        "timestamp": timestamp,
        "date": date(*timestamp),
        "size": size,
        "md5": md5.as_ref().map(|sum| hex(sum)),
        "sha1": sha1.as_ref().map(|sum| hex(sum)),
        "sha256": sha256.as_ref().map(|sum| hex(sum)),
        "sha512": sha512.map(hex),
        "replaced": replaced,
        "replaced_date": replaced.and_then(date),
    })
}

/// A paragraph for each repository.
pub(super) fn repositories_as_text(index: &Index) -> String {
    let mut text = String::new();
    for found in repositories(index) {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = push_repository(&found, &mut text);
    }
    text
}

fn push_repository(found: &Repository<'_>, text: &mut String) -> std::fmt::Result {
    let directory = if found.directory.is_empty() { "." } else { found.directory };
    writeln!(text, "repository {directory}")?;
    if found.repomd.stamp.is_none() {
        writeln!(
            text,
            "  held back, or changed just before the scan: the next one reads it again"
        )?;
    }
    for Version { timestamp, size, checksums, replaced } in &found.repomd.versions {
        match replaced {
            None => write!(text, "  current: ")?,
            Some(replaced) => write!(text, "  until {}: ", shown(*replaced))?,
        }
        let sum = checksums.sha256.as_ref().map_or("unknown".to_owned(), |sum| hex(sum));
        writeln!(text, "{}, {size} bytes, sha256 {sum}", shown(*timestamp))?;
    }
    Ok(())
}

/// A time for people, also one beyond the year 9999.
fn shown(seconds: u64) -> String {
    date(seconds).unwrap_or_else(|| format!("second {seconds}"))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut text);
    text
}
