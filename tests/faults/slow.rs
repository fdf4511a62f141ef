//! Clients that keep the server waiting, in thousands.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::data::{LIST, METALINK, start_with_data};
use crate::load::{self, Load};
use crate::runs::{finish, metric, own_connections};
use crate::server::{Client, PATIENCE, Server};
use crate::table::Table;

/// Of each kind, where the limit of open files allows it.
const N_EACH: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(3);
/// The time limits are to close them all, and not the one of unread answers.
const CONFIG: &str = "[limits]\nheader_timeout_seconds = 3\nwrite_timeout_seconds = 3\n\
                      unsent_bytes = 1073741824\n";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Sends nothing.
    Silent,
    /// Sends half a request line.
    Half,
    /// Sends a header that never ends, a byte a second.
    Dripping,
    /// Sends requests and reads no answer.
    Deaf,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Silent, "nothing sent"),
    (Kind::Half, "half a request line"),
    (Kind::Dripping, "a dripped header"),
    (Kind::Deaf, "a client that does not read"),
];

struct Slow {
    kind: Kind,
    client: Client,
    start: Instant,
    last_drip: Instant,
    closed_after: Option<Duration>,
}

impl Slow {
    fn new(server: &Server, kind: Kind) -> Self {
        let start = Instant::now();
        let mut client = match kind {
            Kind::Deaf => server.connect_with_little_room(),
            Kind::Silent | Kind::Half | Kind::Dripping => server.connect(),
        };
        let beginning = match kind {
            Kind::Silent => String::new(),
            Kind::Half => "GET /mirrorl".into(),
            Kind::Dripping => "GET /mirrorlist HTTP/1.1\r\nX: ".into(),
            // Answers of more than a megabyte.
            Kind::Deaf => format!("GET {METALINK} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(50),
        };
        // A late one meets the end of the connection, which a look sees.
        drop(client.stream().write_all(beginning.as_bytes()));
        client.stream().set_nonblocking(true).unwrap();
        Self { kind, client, start, last_drip: start, closed_after: None }
    }

    /// Looks at the connection without reading what is for a client that does not read.
    fn look(&mut self) {
        let stream = self.client.stream();
        let is_closed = match self.kind {
            Kind::Deaf => stream.take_error().unwrap().is_some(),
            Kind::Silent | Kind::Half | Kind::Dripping => match stream.read(&mut [0; 16]) {
                Ok(0) => true,
                Ok(_) => panic!("half a request was answered"),
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            },
        };
        if is_closed {
            self.closed_after = Some(self.start.elapsed());
        } else if self.kind == Kind::Dripping && self.last_drip.elapsed() > Duration::from_secs(1) {
            self.last_drip = Instant::now();
            // It may meet the end of the connection, which the next look sees.
            drop(stream.write(b"x"));
        }
    }
}

pub fn slow_clients(table: &mut Table) {
    let n_each = N_EACH.min(own_connections(20_000) / (KINDS.len() + 1));
    let (server, _) = start_with_data(CONFIG);
    let others = Load { n_clients: 8, pause: Duration::from_millis(1), targets: &[LIST] };
    // Figures need some answers; nothing is asserted of them.
    let calm = || thread::sleep(Duration::from_secs(2));
    let ((), without) = load::during(&server, &others, load::is_ok, calm);
    let arrive = || {
        let mut slow = Vec::new();
        for _ in 0..n_each {
            slow.extend(KINDS.map(|(kind, _)| Slow::new(&server, kind)));
            // They come within a second or two: what they cost is measured, not a storm of SYNs.
            thread::sleep(Duration::from_millis(1));
        }
        slow
    };
    let (mut slow, arriving) = load::during(&server, &others, load::is_ok, arrive);
    let wait = || {
        let start = Instant::now();
        while slow.iter().any(|slow| slow.closed_after.is_none()) {
            assert!(start.elapsed() < PATIENCE, "a slow client is never closed");
            slow.iter_mut().filter(|slow| slow.closed_after.is_none()).for_each(Slow::look);
            // A look at all of them takes milliseconds, which the others feel.
            thread::sleep(Duration::from_millis(100));
        }
    };
    let ((), staying) = load::during(&server, &others, load::is_ok, wait);

    // On a busy machine a connection may not have sent anything yet when its time is over.
    let overdue = ["new", "header", "write", "idle"].map(|phase| {
        metric(&server, &format!("mirrorlistd_connections_overdue_total{{for=\"{phase}\"}}"))
    });
    let n_all = (KINDS.len() * n_each) as u64;
    assert_eq!((overdue.iter().sum(), overdue[3]), (n_all, 0), "{overdue:?}");
    finish(server);
    for (kind, name) in KINDS {
        let closed = slow.iter().filter(|slow| slow.kind == kind).filter_map(|s| s.closed_after);
        table.add(
            format!("{n_each} clients at once: {name}"),
            format!("all closed at {LIMIT:?} + 1 s"),
            format!("all closed, the last one after {:.1?}", closed.max().unwrap_or_default()),
        );
    }
    for (what, with) in [("come, on the same cores", arriving), ("stay and are closed", staying)] {
        table.add(
            format!("p99 of 8 others while {} slow clients {what}", n_each * KINDS.len()),
            "reported: at most 2x without",
            format!(
                "{:.1?}, {:.1?} without: {:.2}x ({} answers)",
                with.p99(),
                without.p99(),
                with.p99().as_secs_f64() / without.p99().as_secs_f64(),
                with.n_answers()
            ),
        );
    }
}
