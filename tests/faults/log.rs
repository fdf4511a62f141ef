//! Access logs that cannot be written.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;

use crate::load;
use crate::runs::{folder, no_panic, start};
use crate::server::{DEMO, HasBody, Server, wait_until};
use crate::table::Table;

const N_CLIENTS: usize = 16;
const N_ROUNDS: usize = 5;
/// Answers in each turn: together more lines than a FIFO takes.
const N_IN_TURN: usize = 1_000;

struct Logging {
    what: &'static str,
    server: Server,
    n_answers: usize,
    /// Answers a second in each turn.
    turns: Vec<f64>,
}

impl Logging {
    fn start(what: &'static str, log: &str, prepare: impl FnOnce(&std::path::Path)) -> Self {
        let folder = folder();
        prepare(folder.path());
        let log = folder.path().join(log).to_str().unwrap().to_owned();
        let server = start(folder, &[], &["--demo", "--log", &log], "");
        Self { what, server, n_answers: 0, turns: Vec::new() }
    }

    fn turn(&mut self) {
        let start = Instant::now();
        let latencies = load::run(&self.server, N_CLIENTS, DEMO, N_IN_TURN);
        self.n_answers += latencies.n_answers();
        self.turns.push(latencies.n_answers() as f64 / start.elapsed().as_secs_f64());
    }

    fn median(&self) -> f64 {
        let mut turns = self.turns.clone();
        turns.sort_unstable_by(f64::total_cmp);
        turns[turns.len() / 2]
    }
}

pub fn bad_logs(table: &mut Table) {
    let mut reader = None;
    let mut logs = [
        Logging::start("a good log", "access.log", |_| {}),
        Logging::start("/dev/full", "/dev/full", |_| {}),
        Logging::start("a stuck FIFO", "fifo", |folder| {
            let fifo = folder.join("fifo");
            assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
            let mut options = OpenOptions::new();
            // Open for reading, and never read.
            reader = Some(options.read(true).custom_flags(libc::O_NONBLOCK).open(fifo).unwrap());
        }),
        Logging::start("a deleted folder", "logs/access.log", |folder| {
            fs::create_dir(folder.join("logs")).unwrap();
        }),
    ];
    let deleted = &logs[3].server;
    wait_until("the log is there", || deleted.path("logs/access.log").exists());
    fs::remove_dir_all(deleted.path("logs")).unwrap();
    deleted.signal(Signal::USR1);
    wait_until("it is missed", || deleted.stderr().contains("dropping lines"));
    for _ in 0..N_ROUNDS {
        logs.iter_mut().for_each(Logging::turn);
    }
    let good = logs[0].median();
    for mut log in logs {
        log.server.stop();
        no_panic(&log.server);
        let (written, dropped) = log.server.logged();
        assert_eq!(written + dropped, log.n_answers, "{}", log.what);
        match log.what {
            "/dev/full" | "a deleted folder" => assert_eq!(written, 0, "{}", log.what),
            "a stuck FIFO" => assert!(written > 0 && dropped > 0, "{written} {dropped}"),
            _ => {}
        }
        table.add(
            format!("access log: {}", log.what),
            "no error, every line counted; reported: at least 90 % of the throughput",
            format!(
                "{:.0} %, 0 errors; {written} written + {dropped} dropped = {} answers",
                100.0 * log.median() / good,
                log.n_answers
            ),
        );
    }
    drop(reader);
}

/// The program may write no file beyond so many bytes.
const FILE_BYTES: usize = 2_000;
const N_REQUESTS: usize = 300;

pub fn limited_file(table: &mut Table) {
    let folder = folder();
    let log = folder.path().join("access.log").to_str().unwrap().to_owned();
    let limit = format!("--fsize={FILE_BYTES}");
    let mut server = start(folder, &["prlimit", &limit], &["--demo", "--log", &log], "");
    let mut client = server.connect();
    for _ in 0..N_REQUESTS {
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
        load::is_ok(&client.read_response(HasBody::Yes));
    }
    drop(client);
    server.stop();
    let (written, dropped) = server.logged();
    assert_eq!(written + dropped, N_REQUESTS, "{}", server.stderr());
    let log = fs::read_to_string(log).unwrap();
    assert_eq!((log.len(), log.matches('\n').count()), (FILE_BYTES, written));
    assert_eq!(server.stderr().matches("File too large").count(), 1, "{}", server.stderr());
    table.add(
        format!("a limit of {FILE_BYTES} bytes for each file (RLIMIT_FSIZE)"),
        "no answer lost, every line counted, exit 0",
        format!("{N_REQUESTS} answers; {written} written + {dropped} dropped"),
    );
}
