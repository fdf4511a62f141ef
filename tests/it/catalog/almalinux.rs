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
    target: String,
    status: u16,
    content_type: String,
    lines: Vec<String>,
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(fixture().join("requests.txt")).unwrap();
    let text = text.split_once("\n\n").unwrap().1;
    let cases = text.trim_end().split("\n\n").map(|block| {
        let mut lines = block.lines().filter(|line| !line.starts_with('!'));
        let (client, target) = lines.next().unwrap()[2..].split_once(' ').unwrap();
        let (status, content_type) = lines.next().unwrap().split_once(' ').unwrap();
        Case {
            client: client.to_owned(),
            target: target.to_owned(),
            status: status.parse().unwrap(),
            content_type: content_type.to_owned(),
            lines: lines.map(str::to_owned).collect(),
        }
    });
    cases.collect()
}

/// Compares the answers to all requests of `requests.txt`, byte for byte but for the order of lines.
fn check_requests(server: &Server) {
    let cases = cases();
    for Case { client, target, status, content_type, lines } in &cases {
        let request = format!("{target} from {client}");
        let answer = server.get(&request);
        assert_eq!(answer.status, *status, "{request}: {}", answer.body);
        assert_eq!(answer.content_type, *content_type, "{request}");
        if content_type == "application/json" {
            let start = "{\"result\":{\"message\":";
            let message =
                answer.body.strip_prefix(start).unwrap_or_else(|| panic!("{}", answer.body));
            let expected = lines[0].replace('"', "\\\"");
            assert!(message.starts_with(&format!("\"{expected}")), "{request}: {message}");
            continue;
        }
        let mut got: Vec<&str> = answer.body.split('\n').collect();
        let first = lines.iter().filter_map(|line| line.strip_prefix("^ "));
        for (at, url) in first.enumerate() {
            assert_eq!(got[at], url, "{request}");
        }
        let mut expected: Vec<&str> =
            lines.iter().map(|line| line.trim_start_matches("^ ")).collect();
        if expected.is_empty() {
            expected.push("");
        }
        expected.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, expected, "{request}");
    }
    assert_eq!(cases.len(), 36);
}

#[test]
fn answers_are_those_of_almalinux_own_service() {
    check_requests(&serve(&fixture()));
}

/// What is imported answers the same.
#[test]
fn an_imported_catalog_answers_as_almalinux_own_service() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("catalog");
    let imported = run(&[
        "import",
        "--almalinux",
        fixture().to_str().unwrap(),
        "-o",
        output.to_str().unwrap(),
    ]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let files = Files::new("");
    let inputs = files.inputs_of(CatalogFormat::Toml, output);
    check_requests(&Server::new(build(&inputs, None).unwrap(), &Options::default()));
}

#[test]
fn lists_of_images_are_those_of_mirrors_with_the_version() {
    let server = serve(&fixture());
    for (path, expected) in [
        (
            "/isolist/10-kitten/x86_64",
            "[\"http://kitten.example/almalinux-kitten/10-kitten/isos/x86_64\"]",
        ),
        ("/isolist/9.7/aarch64/", "[\"http://vault.example/9.7/isos/aarch64\"]"),
    ] {
        let answer = server.get(&format!("{path} from 203.0.113.9"));
        assert_eq!((answer.status, answer.body.trim_end()), (200, expected), "{path}");
        assert_eq!(answer.content_type, "text/plain", "{path}");
    }
    let answer = server.get("/isolist/9/x86_64 from 203.0.113.9");
    assert_eq!(answer.body.matches("/9.8/isos/x86_64\"").count(), 4, "{}", answer.body);
    for arch in ["x86_64_v2", "mips"] {
        let answer = server.get(&format!("/isolist/8/{arch} from 203.0.113.9"));
        assert_eq!((answer.status, answer.content_type.as_str()), (404, "application/json"));
        assert!(answer.body.contains("Unknown architecture"), "{}", answer.body);
    }
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
