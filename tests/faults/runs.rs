//! Servers of this suite: how they start, what they count, how they end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use serve::http::listener::{OtherFiles, connections_within_file_limit};

use crate::server::{DEMO, PATIENCE, Server, patient, without_supervisor};

/// The demo data, without any log.
pub const DEMO_DATA: [&str; 3] = ["--demo", "--log", "none"];

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Starts the program with the operator's listener, under another program if there is one, that
/// becomes it.
#[track_caller]
pub fn start(folder: TempDir, wrapper: &[&str], args: &[&str], config: &str) -> Server {
    let file = folder.path().join("mirrorlistd.toml");
    let admin = folder.path().join("admin");
    let text = format!("port = 0\n{config}\n[admin]\nlisten = 'unix:{}'\n", admin.display());
    std::fs::write(&file, patient(&text)).unwrap();
    let program = [wrapper, &[env!("CARGO_BIN_EXE_mirrorlistd")]].concat();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).arg("--config").arg(&file).args(args);
    without_supervisor(&mut command);
    let stderr = File::create(folder.path().join("stderr")).unwrap();
    command.stdin(Stdio::null()).stderr(stderr);
    Server::launch(folder, command)
}

/// The value of one series, as `/metrics` writes it.
#[track_caller]
pub fn metric(server: &Server, series: &str) -> u64 {
    let mut stream = UnixStream::connect(server.path("admin")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let mut values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = values.next().unwrap_or_else(|| panic!("{series} is not in {text}"));
    value.parse().unwrap()
}

/// Resident memory in bytes.
pub fn resident(server: &Server) -> u64 {
    let kilobytes: u64 = status_of(server, "VmRSS:").trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1_024
}

/// A field of what the kernel says about the process.
pub fn status_of(server: &Server, field: &str) -> String {
    let status = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(status).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    value.trim().to_owned()
}

/// The server still answers, ends as it should, and has never panicked.
#[track_caller]
pub fn finish(mut server: Server) {
    let status = server.get(DEMO).status();
    assert!(status == 200 || status == 404, "{status}");
    server.stop();
    no_panic(&server);
}

#[track_caller]
pub fn no_panic(server: &Server) {
    let stderr = server.stderr();
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// How many of `wanted` connections this process can have, as the end that opens them.
pub fn own_connections(wanted: usize) -> usize {
    let nothing_else = OtherFiles { n_workers: 0, n_listeners: 0, n_admin: 0 };
    connections_within_file_limit(wanted, nothing_else)
}
