//! `accept` fails: by injected errors, and because there are no files left.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, prlimit};

use crate::packages;
use crate::runs::{DEMO_DATA, finish, folder, metric, start};
use crate::server::{Client, DEMO, HasBody, Server, wait_until};
use crate::table::Table;

/// Each kind that accept(2) names for Linux, but EAGAIN.
const ERRORS: [&str; 11] = [
    "EMFILE",
    "ENFILE",
    "ECONNABORTED",
    "ENOBUFS",
    "ENOMEM",
    "EPROTO",
    "EPERM",
    "EINTR",
    "ENETDOWN",
    "EHOSTUNREACH",
    "ETIMEDOUT",
];

pub fn injected_errors(table: &mut Table) {
    packages::require();
    // At once: each of them does little but wait.
    let waits: Vec<_> = thread::scope(|scope| {
        let threads = ERRORS.map(|error| scope.spawn(move || first_answer(error)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (slowest, error) = waits.into_iter().zip(ERRORS).max().unwrap_or_default();
    table.add(
        format!("50 injected accept errors of each of {} kinds", ERRORS.len()),
        "alive; 200 within 1 s",
        format!("alive; 200 after {slowest:.1?} at most ({error})"),
    );
}

/// How long a client waits for a server that meets 50 errors first.
fn first_answer(error: &str) -> Duration {
    let inject = format!("inject=accept4:error={error}:when=1..50");
    // -D: the program is the child, and strace its grandchild, so that signals reach the program.
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"];
    let wrapper = [&strace[..], &["-e", "trace=accept4", "-e", &inject]].concat();
    let server = start(folder(), &wrapper, &DEMO_DATA, "");
    let start = Instant::now();
    assert_eq!(server.get(DEMO).status(), 200, "{error}");
    let elapsed = start.elapsed();
    // Each thread has its own 50; this asks through the operator's listener, which waits for the
    // end of its own.
    assert_eq!(metric(&server, "mirrorlistd_accept_errors_total"), 50, "{error}");
    finish(server);
    elapsed
}

const N_CLIENTS: usize = 200;

/// Opens more connections than fit, each with a request on it.
#[track_caller]
fn crowd(server: &Server) -> Vec<Client> {
    let client = |_| {
        let mut client = server.connect();
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client
    };
    (0..N_CLIENTS).map(client).collect()
}

/// In the order in which they have come, each one leaves when it has its answer.
#[track_caller]
fn serve_and_leave(crowd: Vec<Client>) {
    for mut client in crowd {
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
}

pub fn low_file_limit(table: &mut Table) {
    let server = start(folder(), &["prlimit", "--nofile=64:64"], &DEMO_DATA, "");
    let crowd = crowd(&server);
    // 32 fit, of which some are kept free by closing those that have their answer.
    wait_until("it is full", || metric(&server, "mirrorlistd_connections_open") >= 28);
    // Data can be replaced all the same.
    server.signal(Signal::HUP);
    wait_until("it has reloaded", || server.stderr().contains("reloaded generation"));
    serve_and_leave(crowd);
    assert_eq!(metric(&server, "mirrorlistd_accept_errors_total"), 0);
    finish(server);
    table.add(
        format!("open-file limit 64, {N_CLIENTS} clients"),
        "alive, the rest is served when they leave",
        format!("alive, {N_CLIENTS} of {N_CLIENTS} served"),
    );
}

/// The number of connections is reckoned at the start: here it turns out to be wrong.
pub fn files_run_out(table: &mut Table) {
    let server = start(folder(), &[], &DEMO_DATA, "");
    assert_eq!(server.get(DEMO).status(), 200);
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    prlimit(Some(server.pid()), Resource::Nofile, limit).unwrap();
    let crowd = crowd(&server);
    wait_until("files run out", || server.stderr().contains("cannot accept connections"));
    serve_and_leave(crowd);
    wait_until("it accepts again", || server.stderr().contains("accepting connections again"));
    let complaints = server.stderr().matches("cannot accept connections").count();
    assert!(complaints <= N_CLIENTS, "{complaints} lines");
    finish(server);
    table.add(
        format!("files run out (EMFILE) under {N_CLIENTS} clients"),
        "alive, the rest is served when they leave",
        format!("alive, {N_CLIENTS} of {N_CLIENTS} served"),
    );
}
