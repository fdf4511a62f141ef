//! The catalogs in `contrib/catalogs`: what each answers to the requests of its own tests, and to the paths
//! that are built in.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use answer::Endpoint;
use sources::toml_catalog::parse;

use super::Files;
use super::tree::index;
use crate::fixture::Server;
use crate::golden;

/// A client in Germany, and one in the network of the mirror `campus`.
const CLIENT: &str = "192.0.2.10";
const ON_CAMPUS: &str = "192.0.2.200";

/// The catalogs that need an index, each with directories of the tree.
const WITH_INDEX: [(&str, &[&str]); 1] = [(
    "opensuse",
    &[
        "distribution/leap/15.6/iso",
        "distribution/leap/15.6/repo/oss/repodata",
        "tumbleweed/repo/oss/repodata",
    ],
)];

/// Requests besides those of the tests in the catalogs: for built-in paths, and for clients elsewhere.
const MORE: [(&str, &str, &str); 24] = [
    ("almalinux", "/mirrorlist/9/baseos", ON_CAMPUS),
    ("almalinux", "/mirrorlist/9/baseos?protocol=ftp", CLIENT),
    ("almalinux", "/mirrorlist/9/baseos?country=DEU", CLIENT),
    ("almalinux", "/mirrorlist/9/baseos?arch=mips", CLIENT),
    ("arch", "/mirrorlist/?protocol=http", "198.51.100.7"),
    ("centos", "/?release=7&arch=x86_64&repo=updates&cc=fr", CLIENT),
    ("centos", "/?arch=x86_64&repo=os", CLIENT),
    ("centos", "/", CLIENT),
    ("elrepo", "/mirrors-elrepo.el9", ON_CAMPUS),
    ("kali", "/kali/pool/main/b/b.deb", CLIENT),
    ("openeuler", "/mirrorlist?repo=24.03LTS_SP2/OS&arch=x86_64", CLIENT),
    ("openeuler", "/mirrorlist?repo=24.03LTS_SP2%2FEPOL%2Fmain&arch=riscv64", "203.0.113.7"),
    ("opensuse", "/distribution/leap/15.6/repo/oss/repodata/repomd.xml", CLIENT),
    ("opensuse", "/distribution/leap/15.6/repo/oss/repodata/repomd.xml.meta4", "198.51.100.7"),
    ("opensuse", "/mirrorlist", CLIENT),
    ("rocky", "/mirrorlist?repo=BaseOS-9&arch=x86_64", CLIENT),
    ("rocky", "/mirrorlist?repo=BaseOS-9-source&arch=x86_64&country=FR", CLIENT),
    ("rocky", "/mirrorlist?repo=rocky-BaseOS-9.6&arch=aarch64", ON_CAMPUS),
    ("rpmfusion", "/mirrorlist?repo=free-fedora-updates-released-42&arch=x86_64", CLIENT),
    ("rpmfusion", "/mirrorlist?path=free/fedora/x.rpm&protocol=https&redirect=1", CLIENT),
    ("rpmfusion", "/free/nowhere/x.rpm", CLIENT),
    ("ubuntu", "/mirrors.txt", "203.0.113.7"),
    ("ubuntu", "/apt", ON_CAMPUS),
    ("ubuntu", "/apt", "198.51.100.7"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contrib/catalogs")
}

/// The names of the catalogs.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(".toml").unwrap().to_owned()).collect()
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap()
}

#[test]
fn each_answers_as_its_tests_say() {
    for name in names() {
        let mut files = Files::new(&text(&name));
        if let Some((_, directories)) = WITH_INDEX.iter().find(|(of, _)| *of == name) {
            files = files.with_index(&index(directories, &[]));
        }
        let server = files.serve();
        let mut out = files.report().join("\n") + "\n";
        for route in parse("catalog.toml", &text(&name)).unwrap().routes {
            for test in route.tests {
                let status = ask(&server, &test.get, CLIENT, &mut out);
                assert_eq!(status, test.status.unwrap_or(200), "{name}: {}", test.get);
            }
        }
        for (_, get, client) in MORE.iter().filter(|(of, _, _)| *of == name) {
            ask(&server, get, client, &mut out);
        }
        golden::check(&format!("catalogs/{name}.txt"), &out);
    }
}

/// Appends a request with its answer, and returns the status.
fn ask(server: &Server, get: &str, client: &str, out: &mut String) -> u16 {
    writeln!(out, "\n> {get} from {client}").unwrap();
    let (path, query) = get.split_once('?').unwrap_or((get, ""));
    if Endpoint::find(&server.edition, "", path, query).is_none() {
        out.push_str("404 (no route)\n");
        return 404;
    }
    let answer = server.get(&format!("{get} from {client}"));
    writeln!(out, "{} {}", answer.status, answer.content_type).unwrap();
    if let Some(seconds) = answer.cache_seconds {
        writeln!(out, "public, max-age={seconds}").unwrap();
    }
    for (header, value) in [("Location", &answer.location), ("Link", &answer.link)] {
        if let Some(value) = value {
            writeln!(out, "{header}: {value}").unwrap();
        }
    }
    // It changes with each format of snapshots.
    let generation = server.snapshot().generation().to_string();
    out.push_str(&answer.body.replace(&generation, "GENERATION"));
    if !answer.body.is_empty() && !answer.body.ends_with('\n') {
        out.push_str("(no newline)\n");
    }
    answer.status
}

#[test]
fn each_is_in_the_handbook_and_in_the_packages() {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let chapter = fs::read_to_string(top.join("contrib/handbook/routes.md")).unwrap();
    let rows = chapter.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(".toml` |"));
    let listed: BTreeSet<_> = rows.map(|(name, _)| name.to_owned()).collect();
    assert_eq!(listed, names(), "the table of the chapter, and the files");
    let packed = fs::read_to_string(top.join("contrib/package/files")).unwrap();
    let packed = packed.lines().filter_map(|line| {
        line.split_whitespace().nth(2)?.strip_prefix("contrib/catalogs/")?.strip_suffix(".toml")
    });
    assert_eq!(packed.map(str::to_owned).collect::<BTreeSet<_>>(), names(), "what is packed");
}

#[test]
fn every_request_besides_belongs_to_a_catalog() {
    let names = names();
    for (name, get, _) in MORE {
        assert!(names.contains(name), "{name} {get}");
    }
}
