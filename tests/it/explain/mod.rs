//! Explanations: what they say is what clients get.

mod chances;
mod chapter;
mod reports;

use std::net::IpAddr;

use answer::Options;
use answer::policy::Policy;
use answer::requester::Requester;
use answer::shaping::Shaping;
use explain::{Audience, PackageManager, Question, Refused, Report, report};
use serve::build_snapshot::build;
use sources::{CatalogFormat, GeographyFiles, Inputs, TextCatalog};
use testdata::mmdb::{self, Layout};

use crate::fixture::{NOW, Server};
use crate::server::command;

/// A catalog with a mirror for each rule.
const WORLD: &str = include_str!("world.toml");

/// What checks have found out of its mirrors.
const FINDINGS: &str = include_str!("findings.json");

/// Where some networks are.
const COUNTRIES: [(&str, &str); 6] = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/24", "FR"),
    ("203.0.113.0/24", "JP"),
    ("198.18.0.0/24", "US"),
    ("198.18.1.0/24", "CA"),
    ("2001:db8::/32", "DE"),
];

/// The networks of systems: one with public mirrors, one with a private mirror alone, one without any.
const SYSTEMS: &str = "198.51.100.0/25 64500\n203.0.113.0/25 64999\n198.18.0.0/24 64998\n";

/// The world with these options.
fn serve(options: &Options) -> Server {
    serve_catalog(WORLD, None, options)
}

/// The world, whose mirrors are checked, with these options.
fn serve_checked(options: &Options) -> Server {
    serve_catalog(WORLD, Some(FINDINGS), options)
}

/// The world as if it had no private mirrors, with these options.
fn serve_public(options: &Options) -> Server {
    const MIRROR: &str = "[[mirror]]\n";
    let mut records = WORLD.split(MIRROR);
    let head = records.next().unwrap().to_owned();
    let public = records.filter(|record| !record.contains("private = true"));
    let catalog = public.fold(head, |catalog, record| catalog + MIRROR + record);
    serve_catalog(&catalog, None, options)
}

fn serve_catalog(catalog: &str, findings: Option<&str>, options: &Options) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("catalog.toml"), catalog).unwrap();
    if let Some(findings) = findings {
        std::fs::write(path("findings.json"), findings).unwrap();
    }
    std::fs::write(path("country.mmdb"), mmdb::write(Layout::GeoLite2, &COUNTRIES)).unwrap();
    std::fs::write(path("systems.txt"), SYSTEMS).unwrap();
    let inputs = Inputs::Catalog(TextCatalog {
        catalog: path("catalog.toml"),
        format: CatalogFormat::Toml,
        index: None,
        findings: findings.map(|_| path("findings.json")),
        geography: GeographyFiles {
            global_netblocks: Some(path("systems.txt")),
            country_continent: None,
            country_table: Some(path("country.mmdb")),
        },
    });
    Server::new(build(&inputs, None).unwrap(), options)
}

/// The options of a profile.
fn modern() -> Options {
    Options {
        policy: Policy::Nearest,
        families: true,
        shaping: Shaping::modern(),
        ..Options::default()
    }
}

/// The question `/mirrorlist?repo=… from ADDRESS`.
fn question(request: &str) -> Question<'_> {
    let (target, client) = request.split_once(" from ").unwrap();
    let (path, query) = Question::divide(target);
    let client: IpAddr = client.parse().unwrap();
    Question {
        path,
        query,
        host: "mirrors.example",
        requester: Requester::untrusted(client),
        now: NOW,
        audience: Audience::Operator,
        client: None,
        seed: 1,
    }
}

#[track_caller]
fn explained(server: &Server, request: &str) -> Report {
    ask(server, &question(request)).unwrap_or_else(|refused| panic!("{request}: {refused}"))
}

fn ask(server: &Server, question: &Question<'_>) -> Result<Report, Refused> {
    let mut report = report(&server.edition, &server.options, question)?;
    // The time of a catalog is that of its files, and the generation depends on it.
    report.generation = "0123456789abcdef".into();
    report.created = "2026-11-01T00:00:00Z".into();
    Ok(report)
}

/// What a package manager does with an answer.
fn read_by(client: PackageManager, request: &str, options: &Options) -> Report {
    let question = Question { client: Some(client), ..question(request) };
    ask(&serve(options), &question).unwrap()
}

#[test]
fn the_command_exits_with_what_the_client_gets() {
    let run = |words: &[&str]| {
        let args = [&["explain", "--demo"], words].concat();
        let output = command(&args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let client = ["--ip", "192.0.2.200", "--client", "dnf"];
    let (code, list, errors) = run(&[&client[..], &["repo=demo-9&arch=x86_64"]].concat());
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(list.contains("100.00 %       1000      1      1      DE     0  campus"), "{list}");
    assert!(list.contains("What dnf does with it"), "{list}");
    let (code, list, _) = run(&["--json", "repo=demo-9&arch=x86_64&ip=192.0.2.200"]);
    let report: Report = serde_json::from_str(&list).unwrap();
    assert_eq!((code, report.client.ip.as_str()), (0, "192.0.2.200"));
    // The operator's rules count, as in answers.
    let metalink = "/metalink?repo=demo-9&arch=x86_64";
    let (_, list, _) = run(&["--profile", "modern", "--ip", "198.18.0.1", metalink]);
    assert!(list.contains("order       nearest"), "{list}");

    let (code, list, error) = run(&["--ip", "192.0.2.1", "repo=nothing&arch=x86_64"]);
    assert_eq!((code, list.as_str()), (1, ""));
    assert!(error.contains("no list, but status 404"), "{error}");
    let (code, list, _) = run(&["--ip", "192.0.2.1", "--json", "repo=nothing&arch=x86_64"]);
    let error: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!((code, &error["error"]["code"]), (1, &"unknown_repository".into()));

    let (code, _, error) = run(&["--ip", "192.0.2.1", "repo=demo-9&arch=x86_64&ip=192.0.2.2"]);
    assert_eq!(code, 2);
    assert!(error.contains("named twice"), "{error}");
    assert_eq!(run(&["repo=demo-9&arch=x86_64"]).0, 2);
    assert_eq!(run(&["--ip", "nowhere", "repo=demo-9&arch=x86_64"]).0, 2);
    assert_eq!(run(&["--ip", "192.0.2.1", "--client", "pkg", "repo=demo-9&arch=x86_64"]).0, 2);
}
