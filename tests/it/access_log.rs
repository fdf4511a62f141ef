//! The access log, and that nothing wrong with it costs an answer.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::server::{DEMO, HasBody, Server, wait_until};

fn start(folder: TempDir, log: &str) -> Server {
    let path = folder.path().join(log);
    let path = path.to_str().expect("a UTF-8 path").to_owned();
    Server::start_in(folder, &["--demo", "--log", &path])
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Asks `n` times on one connection.
#[track_caller]
fn ask(server: &Server, n: usize) {
    let mut client = server.connect();
    for _ in 0..n {
        client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.read_response(HasBody::Yes).status(), 200);
    }
}

fn mkfifo(folder: &TempDir) {
    let made = Command::new("mkfifo").arg(folder.path().join("fifo")).status().expect("mkfifo");
    assert!(made.success());
}

#[test]
fn requests_with_a_repository_are_logged_and_others_are_not() {
    let mut server = start(folder(), "access.log");
    server.get(DEMO);
    server.get("/metalink?arch=x86_64&repo=demo-9&ip=192.0.2.11");
    server.get("/mirrorlist");
    server.get("/mirrorlist?repo=unknown&arch=x86_64&ip=192.0.2.12");
    server.get("/nothing");
    server.wait_for_lines("access.log", 3);
    server.stop();
    let log = fs::read_to_string(server.path("access.log")).expect("the log");
    let fields: Vec<Vec<&str>> = log.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(fields.len(), 3, "{log}");
    let expected =
        [("192.0.2.10;", "demo-9;"), ("192.0.2.11;", "demo-9;"), ("192.0.2.12;", "unknown;")];
    for (line, (address, repo)) in fields.iter().zip(expected) {
        assert_eq!(line.len(), 10, "{log}");
        assert_eq!((line[0], line[1]), ("IP:", address));
        assert_eq!((line[2], line[3].len()), ("DATE:", "2026-11-21;".len()));
        assert_eq!(line[4], "COUNTRY:");
        assert_eq!(line[6..], ["REPO:", repo, "ARCH:", "x86_64"]);
    }
    assert_eq!(server.logged(), (3, 0));
}

#[test]
fn what_was_there_before_is_kept() {
    let folder = folder();
    fs::write(folder.path().join("access.log"), "before\n").expect("a write");
    let mut server = start(folder, "access.log");
    ask(&server, 1);
    server.wait_for_lines("access.log", 2);
    server.stop();
    let log = fs::read_to_string(server.path("access.log")).expect("the log");
    assert!(log.starts_with("before\nIP: "), "{log}");
}

#[test]
fn usr1_reopens_it_for_logrotate() {
    let server = start(folder(), "access.log");
    let (log, rotated) = (server.path("access.log"), server.path("access.log.1"));
    let size = |path| fs::metadata(path).map_or(0, |meta| meta.len());
    ask(&server, 1);
    wait_until("the line is there", || size(&log) > 0);
    fs::rename(&log, &rotated).expect("a rename");
    let before = size(&rotated);
    server.signal(Signal::USR1);
    wait_until("the file is there again", || log.exists());
    ask(&server, 1);
    wait_until("the line is in the new file", || size(&log) > 0);
    assert_eq!(size(&rotated), before);
}

#[test]
fn a_full_disk_costs_no_answer() {
    let mut server = start(folder(), "/dev/full");
    ask(&server, 300);
    server.stop();
    assert_eq!(server.logged(), (0, 300));
    let complaints = server.stderr().matches("/dev/full: No space left on device").count();
    assert_eq!(complaints, 1, "{}", server.stderr());
}

#[test]
fn a_fifo_without_a_reader_costs_no_answer() {
    let folder = folder();
    mkfifo(&folder);
    let mut server = start(folder, "fifo");
    ask(&server, 300);
    server.stop();
    assert_eq!(server.logged(), (0, 300));
}

#[test]
fn a_fifo_whose_reader_is_stuck_costs_no_answer() {
    let folder = folder();
    mkfifo(&folder);
    let reader = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(folder.path().join("fifo"))
        .expect("a FIFO can be opened for reading");
    let mut server = start(folder, "fifo");
    ask(&server, 2_000);
    server.stop();
    drop(reader);
    let (written, dropped) = server.logged();
    assert_eq!(written + dropped, 2_000);
    assert!(written > 0 && dropped > 0, "{written} {dropped}");
}

#[test]
fn a_missing_folder_costs_no_answer_and_is_found_when_it_comes() {
    let mut server = start(folder(), "later/access.log");
    let mut n_asked = 10;
    ask(&server, n_asked);
    // Made before the thread has first looked, the folder would never have been missing.
    wait_until("it is missed", || server.stderr().contains("dropping lines"));
    fs::create_dir(server.path("later")).expect("a folder");
    let log = server.path("later/access.log");
    wait_until("it is tried again", || {
        ask(&server, 1);
        n_asked += 1;
        fs::metadata(&log).is_ok_and(|meta| meta.len() > 0)
    });
    server.stop();
    let (written, dropped) = server.logged();
    assert_eq!(written + dropped, n_asked);
    let stderr = server.stderr();
    assert!(stderr.contains(&format!("works again; {dropped} lines were dropped")), "{stderr}");
    assert_eq!(fs::read_to_string(&log).expect("the log").lines().count(), written);
}

/// `countme` is counted from these lines where no proxy stands before the server.
#[test]
fn the_combined_log_has_one_line_for_every_request_whatever_its_answer() {
    let folder = folder();
    let path = folder.path().join("combined.log");
    let path = path.to_str().expect("a UTF-8 path").to_owned();
    let mut server = Server::start_in(folder, &["--demo", "--combined-log", &path]);
    let size = server.get(&format!("{DEMO}&countme=1")).body.len();
    server.ask(
        "GET /metalink?repo=x&arch=y&countme=2 HTTP/1.1\r\nHost: a\r\nUser-Agent: lib\"dnf\r\n\
                X-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n\r\n",
    );
    server.ask("POST /metalink?countme=3 HTTP/1.0\r\n\r\n");
    server.wait_for_lines("combined.log", 3);
    server.stop();
    let log = fs::read_to_string(server.path("combined.log")).expect("the log");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{log}");
    assert!(lines[0].ends_with(&format!("&countme=1 HTTP/1.1\" 200 {size} \"-\" \"-\"")), "{log}");
    assert!(lines[1].starts_with("192.0.2.7 - - ["), "{log}");
    assert!(lines[1].contains("\"GET /metalink?repo=x&arch=y&countme=2 HTTP/1.1\" 404 "), "{log}");
    assert!(lines[1].ends_with(" \"-\" \"lib\\\"dnf\""), "{log}");
    assert!(lines[2].contains("\"POST /metalink?countme=3 HTTP/1.0\" 405 "), "{log}");
}
