//! Law: any bytes are either accepted or refused with a reason of one line, and accepted data can be
//! served.

use std::collections::BTreeSet;
use std::path::Path;

use answer::Edition;
use catalog::geography::{CountryNetworks, NetworkPlace};
use catalog::{Geography, Report};
use compile::compile;
use mirrorlistd::config::written::Written;
use model::net::Prefix;
use snapshot::format;
use sources::declared::Declaration;
use sources::declared::check::{Scope, check};
use sources::geography::{
    countries_origin, country_centres, country_continent as continents, table,
};
use sources::mirrormanager::cache;

use super::answers;

const FILE: &str = "file";

pub(crate) fn check_report(report: &Report) {
    for line in report.lines().iter().chain(&report.details()) {
        check_line(line);
    }
}

pub(crate) fn check_line(line: &str) {
    assert!(!line.chars().any(char::is_control), "{line:?}");
}

/// Checks the bytes as MirrorManager's protobuf: it is compiled or refused, a compiled snapshot can be
/// decoded again, and its answers keep their law.
pub fn mirrormanager(bytes: &[u8]) {
    let mut report = Report::default();
    let builder = match cache::parse(FILE, bytes, &mut report) {
        Ok(builder) => builder,
        Err(error) => return check_line(&error.to_string()),
    };
    check_report(&report);
    let geography = Geography {
        as_networks: table::systems(FILE, b"198.51.100.0/24 64500\n", &mut report).unwrap(),
        continents: continents::parse(FILE, "DE,EU\nFR,EU\nUS,NA\n", &mut report),
        centres: country_centres::built_in(),
        countries: countries_of_one(),
        countries_origin: countries_origin(FILE),
    };
    let catalog = match builder.finish(geography, &mut report) {
        Ok(catalog) => catalog,
        Err(error) => return check_line(&error.to_string()),
    };
    let compiled = match compile(catalog, report, None) {
        Ok(compiled) => compiled,
        Err(error) => return check_line(&error.to_string()),
    };
    check_report(&compiled.report);
    let snapshot = format::decode(&compiled.bytes).unwrap();
    assert_eq!(snapshot.generation(), compiled.snapshot.generation());
    let edition = Edition::new(snapshot);
    let snapshot = edition.snapshot();
    for name in snapshot.directory_names().iter().take(4) {
        answers::check(&edition, &format!("path={}", encoded(name)));
        answers::check(&edition, &format!("path={}/repomd.xml&time", encoded(name)));
    }
    for name in snapshot.repository_names().iter().take(4) {
        if let Some((repo, arch)) = name.rsplit_once('+') {
            let query = format!("repo={}&arch={}", encoded(repo), encoded(arch));
            answers::check(&edition, &query);
        }
    }
}

/// A table of countries with one network: `192.0.2.0/24` in Germany.
fn countries_of_one() -> CountryNetworks {
    let country = model::geo::Country::parse("DE");
    CountryNetworks {
        networks: vec![(Prefix::parse("192.0.2.0/24").unwrap().0, 0)],
        places: vec![NetworkPlace { country, ..Default::default() }],
    }
}

/// Percent-encodes every byte.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

pub fn country_continent(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let mut report = Report::default();
        let records = continents::parse(FILE, text, &mut report);
        check_report(&report);
        assert!(records.len() <= text.lines().count());
    }
}

/// Checks the bytes as a configuration file: an error is one line with a valid line number.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Written::parse(text, Path::new("m.toml")) {
        let message = error.to_string();
        check_line(&message);
        let place = message.strip_prefix("m.toml:").unwrap();
        let line: usize = place.split(':').next().unwrap().parse().unwrap();
        assert!((1..=text.lines().count() + 1).contains(&line), "{message}");
    }
}

/// The line between the files of AlmaLinux's in one input.
const NEXT_FILE: &[u8] = b"\n=====\n";

