//! Clients that crowd the operator's listener.

use std::io::Write;
use std::os::unix::net::UnixStream;

use crate::runs::{DEMO_DATA, finish, folder, metric, start};
use crate::table::Table;

/// The listener keeps so many connections.
const LIMIT: usize = 64;

pub fn silent_connections(table: &mut Table) {
    let config = "[limits]\nheader_timeout_seconds = 1000\n";
    let server = start(folder(), &[], &DEMO_DATA, config);
    let mut crowd = Vec::new();
    let beginnings = ["", "GET /metrics HTTP/1.1\r\n", "GET /metrics HTTP/1.0\r\n\r\n"];
    for beginning in beginnings {
        for _ in 0..=LIMIT {
            let mut stream = UnixStream::connect(server.path("admin")).unwrap();
            stream.write_all(beginning.as_bytes()).unwrap();
            crowd.push(stream);
        }
        // Asks, and so fails where the listener does not answer.
        metric(&server, "mirrorlistd_ready");
    }
    let evicted = metric(&server, "mirrorlistd_admin_connections_evicted_total");
    assert!(evicted > LIMIT as u64, "{evicted}");
    finish(server);
    table.add(
        format!("{} connections to the operator's listener that stay", crowd.len()),
        "answers after each batch: silent, half a header, an unread answer",
        format!("{} of {} answered; {evicted} gave way", beginnings.len(), beginnings.len()),
    );
}
