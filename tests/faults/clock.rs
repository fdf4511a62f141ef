//! A clock that goes anywhere: hours back, beyond the last year of HTTP's dates, before 1970.

use std::env::consts::ARCH;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::packages;
use crate::runs::{folder, metric, no_panic, start};
use crate::server::{DEMO, HasBody, PATIENCE, Server};
use crate::table::Table;

/// The clock as libfaketime reads it (a moment at which it stands, or years by which it is ahead), and
/// the Date of answers then.
const CLOCKS: [(&str, &str); 7] = [
    ("2026-11-21 11:01:29", "Sat, 21 Nov 2026 11:01:29 GMT"),
    ("2026-11-21 10:01:29", "Sat, 21 Nov 2026 10:01:29 GMT"),
    ("9999-12-31 23:59:59", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ("+8000y", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ("1969-12-31 12:00:00", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("+8000y", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ("2026-11-21 11:01:30", "Sat, 21 Nov 2026 11:01:30 GMT"),
];

/// Another file takes the place of the one that the program reads whenever it asks for the time.
fn set_clock(folder: &Path, clock: &str) {
    let file = folder.join("clock");
    let new = folder.join("clock.new");
    std::fs::write(&new, clock).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// A server whose clock is `clock` from its first moment.
fn start_at(clock: &str) -> Server {
    let folder = folder();
    set_clock(folder.path(), clock);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let preload = format!("LD_PRELOAD=/usr/lib/{ARCH}-linux-gnu/faketime/libfaketimeMT.so.1");
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", path("clock"));
    // Intervals are measured by a clock that nobody sets.
    let real = "FAKETIME_DONT_FAKE_MONOTONIC=1";
    let wrapper = ["env", "TZ=UTC", "FAKETIME_NO_CACHE=1", real, &file, &preload];
    let (log, combined) = (path("log"), path("combined"));
    let args = ["--demo", "--log", &log, "--combined-log", &combined];
    start(folder, &wrapper, &args, "")
}

/// What the operator's listener answers.
fn ask_admin(server: &Server, target: &str) -> String {
    let mut stream = UnixStream::connect(server.path("admin")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

pub fn goes_anywhere(table: &mut Table) {
    packages::require();
    let metalink = DEMO.replace("mirrorlist", "metalink");
    let mut n_answers = 0;
    for start in 0..CLOCKS.len() {
        let mut server = start_at(CLOCKS[start].0);
        // It stays open, whatever the clock does.
        let mut kept = server.connect();
        for (clock, date) in &CLOCKS[start..] {
            set_clock(server.folder.path(), clock);
            for target in [DEMO, &metalink, "/nothing-here"] {
                kept.send(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                for answer in [kept.read_response(HasBody::Yes), server.get(target)] {
                    let expected = if target.starts_with("/nothing") { 404 } else { 200 };
                    assert_eq!(answer.status(), expected, "{clock} {target}");
                    assert_eq!(answer.header("date"), Some(*date), "{clock} {target}");
                    n_answers += 1;
                }
            }
            for target in ["/healthz", "/readyz", "/status", "/metrics"] {
                let answer = ask_admin(&server, target);
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{clock} {target}: {answer}");
            }
            assert_eq!(metric(&server, "mirrorlistd_panics_total"), 0);
        }
        let n_requests = 6 * (CLOCKS.len() - start);
        server.wait_for_lines("combined", n_requests);
        // All but those for nothing.
        server.wait_for_lines("log", n_requests * 2 / 3);
        server.stop();
        no_panic(&server);
        check_logs(&server, CLOCKS.len() - start);
    }
    table.add(
        "clock set back, beyond the year 9999, before 1970",
        "every answer, with the Date of that clock or the last that there is; exit 0",
        format!("{n_answers} of {n_answers} answers, 0 panics"),
    );
}

/// Each request has its line, with the date that the clock showed.
fn check_logs(server: &Server, n_clocks: usize) {
    let read = |name: &str| std::fs::read_to_string(server.path(name)).unwrap();
    let (log, combined) = (read("log"), read("combined"));
    assert_eq!(combined.lines().count(), n_clocks * 6, "{combined}");
    for line in log.lines() {
        assert_eq!(line.split("; ").count(), 5, "{line}");
    }
    assert!(log.ends_with('\n') && log.contains("; DATE: 2026-11-21; "), "{log}");
    assert!(combined.ends_with('\n') && combined.contains("[21/Nov/2026:11:01:30 +0000]"));
    if n_clocks > 3 {
        assert!(log.contains("; DATE: 1970-01-01; "), "{log}");
        assert!(combined.contains("[01/Jan/1970:00:00:00 +0000]"), "{combined}");
    }
}
