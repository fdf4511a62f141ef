//! Files that cannot be read or synced, or not in this life: faults injected by strace.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::Signal;
use testdata::Message as _;

use crate::fixture::World;
use crate::packages;
use crate::runs::{folder, metric, no_panic, start};
use crate::server::{Server, run, wait_until};
use crate::table::Table;

const REQUEST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const PUBLISHED: &str = "mirrorlistd_reloads_total{trigger=\"signal\",outcome=\"published\"}";
const OPTIONS: [(&str, &str); 4] = [
    ("--cache", "cache.proto"),
    ("--global-netblocks", "netblocks.txt"),
    ("--cccsv", "continents.csv"),
    ("--geoip", "country.mmdb"),
];

/// Puts the files of a version in the place of others, each at once.
fn write_inputs(folder: &Path, version: u64) {
    let mut world = World::standard();
    world.list.time += version;
    let made = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
    world.write(made.path(), &world.list.encode_to_vec());
    for (_, name) in OPTIONS {
        std::fs::rename(made.path().join(name), folder.join(name)).unwrap();
    }
}

fn inputs(folder: &Path) -> Vec<String> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    OPTIONS.iter().flat_map(|&(option, name)| [option.to_owned(), path(name)]).collect()
}

/// A server on MirrorManager's files in the folder `data`.
fn start_on_files(args: &[&str], config: &str) -> Server {
    let folder = folder();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    write_inputs(&data, 1);
    let inputs = inputs(&data);
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    start(folder, &[], &[&inputs[..], &["--log", "none"], args].concat(), config)
}

/// A fault for reads of one file by a running server, until it is dropped.
struct Fault(Child);

impl Fault {
    fn inject(server: &Server, file: &str, fault: &str) -> Self {
        let pid = server.pid().as_raw_nonzero().to_string();
        let child = Command::new("strace")
            .args(["-f", "-p", &pid, "-o", "/dev/null", "-P"])
            .arg(server.path("data").join(file))
            .args(["-e", "trace=read", "-e", &format!("inject=read:{fault}")])
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(server.path("strace")).unwrap())
            .spawn()
            .unwrap();
        let fault = Self(child);
        wait_until("strace is attached", || {
            let said = std::fs::read_to_string(server.path("strace")).unwrap_or_default();
            said.contains("attached")
        });
        fault
    }
}

