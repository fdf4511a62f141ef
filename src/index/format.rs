//! The file of an index: a header with length and checksum ([`runtime::sealed`]), then the records in
//! bincode, little endian, with integers of variable width.
//!
//! No byte is decoded before the checksum is verified. Names are decoded where they lie in the file, and
//! lists grow with their items. So a forged file that claims a huge length makes the decoder reserve no
//! memory for it, and memory is bounded by the size of the file, which is at most [`MAX_PAYLOAD`]: the
//! records of a forged file take up to about 30 times its size. The decoded records are then checked
//! ([`Index::new`]). A longer payload is not written ([`Kind::seal`]).
//!
//! # The next version
//!
//! A program reads one version only. Without its index the next scan reads every file and knows no earlier
//! versions, which clients notice only where a repository has changed within the last days. A change of the
//! records below raises [`VERSION`] and adds an entry to this list:
//!
//! - 1: the first.
//!
//! `tests/fixtures/index/` has a small file of each version.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::records::{Alias, Directory, File, Stamp, Version};
use super::{Fault, Index};
use model::checksum::Checksums;
use runtime::replace::{self, NotSynced};
use runtime::sealed::{self, EncodeError, Kind, Reason};

/// Format version of the file. A program refuses files of other versions.
pub const VERSION: u32 = 1;
/// The most bytes of a payload. Fedora's has about 10 MB.
pub const MAX_PAYLOAD: usize = 256 << 20;
/// What the decoder is allowed. It charges eight bytes for an integer of which the file may hold one, so
/// with this limit it reads every payload that is written.
const DECODER_LIMIT: usize = 8 * MAX_PAYLOAD;
const KIND: Kind = Kind {
    magic: b"treeidx\n",
    version: VERSION,
    limit: MAX_PAYLOAD as u64,
    name: "index",
    remedy: "remove it and scan again",
};

/// The error of reading or writing an index. The message names the file.
pub type Error = sealed::Error<Fault>;
/// The reason why bytes are no valid index: the header, the encoding, or records that make no index.
pub type Broken = sealed::Invalid<Fault>;

/// Whether a file begins as an index does; it may be damaged. `false` if it cannot be read.
pub fn is_index(path: &Path) -> bool {
    KIND.is_kind_of(path)
}

impl Index {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (payload, _) = KIND.read(path)?;
        decode_payload(&payload).map_err(|error| Reason::Invalid(error).at(path))
    }

    /// Verifies and decodes the bytes of a file.
    pub fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let (payload, _) = KIND.open(bytes)?;
        decode_payload(payload)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let encoded = bincode::serde::encode_to_vec(EncodedIndex::of(self), codec());
        KIND.seal(&encoded.map_err(|error| EncodeError::Encoder(error.to_string()))?)
    }

    /// Atomically replaces the file at `path`. After an error the old file is in place.
    pub fn write(&self, path: &Path) -> Result<Option<NotSynced>, Error> {
        let bytes = self.encode().map_err(|error| Reason::Encode(error).at(path))?;
        replace::write(path, &bytes).map_err(|error| Reason::Write(error).at(path))
    }
}

fn decode_payload(payload: &[u8]) -> Result<Index, Broken> {
    let decoded = bincode::serde::borrow_decode_from_slice(payload, codec());
    let decoded = decoded.map_err(|error| Broken::Decode(error.to_string()))?;
    let index: EncodedIndex<'_> = Broken::whole(decoded, payload)?;
    index.into_index().map_err(Broken::Meaning)
}

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<DECODER_LIMIT>()
}

/// An index as it is encoded. Names are slices of the payload.
#[derive(Serialize, Deserialize)]
struct EncodedIndex<'a> {
    scanned: u64,
    #[serde(borrow)]
    directories: Vec<EncodedDirectory<'a>>,
    #[serde(borrow)]
    aliases: Vec<(&'a str, &'a str)>,
}

#[derive(Serialize, Deserialize)]
struct EncodedDirectory<'a> {
    name: &'a str,
    n_files: u64,
    #[serde(borrow)]
    files: Vec<EncodedFile<'a>>,
}

#[derive(Serialize, Deserialize)]
struct EncodedFile<'a> {
    name: &'a str,
    versions: Vec<EncodedVersion>,
    stamp: Option<EncodedStamp>,
}

#[derive(Serialize, Deserialize)]
struct EncodedVersion {
    timestamp: u64,
    size: u64,
    checksums: Checksums,
    replaced: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct EncodedStamp {
    size: u64,
    modified: (i64, u32),
    changed: (i64, u32),
    inode: u64,
}

impl<'a> EncodedIndex<'a> {
    fn of(index: &'a Index) -> Self {
        Self {
            scanned: index.scanned,
            directories: index.directories.iter().map(EncodedDirectory::of).collect(),
            aliases: index.aliases.iter().map(|alias| (&*alias.name, &*alias.target)).collect(),
        }
    }

