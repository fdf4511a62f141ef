//! `mirrorlistd task` against `mirrorlistd control`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::thread;

use crate::server::{command, run, wait_until};
use tempfile::TempDir;

/// A process that works on the starter catalog. Killed when dropped.
struct Control {
    folder: TempDir,
    child: Child,
}

impl Control {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
        assert!(run(&["init", &path("site")]).status.success());
        let admin = format!("unix:{}", path("socket"));
        let (catalog, state) = (path("site/catalog.toml"), path("state"));
        let args = [
            "control",
            "--catalog",
            &catalog,
            "--state",
            &state,
            "--admin",
            &admin,
            "--test-kinds",
        ];
        let mut child = command(&args).stderr(Stdio::piped()).spawn().expect("a process");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let started = lines.by_ref().map_while(Result::ok).any(|line| line.contains("working on"));
        assert!(started, "it says that it works");
        // All of it is read, so that the process never waits for this.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let control = Self { folder, child };
        // The node writes queues, schedules and itself into the store only after that.
        wait_until("there are queues", || {
            String::from_utf8_lossy(&control.task(&["queues"]).stdout).contains("cpu")
        });
        control
    }

    /// Runs `mirrorlistd task`.
    fn task(&self, args: &[&str]) -> Output {
        let admin = format!("unix:{}", self.folder.path().join("socket").display());
        run(&[&["task"], args, &["--admin", &admin]].concat())
    }

    /// Runs `mirrorlistd task`, which has to end with `status`; what it printed.
    #[track_caller]
    fn ends_with(&self, status: i32, args: &[&str]) -> String {
        let output = self.task(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stdout}{stderr}");
        stdout + &stderr
    }

    /// The number of a task that is asked for, and not waited for.
    fn detached(&self, args: &[&str]) -> String {
        let printed = self.ends_with(0, &[&["run", "--detach", "--quiet"], args].concat());
        printed.trim().to_owned()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn tasks_are_run_waited_for_and_shown() {
    let control = Control::start();
    let printed = control.ends_with(0, &["run", "snapshot.compile"]);
    assert!(printed.contains("snapshot.compile has completed"), "{printed}");
    assert!(Path::new(&control.folder.path().join("state/mirrors.snapshot")).exists());
    let printed = control.ends_with(0, &["run", "test.sleep", "seconds=0", "--json", "--quiet"]);
    let task: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!((&task["state"], &task["kind"]), (&"completed".into(), &"test.sleep".into()));
    let id = task["id"].to_string();
    let shown = control.ends_with(0, &["show", &id]);
    for part in
        ["test.sleep, in queue cpu", "Attempts", "Events", "enqueued", "claimed", "sleep 0."]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    control.ends_with(0, &["comment", &id, "it was only a test"]);
    assert!(control.ends_with(0, &["show", &id]).contains("it was only a test"));
    let list = control.ends_with(0, &["list", "--kind", "test.sleep", "--state", "completed"]);
    assert_eq!(list.lines().count(), 2, "{list}");
    let printed = control.ends_with(0, &["retry", &id, "--json", "--quiet"]);
    let again: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(again["parent"], task["id"]);
}

#[test]
fn a_task_that_sleeps_is_cancelled() {
    let control = Control::start();
    let id = control.detached(&["test.sleep", "seconds=86400"]);
    control.ends_with(0, &["cancel", &id, "--reason", "enough"]);
    let printed = control.ends_with(8, &["await", &id]);
    assert!(printed.contains("was cancelled"), "{printed}");
    control.ends_with(0, &["cancel", &id]);
    control.ends_with(1, &["await", "999"]);
    assert!(control.ends_with(2, &["await", "x"]).contains("is no number of a task"));
}

#[test]
fn a_paused_queue_starts_nothing() {
    let control = Control::start();
    control.ends_with(0, &["pause", "cpu", "--reason", "the disk is full"]);
    assert!(control.ends_with(0, &["queues"]).contains("the disk is full"));
    let id = control.detached(&["test.sleep", "seconds=0"]);
    let printed = control.ends_with(1, &["await", &id, "--timeout", "1"]);
    assert!(printed.contains("is enqueued, and goes on"), "{printed}");
    control.ends_with(0, &["resume", "cpu"]);
    control.ends_with(0, &["await", &id]);
}

#[test]
fn what_there_is_is_listed() {
    let control = Control::start();
    let kinds = control.ends_with(0, &["kinds"]);
    assert!(kinds.contains("snapshot.compile: ") && kinds.contains("seconds=0…86400"), "{kinds}");
    assert!(control.ends_with(0, &["schedules"]).contains("snapshot.compile"));
    assert!(control.ends_with(0, &["nodes"]).contains(" up "));
    assert!(control.ends_with(0, &["queues"]).contains("cpu"));
    let printed = control.ends_with(2, &["run", "test.slep"]);
    assert!(printed.contains("did you mean `test.sleep`?"), "{printed}");
    let printed = control.ends_with(2, &["run", "test.sleep", "seconds=-1"]);
    assert!(printed.contains("must be a whole number from 0 to 86400"), "{printed}");
    for list in ["kinds", "queues", "schedules", "nodes", "list"] {
        let printed = control.ends_with(0, &[list, "--json"]);
        serde_json::from_str::<serde_json::Value>(&printed).expect("JSON");
    }
}
