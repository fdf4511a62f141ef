//! Routes for the URLs of AlmaLinux's own service: `/mirrorlist/VERSION/REPOSITORY` and
//! `/isolist/VERSION/ARCH`, on any host.
//!
//! As there, mirrors of the client's networks come first and then the nearest, whatever order the server
//! is configured for; a major version stands for its full one, so do versions that begin with it and a dot
//! and are not known themselves; `$basearch` stays in the list unless the request names an architecture; a
//! mirror has one URL, plain http where it has that; `country` leaves mirrors of other countries out; and
//! what is in the vault is answered with the vault, whatever protocol and country are asked for.
//!
//! Different on purpose: `99.995` is not taken for `9`, architectures are those of the repository and not
//! only those of the version, and a list of images is one of mirrors that have the version, such as those
//! of a module. An architecture that a version does not have is an error there, too.

use model::repository::fixed_arch;
use routes::{Map, Value, WrittenRoute};

use super::config::Config;
use super::repositories::{IMAGES, find_vaulted};
use super::table::File;
use crate::declared::{Declaration, RoutePlace};

/// All versions, each with the one that is served.
const VERSIONS: &str = "almalinux-versions";
/// The versions of the vault.
const VAULT: &str = "almalinux-vault-versions";
/// Repositories that only the vault has.
const VAULTED: &str = "almalinux-vault-repositories";
/// Repositories of sources that only the vault has.
const VAULTED_SOURCES: &str = "almalinux-vault-sources";

/// The most mirrors of a list.
const LIMIT: i64 = 10;

/// Adds the routes and their maps to a declaration.
pub(super) fn add(config: &Config, file: File<'_>, declaration: &mut Declaration) {
    let mut add_map = |name: &str, entries: Vec<(String, String)>| {
        let is_filled = !entries.is_empty();
        if is_filled {
            let place = RoutePlace::new(format!("map.{name}"), file.origin(1));
            let place = declaration.add_place(place);
            declaration.maps.push(Map { name: name.to_owned(), entries, place });
        }
        is_filled
    };
    let twice = |name: &String| (name.clone(), name.clone());
    let majors = config.majors.iter().map(|major| (major.name.clone(), major.full.clone()));
    let modules = config.modules.iter().flat_map(|module| &module.versions);
    let full = config.current.iter().chain(modules).chain(&config.vault);
    add_map(VERSIONS, majors.chain(full.map(|version| twice(&version.name))).collect());
    let has_vault =
        add_map(VAULT, config.vault.iter().map(|version| twice(&version.name)).collect());
    let (sources, vaulted): (Vec<_>, Vec<_>) =
        find_vaulted(config).partition(|name| fixed_arch(name).is_some());
    let has_vaulted = add_map(VAULTED, vaulted.into_iter().map(twice).collect());
    let has_sources = add_map(VAULTED_SOURCES, sources.into_iter().map(twice).collect());

    let mut routes = vec![
        list("almalinux", "{repo}", EACH),
        in_country(list("almalinux-country", "{repo}", EACH)),
    ];
    if has_vault {
        let path = format!("/mirrorlist/{{version:map:{VAULT}}}/{{repo}}/?");
        routes.push(WrittenRoute { path, ..of_vault(list("almalinux-vault", "{repo}", EACH), 1) });
    }
    if has_vaulted {
        let repo = format!("{{repo:map:{VAULTED}}}");
        routes.push(of_vault(list(VAULTED, &repo, EACH), 2));
    }
    if has_sources {
        let repo = format!("{{repo:map:{VAULTED_SOURCES}}}");
        routes.push(of_vault(list(VAULTED_SOURCES, &repo, "source"), 2));
    }
    routes.push(isolist());
    for mut route in routes {
        route.place = declaration.add_place(RoutePlace::new("route".to_owned(), file.origin(1)));
        declaration.routes.push(route);
    }
}

/// The architecture of the request, or the text that clients replace.
const EACH: &str = "{arch|literal:$basearch}";

/// The route of mirror lists.
fn list(name: &str, repo: &str, arch: &str) -> WrittenRoute {
    WrittenRoute {
        name: name.to_owned(),
        path: format!("/mirrorlist/{{version}}/{repo}/?"),
        query: pairs(&[
            ("arch", if arch == EACH { "arch?" } else { "-" }),
            ("protocol", "protocol?"),
            ("countme", "countme?"),
        ]),
        target: vec![
            ("repo".to_owned(), Value::Text(format!("{{version|map:{VERSIONS}}}-{{repo}}"))),
            ("arch".to_owned(), Value::Text(arch.to_owned())),
        ],
        options: ["header", "final_newline"]
            .into_iter()
            .map(|key| (key.to_owned(), Value::Switch(false)))
            .chain(usual_options())
            .collect(),
        errors: "alma".to_owned(),
        ..WrittenRoute::default()
    }
}

/// The same for requests that name a country.
fn in_country(mut route: WrittenRoute) -> WrittenRoute {
    route.query.push(("country".to_owned(), "country!".to_owned()));
    route.options.push(("country_only".to_owned(), Value::Switch(true)));
    route
}

/// The same for what only the vault has, which comes first.
fn of_vault(mut route: WrittenRoute, rank: i32) -> WrittenRoute {
    for (name, rule) in &mut route.query {
        if name == "protocol" {
            "-".clone_into(rule);
        }
    }
    route.query.push(("country".to_owned(), "-".to_owned()));
    route.rank = rank;
    route
}

