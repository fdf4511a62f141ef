//! SQLite on disks that are full, read-only or damaged, and processes that die.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::mpsc;

use runtime::supervise::Supervisor;
use store::operation::{Row, Value};
use store::operations::enqueue::Enqueue;
use store::operations::read::{Find, Found, List, ReadOverview};
use store::operations::renew::Running;
use store::operations::tick::Tick;
use store::record::{NewTask, OnLoss, TaskId};
use store::sqlite::{FILE, Sqlite, system_clock};
use store::{Error, Operation, Store, Transaction};
use support::tmpfs::Tmpfs;
use tempfile::TempDir;

use crate::random::block_on;

fn open(folder: &Path) -> Result<Store, Error> {
    Sqlite::open(folder, system_clock(), &Supervisor::default()).map(Store::from)
}

fn new(args: String) -> NewTask {
    NewTask {
        site: None,
        kind: "scan".into(),
        queue: "cpu".into(),
        priority: 0,
        args,
        summary: "scans".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "ann".into(),
        parent: None,
    }
}

fn enqueue(store: &Store, args: &str) -> Result<TaskId, Error> {
    block_on(store.run(Enqueue(new(args.to_owned())))).map(|made| made.id)
}

#[track_caller]
fn check_is_there(store: &Store, id: TaskId) {
    assert!(matches!(block_on(store.run(Find(id))), Ok(Found::Task(_))), "{id} is lost");
}

#[track_caller]
fn check_message(error: &Error) {
    let message = error.to_string();
    assert!(!message.contains('\n') && message.len() < 600, "{message}");
}

/// A file system of its own; `None` if this process may not mount any. On CI that is a failure.
fn mount(size: &str) -> Option<Tmpfs> {
    let mounted = Tmpfs::mount(size);
    assert!(mounted.is_ok() || std::env::var_os("CI").is_none(), "CI must be able to mount");
    mounted.ok()
}

/// Runs one statement.
#[derive(Clone)]
struct Sql(&'static str);

impl Operation for Sql {
    type Reply = Vec<Row>;
    const NAME: &'static str = "sql";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<Row>, Error> {
        tx.query(self.0, &[]).await
    }
}

#[test]
fn the_built_in_sqlite_does_not_lose_commits() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let version = block_on(store.run(Sql("SELECT sqlite_version()"))).unwrap()[0].text(0).unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

#[test]
fn writes_are_on_the_disk_before_they_are_answered() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let pragma = |sql| block_on(store.run(Sql(sql))).unwrap()[0].0[0].clone();
    assert_eq!(pragma("PRAGMA journal_mode"), Value::Text("wal".into()));
    assert_eq!(pragma("PRAGMA synchronous"), Value::Int(2), "2 is FULL");
    assert_eq!(pragma("PRAGMA foreign_keys"), Value::Int(1));
}

#[test]
fn a_store_of_a_newer_version_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    block_on(store.run(Sql("UPDATE store_version SET version = 99"))).unwrap();
    drop(store);
    let Err(error) = open(folder.path()) else { panic!("it is newer") };
    let file = folder.path().join(FILE).display().to_string();
    assert!(
        matches!(&error, Error::NewerSchema { place, found: 99, .. } if *place == file),
        "{error}"
    );
    assert!(error.to_string().contains(&file));
}

#[test]
fn a_store_has_one_process_until_it_is_closed() {
    let folder = TempDir::new().unwrap();
    let first = open(folder.path()).unwrap();
    let id = enqueue(&first, "{}").unwrap();
    let Err(error) = open(folder.path()) else { panic!("it is in use") };
    assert!(matches!(error, Error::InUse(_)), "{error}");
    drop(first);
    check_is_there(&open(folder.path()).unwrap(), id);
}

#[test]
fn a_store_that_was_closed_is_whole_in_its_file() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let id = enqueue(&store, "{}").unwrap();
    check_is_there(&store, id);
    drop(store);
    let copy = TempDir::new().unwrap();
    fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
    check_is_there(&open(copy.path()).unwrap(), id);
    let log = fs::metadata(folder.path().join(format!("{FILE}-wal")));
    assert!(log.is_err() || log.is_ok_and(|log| log.len() == 0));
}

#[test]
fn nobody_else_can_read_the_files_of_a_store() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    enqueue(&store, "{}").unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn nothing_is_accepted_into_a_file_that_was_removed_or_replaced() {
    let folder = TempDir::new().unwrap();
    let (file, aside) = (folder.path().join(FILE), folder.path().join("aside"));
    let store = open(folder.path()).unwrap();
    let refused = || {
        let error = enqueue(&store, "{}").unwrap_err();
        assert!(matches!(error, Error::NotWritable(_)), "{error}");
        assert!(error.to_string().ends_with("was removed or replaced: restart"), "{error}");
        check_message(&error);
    };
    fs::rename(&file, &aside).unwrap();
    refused();
    fs::copy(&aside, &file).unwrap();
    refused();
    fs::rename(&aside, &file).unwrap();
    enqueue(&store, "{}").unwrap();
}

#[test]
fn a_folder_that_cannot_be_is_said_to_be() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let Err(error) = open(&file.join("below")) else { panic!("it is below a file") };
    check_message(&error);
    assert!(error.to_string().contains("below"), "{error}");
}

