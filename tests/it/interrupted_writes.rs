//! Writing a snapshot goes wrong at any moment: its file is wholly old or wholly new.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use testdata::Message as _;

use crate::fixture::World;
use crate::previous_snapshot::{Store, generation};
use crate::server::run;

const FILE: &str = "mirrors.snapshot";

/// A world whose snapshot takes several writes' time.
fn large_world(version: u64) -> World {
    let mut world = World::standard();
    world.list.time += version;
    for number in 0..6_000 {
        let name = format!("pub/test/large/{number}/a-directory-with-a-name-of-usual-length");
        world.directory(&name, &format!("large/{number}"), &[1, 3, 4, 5, 6]);
    }
    world
}

/// Starts compiling the inputs of a folder to [`FILE`] in another one.
fn compiler(inputs: &Store, output: &Store) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
    command.args(["compile", "-o", &output.text(FILE)]).args(inputs.inputs());
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Sets the time of a file back beyond that of any writer that lives.
fn make_old(path: &Path) {
    let at = SystemTime::now() - 2 * runtime::replace::ABANDONED;
    File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
}

/// How many of them are killed before their end is a matter of the machine. That a kill at each of its
/// system calls leaves a whole file is a row of `tests/faults`.
#[test]
fn a_compiler_that_is_killed_at_any_moment_leaves_the_old_or_the_new_snapshot() {
    const N_KILLS: u32 = 40;
    let versions = [1, 2].map(|version| {
        let (store, world) = (Store::new(), large_world(version));
        world.write(store.folder.path(), &world.list.encode_to_vec());
        store
    });
    let output = Store::new();
    let mut slowest = Duration::ZERO;
    let generations = [&versions[1], &versions[0]].map(|inputs| {
        let start = Instant::now();
        assert!(compiler(inputs, &output).status().unwrap().success());
        slowest = slowest.max(start.elapsed());
        output.generation(FILE)
    });
    let mut rng = fastrand::Rng::with_seed(7);
    for round in 0..N_KILLS {
        // Alternately, so that each one that gets through changes the file.
        let inputs = &versions[(round as usize + 1) % 2];
        let mut child = compiler(inputs, &output).spawn().unwrap();
        // From its start to its end, and a little beyond.
        thread::sleep(
            slowest.mul_f64(1.1) * round / N_KILLS + Duration::from_micros(rng.u64(..900)),
        );
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            // The machine has less to do now than when the time was taken.
            slowest = slowest.mul_f64(0.9);
        }
        for name in [FILE, "mirrors.snapshot.previous"] {
            let file = output.text(name);
            let inspected = run(&["inspect", &file]);
            assert!(inspected.status.success(), "round {round}: {inspected:?}");
            assert!(generations.contains(&generation(&output.path(name))), "round {round}");
        }
    }
    // As one leaves that is killed in the middle of writing, whether or not one was.
    fs::write(output.path(&format!(".{FILE}.0123456789abcdef.tmp")), "half").unwrap();
    let left: Vec<_> = output.names().into_iter().filter(|name| name.ends_with(".tmp")).collect();
    for inputs in &versions {
        assert!(compiler(inputs, &output).status().unwrap().success());
    }
    assert_eq!(output.names().len(), 2 + left.len(), "what is young may belong to another writer");
    for name in &left {
        make_old(&output.path(name));
    }
    for inputs in &versions {
        assert!(compiler(inputs, &output).status().unwrap().success());
    }
    assert_eq!(output.names(), [FILE, "mirrors.snapshot.previous"], "the next one cleans up");
    assert_eq!(output.generation(FILE), generations[0]);
    assert_eq!(output.generation("mirrors.snapshot.previous"), generations[1]);
}