/// A `config.yml` for inputs that begin with the files of mirrors.
const ALMALINUX: &[u8] = b"config_version: 3\nmirrors_dir: m\nversions: ['9', '9.8']\n\
    optional_module_versions: {kitten: ['10']}\nduplicated_versions: {'9': '9.8'}\n\
    vault_versions: ['9.7']\nvault_mirror: http://vault.example\n\
    arches: {'9': [x86_64], '10-kitten': [x86_64]}\nrequired_protocols: [http, https]\n\
    repos: [{name: baseos, path: BaseOS/$basearch/os/}]\n";

/// Checks the bytes as AlmaLinux's files, `config.yml` first, and as files of mirrors beside one that is
/// right: an error names a line that is there; keys, URLs and names of repositories are there once.
pub fn almalinux(bytes: &[u8]) {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(NEXT_FILE.len()).position(|window| window == NEXT_FILE) {
        parts.push(&rest[..at]);
        rest = &rest[at + NEXT_FILE.len()..];
    }
    parts.push(rest);
    check_almalinux(parts[0], &parts[1..]);
    check_almalinux(ALMALINUX, &parts);
}

fn check_almalinux(config: &[u8], mirrors: &[&[u8]]) {
    let mut report = Report::default();
    let files = mirrors.iter().map(|&bytes| ("m/m.yml", bytes));
    let declaration = match sources::almalinux::parse(config, files, &mut report) {
        Ok(declaration) => declaration,
        Err(error) => {
            let message = error.to_string();
            check_line(&message);
            check_place(&message, "config.yml:", config);
            check_report(&report);
            return;
        }
    };
    check_report(&report);
    let longest = mirrors.iter().max_by_key(|bytes| n_lines(bytes)).copied().unwrap_or_default();
    for line in report.details().iter().filter(|line| line.starts_with("m/m.yml:")) {
        // The value of a diagnostic may be cut short.
        check_place(line, "m/m.yml:", longest);
    }
    let Some(mut declaration) = declaration else { return };
    let faults = check(&mut declaration, Scope::ALL);
    assert!(faults.is_empty(), "{faults}");
    let written = sources::toml_catalog::write(&declaration);
    let read = sources::toml_catalog::parse("c.toml", &written);
    let read = read.unwrap_or_else(|faults| panic!("{faults}\n{written}"));
    let shown = |declaration: Declaration| format!("{:?}", declaration.without_places());
    assert_eq!(shown(read), shown(declaration.clone()));
    let mut names = BTreeSet::new();
    for mirror in &declaration.mirrors {
        let mut urls = mirror.urls.iter().map(|url| url.url.as_str().to_owned());
        assert!(names.insert(mirror.key.as_str().to_owned()), "{mirror:?}");
        assert!(!mirror.urls.is_empty() && urls.all(|url| names.insert(url)), "{mirror:?}");
        let has_networks = !mirror.networks.is_empty() || !mirror.asns.is_empty();
        assert!(!mirror.private || has_networks || mirror.disabled.is_some(), "{mirror:?}");
    }
    let mut names = BTreeSet::new();
    for repository in &declaration.repositories {
        for version in &repository.versions {
            let name = repository.name_template.replace("{version}", version);
            assert!(names.insert(name.replace("{name}", &repository.name)), "{repository:?}");
        }
    }
    for redirect in &declaration.redirects {
        assert!(names.contains(&redirect.to) && !names.contains(&redirect.from), "{redirect:?}");
    }
}

/// The number of lines, where a carriage return ends one as well.
fn n_lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| b"\n\r".contains(byte)).count()
}

/// Checks that a message begins with a place in a file that has such a line.
#[track_caller]
fn check_place(message: &str, start: &str, bytes: &[u8]) {
    let line = message.strip_prefix(start).and_then(|rest| rest.split(':').next());
    let line: usize = line.and_then(|line| line.parse().ok()).expect(message);
    // A parser that meets the end may name the line behind it.
    assert!((1..=n_lines(bytes) + 1).contains(&line), "{message}");
}
