//! Files as they come: broken ones are refused in one line, all layouts are read, nothing panics.

use std::path::Path;

use answer::Edition;
use compile::Compiled;
use proptest::prelude::*;
use serve::build_snapshot::build;
use sources::Inputs;
use testdata::Message as _;
use testdata::mmdb::{self, Layout};

use crate::fixture::{Server, World, files_in};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

/// A world as bytes of its four files, in a folder of its own.
fn refusal(break_file: impl FnOnce(&Path)) -> String {
    let world = World::standard();
    let folder = tempfile::tempdir().unwrap();
    let files = world.write(folder.path(), &world.list.encode_to_vec());
    break_file(folder.path());
    match build(&Inputs::MirrorManager(files), None) {
        Ok(_) => "compiles".into(),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "{message:?}");
            message.replace(&format!("{}/", folder.path().display()), "")
        }
    }
}

#[test]
fn a_missing_file_is_refused_by_its_name() {
    for name in ["cache.proto", "netblocks.txt", "continents.csv", "country.mmdb"] {
        assert_eq!(
            refusal(|folder| std::fs::remove_file(folder.join(name)).unwrap()),
            format!("{name}: No such file or directory (os error 2)")
        );
    }
}

#[test]
fn an_empty_file_is_refused_by_its_name() {
    for (name, reason) in [
        ("cache.proto", "is empty"),
        ("netblocks.txt", "is empty"),
        ("continents.csv", "holds no line CODE,CONTINENT"),
        ("country.mmdb", "is empty"),
    ] {
        let message = refusal(|folder| std::fs::write(folder.join(name), "").unwrap());
        assert_eq!(message, format!("{name}: {reason}"));
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_refused() {
    let message = refusal(|folder| {
        std::fs::remove_file(folder.join("cache.proto")).unwrap();
        std::fs::create_dir(folder.join("cache.proto")).unwrap();
    });
    assert!(message.starts_with("cache.proto: "), "{message}");
}

#[test]
fn text_in_place_of_a_protobuf_is_refused() {
    for text in ["<html>not found</html>\n", "\u{1f}\u{8b}gzip", "0"] {
        let message = refusal(|folder| std::fs::write(folder.join("cache.proto"), text).unwrap());
        assert!(message.starts_with("cache.proto: is damaged at byte "), "{message}");
    }
}

#[test]
fn a_protobuf_without_time_or_without_directories_is_refused() {
    let mut world = World::standard();
    world.list.mirror_list_cache.clear();
    let error = world.compile().err().unwrap().to_string();
    assert_eq!(error, "cache.proto: holds no directory that a mirror carries");
    let mut bytes = World::standard().list.encode_to_vec();
    // `Time` is the first field: a tag and five bytes of number.
    bytes.drain(..6);
    let error = world.compile_bytes(&bytes).err().unwrap().to_string();
    assert!(error.ends_with("cache.proto: is no MirrorManager cache: it has no Time"), "{error}");
}

#[test]
fn a_protobuf_cut_anywhere_is_refused_or_holds_what_stands_before_the_cut() {
    let world = World::standard();
    let bytes = world.list.encode_to_vec();
    let whole = world.serve().snapshot().stats().clone();
    let mut boundaries = 0;
    for length in 0..bytes.len() {
        match world.compile_bytes(&bytes[..length]) {
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains("cache.proto"), "{error}");
            }
            // A cut between two top-level fields leaves a valid message of fewer records: nothing in
            // the format tells it from a smaller file, so a reload compares sizes (see `serve`).
            Ok(Compiled { snapshot, .. }) => {
                boundaries += 1;
                assert!(snapshot.stats().directories < whole.directories, "cut at {length}");
            }
        }
    }
    assert!(boundaries < whole.directories, "{boundaries} cuts went unnoticed");
}

#[test]
fn a_country_database_cut_anywhere_is_refused() {
    let world = World::standard();
    let bytes = mmdb::write(world.layout, &world.countries);
    let folder = tempfile::tempdir().unwrap();
    let files = world.write(folder.path(), &world.list.encode_to_vec());
    for length in 0..bytes.len() {
        std::fs::write(&files.geoip, &bytes[..length]).unwrap();
        let compiled = build(&Inputs::MirrorManager(files.clone()), None);
        let error = compiled.err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("country.mmdb: ")), "cut at {length}");
    }
}