#[test]
fn compilers_that_write_one_file_at_once_leave_a_whole_one() {
    let versions = [1, 2, 3].map(|version| {
        let store = Store::new();
        store.write_inputs(version);
        store
    });
    let output = Store::new();
    // Something to keep: of the first writers all could find nothing, and keep nothing.
    assert!(compiler(&versions[0], &output).status().unwrap().success());
    for _ in 0..5 {
        let children: Vec<_> =
            versions.iter().map(|inputs| compiler(inputs, &output).spawn().unwrap()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(output.names(), [FILE, "mirrors.snapshot.previous"]);
        // Both are whole. They may be of one generation: one writer keeps what it found, and another
        // one has put that very data in place again meanwhile.
        for name in [FILE, "mirrors.snapshot.previous"] {
            assert!(!output.generation(name).is_empty());
        }
    }
}

/// A limit on the size of files stands for the full disk: it needs no mount, and hence no root. The
/// write stops in the middle as it does there, with another error number.
#[test]
fn a_write_that_finds_no_room_leaves_the_old_snapshot_and_is_one_line() {
    let store = Store::new();
    store.compile(1, &[]);
    let first = store.generation(FILE);
    let before = store.names();
    store.write_inputs(2);
    // Blocks of 512 bytes. What exceeds the limit gets a signal, unless that is ignored.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_mirrorlistd"))
        .args(["compile", "-o", &store.text(FILE)])
        .args(store.inputs())
        .output()
        .unwrap();
    assert_eq!(limited.status.code(), Some(1));
    let stderr = String::from_utf8(limited.stderr).unwrap();
    let expected = format!("mirrorlistd: {}: File too large (os error 27)\n", store.text(FILE));
    assert_eq!(stderr, expected);
    assert_eq!(store.generation(FILE), first);
    assert_eq!(store.names(), before, "nothing is left behind");
}

#[test]
fn a_folder_that_takes_no_file_is_one_line() {
    // Nobody can make a file there, not even root.
    for folder in ["/sys", "/proc", "/nonexistent"] {
        let file = format!("{folder}/mirrors.snapshot");
        let output = run(&["compile", "--demo", "-o", &file]);
        assert_eq!(output.status.code(), Some(1));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with(&format!("mirrorlistd: {file}: ")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let store = Store::new();
    fs::create_dir(store.path("folder")).unwrap();
    for file in [store.text("folder"), "/dev/null".to_owned()] {
        let output = run(&["compile", "--demo", "-o", &file]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr, format!("mirrorlistd: {file}: exists and is no regular file\n"));
    }
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

/// Where anybody may write, somebody can put anything under the names that writers used to take.
#[test]
fn nothing_that_lies_in_the_folder_is_adopted_or_waited_for() {
    let store = Store::new();
    fs::write(store.path("victim"), "precious").unwrap();
    let name = |suffix: &str| store.path(&format!(".{FILE}{suffix}"));
    std::os::unix::fs::symlink(store.path("victim"), name(".previous.tmp")).unwrap();
    let fifo = name(".tmp");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for version in [1, 2] {
        store.compile(version, &[]);
    }
    assert_eq!(fs::read(store.path("victim")).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    // A file that anybody may write to is not taken over with its mode.
    fs::remove_file(&fifo).unwrap();
    fs::write(&fifo, "").unwrap();
    fs::set_permissions(&fifo, fs::Permissions::from_mode(0o666)).unwrap();
    let before = fs::metadata(&fifo).unwrap().ino();
    store.write_inputs(3);
    let status = Command::new("sh")
        .args(["-c", "umask 0002; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_mirrorlistd")])
        .args(["compile", "-o", &store.text(FILE)])
        .args(store.inputs())
        .status();
    assert!(status.unwrap().success());
    let after = fs::metadata(store.path(FILE)).unwrap();
    assert_eq!(after.permissions().mode() & 0o7777, 0o644);
    assert_ne!(after.ino(), before);
    // Such a file of an hour ago is cleaned up; what is no temporary file of this name stays.
    let others = [".other.tmp", "mirrors.snapshot.0123456789abcdef.tmp"];
    for name in others {
        fs::write(store.path(name), "").unwrap();
        make_old(&store.path(name));
    }
    make_old(&fifo);
    store.compile(4, &[]);
    assert!(!fifo.exists());
    assert!(others.iter().all(|name| store.path(name).exists()));
}