/// The route of lists of images.
fn isolist() -> WrittenRoute {
    // As the service, which calls all its lists plain text.
    let content_type = ("content_type".to_owned(), Value::Text("text/plain".to_owned()));
    WrittenRoute {
        name: "almalinux-images".to_owned(),
        // Any text, so that an unknown architecture is an error in the style of the service.
        path: "/isolist/{version}/{arch:text}/?".to_owned(),
        target: vec![
            ("repo".to_owned(), Value::Text(format!("{IMAGES}/{{version|map:{VERSIONS}}}"))),
            ("arch".to_owned(), Value::Text("{arch}".to_owned())),
        ],
        format: "isolist".to_owned(),
        options: usual_options().chain([content_type]).collect(),
        errors: "alma".to_owned(),
        ..WrittenRoute::default()
    }
}

/// How many mirrors and which of their URLs are listed.
fn usual_options() -> impl Iterator<Item = (String, Value)> {
    let prefer = ["http", "https"].map(str::to_owned).into();
    [
        ("urls_per_mirror", Value::Number(1)),
        ("order", Value::Text("nearest".to_owned())),
        ("prefer", Value::List(prefer)),
        ("limit", Value::Number(LIMIT)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, rule)| ((*name).to_owned(), (*rule).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use catalog::Report;
    use routes::{Arch, CatalogNames, Errors, RouteFormat, RouteTarget, Standard, compile};

    use crate::declared::Declaration;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/almalinux")
    }

    /// The repositories of a declaration by name and architecture, each with its directory.
    fn directories(declaration: &Declaration) -> BTreeMap<(String, String), String> {
        let mut directories = BTreeMap::new();
        for repository in &declaration.repositories {
            for version in repository.each_version() {
                for arch in &repository.arches {
                    let key = (repository.repo_name(version), arch.clone());
                    directories.insert(key, repository.directory(version, arch));
                }
            }
        }
        directories
    }

    /// Each request of `requests.txt` leads to the directory that its answer lists, or to nothing.
    #[test]
    fn the_urls_of_the_service_lead_to_its_directories() {
        let mut report = Report::default();
        let declaration = super::super::read(&fixture(), &mut report).expect("it is read");
        let directories = directories(&declaration);
        let arches = directories.keys().map(|(_, arch)| arch.clone()).collect();
        let names = CatalogNames { arches, ..CatalogNames::default() };
        let (table, faults) = compile(&declaration.routes, &declaration.maps, &names);
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults, [""; 0]);
        let table = table.expect("a table");
        let text = fs::read_to_string(fixture().join("requests.txt")).expect("a file");
        let mut n_requests = 0;
        for block in text.trim_end().split("\n\n").skip(1) {
            n_requests += 1;
            let mut lines = block.lines().filter(|line| !line.starts_with('!'));
            let request = lines.next().expect("a request").rsplit(' ').next().expect("a path");
            let status = lines.next().expect("a status");
            let (path, query) = request.split_once('?').unwrap_or((request, ""));
            let found = table.find("any.example", path, query).expect(request);
            assert_eq!(
                (found.errors(), found.options().limit),
                (Errors::Alma, Some(10)),
                "{request}"
            );
            let mut name = String::new();
            let directory = match found.target(&mut name) {
                Ok(RouteTarget::Repository(repo, arch)) => {
                    let arch_name = match arch {
                        Arch::Named(arch) => arch,
                        Arch::Each(_) => "x86_64",
                    };
                    let directory = directories.get(&(repo.to_owned(), arch_name.to_owned()));
                    directory.map(|directory| match arch {
                        Arch::Named(_) => directory.clone(),
                        Arch::Each(text) => directory.replace("x86_64", text),
                    })
                }
                _ => None,
            };
            match (status, directory) {
                ("404 application/json", None) => {}
                ("200 text/plain", Some(directory)) => {
                    for url in lines.filter(|line| line.contains("://")) {
                        assert!(url.ends_with(&format!("/{directory}/")), "{request}: {directory}");
                    }
                }
                (status, directory) => panic!("{request}: {status} {directory:?}"),
            }
            let is_vault = block.contains("://vault.");
            let hears_protocol = found.standard(Standard::Protocol).is_some();
            assert!(!(is_vault && hears_protocol), "{request}");
        }
        assert_eq!(n_requests, 36);
        for (path, repo, arch) in [
            ("/isolist/9/x86_64", "isos/9.8", "x86_64"),
            ("/isolist/10-kitten/aarch64/", "isos/10-kitten", "aarch64"),
            ("/isolist/9.7/x86_64", "isos/9.7", "x86_64"),
        ] {
            let found = table.find("", path, "").expect(path);
            assert_eq!(found.format(), RouteFormat::Isolist);
            let mut name = String::new();
            let target = found.target(&mut name).expect("a target");
            assert_eq!(target, RouteTarget::Repository(repo, Arch::Named(arch)));
            assert!(directories.contains_key(&(repo.to_owned(), arch.to_owned())), "{repo}");
        }
    }

    #[test]
    fn more_versions_than_maps_hold_are_refused() {
        let vault: Vec<String> = (0..40_000).map(|n| format!("9.{n}")).collect();
        let config = format!(
            "config_version: 3\nmirrors_dir: m\nversions: [\"9\"]\nvault_versions: {vault:?}\n\
             vault_mirror: http://vault.example\n\
             arches: {{\"9\": [x86_64]}}\nrequired_protocols: [http]\nrepos: [{{name: a, path: a}}]\n"
        );
        let error = super::super::parse(config.as_bytes(), [], &mut Report::default())
            .expect_err("too many versions");
        assert!(error.to_string().contains("a catalog has at most 65536"), "{error}");
    }
}