#[test]
fn a_file_of_dangling_ids_is_refused_as_damaged() {
    let mut world = World::standard();
    world.list.hc_url_cache.truncate(3);
    let error = world.compile().err().unwrap().to_string();
    assert_eq!(error, "cache.proto: 11 of 14 URL ids have no base URL; is it cut off or damaged?");
    let mut world = World::standard();
    for number in 0..20 {
        world.repository(&format!("r{number}+x86_64"), "pub/nowhere");
    }
    let error = world.compile().err().unwrap().to_string();
    assert_eq!(
        error,
        "cache.proto: 21 of 25 repositories have no directory; is it cut off or damaged?"
    );
}

#[test]
fn every_layout_of_country_databases_gives_the_same_answers() {
    for layout in [Layout::GeoLite2, Layout::IpLocationDb, Layout::Ipinfo, Layout::IpinfoLite] {
        let mut world = World::standard();
        world.layout = layout;
        let server = world.serve();
        assert_eq!(server.report.count(), 3, "{layout:?}: {:?}", server.report.lines());
        for (client, country) in [
            ("192.0.2.1", "DE"),
            ("::ffff:192.0.2.1", "DE"),
            ("198.51.100.255", "FR"),
            ("203.0.113.0", "JP"),
            ("2001:db8::1", "DE"),
            ("2001:db8:1fff::", "FR"),
            ("2001:db8:2000::", "N/A"),
            ("198.18.3.0", "N/A"),
        ] {
            let log = server.get(&format!("{LIST} from {client}")).log.unwrap();
            assert_eq!(log.split(' ').nth(1), Some(country), "{layout:?} {client}");
        }
    }
}

#[test]
fn a_database_without_countries_is_refused() {
    let mut world = World::standard();
    world.countries.clear();
    let error = world.compile().err().unwrap().to_string();
    let reason = "holds no country: it is of the type \"GeoLite2-Country\", and no record has \
                  country.iso_code, country_code, country, or a continent";
    assert!(error.ends_with(&format!("country.mmdb: {reason}")), "{error}");
}

#[test]
fn equal_inputs_give_equal_bytes_and_generations() {
    let [a, b] = [World::standard(), World::standard()].map(|world| world.compile().unwrap());
    assert_eq!(a.bytes, b.bytes);
    assert_eq!(a.snapshot.generation(), b.snapshot.generation());
    let mut other = World::standard();
    other.list.time += 1;
    assert_ne!(other.compile().unwrap().snapshot.generation(), a.snapshot.generation());
}

#[test]
fn a_snapshot_file_answers_as_what_it_was_made_from() {
    let world = World::standard();
    let compiled = world.compile().unwrap();
    let read = snapshot::format::decode(&compiled.bytes).unwrap();
    assert_eq!(read.generation(), compiled.snapshot.generation());
    assert_eq!(read.stats(), compiled.snapshot.stats());
    let report = compiled.report;
    let edition = Edition::new(read);
    let server = Server { edition, report, options: world.options.clone() };
    for request in [
        "/mirrorlist?repo=latest&arch=x86_64&time from 192.0.2.130",
        "/metalink?repo=main-9&arch=x86_64 from 198.51.100.1",
        "/metalink?repo=unknown&arch=x86_64",
        "/mirrorlist?path=pub/test/9/images/x&redirect",
    ] {
        assert_eq!(server.get(request), world.serve().get(request), "{request}");
    }
}

proptest! {
    #[test]
    fn damage_to_the_protobuf_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut: Option<prop::sample::Index>,
    ) {
        let world = World::standard();
        let mut bytes = world.list.encode_to_vec();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(compiled) = world.compile_bytes(&bytes) {
            let server = Server::new(compiled, &world.options);
            server.get("/metalink?repo=main-9&arch=x86_64 from 192.0.2.130");
            server.get("/mirrorlist?path=pub/test/9/images/x&country=de,fr");
        }
    }

    #[test]
    fn damage_to_the_other_files_never_panics(
        name in prop::sample::select(vec!["netblocks.txt", "continents.csv", "country.mmdb"]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let world = World::standard();
        let folder = tempfile::tempdir().unwrap();
        world.write(folder.path(), &world.list.encode_to_vec());
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        std::fs::write(&path, bytes).unwrap();
        if let Err(error) = build(&Inputs::MirrorManager(files_in(folder.path())), None) {
            prop_assert!(!error.to_string().contains('\n'));
            // That would be a panic behind a curtain.
            prop_assert!(!error.to_string().contains("made its reader panic"), "{}", error);
        }
    }
}
