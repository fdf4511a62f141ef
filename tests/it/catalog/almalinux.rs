//! AlmaLinux's files: clients get what AlmaLinux's own service answers (`requests.txt` beside them).

use std::fs;
use std::path::{Path, PathBuf};

use answer::Options;
use sources::CatalogFormat;

use super::Files;
use crate::fixture::Server;
use crate::server::run;
use serve::build_snapshot::build;

pub(super) fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/almalinux")
}

/// Serves AlmaLinux's files in a folder.
pub(super) fn serve(folder: &Path) -> Server {
    let files = Files::new("");
    let inputs = files.inputs_of(CatalogFormat::AlmaLinux, folder.to_owned());
    Server::new(build(&inputs, None).unwrap(), &Options::default())
}

/// A block of `requests.txt`.
struct Case {
    client: String,
    version: String,
    repository: String,
    query: Vec<(String, String)>,
    status: String,
    lines: Vec<String>,
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(fixture().join("requests.txt")).unwrap();
    let text = text.split_once("\n\n").unwrap().1;
    let cases = text.trim_end().split("\n\n").map(|block| {
        let mut lines = block.lines().filter(|line| !line.starts_with('!'));
        let (client, target) = lines.next().unwrap()[2..].split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<_> = path.split('/').collect();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Case {
            client: client.to_owned(),
            version: segments[2].to_owned(),
            repository: segments[3].to_owned(),
            query: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            status: lines.next().unwrap().to_owned(),
            lines: lines.map(str::to_owned).collect(),
        }
    });
    cases.collect()
}

impl Case {
    fn value(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The version that the service means: a version that there is, or that of the longest prefix which
    /// ends at a dot.
    fn full_version(&self) -> Option<&str> {
        let known = ["8.10", "9.8", "10.2", "9.7", "9.8-beta", "10.1", "10-kitten"];
        let majors = [("8", "8.10"), ("9", "9.8"), ("10", "10.2")];
        let version = self.version.as_str();
        if known.contains(&version) {
            return Some(version);
        }
        let prefix = version.split('.').next().unwrap();
        majors.iter().find(|(major, _)| *major == prefix).map(|(_, full)| *full)
    }

    /// Whether the answer needs a route: errors in AlmaLinux's form, and mirrors of one country only.
    fn needs_a_route(&self) -> bool {
        let is_list =
            self.status == "200 text/plain" && self.lines.iter().all(|line| line.contains("://"));
        let is_vault = self.lines.iter().any(|line| line.contains("://vault."));
        !is_list || self.value("country").is_some() || is_vault && self.value("protocol").is_some()
    }
}

#[test]
fn lists_are_those_of_almalinux_own_service() {
    let server = serve(&fixture());
    let mut n_compared = 0;
    let cases = cases();
    for case in &cases {
        if case.needs_a_route() {
            continue;
        }
        let full = case.full_version().unwrap();
        let arch = case.value("arch").unwrap_or("x86_64");
        // One URL of each mirror, plain http where it has that.
        let protocol = case.value("protocol").unwrap_or("http");
        let request = format!(
            "/mirrorlist?repo={full}-{}&arch={arch}&protocol={protocol} from {}",
            case.repository, case.client
        );
        let answer = server.get(&request);
        assert_eq!(answer.status, 200, "{request}: {}", answer.text());
        let literal = |url: String| match case.value("arch") {
            None => url.replace("/x86_64/", "/$basearch/"),
            Some(_) => url,
        };
        let mut got: Vec<String> = answer.urls().into_iter().map(literal).collect();
        let first = case.lines.iter().filter_map(|line| line.strip_prefix("^ "));
        for (at, url) in first.enumerate() {
            assert_eq!(got[at], url, "{request}");
        }
        let mut expected: Vec<&str> =
            case.lines.iter().map(|line| line.trim_start_matches("^ ")).collect();
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected, "{request}");
        n_compared += 1;
    }
    assert_eq!((cases.len(), n_compared), (35, 24));
}

#[test]
fn majors_are_redirects_and_unknown_names_are_refused() {
    let server = serve(&fixture());
    for (repo, status) in
        [("9-baseos", 200), ("10-baseos-source", 200), ("7-baseos", 404), ("9.8-nothing", 404)]
    {
        let answer = server.get(&format!("/mirrorlist?repo={repo}&arch=x86_64"));
        assert_eq!(answer.status, status, "{repo}: {}", answer.text());
    }
    assert_eq!(server.get("/mirrorlist?repo=9-rt&arch=aarch64").status, 404);
}

#[test]
fn the_program_compiles_and_checks_them() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = folder.path().join("mirrors.snapshot");
    let (files, snapshot) = (fixture(), snapshot.to_str().unwrap().to_owned());
    let files = files.to_str().unwrap();
    let output = run(&["compile", "--almalinux", files, "-o", &snapshot]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("mirrors.d/broken-1.yml:4: mirror left out: `private` is"), "{stderr}");
    let output = run(&["check", "--almalinux", files]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let output = run(&["check", "--almalinux", folder.path().to_str().unwrap()]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("config.yml: No such file or directory"), "{stderr}");
}
