//! What becomes of AlmaLinux's own files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::{read, repositories};
use crate::geography::gazetteer::{Found, FoundBy, Gazetteer};
use catalog::Report;

/// AlmaLinux's own files, where they lie beside the working copy or above it.
fn find_real_files() -> Option<PathBuf> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = top.ancestors().map(|folder| folder.join("shared/data/almalinux"));
    beside.into_iter().find(|folder| folder.is_dir())
}

/// `cargo test -p mirrorlistd-sources --lib -- --ignored real`
#[test]
#[ignore = "needs AlmaLinux's own files in shared/data/almalinux beside the working copy"]
fn all_real_mirrors_load_and_each_key_without_use_is_named() {
    let folder = find_real_files().expect("AlmaLinux's files");
    let mut report = Report::default();
    let declaration = read(&folder, &mut report).expect("it is read");
    let carrying = |group: &str| {
        let carries = repositories::carry(group);
        declaration.mirrors.iter().filter(|mirror| mirror.carries == carries).count()
    };
    let lines = report.lines();
    assert_eq!([carrying("current"), carrying("module-kitten"), carrying("vault")], [530, 49, 1]);
    let counts: BTreeMap<&str, u64> = lines
        .iter()
        .map(|line| {
            let problem = line.splitn(3, ':').nth(2).expect("file, line, problem");
            let more = line.rsplit_once(" (and ").map_or(0, |(_, more)| {
                more.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
            });
            (problem.split([':', ',']).next().unwrap_or("").trim(), more + 1)
        })
        .collect();
    let expected: BTreeMap<&str, u64> = [
        ("allowed_outdate", 1),
        ("update_frequency", 530),
        ("mirror without a country", 81),
        ("country that is not its usual code", 6),
        ("mirror that nobody may use", 23),
        ("unknown key", 2),
        ("cloud_type", 2),
        ("key in other letters", 1),
        ("URL that cannot be listed", 1),
        ("URL under the key of another protocol", 9),
        ("URL occurs twice", 8),
        ("URL in an odd form", 5),
        ("key that is there twice", 2),
        ("geolocation.continent", 1),
        ("URL that another mirror has", 1),
    ]
    .into();
    assert_eq!(counts, expected, "{}", lines.join("\n"));
}

/// Of cities that people write without a table beside them 96 % are known, and of the others the state.
#[test]
#[ignore = "needs AlmaLinux's own files in shared/data/almalinux beside the working copy"]
fn nearly_all_real_mirrors_are_placed_by_their_cities() {
    let folder = find_real_files().expect("AlmaLinux's files");
    let declaration = read(&folder, &mut Report::default()).expect("it is read");
    let mut gazetteer = Gazetteer::built_in();
    let (mut n_cities, mut by_city, mut by_state) = (0, 0, 0);
    for mirror in declaration.mirrors.iter().filter(|m| m.carries == repositories::carry("current"))
    {
        let Some(place) = &mirror.place else { continue };
        let Some(city) = place.city.as_deref() else { continue };
        n_cities += 1;
        match gazetteer.find(place.country, place.state.as_deref(), Some(city)) {
            Some(Found { by: FoundBy::City, .. }) => by_city += 1,
            Some(Found { by: FoundBy::State, .. }) => by_state += 1,
            None => panic!("{}: {city}, {}", mirror.key.as_str(), place.country),
        }
    }
    assert_eq!((n_cities, by_city, by_state), (448, 430, 18));
}