impl Drop for Fault {
    fn drop(&mut self) {
        // The kernel lets the server go on. In the middle of a delay strace hears nothing else.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub fn failing_reads(table: &mut Table) {
    packages::require();
    let mut n_kinds = 0;
    for (_, file) in OPTIONS {
        for (error, text) in [("EIO", "Input/output error"), ("ESTALE", "Stale file handle")] {
            let server = start_on_files(&["--watch", "--watch-quiet", "1"], "");
            // Each thread has its own count: the first read gives the content, the second fails.
            let fault = Fault::inject(&server, file, &format!("error={error}:when=2+"));
            write_inputs(&server.path("data"), 2);
            let name = server.path("data").join(file);
            let refused = format!("{}: cannot be read beyond byte ", name.display());
            wait_until("it is refused", || server.stderr().contains("reload refused"));
            let stderr = server.stderr();
            let line = stderr.lines().find(|line| line.contains(&refused)).expect(&stderr);
            assert!(line.contains(text) && !line.contains("byte 0:"), "{line}");
            assert_eq!(server.get(REQUEST).status(), 200, "the old data are served");
            assert_eq!(server.stderr().matches("reloaded generation").count(), 0);
            // The same files can be read again.
            drop(fault);
            wait_until("it is tried again", || server.stderr().contains("reloaded generation"));
            assert!(!server.stderr().contains("damaged"), "{}", server.stderr());
            stop(server);
            n_kinds += 1;
        }
    }
    table.add(
        "a read fails in the middle of a data file (EIO, ESTALE)",
        "named with file and byte, old data served, tried again with --watch",
        format!("{n_kinds} of {n_kinds} (each file, each error)"),
    );
}

pub fn hanging_reads(table: &mut Table) {
    packages::require();
    let server = start_on_files(&[], "[limits]\nreload_timeout_seconds = 4\n");
    let fault = Fault::inject(&server, "cache.proto", "delay_enter=3600s");
    let hung = serve::reload::MAX_HUNG as u64;
    let refused = "mirrorlistd_reloads_total{trigger=\"signal\",outcome=\"refused\"}";
    for n in 1..=hung {
        server.signal(Signal::HUP);
        wait_until("it is given up", || metric(&server, refused) == n);
        assert_eq!(server.get(REQUEST).status(), 200);
    }
    server.wait_for_log("loading takes longer than 4s and is given up");
    assert_eq!(metric(&server, "mirrorlistd_loads_running"), hung);
    server.signal(Signal::HUP);
    wait_until("no other is started", || metric(&server, refused) == hung + 1);
    server.wait_for_log("loads that were given up still hang");
    assert_eq!(server.get(REQUEST).status(), 200);
    // The file system comes back.
    drop(fault);
    wait_until("all have ended", || metric(&server, "mirrorlistd_loads_running") == 0);
    // On a busy machine a load may take too long that does not hang.
    wait_until("it reloads", || {
        let n_before = metric(&server, refused);
        server.signal(Signal::HUP);
        wait_until("it has an end", || {
            metric(&server, refused) + metric(&server, PUBLISHED) > n_before
        });
        metric(&server, PUBLISHED) == 1
    });
    server.wait_for_log("reloaded generation");
    assert_eq!(server.stderr().matches("reloaded generation").count(), 1, "late loads are dropped");

    // A stop does not wait for one that hangs. The kernel keeps what is left of the process for strace.
    let mut server = server;
    let fault = Fault::inject(&server, "cache.proto", "delay_enter=3600s");
    server.signal(Signal::HUP);
    wait_until("it hangs", || metric(&server, "mirrorlistd_loads_running") == 1);
    server.signal(Signal::TERM);
    wait_until("it comes to its end", || server.stderr().contains("stopped after"));
    drop(fault);
    assert_eq!(server.wait().code(), Some(0));
    no_panic(&server);
    table.add(
        "reads of a data file hang",
        "answers and the operator's listener go on; loads are given up, at most 4; TERM ends",
        format!("{} reloads refused in time, then reloaded; exit 0", hung + 1),
    );
}

/// Runs the compiler with a fault.
fn compile(folder: &Path, fault: &str) -> Output {
    Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", fault])
        .args([env!("CARGO_BIN_EXE_mirrorlistd"), "compile", "-o"])
        .arg(folder.join("mirrors.snapshot"))
        .args(inputs(folder))
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn failing_syncs(table: &mut Table) {
    packages::require();
    let folder = folder();
    let path = folder.path().join("mirrors.snapshot");
    let file = path.to_str().unwrap();
    write_inputs(folder.path(), 1);
    assert!(compile(folder.path(), "inject=fsync:error=EIO:when=100").status.success());
    let first = std::fs::read(&path).unwrap();
    let before = names(folder.path());
    // The file: nothing has changed.
    write_inputs(folder.path(), 2);
    let output = compile(folder.path(), "inject=fsync:error=EIO:when=1");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr, format!("mirrorlistd: {file}: Input/output error (os error 5)\n"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read(&path).unwrap(), first);
    assert_eq!(names(folder.path()), before, "nothing is left behind");
    // The folder: the new file is there, and can be served.
    let output = compile(folder.path(), "inject=fsync:error=EIO:when=2");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let expected = format!(
        "the snapshot is in its place, but a power cut may bring the one before back: {}: \
         Input/output error (os error 5)\n",
        folder.path().display()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert_eq!(output.status.code(), Some(0));
    assert_ne!(std::fs::read(&path).unwrap(), first);
    assert!(run(&["inspect", file]).status.success());
    table.add(
        "fsync fails for the snapshot / for its folder",
        "exit 1 and the old file / exit 0, the new file, and a line that says what may happen",
        "as it should",
    );
}

/// Calls by which the compiler changes files.
const CALLS: [&str; 6] = ["write", "fsync", "linkat", "rename", "unlink", "fchmod"];
/// The compiler does each of them less often.
const MAX_CALLS: usize = 100;

/// Killed at each of its system calls that change files.
pub fn killed_compilers(table: &mut Table) {
    packages::require();
    let data = [1, 2].map(|version| {
        let folder = folder();
        write_inputs(folder.path(), version);
        folder
    });
    let output = folder();
    let path = output.path().join("mirrors.snapshot");
    let previous = output.path().join("mirrors.snapshot.previous");
    let compile = |n: usize, fault: &str| {
        let inputs = inputs(data[n % 2].path());
        let status = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e", fault])
            .args([env!("CARGO_BIN_EXE_mirrorlistd"), "compile", "-o"])
            .arg(&path)
            .args(inputs)
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    };
    assert!(compile(0, "trace=none") && compile(1, "trace=none"));
    let generation = |path: &Path| {
        let read = snapshot::format::read(path).map_err(|error| error.to_string());
        read.unwrap().generation().to_string()
    };
    let generations = [generation(&previous), generation(&path)];
    let mut n_killed = 0;
    for call in CALLS {
        for n in 1.. {
            assert!(n < MAX_CALLS, "{call} never comes to an end");
            // Alternately, so that one that gets through changes the file.
            let is_done = compile(n, &format!("inject={call}:signal=KILL:when={n}"));
            for path in [&path, &previous] {
                assert!(generations.contains(&generation(path)), "{call} {n}");
            }
            if is_done {
                break;
            }
            n_killed += 1;
        }
    }
    assert!(n_killed >= 5, "{n_killed} kills");
    table.add(
        format!("a compiler is killed before each {}", CALLS.join(", ")),
        "the snapshot and the one before are whole, each an old or a new one",
        format!("{n_killed} of {n_killed}"),
    );
}

fn stop(mut server: Server) {
    assert_eq!(server.get(REQUEST).status(), 200);
    server.stop();
    no_panic(&server);
}