#[test]
fn a_full_disk_loses_nothing_and_works_again_when_there_is_room() {
    let Some(mount) = mount("3m") else { return };
    let ballast = mount.path().join("ballast");
    fs::write(&ballast, vec![1; 1_500_000]).unwrap();
    let store = open(mount.path()).unwrap();
    let args = "x".repeat(10_000);
    let mut accepted = Vec::new();
    let error = loop {
        match enqueue(&store, &args) {
            Ok(id) => accepted.push(id),
            Err(error) => break error,
        }
        assert!(accepted.len() < 1_000, "the disk is not full");
    };
    assert!(matches!(error, Error::NotWritable(_)), "{error:?}");
    check_message(&error);
    assert!(!accepted.is_empty());
    accepted.iter().for_each(|id| check_is_there(&store, *id));
    fs::remove_file(ballast).unwrap();
    accepted.push(enqueue(&store, &args).unwrap());
    drop(store);
    let store = open(mount.path()).unwrap();
    accepted.iter().for_each(|id| check_is_there(&store, *id));
}

#[test]
fn a_file_that_cannot_be_written_is_said_to_be() {
    let Some(mount) = mount("4m") else { return };
    drop(open(mount.path()).unwrap());
    mount.remount("ro");
    let Err(error) = open(mount.path()) else { panic!("it cannot be written") };
    check_message(&error);
    let place = mount.path().display().to_string();
    assert!(error.to_string().contains(&place), "{error}");
}

#[test]
fn a_panic_takes_its_operation_back_and_nothing_else() {
    #[derive(Clone)]
    struct Panics(bool);

    impl Operation for Panics {
        type Reply = ();
        const NAME: &'static str = "panics";

        async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
            tx.query("DELETE FROM task", &[]).await?;
            assert!(!self.0, "it panics");
            Ok(())
        }
    }

    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let mut accepted = vec![enqueue(&store, "{}").unwrap()];
    for _ in 0..3 {
        let error = block_on(store.run(Panics(true))).unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error}");
        accepted.push(enqueue(&store, "{}").unwrap());
        accepted.iter().for_each(|id| check_is_there(&store, *id));
    }
}

#[test]
fn who_reads_does_not_wait_for_who_writes() {
    /// Holds the lock of writers until it is told to go on.
    #[derive(Clone)]
    struct Holds {
        begun: mpsc::Sender<()>,
        go_on: std::sync::Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
    }

    impl Operation for Holds {
        type Reply = ();
        const NAME: &'static str = "holds";

        async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
            tx.query("DELETE FROM task", &[]).await?;
            self.begun.send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
            Ok(())
        }
    }

    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    let id = enqueue(&store, "{}").unwrap();
    let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    let holds = Holds { begun, go_on: std::sync::Arc::new(std::sync::Mutex::new(may_go_on)) };
    let writer = std::thread::spawn({
        let store = store.clone();
        move || block_on(store.run(holds))
    });
    has_begun.recv().unwrap();
    check_is_there(&store, id);
    go_on.send(()).unwrap();
    writer.join().unwrap().unwrap();
    assert!(matches!(block_on(store.run(Find(id))), Ok(Found::Purged)));
}

/// Does to a store what a process would, and says whether all of it worked. Must not panic or hang.
fn use_store(folder: &Path) -> Result<(), Error> {
    let store = open(folder)?;
    block_on(async {
        store.run(Enqueue(new("{}".into()))).await?;
        store.run(List { limit: 100, ..List::default() }).await?;
        store.run(ReadOverview).await?;
        store.run(Running).await?;
        store.run(Tick).await?;
        store.run(Find(TaskId(1))).await.map(drop)
    })
}

/// The bytes of a store of a few pages.
fn bytes_of_store() -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    for _ in 0..20 {
        enqueue(&store, &"x".repeat(500)).unwrap();
    }
    drop(store);
    fs::read(folder.path().join(FILE)).unwrap()
}

/// Uses a store of these bytes. An error is one line; there may be none.
fn try_damaged(bytes: &[u8]) -> bool {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(FILE), bytes).unwrap();
    let outcome = use_store(folder.path());
    if let Err(error) = &outcome {
        check_message(error);
    }
    outcome.is_ok()
}

#[test]
fn a_damaged_file_is_an_error_and_no_panic() {
    let good = bytes_of_store();
    assert!(good.len() >= 10 * 4096, "{} bytes: the store was not written back", good.len());
    assert!(try_damaged(&good));
    let mut n_noticed = 0;
    for page in 0..good.len() / 4096 {
        let mut bad = good.clone();
        let header = page * 4096 + if page == 0 { 100 } else { 0 };
        bad[header..header + 12].iter_mut().for_each(|byte| *byte = !*byte);
        n_noticed += usize::from(!try_damaged(&bad));
    }
    assert!(n_noticed >= 5, "{n_noticed}");
    for part in 0..16 {
        try_damaged(&good[..good.len() * part / 16 + part % 3]);
    }
    let mut random = fastrand(7);
    for _ in 0..60 {
        let mut bad = good.clone();
        for _ in 0..20 {
            let at = random() as usize % bad.len();
            bad[at] = random() as u8;
        }
        try_damaged(&bad);
    }
    assert!(!try_damaged(&[0x55; 8192]));
    assert!(!try_damaged(b"this is no database, but a letter to the operator"));
}

/// Numbers that are the same in each run.
fn fastrand(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    }
}

#[test]
fn damage_while_it_is_used_is_an_error_and_no_panic() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).unwrap();
    for _ in 0..200 {
        enqueue(&store, &"x".repeat(5_000)).unwrap();
    }
    let file = fs::OpenOptions::new().write(true).open(folder.path().join(FILE)).unwrap();
    let n_bytes = file.metadata().unwrap().len();
    for page in 1..n_bytes / 4096 {
        file.write_all_at(&[0xff; 64], page * 4096).unwrap();
    }
    let outcomes = [
        enqueue(&store, &"x".repeat(5_000)).map(drop),
        block_on(store.run(List { limit: 1_000, ..List::default() })).map(drop),
        block_on(store.run(Running)).map(drop),
    ];
    outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).for_each(check_message);
}