    fn into_index(self) -> Result<Index, Fault> {
        let directories = self.directories.into_iter().map(EncodedDirectory::into_directory);
        let aliases = self.aliases.into_iter();
        let aliases =
            aliases.map(|(name, target)| Alias { name: name.into(), target: target.into() });
        Index::new(self.scanned, directories.collect(), aliases.collect())
    }
}

impl<'a> EncodedDirectory<'a> {
    fn of(directory: &'a Directory) -> Self {
        Self {
            name: &directory.name,
            n_files: directory.n_files,
            files: directory.files.iter().map(EncodedFile::of).collect(),
        }
    }

    fn into_directory(self) -> Directory {
        let files = self.files.into_iter().map(EncodedFile::into_file).collect();
        Directory { name: self.name.into(), n_files: self.n_files, files }
    }
}

impl<'a> EncodedFile<'a> {
    fn of(file: &'a File) -> Self {
        let versions = file.versions.iter().map(|version| EncodedVersion {
            timestamp: version.timestamp,
            size: version.size,
            checksums: version.checksums.clone(),
            replaced: version.replaced,
        });
        let stamp = file.stamp.map(|Stamp { size, modified, changed, inode }| EncodedStamp {
            size,
            modified,
            changed,
            inode,
        });
        Self { name: &file.name, versions: versions.collect(), stamp }
    }

