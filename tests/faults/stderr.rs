//! Standard streams that take nothing: full disks, readers that are gone or do not read.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;

use crate::runs::{folder, metric};
use crate::server::{
    Client, DEMO, HasBody, Server, free_port, patient, wait_until, without_supervisor,
};
use crate::table::Table;

const N_RELOADS: u64 = 100;
const N_CLIENTS: usize = 50;
/// The smallest that may be configured.
const QUEUE_BYTES: usize = 4_096;
/// A line of the log about a reload, at least.
const LINE_BYTES: usize = 60;

const PUBLISHED: &str = "mirrorlistd_reloads_total{trigger=\"signal\",outcome=\"published\"}";

/// Both ends of a pipe that has no room left.
fn stuck() -> (std::io::PipeReader, std::io::PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'\n'; 4_096]).is_ok() {}
    while writer.write(b"\n").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

pub fn bad_streams(table: &mut Table) {
    let (_reader, writer) = stuck();
    let (reader, dead) = std::io::pipe().unwrap();
    drop(reader);
    row(table, "/dev/full", full().into(), || full().into());
    row(table, "a pipe whose reader is gone", dead.into(), Stdio::null);
    row(table, "a pipe that nobody reads", writer.try_clone().unwrap().into(), || {
        writer.try_clone().unwrap().into()
    });
}

fn row(table: &mut Table, what: &str, stderr: Stdio, stdout: impl Fn() -> Stdio) {
    let folder = folder();
    let admin = folder.path().join("admin");
    let config = folder.path().join("mirrorlistd.toml");
    // Nobody says which port the program has got when stdout takes nothing.
    let port = free_port();
    let text = format!(
        "port = {port}\n[limits]\nlog_queue_bytes = {QUEUE_BYTES}\n[admin]\nlisten = 'unix:{}'\n",
        admin.display()
    );
    std::fs::write(&config, patient(&text)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
    command.arg("--config").arg(&config).args(["--demo", "--log", "none"]);
    without_supervisor(&mut command);
    command.stdin(Stdio::null()).stdout(stdout()).stderr(stderr);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let mut server = Server::of(folder, command, address);
    wait_until("it listens", || std::net::TcpStream::connect(address).is_ok());

    for n in 1..=N_RELOADS {
        server.signal(Signal::HUP);
        wait_until("it reloads", || metric(&server, PUBLISHED) == n);
    }
    let dropped = metric(&server, "mirrorlistd_log_lines_dropped_total");
    // One for each reload, but for those that wait in the queue or are being written.
    let n_waiting = (2 * QUEUE_BYTES / LINE_BYTES) as u64;
    assert!(dropped + n_waiting >= N_RELOADS, "{what}: {dropped} lines dropped");
    for thread in ["log", "announce", "admin", "worker", "reload", "reaper"] {
        let series = format!("mirrorlistd_thread_restarts_total{{thread=\"{thread}\"}}");
        assert_eq!(metric(&server, &series), 0, "{what}: {thread}");
    }
    // Half of a request each, whose other half comes after TERM.
    let mut clients: Vec<Client> = (0..N_CLIENTS).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: "));
    }
    let in_header = "mirrorlistd_connections_waiting{for=\"header\"}";
    wait_until("all have begun", || metric(&server, in_header) == N_CLIENTS as u64);
    server.signal(Signal::TERM);
    for client in &mut clients {
        client.send("a\r\n\r\n");
        assert_eq!(client.read_response(HasBody::Yes).status(), 200, "{what}");
    }
    assert_eq!(server.wait().code(), Some(0), "{what}");
    table.add(
        format!("stderr and stdout: {what}"),
        format!(
            "{N_RELOADS} of {N_RELOADS} reloads, no thread ends, every answer completes, exit 0"
        ),
        format!(
            "{N_RELOADS}, 0, {N_CLIENTS} of {N_CLIENTS}, 0; {dropped} lines dropped and counted"
        ),
    );
}
