//! Clients that ask one thing after another on kept connections.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{Client, HasBody, Response, Server, wait_until};

/// What is asked.
pub struct Load<'a> {
    pub n_clients: usize,
    /// Between an answer and the next request.
    pub pause: Duration,
    /// In turn.
    pub targets: &'a [&'a str],
}

/// How long each answer took.
#[derive(Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn n_answers(&self) -> usize {
        self.0.len()
    }

    /// The latency that 99 of 100 answers keep below.
    pub fn p99(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// Does `work` while clients ask, and `check` every answer. A connection
/// that fails makes the test fail: nothing may be lost.
pub fn during<R>(
    server: &Server,
    load: &Load<'_>,
    check: impl Fn(&Response) + Sync,
    work: impl FnOnce() -> R,
) -> (R, Latencies) {
    let is_over = AtomicBool::new(false);
    let address = server.address;
    let client = |first: usize| {
        let mut latencies = Vec::new();
        let mut client: Option<Client> = None;
        for target in load.targets.iter().cycle().skip(first % load.targets.len()) {
            if is_over.load(Ordering::Relaxed) {
                break;
            }
            let start = Instant::now();
            let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let client = match &mut client {
                Some(client) => {
                    client.send(&request);
                    client
                }
                none => none.insert(Client::connect_and_send(address, &request)),
            };
            let response = client.read_response(HasBody::Yes);
            latencies.push(start.elapsed());
            check(&response);
            if !load.pause.is_zero() {
                thread::sleep(load.pause);
            }
        }
        latencies
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..load.n_clients)
            .map(|n| {
                let client = &client;
                scope.spawn(move || client(n))
            })
            .collect();
        let end = SetOnDrop(&is_over);
        let result = work();
        drop(end);
        let latencies = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        (result, Latencies(latencies))
    })
}

/// Asks for one target, at least so many times.
pub fn run(server: &Server, n_clients: usize, target: &str, n_requests: usize) -> Latencies {
    let load = Load { n_clients, pause: Duration::ZERO, targets: &[target] };
    let n_answers = AtomicUsize::new(0);
    let check = |response: &Response| {
        is_ok(response);
        n_answers.fetch_add(1, Ordering::Relaxed);
    };
    let is_enough = || n_answers.load(Ordering::Relaxed) >= n_requests;
    during(server, &load, check, || wait_until("clients are answered", is_enough)).1
}

/// The check of an answer that must be there.
#[track_caller]
pub fn is_ok(response: &Response) {
    assert_eq!(response.status(), 200);
}

/// Ends the clients also when the work panics.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
