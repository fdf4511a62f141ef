//! The snapshot before: kept by `compile`, and served by a start that cannot have the newest.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;
use testdata::Message as _;

use crate::admin::Watched;
use crate::fixture::World;
use crate::server::{run, wait_until};

/// A folder with inputs that differ from version to version, and snapshots compiled from them.
pub(crate) struct Store {
    pub(crate) folder: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in the folder, as an argument.
    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes the four files.
    pub(crate) fn write_inputs(&self, version: u64) {
        let mut world = World::standard();
        world.list.time += version;
        world.write(self.folder.path(), &world.list.encode_to_vec());
    }

    /// The options that name the four files.
    pub(crate) fn inputs(&self) -> Vec<String> {
        [
            ("--cache", "cache.proto"),
            ("--global-netblocks", "netblocks.txt"),
            ("--cccsv", "continents.csv"),
            ("--geoip", "country.mmdb"),
        ]
        .into_iter()
        .flat_map(|(option, name)| [option.to_owned(), self.text(name)])
        .collect()
    }

    /// Compiles a version to `mirrors.snapshot`; says what it printed on stderr.
    #[track_caller]
    pub(crate) fn compile(&self, version: u64, options: &[&str]) -> String {
        self.write_inputs(version);
        let (inputs, output) = (self.inputs(), self.text("mirrors.snapshot"));
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let outcome = run(&[&["compile", "-o", &output], &inputs[..], options].concat());
        let stderr = String::from_utf8(outcome.stderr).unwrap();
        assert!(outcome.status.success(), "{stderr}");
        stderr
    }

    #[track_caller]
    pub(crate) fn generation(&self, name: &str) -> String {
        generation(&self.path(name))
    }

