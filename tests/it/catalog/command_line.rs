//! `--catalog` on the command line: compile, check and serve.

use std::fs;

use super::SMALLEST;
use crate::previous_snapshot::Store;
use crate::server::{Server, run};

/// A catalog with a fault in each of three lines.
fn faulty() -> String {
    SMALLEST
        .replace("country   = \"DE\"", "country   = \"Germany\"")
        .replace("192.0.2.0/24", "192.0.2.0/40")
        .replace("private  = true", "privat   = true")
}

/// Status, standard output and standard error, without the folder's name.
fn outcome(store: &Store, args: &[&str]) -> (i32, String, String) {
    let output = run(args);
    let folder = format!("{}/", store.folder.path().display());
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&folder, "");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn store(catalog: &str) -> Store {
    let store = Store::new();
    fs::write(store.path("catalog.toml"), catalog).unwrap();
    store
}

#[test]
fn a_catalog_is_compiled_to_a_snapshot_that_serves() {
    let store = store(SMALLEST);
    let (catalog, snapshot) = (store.text("catalog.toml"), store.text("mirrors.snapshot"));
    let (status, stdout, stderr) =
        outcome(&store, &["compile", "--catalog", &catalog, "-o", &snapshot]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout.contains("2 hosts, 8 directories, 4 repositories"), "{stdout}");
    assert_eq!(
        stderr,
        "catalog.toml: geoip: no table of countries, so clients have no country but that of their \
         network: give one with --geoip FILE\n\
         catalog.toml:6: repository without details of repomd.xml, it has no metalink: \
         baseos-10+aarch64 in 10/BaseOS/aarch64/os (and 3 more like it)\n"
    );
    let request = "/mirrorlist?repo=baseos-9&arch=x86_64";
    let expected = "# repo = baseos-9 arch = x86_64 country = global \n\
                    https://mirror.berlin.example/example/9/BaseOS/x86_64/os/\n\
                    https://download.example.org/pub/example/9/BaseOS/x86_64/os/\n";
    let server = Server::start(&["--snapshot", &snapshot, "-l", "none"]);
    assert_eq!(server.get(request).body, expected);
    // Equal input, equal snapshot.
    let server = Server::start(&["--catalog", &catalog, "-l", "none"]);
    assert_eq!(server.get(request).body, expected);
    let generation = server.get(request).header("mirrorlist-generation").unwrap().to_owned();
    assert_eq!(generation, store.generation("mirrors.snapshot"));
}

#[test]
fn all_faults_are_told_at_once() {
    let store = store(&faulty());
    let catalog = store.text("catalog.toml");
    let snapshot = store.text("mirrors.snapshot");
    for args in [
        &["check", "--catalog", &catalog, "--port", "0", "-l", "none"][..],
        &["compile", "--catalog", &catalog, "-o", &snapshot],
        &["serve", "--catalog", &catalog, "--port", "0", "-l", "none", "--log-level", "warn"],
    ] {
        let (status, _, stderr) = outcome(&store, args);
        assert_eq!(status, 1, "{stderr}");
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{stderr}");
        for (line, expected) in lines.iter().zip([
            "mirrorlistd: catalog.toml:15: mirror.country: \"Germany\" is no country",
            "mirrorlistd: catalog.toml:22: mirror.networks: \"192.0.2.0/40\" has an impossible",
            "mirrorlistd: catalog.toml:23: mirror.privat: is not a key of [[mirror]]",
        ]) {
            assert!(line.starts_with(expected), "{line}");
        }
    }
    assert!(!store.path("mirrors.snapshot").exists());
    let output = run(&["check", "--catalog", &catalog, "--port", "0", "-l", "none", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["data_faults"].as_array().map(Vec::len), Some(3), "{json}");
}

#[test]
fn a_catalog_without_an_index_is_fine_with_a_warning() {
    let store = store(SMALLEST);
    let catalog = store.text("catalog.toml");
    let (status, stdout, stderr) =
        outcome(&store, &["check", "--catalog", &catalog, "--port", "0", "-l", "none"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout.ends_with("verdict: fine, 1 warning\n"), "{stdout}");
    assert!(
        stderr.contains(
            "warning: no index of the primary tree is given, so there are no checksums, and \
             metalinks are answered with 404: make one with `mirrorlistd scan`, and name it with \
             --index\n"
        ),
        "{stderr}"
    );
}

#[test]
fn an_index_that_cannot_be_read_is_one_line() {
    let store = store(SMALLEST);
    let catalog = store.text("catalog.toml");
    fs::write(store.path("tree.index"), "not an index").unwrap();
    for index in [store.text("tree.index"), store.text("absent.index")] {
        let args = ["--catalog", &catalog, "--index", &index, "--port", "0", "-l", "none"];
        let (status, _, stderr) = outcome(&store, &args);
        assert_eq!((status, stderr.lines().count()), (1, 1), "{stderr}");
        let name = index.rsplit('/').next().unwrap();
        assert!(stderr.starts_with(&format!("mirrorlistd: {name}: ")), "{stderr}");
    }
}

#[test]
fn an_index_belongs_to_a_catalog() {
    let store = store(SMALLEST);
    for args in [&["--index", "/i", "--port", "0"][..], &["check", "--index", "/i"]] {
        let (status, _, stderr) = outcome(&store, args);
        assert_eq!(status, 2);
        assert_eq!(
            stderr,
            "mirrorlistd: `--index` belongs to a catalog: name that as well, with `--catalog` or \
             `--almalinux`\n"
        );
    }
    let config = store.text("m.toml");
    fs::write(&config, "port = 0\nindex = '/i'\n").unwrap();
    let (status, _, stderr) = outcome(&store, &["check", "--config", &config]);
    assert_eq!(status, 2);
    assert!(stderr.starts_with("mirrorlistd: m.toml:2: `index` belongs to a catalog"), "{stderr}");
    // A snapshot of the file would be served without it.
    fs::write(&config, "port = 0\nsnapshot = '/s'\n").unwrap();
    let (status, _, stderr) = outcome(&store, &["check", "--config", &config, "--index", "/i"]);
    assert_eq!(status, 2);
    assert!(stderr.starts_with("mirrorlistd: `--index` belongs to a catalog"), "{stderr}");
}
