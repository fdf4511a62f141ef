//! SIGTERM under load.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::runs::{DEMO_DATA, folder, no_panic, start};
use crate::server::{DEMO, PATIENCE, wait_until};
use crate::table::Table;

const N_CLIENTS: usize = 64;
const N_STOPS: usize = 5;
/// So long a connection without a request is kept when the drain has begun.
const LINGER: Duration = Duration::from_millis(250);

/// How a client's last request ended.
enum Last {
    /// With an answer that says `Connection: close`, and then the end.
    Answered,
    /// With the end alone: this client was paused for so long that its connection was idle.
    Late,
}

/// Asks without a pause until the server says that it was the last answer. `sent` is before the
/// connection was made.
fn ask_to_the_end(stream: TcpStream, mut sent: Instant, n_answers: &AtomicUsize) -> Last {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = BufReader::new(stream);
    // Until all are busy, and until the server has ended.
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "no answer says that it is the last one");
        let before = std::mem::replace(&mut sent, Instant::now());
        let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n");
        let sent = stream.get_mut().write_all(request.as_bytes());
        // The answer before it was made before the drain began, and asked for before that.
        let elapsed = before.elapsed();
        let answer = sent.and_then(|()| stream.fill_buf().map(|bytes| !bytes.is_empty()));
        if let Err(error) = &answer {
            let hangs = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            assert!(!hangs, "neither an answer nor an end after {PATIENCE:?}: {error}");
        }
        // The server cannot know of a request that is on its way when it closes an idle connection.
        // On a machine that has no time for this thread, a busy connection looks idle; one that has none
        // for the server either may look so a little sooner.
        if !matches!(answer, Ok(true)) {
            assert!(
                elapsed >= LINGER / 5,
                "a request that was sent in time got no answer: {elapsed:?}, {answer:?}"
            );
            return Last::Late;
        }
        let (status, is_last) = read_answer(&mut stream);
        assert_eq!(status, "200");
        n_answers.fetch_add(1, Ordering::Relaxed);
        if is_last {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing follows, and no reset");
            return Last::Answered;
        }
    }
}

/// Its status, and whether it says `Connection: close`.
fn read_answer(stream: &mut BufReader<TcpStream>) -> (String, bool) {
    let (mut status, mut length, mut is_last) = (None, 0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("an answer that has begun is completed");
        let line = line.strip_suffix("\r\n").expect("an answer that has begun is completed");
        if status.is_none() {
            status = line.split(' ').nth(1).map(str::to_owned);
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        } else if line == "connection: close" {
            is_last = true;
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("an answer that has begun is completed");
    (status.unwrap(), is_last)
}

pub fn under_load(table: &mut Table) {
    let (mut n_total, mut n_last, mut n_late) = (0, 0, 0);
    let mut longest = Duration::ZERO;
    for _ in 0..N_STOPS {
        let mut server = start(folder(), &[], &DEMO_DATA, "");
        let n_answers = AtomicUsize::new(0);
        let connect = || (Instant::now(), TcpStream::connect(server.address).unwrap());
        let streams: Vec<_> = (0..N_CLIENTS).map(|_| connect()).collect();
        thread::scope(|scope| {
            let n_answers = &n_answers;
            let clients: Vec<_> = streams
                .into_iter()
                .map(|(start, stream)| {
                    scope.spawn(move || ask_to_the_end(stream, start, n_answers))
                })
                .collect();
            wait_until("all are busy", || n_answers.load(Ordering::Relaxed) > 50 * N_CLIENTS);
            let start = Instant::now();
            server.signal(Signal::TERM);
            for client in clients {
                match client.join().unwrap() {
                    Last::Answered => n_last += 1,
                    Last::Late => n_late += 1,
                }
            }
            assert_eq!(server.wait().code(), Some(0), "{}", server.stderr());
            longest = longest.max(start.elapsed());
        });
        let n_answers = n_answers.into_inner();
        let stopped = format!("stopped after {n_answers} requests");
        assert!(server.stderr().contains(&stopped), "{stopped}: {}", server.stderr());
        n_total += n_answers;
        no_panic(&server);
        assert!(!server.stderr().contains(" cut by "), "{}", server.stderr());
    }
    let late = match n_late {
        0 => String::new(),
        n => format!("; {n} clients found no time to ask for {LINGER:?}"),
    };
    table.add(
        format!("SIGTERM under {N_CLIENTS} busy connections, {N_STOPS} times"),
        "every started answer completes, `Connection: close`, exit 0",
        format!("{n_total} answers, 0 cut, {n_last} closed so, exit 0 in {longest:.1?}{late}"),
    );
}