    pub(crate) fn damage(&self, name: &str) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// The generation of an intact snapshot.
#[track_caller]
pub(crate) fn generation(path: &Path) -> String {
    let snapshot = snapshot::format::read(path).map_err(|error| error.to_string());
    snapshot.unwrap().generation().to_string()
}

const REQUEST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

fn served(watched: &Watched) -> String {
    watched.server.get(REQUEST).header("mirrorlist-generation").unwrap().to_owned()
}

#[test]
fn compile_keeps_the_last_intact_snapshot_of_another_generation() {
    let store = Store::new();
    let (file, previous) = ("mirrors.snapshot", "mirrors.snapshot.previous");
    store.compile(1, &[]);
    let first = store.generation(file);
    assert!(!store.path(previous).exists(), "there was nothing to keep");

    store.compile(2, &[]);
    let second = store.generation(file);
    assert_ne!(first, second);
    assert_eq!(store.generation(previous), first);

    store.compile(2, &[]);
    assert_eq!(store.generation(previous), first, "an equal one is not kept");

    store.compile(3, &["--no-previous"]);
    assert_eq!(store.generation(previous), first, "it is left alone");

    store.damage(file);
    store.compile(4, &[]);
    assert_eq!(store.generation(previous), first, "a broken one is not kept");
    let fourth = store.generation(file);

    // What a compiler leaves that was killed between the two renames: two names of one file.
    fs::remove_file(store.path(previous)).unwrap();
    fs::hard_link(store.path(file), store.path(previous)).unwrap();
    store.compile(5, &[]);
    assert_eq!(store.generation(previous), fourth);
    let hidden = store.names().into_iter().find(|name| name.starts_with('.'));
    assert_eq!(hidden, None, "no temporary file stays");
}

#[test]
fn a_snapshot_that_cannot_be_kept_does_not_keep_the_new_one_away() {
    let store = Store::new();
    store.compile(1, &[]);
    let first = store.generation("mirrors.snapshot");
    let blocked = store.path("mirrors.snapshot.previous");
    fs::create_dir(&blocked).unwrap();
    let stderr = store.compile(2, &[]);
    let expected = format!("the snapshot before is not kept: {}: ", blocked.display());
    assert!(stderr.lines().any(|line| line.starts_with(&expected)), "{stderr}");
    assert_ne!(store.generation("mirrors.snapshot"), first);
}

#[test]
fn a_start_without_an_intact_snapshot_serves_the_one_before_and_says_so() {
    for breaking in ["damage", "remove"] {
        let store = Store::new();
        store.compile(1, &[]);
        let first = store.generation("mirrors.snapshot");
        store.compile(2, &[]);
        let intact = fs::read(store.path("mirrors.snapshot")).unwrap();
        match breaking {
            "damage" => store.damage("mirrors.snapshot"),
            _ => fs::remove_file(store.path("mirrors.snapshot")).unwrap(),
        }
        let file = store.text("mirrors.snapshot");
        let watched = Watched::start_in(store.folder, &["--snapshot", &file, "-l", "none"]);
        assert_eq!(served(&watched), first);

        let line = format!("; serving the snapshot before it, {file}.previous");
        watched.server.wait_for_log(&line);
        let stderr = watched.server.stderr();
        assert_eq!(stderr.matches(&line).count(), 1, "{stderr}");
        let (status, body) = watched.get("/readyz");
        assert_eq!(status, 200, "{body}");
        let line = format!("previous snapshot {file}.previous, because {file}: ");
        assert!(body.contains(&line), "{body}");
        assert!(watched.get("/status").1.contains("The previous snapshot is served"));
        let (_, json) = watched.get("/status.json");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["data"]["previous"]["file"], format!("{file}.previous"));
        assert_eq!(json["data"]["bytes"], intact.len(), "both have the same length");
        assert_eq!(watched.metric("mirrorlistd_snapshot_is_previous", &[]), 1.0);
        assert_eq!(watched.metric("mirrorlistd_snapshot_bytes", &[]), intact.len() as f64);

        // A reload that fails as well changes nothing of it.
        watched.server.signal(Signal::HUP);
        wait_until("it is refused", || watched.get("/readyz").1.contains("last load refused"));
        assert_eq!(watched.metric("mirrorlistd_snapshot_is_previous", &[]), 1.0);

        fs::write(&file, intact).unwrap();
        watched.server.signal(Signal::HUP);
        wait_until("it is published", || served(&watched) != first);
        wait_until("that is known", || watched.get("/readyz").1.contains("last load published"));
        assert!(!watched.get("/readyz").1.contains("previous"));
        assert!(!watched.get("/status").1.contains("The previous snapshot is served"));
        assert_eq!(watched.metric("mirrorlistd_snapshot_is_previous", &[]), 0.0);
    }
}

#[test]
fn a_reload_keeps_what_is_served_and_never_goes_back_to_the_snapshot_before() {
    let store = Store::new();
    store.compile(1, &[]);
    store.compile(2, &[]);
    let second = store.generation("mirrors.snapshot");
    store.damage("mirrors.snapshot");
    let damaged = fs::read(store.path("mirrors.snapshot")).unwrap();
    store.compile(2, &[]);
    let file = store.text("mirrors.snapshot");
    let watched = Watched::start_in(store.folder, &["--snapshot", &file, "-l", "none"]);
    fs::write(&file, damaged).unwrap();
    watched.server.signal(Signal::HUP);
    wait_until("it is refused", || watched.get("/readyz").1.contains("last load refused"));
    assert_eq!(served(&watched), second);
    assert_eq!(watched.metric("mirrorlistd_snapshot_is_previous", &[]), 0.0);
}

#[test]
fn a_start_with_both_broken_is_one_line_that_names_both() {
    let store = Store::new();
    store.compile(1, &[]);
    store.compile(2, &[]);
    store.damage("mirrors.snapshot");
    fs::write(store.path("mirrors.snapshot.previous"), "x").unwrap();
    let file = store.text("mirrors.snapshot");
    let output = run(&["--port", "0", "-l", "none", "--snapshot", &file]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.starts_with(&format!("mirrorlistd: {file}: is damaged: its checksum")),
        "{stderr}"
    );
    let second = format!(
        "; nor can the snapshot before it be served: {file}.previous: is no snapshot file (it does \
         not begin with \"mirrors\")\n"
    );
    assert!(stderr.ends_with(&second), "{stderr}");
}
