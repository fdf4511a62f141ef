//! Where mirrors of a catalog are, how much they get, and over which versions of IP they work.

use std::fs;

use catalog::Report;
use sources::declared::from_catalog::declare;
use sources::toml_catalog;

use super::{Files, mirrors, serve};
use crate::golden;
use crate::previous_snapshot::Store;
use crate::server::run;

/// A mirror of each kind.
const CATALOG: &str = r#"
[distribution]
name = "Example Linux"

[[repository]]
name = "baseos"
arches = ["x86_64"]
path = "BaseOS/{arch}/os"

[[mirror]]
key = "exact"
urls = ["https://exact.example/pub", "http://exact.example/pub"]
ip_versions = [4, 6]
country = "DE"
city = "Munich"
coordinates = [52.52, 13.40]
load = 0.5
max_share = 0.07

[[mirror]]
key = "of-a-city"
urls = ["https://city.example/pub"]
ip_versions = [6]
country = "DE"
state = "Bayern"
city = "München"

[[mirror]]
key = "of-a-state"
urls = ["https://state.example/pub"]
ip_versions = [4]
country = "US"
state = "OR"

[[mirror]]
key = "of-a-country"
urls = ["https://country.example/pub"]
country = "FR"
city = "Ville-qui-n'existe-pas"

[[mirror]]
key = "resting"
urls = ["https://resting.example/pub"]
country = "DE"
load = 0

[[mirror]]
key = "somewhere"
urls = ["https://somewhere.example/pub"]
"#;

#[test]
fn inspect_shows_where_mirrors_are_and_how_much_they_get() {
    let store = Store::new();
    fs::write(store.path("catalog.toml"), CATALOG).unwrap();
    let (catalog, snapshot) = (store.text("catalog.toml"), store.text("mirrors.snapshot"));
    let output = run(&["compile", "--catalog", &catalog, "-o", &snapshot]);
    assert!(output.status.success(), "{output:?}");
    for (options, name) in [
        (&["--mirrors"][..], "catalog_mirrors.txt"),
        (&["--mirrors", "--json"], "catalog_mirrors.json"),
    ] {
        let output = run(&[&["inspect", &snapshot], options].concat());
        let mut text = String::from_utf8(output.stdout).unwrap();
        // What comes before depends on the time of the file.
        if let Some(at) = text.find("\"mirrors\"") {
            text.drain(..at);
        }
        golden::check(name, &text);
    }
}

#[test]
fn places_that_are_not_known_are_told() {
    let report = Files::new(CATALOG).report();
    let of_places: Vec<_> = report.iter().filter(|line| line.contains("place")).collect();
    assert_eq!(
        of_places,
        [
            "catalog.toml:35: place of a mirror that is not known by name, so no more than its country is: \
             of-a-country in Ville-qui-n'existe-pas, FR",
            "catalog.toml: mirrors: mirrors without a place, behind all others in the order of distance: 1 \
             of 6 (others: 1 by coordinates, 1 by city, 1 by state, 2 by country alone), such as somewhere",
        ]
    );
}

#[test]
fn a_mirror_that_rests_is_in_no_answer() {
    let found = mirrors(&serve(CATALOG), "/mirrorlist?repo=baseos&arch=x86_64 from 198.18.0.1");
    assert!(found.contains("exact") && !found.contains("resting"), "{found}");
}

#[test]
fn mirrors_that_rest_are_told_and_repositories_that_only_they_carry() {
    let of_rest = |catalog: &str| -> Vec<String> {
        let report = Files::new(catalog).report();
        report.into_iter().filter(|line| line.contains("rest")).collect()
    };
    let rests = "catalog.toml:41: mirror that rests, in no answer: resting";
    assert_eq!(of_rest(CATALOG), [rests]);
    assert_eq!(of_rest(&CATALOG.replace("load = 0\n", "load = 0.01\n")), [""; 0]);

    let (head, _) = CATALOG.split_at(CATALOG.find("[[mirror]]").unwrap());
    let only = "[[mirror]]\nkey = \"only\"\nurls = [\"https://m.example\"]\nload = 0\n";
    let with_others = format!(
        "{head}{only}[[mirror]]\nkey = \"p\"\nurls = [\"https://p.example\"]\n\
        private = true\nasns = [64500]\n"
    );
    let of_repository = |of_rest: &[String]| of_rest.last().cloned().unwrap_or_default();
    let expected = "catalog.toml:5: repository whose public mirrors all rest, clients get none: \
                    baseos+x86_64 in BaseOS/x86_64/os";
    assert_eq!(of_repository(&of_rest(&with_others)), expected);
    let origin = "name = \"Example Linux\"\norigin = \"https://dl.example/pub\"";
    let with_origin = with_others.replace("name = \"Example Linux\"", origin);
    let expected = "catalog.toml:6: repository whose public mirrors all rest, clients get the origin alone: \
                    baseos+x86_64 in BaseOS/x86_64/os";
    assert_eq!(of_repository(&of_rest(&with_origin)), expected);
    // One that works offers nothing to package managers.
    let with_rsync =
        format!("{head}{only}{}", "[[mirror]]\nkey = \"r\"\nurls = [\"rsync://r.example/m\"]\n");
    let report = Files::new(&with_rsync).report();
    assert!(report.iter().any(|line| line.contains("over http or https")), "{report:?}");
}

/// A catalog that is made of records again has what the first one says.
#[test]
fn what_is_compiled_can_be_declared_again() {
    let files = Files::new(CATALOG);
    let read = |text: &str| toml_catalog::parse("c.toml", text).unwrap();
    let catalog = files.inputs().read(&mut Report::default()).unwrap();
    let again = declare(&catalog, "Example Linux", &mut Report::default());
    let again = read(&toml_catalog::write(&again));
    let shown = |declaration: &sources::declared::Declaration| -> Vec<String> {
        let shares = declaration.mirrors.iter().map(|mirror| {
            let country = mirror.place.as_ref().map(|place| place.country);
            let key = mirror.urls[0].url.as_str();
            format!(
                "{key} {country:?} {:?} {:?} {:?}",
                mirror.ip_versions, mirror.load, mirror.max_share
            )
        });
        let mut shares: Vec<_> = shares.collect();
        shares.sort_unstable();
        shares
    };
    assert_eq!(shown(&again), shown(&read(CATALOG)));
    let place = |url: &str| {
        let found = again.mirrors.iter().find(|mirror| mirror.urls[0].url.as_str().contains(url));
        found.unwrap().place.as_ref().and_then(|place| place.coordinates)
    };
    assert_eq!(place("exact"), Some((52.52, 13.4)));
    assert!(place("city").is_some() && place("country").is_none());
}
