//! Clients that keep a worker busy.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::data::{LIST, start_with_data};
use crate::load;
use crate::runs::finish;
use crate::server::{HasBody, Server};
use crate::table::Table;

const N_OTHERS: usize = 300;
const N_TURNS: usize = 5;

/// The latencies of one client that asks one thing after another, in order.
fn ask(server: &Server) -> Vec<Duration> {
    let mut client = server.connect();
    let mut latencies: Vec<_> = (0..N_OTHERS)
        .map(|_| {
            let start = Instant::now();
            client.send(&format!("GET {LIST} HTTP/1.1\r\nHost: a\r\n\r\n"));
            load::is_ok(&client.read_response(HasBody::Yes));
            start.elapsed()
        })
        .collect();
    latencies.sort_unstable();
    latencies
}

/// Sends `block` again and again and throws the answers away, while `work` is done.
fn during<R>(server: &Server, block: &str, n_clients: usize, work: impl FnOnce() -> R) -> R {
    let streams: Vec<_> =
        (0..n_clients).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    thread::scope(|scope| {
        for stream in &streams {
            scope.spawn(move || {
                let mut stream = stream;
                while stream.write_all(block.as_bytes()).is_ok() {}
            });
            scope.spawn(move || {
                let mut stream = stream;
                while stream.read(&mut [0; 65_536]).is_ok_and(|n| n > 0) {}
            });
        }
        // Also when the work panics: the scope waits for the threads.
        let _end = ShutDown(&streams);
        work()
    })
}

struct ShutDown<'a>(&'a [TcpStream]);

impl Drop for ShutDown<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }
}

pub fn without_end(table: &mut Table) {
    let (server, _) = start_with_data("workers = 1\n");
    let list = format!("GET {LIST} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(64);
    let head = format!("HEAD {LIST}&format=json HTTP/1.1\r\nHost: a\r\n\r\n").repeat(64);
    for (what, block) in [("pipelines lists", list), ("pipelines HEAD of JSON", head)] {
        let mut turns: Vec<_> = (0..N_TURNS)
            .map(|_| {
                let alone = ask(&server);
                let beside = during(&server, &block, 1, || ask(&server));
                (beside[N_OTHERS / 2], beside[N_OTHERS * 99 / 100], alone[N_OTHERS / 2])
            })
            .collect();
        turns.sort_unstable();
        let (median, p99, alone) = turns[N_TURNS / 2];
        table.add(
            format!("one client {what} without end, another one on the same worker"),
            format!("{N_OTHERS} of {N_OTHERS} answered; reported: at most 2 ms"),
            format!("all answered; median {median:.1?}, p99 {p99:.1?}; {alone:.1?} alone"),
        );
    }
    finish(server);
}
