//! Memory that clients or a disk could take.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::data::{LIST, METALINK, start_with_data};
use crate::load;
use crate::packages;
use crate::runs::{
    DEMO_DATA, finish, folder, metric, no_panic, own_connections, resident, start, status_of,
};
use crate::server::{Client, DEMO, HasBody};
use crate::table::Table;

/// Clients that do not read, where the limit of open files allows it.
const N_UNREAD: usize = 1_300;
const UNSENT_BYTES: u64 = 16 << 20;
/// What the process may grow by: the budget and the quarter by which it may be exceeded; what each
/// connection takes besides; and what the allocator, the warm-up of two workers and the counting add,
/// which depends on neither.
const MAX_UNREAD_GROWTH: u64 =
    UNSENT_BYTES + UNSENT_BYTES / 4 + N_UNREAD as u64 * 20_000 + (16 << 20);

pub fn unread_answers(table: &mut Table) {
    let n_unread = N_UNREAD.min(own_connections(4_000) - 100);
    let config = format!(
        "[limits]\nunsent_bytes = {UNSENT_BYTES}\nwrite_timeout_seconds = 1000\n\
         idle_timeout_seconds = 1000\n"
    );
    let (server, _) = start_with_data(&config);
    let before = resident(&server);
    let (mut peak, mut unread, mut most_unsent) = (0, Vec::new(), 0);
    for n in 0..n_unread {
        let mut client = server.connect_with_little_room();
        client.send(&format!("GET {METALINK} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(20));
        unread.push(client);
        if n % 50 == 49 {
            peak = peak.max(resident(&server).saturating_sub(before));
            most_unsent = most_unsent.max(metric(&server, "mirrorlistd_unsent_bytes"));
            load::is_ok(&server.get(LIST));
        }
    }
    let n_evicted = metric(&server, "mirrorlistd_connections_evicted_total{for=\"write\"}");
    assert!(n_evicted > 0);
    // Those that exceed it are counted until they are closed: one on each worker.
    let closing = 256 * 1_024 * std::thread::available_parallelism().unwrap().get() as u64;
    assert!(most_unsent <= UNSENT_BYTES + UNSENT_BYTES / 4 + closing, "{most_unsent} bytes");
    assert!(peak <= MAX_UNREAD_GROWTH, "{peak} bytes");
    assert_eq!(metric(&server, "mirrorlistd_unsent_limit_bytes"), UNSENT_BYTES);
    drop(unread);
    finish(server);
    table.add(
        format!(
            "{n_unread} clients that leave 20 metalinks unread, budget {} MiB",
            UNSENT_BYTES >> 20
        ),
        format!("at most {} MB more", MAX_UNREAD_GROWTH / 1_000_000),
        format!(
            "{:.1} MB more; {:.1} MB counted at most; {n_evicted} closed, others served",
            peak as f64 / 1e6,
            most_unsent as f64 / 1e6
        ),
    );
}

const N_PIPELINED: usize = 100;
/// What stays with a connection after any request.
const MAX_LEFT: u64 = 40_000;

/// Sends a megabyte of requests, reads all answers, and keeps the connection.
fn pipeline(address: SocketAddr) -> TcpStream {
    let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\nX-Pad: {}\r\n\r\n", "x".repeat(7_900));
    let n_requests = 1_000_000 / request.len();
    let mut client = Client::connect(address);
    let mut writer = client.stream().try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || writer.write_all(request.repeat(n_requests).as_bytes()).unwrap());
        for _ in 0..n_requests {
            load::is_ok(&client.read_response(HasBody::Yes));
        }
    });
    client.stream().try_clone().unwrap()
}

pub fn pipelined_megabytes(table: &mut Table) {
    let server = start(folder(), &[], &DEMO_DATA, "[limits]\nidle_timeout_seconds = 1000\n");
    // What the workers themselves need is there before.
    (0..8).for_each(|_| drop(pipeline(server.address)));
    let before = resident(&server);
    let kept: Vec<_> = (0..N_PIPELINED).map(|_| pipeline(server.address)).collect();
    let each = resident(&server).saturating_sub(before) / kept.len() as u64;
    assert!(each <= MAX_LEFT, "{each} bytes each");
    drop(kept);
    finish(server);
    table.add(
        format!("{N_PIPELINED} clients that pipeline a megabyte, read, then idle"),
        format!("at most {} kB each", MAX_LEFT / 1_000),
        format!("{:.1} kB each", each as f64 / 1e3),
    );
}

const N_LOGGED: usize = 20_000;
/// The queue of 4 MiB, as much again for what the allocator rounds up, and 16 MiB for everything else.
const MAX_LOG_GROWTH: u64 = QUEUE_BYTES as u64 * 2 + (16 << 20);
const QUEUE_BYTES: usize = 4 << 20;

pub fn stalled_log(table: &mut Table) {
    packages::require();
    let folder = folder();
    let log = folder.path().join("combined.log").to_str().unwrap().to_owned();
    // A disk that takes a quarter of an hour for each write, of this file only.
    let delay = "inject=write:delay_enter=900000000";
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=write", "-P", &log];
    let wrapper = [&strace[..], &["-e", delay]].concat();
    let args = [&DEMO_DATA[..], &["--combined-log", &log]].concat();
    let server = start(folder, &wrapper, &args, "");
    let request =
        format!("HEAD / HTTP/1.1\r\nHost: a\r\nUser-Agent: {}\r\n\r\n", "u".repeat(15_000));
    let mut stream = TcpStream::connect(server.address).unwrap();
    let mut ask = |n: usize| {
        for _ in 0..n {
            stream.write_all(request.as_bytes()).unwrap();
            assert!(stream.read(&mut [0; 2_048]).unwrap() > 0);
        }
    };
    ask(1);
    let before = resident(&server);
    ask(N_LOGGED - 1);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown <= MAX_LOG_GROWTH, "{grown} bytes");
    let line = format!(
        "127.0.0.1 - - [26/Nov/2026:00:00:00 +0000] \"HEAD / HTTP/1.1\" 404 - \"-\" \"{}...\"\n",
        "u".repeat(512)
    );
    // The first write never ends, so that nothing leaves the queue. A line takes 64 bytes more there.
    let n_queued = QUEUE_BYTES / (line.len() + 64);
    let n_dropped = metric(&server, "mirrorlistd_access_log_lines_total{outcome=\"dropped\"}");
    assert_eq!(n_dropped as usize, N_LOGGED - n_queued);
    no_panic(&server);
    // Without its tracer it can be ended.
    let tracer = status_of(&server, "TracerPid:").parse().ok().and_then(Pid::from_raw);
    kill_process(tracer.unwrap(), Signal::KILL).unwrap();
    drop(server);
    table.add(
        format!("{N_LOGGED} requests with 15 KB of User-Agent, the log's disk stuck"),
        format!("at most {} MB more, every line counted", MAX_LOG_GROWTH / 1_000_000),
        format!("{:.1} MB more; {n_queued} wait + {n_dropped} dropped", grown as f64 / 1e6),
    );
}
