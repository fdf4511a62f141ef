//! Paths of data that become something else than files: nothing waits, nothing is read without end.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::previous_snapshot::Store;
use crate::server::{Server, run, wait_until};

const REQUEST: &str = "/mirrorlist?repo=main-9&arch=x86_64";
const END: &str = "not a regular file; write what it gives to a file first";

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Puts something in the place of `path`, reloads, and expects a refusal that ends like this.
#[track_caller]
fn refuse(server: &Server, path: &Path, put: impl Fn(&Path), expected: &str) {
    let kept = path.with_extension("kept");
    fs::rename(path, &kept).unwrap();
    put(path);
    let line = format!("reload refused, serving the old data: {}: {expected}", path.display());
    let n_before = server.stderr().matches(&line).count();
    server.signal(Signal::HUP);
    wait_until(&line, || server.stderr().matches(&line).count() > n_before);
    assert_eq!(server.get(REQUEST).status(), 200);
    match fs::symlink_metadata(path).unwrap().is_dir() {
        true => fs::remove_dir(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
    fs::rename(&kept, path).unwrap();
}

/// Puts each kind in the place of `path`.
#[track_caller]
fn refuse_each_kind(server: &Server, path: &Path) {
    refuse(server, path, make_fifo, &format!("is a pipe, {END}"));
    refuse(server, path, |path| fs::create_dir(path).unwrap(), &format!("is a directory, {END}"));
    let device = |path: &Path| symlink("/dev/zero", path).unwrap();
    refuse(server, path, device, &format!("is a device, {END}"));
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    refuse(server, path, socket, &format!("is a socket or a device, {END}"));
}

#[test]
fn inputs_that_become_something_else_are_refused_and_the_server_goes_on() {
    let store = Store::new();
    store.write_inputs(1);
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_in(folder, &[&inputs[..], &["-l", "none"]].concat());
    for name in ["cache.proto", "netblocks.txt", "continents.csv", "country.mmdb"] {
        refuse_each_kind(&server, &store.path(name));
    }
    let sparse = |path: &Path| File::create(path).unwrap().set_len(12 << 30).unwrap();
    let too_long = "is 12884901888 bytes long, more than the ";
    for name in ["netblocks.txt", "continents.csv", "country.mmdb"] {
        refuse(&server, &store.path(name), sparse, too_long);
    }
    refuse(&server, &store.path("cache.proto"), sparse, "is damaged at byte 1: ");
    server.signal(Signal::HUP);
    wait_until("it reloads", || server.stderr().contains("reloaded generation"));
    server.stop();
}

/// The most memory that a process has ever had, in bytes.
fn peak_memory(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = fs::read_to_string(path).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

#[test]
fn a_snapshot_that_becomes_something_else_is_refused_and_costs_no_memory() {
    let store = Store::new();
    store.compile(1, &[]);
    let path = store.path("mirrors.snapshot");
    let header = fs::read(&path).unwrap()[..28].to_vec();
    let folder = tempfile::tempdir().unwrap();
    let snapshot = path.to_str().unwrap();
    let mut server = Server::start_in(folder, &["--snapshot", snapshot, "-l", "none"]);
    refuse_each_kind(&server, &path);
    let before = peak_memory(&server);
    let sparse = |path: &Path| File::create(path).unwrap().set_len(12 << 30).unwrap();
    refuse(&server, &path, sparse, "is no snapshot file");
    let with_header = |length: u64| {
        let header = header.clone();
        move |path: &Path| {
            let mut header = header.clone();
            let mut file = File::create(path).unwrap();
            header[12..20].copy_from_slice(&length.to_le_bytes());
            file.write_all(&header).unwrap();
            file.set_len(12 << 30).unwrap();
        }
    };
    let damaged = "is damaged: 12884901888 bytes long where its header says ";
    refuse(&server, &path, with_header(1_000), damaged);
    refuse(&server, &path, with_header(u64::MAX), damaged);
    let consistent = with_header((12 << 30) - 28);
    refuse(&server, &path, consistent, "is damaged: its header says that 12884901860 bytes follow");
    let grown = peak_memory(&server) - before;
    assert!(grown < 8 << 20, "{grown} bytes");
    server.signal(Signal::HUP);
    wait_until("it reloads", || server.stderr().contains("reloaded generation"));
    server.stop();
}

#[test]
fn commands_refuse_what_is_no_regular_file_in_one_line() {
    let store = Store::new();
    store.compile(1, &[]);
    let (fifo, snapshot) = (store.text("fifo"), store.text("mirrors.snapshot"));
    make_fifo(&store.path("fifo"));
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let out = store.text("out");
    let with_fifo = |option: &'static str| {
        let mut args = [&["compile", "-o", &out], &inputs[..]].concat();
        args.extend([option, &fifo]);
        args.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let owned = |args: &[&str]| args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
    let config = owned(&["check", "--demo", "--config", &fifo]);
    for (status, args) in [
        (1, with_fifo("--cache")),
        (1, with_fifo("--global-netblocks")),
        (1, with_fifo("--cccsv")),
        (1, with_fifo("--geoip")),
        (2, with_fifo("--config")),
        (2, config),
        (2, owned(&["serve", "--config", &fifo])),
        (1, owned(&["serve", "--snapshot", &fifo, "-l", "none"])),
        (1, owned(&["inspect", &fifo])),
        (1, owned(&["check", "-l", "none", "--port", "0", "--snapshot", &fifo])),
    ] {
        let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert_eq!(stderr, format!("mirrorlistd: {fifo}: is a pipe, {END}\n"), "{args:?}");
    }
    let args = ["check", "-l", "none", "--port", "0", "--snapshot", &snapshot, "--previous", &fifo];
    let output = run(&args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains(&format!("{fifo}: is a pipe, {END}")), "{stderr}");
}

#[test]
fn standard_input_is_read_where_it_is_a_file_and_refused_where_it_is_a_pipe() {
    let store = Store::new();
    store.write_inputs(1);
    let mut inputs = store.inputs();
    let cache = std::mem::replace(&mut inputs[1], "/dev/stdin".into());
    for (stdin, status) in [("<", 0), ("cat", 1)] {
        let script = match stdin {
            "<" => "exec \"$0\" \"$@\" < \"$CACHE\"",
            _ => "cat \"$CACHE\" | \"$0\" \"$@\"",
        };
        let output = Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_mirrorlistd"), "compile", "-o"])
            .arg(store.path("out"))
            .args(&inputs)
            .env("CACHE", &cache)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        let refused = format!("mirrorlistd: /dev/stdin: is a pipe, {END}\n");
        assert_eq!(stderr == refused, status == 1, "{stderr}");
    }
}
