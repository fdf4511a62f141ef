//! Index files of each version of the format, as the programs of their time made them.

use std::path::{Path, PathBuf};

use index::Index;
use index::format::VERSION;

use super::{names, times};

fn path(version: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/index");
    folder.join(format!("version-{version}.index"))
}

/// When the version is raised, a file of the new one is made by any scan, and is never changed.
#[test]
fn every_version_has_its_file() {
    let folder = path(VERSION).parent().unwrap().to_owned();
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files, (1..=VERSION).map(path).collect::<Vec<_>>());
}

#[test]
fn the_file_of_this_version_is_read_and_written_again_as_it_is() {
    let index = Index::read(&path(VERSION)).unwrap_or_else(|error| {
        panic!("{error}\nHas the layout changed? Raise VERSION (see index::format)")
    });
    assert_eq!(index.scanned(), 1_795_258_900);
    assert_eq!(names(&index), ["", "9", "9/repodata"]);
    assert_eq!(times(&index, "9/repodata/repomd.xml").len(), 2);
    assert_eq!(index.resolve("latest/repodata"), "9/repodata");
    assert_eq!(index.encode().unwrap(), std::fs::read(path(VERSION)).unwrap());
}

#[test]
fn a_file_of_another_version_is_refused_with_both_numbers_and_what_to_do() {
    let mut bytes = std::fs::read(path(VERSION)).unwrap();
    bytes[8] = 99;
    let reason = format!(
        "has format version 99, but this program reads version {VERSION}; remove it and scan again"
    );
    assert_eq!(Index::decode(&bytes).unwrap_err().to_string(), reason);
}
