//! Snapshot files of each version of the format, as the programs of their time made them.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use answer::Edition;
use model::ids::HostId;
use snapshot::format::{self, VERSION};

use crate::fixture::{Server, World};

/// The bytes that the standard world gives today.
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| World::standard().compile().unwrap().bytes);

/// The file of this version; `UPDATE_GOLDEN=1` writes it anew.
static CURRENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let path = path(VERSION);
    let known = std::fs::read(&path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        // A layout that has changed under the same number would be read as something else.
        let is_readable = known.as_deref().is_ok_and(|known| format::decode(known).is_ok());
        assert!(known.is_err() || is_readable, "raise VERSION first (see snapshot::format)");
        std::fs::write(&path, &*BYTES).unwrap();
        return BYTES.clone();
    }
    known.unwrap_or_else(|error| panic!("{error}; UPDATE_GOLDEN=1 writes {}", path.display()))
});

fn path(version: u32) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/snapshot");
    folder.join(format!("version-{version}.snapshot"))
}

#[test]
fn every_version_has_its_file() {
    LazyLock::force(&CURRENT);
    let folder = path(VERSION).parent().unwrap().to_owned();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files, (2..=VERSION).map(path).collect::<Vec<_>>());
}

#[test]
fn every_version_is_in_the_list_of_changes() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/snapshot/format.rs");
    let text = std::fs::read_to_string(source).unwrap();
    let entries = text.lines().filter_map(|line| line.strip_prefix("//! - ")?.split_once(": "));
    let versions: Vec<String> = entries.map(|(version, _)| version.to_owned()).collect();
    let expected: Vec<String> = (2..=VERSION).rev().map(|version| version.to_string()).collect();
    assert_eq!(versions, expected);
}

#[test]
fn a_file_of_another_version_is_refused_with_both_numbers_and_what_to_do() {
    for version in 2..VERSION {
        let error = format::read(&path(version)).err().unwrap();
        let reason = format!(
            "{}: has format version {version}, but this program reads version {VERSION}; compile \
             it again",
            path(version).display()
        );
        assert_eq!(error.to_string(), reason);
    }
}

/// The file is read as it is there, whatever the program would write today.
#[test]
fn the_file_of_this_version_is_read() {
    let snapshot = format::decode(&CURRENT).unwrap_or_else(|error| {
        panic!("{error}\nHas the layout changed? Raise VERSION (see snapshot::format)")
    });
    let hosts = snapshot.hosts();
    let keys: Vec<_> =
        (0..).map(HostId).map_while(|host| hosts.key(host)).map(ToString::to_string).collect();
    assert_eq!(keys.join(" "), "1 2 3 4 5 6 7 8");
    assert_eq!(snapshot.generation().to_string(), "b26aa855bcbd66e1");
    let edition = Edition::new(snapshot);
    let server = Server { edition, report: Default::default(), options: Default::default() };
    let answer = server.get("/mirrorlist?repo=main-9&arch=x86_64&country=fr");
    let expected = "200\n\
         # repo = main-9 arch = x86_64 country = FR \n\
         http://isp.example/test/9/x86_64/\n";
    assert_eq!(answer.text(), expected);
}

#[test]
fn the_source_of_the_file_gives_the_same_bytes() {
    assert!(
        *CURRENT == *BYTES,
        "The standard world gives other bytes than it did. Has the layout changed? Raise VERSION \
         (see snapshot::format). Has the world changed, or the order in which compile puts things? \
         UPDATE_GOLDEN=1 writes the file anew; the generation in the test above is then another one, as \
         all generations are."
    );
}
