//! The snapshot file: what is written comes back, and what is damaged is refused with a reason.

use std::path::Path;

use answer::Edition;
use compile::Compiled;
use encode::text::Text;
use runtime::sealed;
use serve::build_snapshot::build;
use snapshot::format::{self, Broken};
use snapshot::replace::{self, Keep};
use sources::Inputs;

fn demo() -> Compiled {
    build(&Inputs::Demo, None).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8]) -> String {
    match format::decode(bytes) {
        Ok(_) => panic!("damaged bytes were accepted"),
        Err(reason) => reason.to_string(),
    }
}

#[test]
fn equal_inputs_give_equal_bytes_and_generations() {
    let (first, second) = (demo(), demo());
    assert_eq!(first.bytes, second.bytes);
    assert_eq!(first.snapshot.generation(), second.snapshot.generation());
}

#[test]
fn what_is_written_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.snapshot");
    let compiled = demo();
    replace::write(&path, &compiled.bytes, Keep::Nothing).unwrap();
    let read = format::read(&path).unwrap();
    assert_eq!(read.generation(), compiled.snapshot.generation());
    assert_eq!(read.created(), compiled.snapshot.created());
    assert_eq!(read.stats(), compiled.snapshot.stats());
    let names = |snapshot: &snapshot::Snapshot| {
        snapshot.directory_names().iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&read), names(&compiled.snapshot));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

#[test]
fn every_truncation_is_refused() {
    let bytes = demo().bytes;
    for length in 0..bytes.len() {
        refused(&bytes[..length]);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(refused(&longer).starts_with("is damaged:"));
}

#[test]
fn every_flipped_bit_is_refused() {
    let mut bytes = demo().bytes;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            refused(&bytes);
            bytes[at] ^= 1 << bit;
        }
    }
    assert!(format::decode(&bytes).is_ok());
}

#[test]
fn random_mutations_are_refused_without_a_panic() {
    let original = demo().bytes;
    let mut rng = fastrand::Rng::with_seed(42);
    for _ in 0..10_000 {
        let mut bytes = original.clone();
        for _ in 0..rng.usize(1..8) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..4) {
                0 => bytes[at] = rng.u8(..),
                1 => bytes.truncate(at + 1),
                2 => bytes.insert(at, rng.u8(..)),
                _ => {
                    let to = rng.usize(at..bytes.len());
                    bytes[at..=to].reverse();
                }
            }
        }
        if bytes != original {
            refused(&bytes);
        }
    }
}

/// Beyond the promise of the format: a forger can make the checksum fit. Then the decoder and the
/// check for meaning are the last line, and they must not panic either.
#[test]
fn forged_payloads_are_refused_or_harmless() {
    let original = demo().bytes;
    let mut rng = fastrand::Rng::with_seed(43);
    for _ in 0..3_000 {
        let mut bytes = original.clone();
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(28..bytes.len());
            bytes[at] = rng.u8(..);
        }
        forge_checksum(&mut bytes);
        if let Ok(snapshot) = format::decode(&bytes) {
            exercise(&Edition::new(snapshot), &mut rng);
        }
    }
}

fn forge_checksum(bytes: &mut [u8]) {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&bytes[8..20]);
    hasher.update(&bytes[28..]);
    let checksum = hasher.digest().to_le_bytes();
    bytes[20..28].copy_from_slice(&checksum);
}

fn exercise(edition: &Edition, rng: &mut fastrand::Rng) {
    use answer::requester::Requester;
    use answer::{Endpoint, Format, Options, Request, Scratch, respond};
    for query in ["repo=demo-9&arch=x86_64", "path=9/os/x86_64&country=de,us", "repo=x&arch=y"] {
        for format in [Format::Mirrorlist, Format::Metalink] {
            let client = std::net::IpAddr::from([192, 0, 2, rng.u8(..)]);
            let request = Request {
                endpoint: Endpoint::BuiltIn(format),
                query,
                requester: Requester::untrusted(client),
                host: "",
                now: 0,
            };
            let mut body = Text::default();
            respond(
                edition,
                &Options::default(),
                &request,
                rng,
                &mut Scratch::default(),
                &mut body,
            );
            assert!(!body.is_empty());
        }
    }
}

#[test]
fn reasons_name_what_is_wrong() {
    let bytes = demo().bytes;
    assert_eq!(
        refused(b"mirrorlist_cache.proto"),
        "is no snapshot file (it does not begin with \"mirrors\")"
    );
    let mut newer = bytes.clone();
    newer[8] = 9;
    assert!(matches!(
        format::decode(&newer),
        Err(Broken::Sealed(sealed::Broken::Version { found: 9, .. }))
    ));
    assert!(refused(&bytes[..1_000]).contains("1000 bytes long where its header says"));
    let error = format::read(Path::new("/nonexistent/a.snapshot")).err().unwrap().to_string();
    assert_eq!(error, "/nonexistent/a.snapshot: No such file or directory (os error 2)");
}

#[test]
fn a_failed_write_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.snapshot");
    replace::write(&path, b"old", Keep::Nothing).unwrap();
    // A folder in the place of the file cannot be replaced by a file.
    let blocked = folder.path().join("blocked");
    std::fs::create_dir(&blocked).unwrap();
    std::fs::write(blocked.join("x"), "").unwrap();
    let error = replace::write(&blocked, b"new", Keep::Nothing).unwrap_err().to_string();
    assert!(error.contains("blocked: "), "{error}");
    assert!(replace::write(&folder.path().join("absent/file"), b"new", Keep::Nothing).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary file stays: {left:?}");
}