    fn into_file(self) -> File {
        let versions = self.versions.into_iter().map(|version| Version {
            timestamp: version.timestamp,
            size: version.size,
            checksums: version.checksums,
            replaced: version.replaced,
        });
        let stamp = self.stamp.map(|EncodedStamp { size, modified, changed, inode }| Stamp {
            size,
            modified,
            changed,
            inode,
        });
        File { name: self.name.into(), versions: versions.collect(), stamp }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(replaced: Option<u64>) -> Version {
        let checksums = Checksums {
            md5: Some([1; 16]),
            sha1: None,
            sha256: Some([2; 32]),
            sha512: Some([[3; 32]; 2]),
        };
        Version { timestamp: 1_795_258_889, size: 4_711, checksums, replaced }
    }

    fn file(name: &str, n_earlier: u64) -> File {
        let earlier = (0..n_earlier).rev().map(|at| version(Some(at)));
        let stamp =
            Stamp { size: 4_711, modified: (-1, 999_999_999), changed: (5, 0), inode: u64::MAX };
        File {
            name: name.into(),
            versions: [version(None)].into_iter().chain(earlier).collect(),
            stamp: n_earlier.is_multiple_of(2).then_some(stamp),
        }
    }

    fn withdrawn() -> File {
        File { versions: vec![version(Some(7)), version(Some(3))], ..file("repomd.xml", 1) }
    }

    fn directory(name: &str, files: Vec<File>) -> Directory {
        Directory { name: name.into(), n_files: files.len() as u64, files }
    }

    fn alias(name: &str, target: &str) -> Alias {
        Alias { name: name.into(), target: target.into() }
    }

    fn sample() -> Index {
        let directories = vec![
            directory("", vec![]),
            directory("9", vec![]),
            directory("9-beta", vec![]),
            directory("9/os", vec![]),
            directory("9/os/repodata", vec![file("repomd.xml", 3)]),
            directory("9/images", vec![file("CHECKSUM", 0), file("a-CHECKSUM", 1)]),
            directory("9/old", vec![withdrawn()]),
        ];
        let mut directories = directories;
        directories.sort_by(|one, other| one.name.cmp(&other.name));
        Index::new(7, directories, vec![alias("9/current", "9/os"), alias("latest", "9")])
            .expect("it is sound")
    }

    #[test]
    fn directories_and_aliases_are_found() {
        let index = sample();
        let names =
            |name| index.below(name).iter().map(|directory| &*directory.name).collect::<Vec<_>>();
        assert_eq!(names("9"), ["9/images", "9/old", "9/os", "9/os/repodata"]);
        assert_eq!(names("").len(), 6);
        let n_listed = |name| index.find(name).map(|found| found.listed().count());
        assert_eq!((n_listed("9/images"), n_listed("9/old")), (Some(2), Some(0)));
        assert!(names("9/o").is_empty());
        assert!(names("9/os/repodata").is_empty());
        assert_eq!(index.find("9/os").map(|found| &*found.name), Some("9/os"));
        assert!(index.find("9/o").is_none());
        for (name, expected) in [
            ("latest", "9"),
            ("latest/os/repodata", "9/os/repodata"),
            ("9/current", "9/os"),
            ("9/current/repodata", "9/os/repodata"),
            ("latest/current/repodata", "9/os/repodata"),
            ("9/currently", "9/currently"),
            ("9/os", "9/os"),
            ("", ""),
        ] {
            assert_eq!(index.resolve(name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_written_comes_back_and_every_cut_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("index");
        sample().write(&path).expect("a write");
        assert_eq!(Index::read(&path).expect("it is intact"), sample());
        let bytes = std::fs::read(&path).expect("a file");
        for length in 0..bytes.len() {
            assert!(Index::decode(&bytes[..length]).is_err(), "{length}");
        }
        std::fs::write(&path, &bytes[..40]).expect("a write");
        let error = Index::read(&path).expect_err("it is cut").to_string();
        let start = format!("{}: is damaged: 40 bytes long where its header says", path.display());
        assert!(error.starts_with(&start), "{error}");
        let snapshot = Index::decode(b"mirrors\n and more bytes than a header has").err();
        let reason = "is no index file (it does not begin with \"treeidx\")";
        assert_eq!(snapshot.expect("another kind").to_string(), reason);
    }

    /// A forged length is found to be wrong before memory is reserved for it.
    #[test]
    fn a_forged_length_reserves_no_memory() {
        let huge = [&[253_u8][..], &u64::MAX.to_le_bytes()].concat();
        for before in [&[0_u8][..], &[0, 1], &[0, 1, 0, 0], &[0, 1, 0, 0, 1], &[0, 1, 0, 0, 1, 0]] {
            let forged = KIND.seal(&[before, &huge].concat()).expect("it is short");
            assert!(matches!(Index::decode(&forged), Err(Broken::Decode(_))), "{before:?}");
        }
    }

    #[test]
    fn records_that_make_no_index_are_refused() {
        let top = || directory("", vec![]);
        let refused = |directories, aliases| {
            Index::new(0, directories, aliases).expect_err("it is refused").to_string()
        };
        let with = |name: &str| refused(vec![top(), directory(name, vec![])], vec![]);
        assert_eq!(refused(vec![], vec![]), "does not hold the directory of the tree itself");
        assert_eq!(with("/a"), "holds a directory whose name is not in canonical form: \"/a\"");
        assert!(with("a\nb").contains("control character"));
        assert!(with(&"a".repeat(501)).contains("longer than 500 bytes"));
        assert_eq!(with(""), "holds the directory \"\" out of order");
        let files = |files| refused(vec![directory("", files)], vec![]);
        assert!(files(vec![file("a/b", 0)]).contains("no name within a directory"));
        assert!(files(vec![file("b", 0), file("a", 0)]).contains("\"a\" out of order"));
        assert!(files(vec![file("a", 32)]).contains("in 33 versions"));
        assert!(files(vec![File { versions: vec![], ..file("a", 0) }]).contains("in 0 versions"));
        let earlier_first =
            File { versions: vec![version(Some(1)), version(None)], ..file("a", 0) };
        assert!(files(vec![earlier_first]).contains("several that are current"));
        let two_current = File { versions: vec![version(None), version(None)], ..file("a", 0) };
        assert!(files(vec![two_current]).contains("several that are current"));
        let aliases =
            |name, target| refused(vec![top(), directory("a", vec![])], vec![alias(name, target)]);
        assert_eq!(aliases("b", "c"), "holds the alias \"b\" of \"c\", which is no directory");
        let hidden = "holds the alias \"a\", which is the name of a directory";
        assert_eq!(aliases("a", ""), hidden);
        assert_eq!(aliases("", "a"), "holds an alias whose name is empty: \"\"");
        let no_parent = "holds the alias \"x/y\", but not the directory that it is in";
        assert_eq!(aliases("x/y", "a"), no_parent);
        assert!(with("a/b").starts_with("holds the directory \"a/b\", but not"));
    }

    proptest! {
        #[test]
        fn any_index_comes_back(
            names in proptest::collection::btree_map("[a-c/.-]{0,6}", 0_u64..4, 0..20),
            scanned in any::<u64>(),
        ) {
            let mut all = std::collections::BTreeMap::new();
            for (name, n) in names {
                let name = model::path::canonical(&name).into_owned();
                for (end, _) in name.match_indices('/').chain([(0, "")]) {
                    all.entry(name.split_at(end).0.to_owned()).or_insert(0);
                }
                all.insert(name, n);
            }
            all.entry(String::new()).or_insert(0);
            let directories: Vec<_> = all
                .into_iter()
                .map(|(name, n)| directory(&name, vec![file("CHECKSUM", n), file("repomd.xml", n)]))
                .collect();
            let index = Index::new(scanned, directories, vec![]).expect("it is sound");
            let bytes = index.encode().expect("it is small");
            prop_assert_eq!(Index::decode(&bytes).expect("it is intact"), index);
        }
    }
}
