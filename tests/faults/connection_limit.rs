//! More connections than there may be.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::data::{METALINK, start_with_data};
use crate::runs::{DEMO_DATA, finish, folder, metric, start};
use crate::server::{DEMO, HasBody};
use crate::table::Table;

const LIMIT: usize = 64;
const N_OTHERS: usize = 24;

/// A client that asks for little, now and then, and keeps its connection.
struct Keeper {
    address: SocketAddr,
    stream: TcpStream,
    asks: bool,
}

impl Keeper {
    fn new(address: SocketAddr, asks: bool) -> Self {
        let mut keeper = Self { address, stream: TcpStream::connect(address).unwrap(), asks };
        keeper.ask();
        keeper
    }

    /// Whether its connection takes another request and answers it.
    fn ask(&mut self) -> bool {
        if !self.asks {
            self.stream.set_nonblocking(true).unwrap();
            return !matches!(self.stream.read(&mut [0]), Ok(0));
        }
        self.stream.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok()
            && self.stream.read(&mut [0; 1_024]).is_ok_and(|n| n > 0)
    }

    /// Whoever was thrown out comes again.
    fn ask_again(&mut self) {
        if !self.ask() {
            *self = Self::new(self.address, self.asks);
        }
    }
}

pub fn kept_connections(table: &mut Table) {
    for (what, asks) in [("asks once a round", true), ("never sends a byte", false)] {
        let begin = Instant::now();
        let config = format!("[limits]\nmax_connections = {LIMIT}\n");
        let server = start(folder(), &[], &DEMO_DATA, &config);
        let mut keepers: Vec<_> = (0..LIMIT).map(|_| Keeper::new(server.address, asks)).collect();
        let mut slowest = Duration::ZERO;
        for _ in 0..N_OTHERS {
            let start = Instant::now();
            assert_eq!(server.get(DEMO).status(), 200);
            slowest = slowest.max(start.elapsed());
            keepers.iter_mut().for_each(Keeper::ask_again);
        }
        assert_eq!(metric(&server, "mirrorlistd_connections_limit"), LIMIT as u64);
        assert!(metric(&server, "mirrorlistd_connections_open") <= LIMIT as u64);
        let phase = if asks { "idle" } else { "new" };
        let evicted = format!("mirrorlistd_connections_evicted_total{{for=\"{phase}\"}}");
        let n_evicted = metric(&server, &evicted);
        assert!(n_evicted > 0);
        server.check_logged_once_a_minute("connections is near", begin);
        finish(server);
        table.add(
            format!("all {LIMIT} connections kept by one who {what}"),
            format!("{N_OTHERS} of {N_OTHERS} other requests served (times: reported)"),
            format!("{N_OTHERS} served, {slowest:.1?} at most; {n_evicted} gave way"),
        );
    }
}

/// Answers in one request of the client that reads late: more than the kernel takes.
const N_ANSWERS: usize = 200;

pub fn answers_stay(table: &mut Table) {
    let (server, _) = start_with_data("[limits]\nmax_connections = 4\n");
    let mut late = server.connect_with_little_room();
    late.send(&format!("GET {METALINK} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(N_ANSWERS));
    let waits = || metric(&server, "mirrorlistd_connections_waiting{for=\"write\"}") == 1;
    crate::server::wait_until("the client is waited for", waits);
    let mut idle: Vec<_> = (0..3).map(|_| Keeper::new(server.address, true)).collect();
    for _ in 0..N_OTHERS {
        assert_eq!(server.get(METALINK).status(), 200);
        idle.iter_mut().for_each(Keeper::ask_again);
    }
    for _ in 0..N_ANSWERS {
        assert_eq!(late.read_response(HasBody::Yes).status(), 200);
    }
    assert_eq!(metric(&server, "mirrorlistd_connections_evicted_total{for=\"write\"}"), 0);
    finish(server);
    table.add(
        "a client in the middle of answers while all others give way",
        format!("{N_ANSWERS} of {N_ANSWERS} answers whole"),
        format!("{N_ANSWERS} whole, {N_OTHERS} of {N_OTHERS} others served"),
    );
}
