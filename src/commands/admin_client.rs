//! Asks the admin listener of a running server, over TCP or a unix socket.
//!
//! It speaks HTTP/1.0, in which an answer ends with the connection. Everything that comes from the other
//! side is bounded, in bytes and in time: what listens there may be something else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serve::http::socket::Address;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long everything may take. The listener itself lets a page wait for five seconds.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of an answer: the explanation of a list of 10,000 mirrors has a tenth of it.
const MAX_BYTES: u64 = 64 << 20;
/// The most bytes of the header of an answer.
const MAX_HEADER_BYTES: usize = 16 << 10;

/// How often a wait looks whether it was interrupted, should the signal come just before it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A request.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdminRequest<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// The path with its query, percent-encoded.
    pub(super) target: &'a str,
    /// What says who asks: visible ASCII characters.
    pub(super) token: Option<&'a str>,
    /// A body of JSON.
    pub(super) body: Option<&'a str>,
    /// How long everything may take.
    pub(super) timeout: Duration,
    /// Becomes true when the user asks to stop.
    pub(super) interrupted: Option<&'a AtomicBool>,
}

impl<'a> AdminRequest<'a> {
    /// A request to read what is at `target`.
    pub(super) fn get(target: &'a str) -> Self {
        let (token, body, interrupted) = (None, None, None);
        Self { method: "GET", target, token, body, timeout: TIMEOUT, interrupted }
    }

    fn head(&self) -> String {
        let Self { method, target, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.0\r\nHost: localhost\r\n");
        if let Some(token) = self.token {
            head += &format!("Authorization: Bearer {token}\r\n");
        }
        if let Some(body) = self.body {
            let length = body.len();
            head += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        }
        head + "\r\n"
    }
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct AdminResponse {
    /// The status.
    pub(super) status: u16,
    /// The body.
    pub(super) body: String,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminError {
    /// Nothing listens, or nobody may connect.
    #[error(
        "cannot connect to {address}: {error}; does the server run, with this address in --admin?"
    )]
    Connect {
        /// Where.
        address: Address,
        /// The system's error.
        error: io::Error,
    },
    /// It took too long.
    #[error("{address}: no whole answer within {} s", timeout.as_secs())]
    Late {
        /// Where.
        address: Address,
        /// How long it may have taken.
        timeout: Duration,
    },
    /// The user has asked to stop.
    #[error("{address}: interrupted")]
    Interrupted {
        /// Where.
        address: Address,
    },
    /// The connection failed.
    #[error("{address}: {error}")]
    Transport {
        /// Where.
        address: Address,
        /// The system's error.
        error: io::Error,
    },
    /// The answer is not HTTP.
    #[error("{address}: what listens there does not speak HTTP")]
    NotHttp {
        /// Where.
        address: Address,
    },
    /// The answer was cut short.
    #[error("{address}: the answer was cut off after {got} of {length} bytes")]
    Cut {
        /// Where.
        address: Address,
        /// How many bytes of the body came.
        got: usize,
        /// How many should have come.
        length: usize,
    },
    /// The answer is too long.
    #[error("{address}: the answer is longer than {MAX_BYTES} bytes")]
    TooLong {
        /// Where.
        address: Address,
    },
}

/// Gets what is at `target`, a path with a query.
pub(super) fn get(address: &Address, target: &str) -> Result<AdminResponse, AdminError> {
    send(address, &AdminRequest::get(target))
}

/// Sends a request, and reads the answer.
pub(super) fn send(
    address: &Address,
    request: &AdminRequest<'_>,
) -> Result<AdminResponse, AdminError> {
    let AdminRequest { timeout, interrupted, .. } = *request;
    let deadline = Instant::now() + timeout;
    let stream = match address {
        Address::Tcp(socket) => {
            TcpStream::connect_timeout(socket, CONNECT_TIMEOUT).map(Connection::Tcp)
        }
        Address::Unix(path) => UnixStream::connect(path).map(Connection::Unix),
    };
    let stream = stream.map_err(|error| AdminError::Connect { address: address.clone(), error })?;
    let mut stream = WithDeadline { stream, deadline, interrupted };
    let bytes = request.head() + request.body.unwrap_or("");
    let mut answer = Vec::new();
    // Who refuses a request may answer before it has read the body; the answer says why, not the pipe.
    let sent = stream.write_all(bytes.as_bytes());
    let read = stream.take(MAX_BYTES + 1).read_to_end(&mut answer);
    let address = address.clone();
    if interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
        return Err(AdminError::Interrupted { address });
    }
    match (sent, read) {
        (_, Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(AdminError::Late { address, timeout })
        }
        (_, Err(error)) => Err(AdminError::Transport { address, error }),
        (Err(error), Ok(0)) => Err(AdminError::Transport { address, error }),
        (_, Ok(n)) if n as u64 > MAX_BYTES => Err(AdminError::TooLong { address }),
        (_, Ok(_)) => parse(address, &answer),
    }
}

/// A connection of either kind.
enum Connection {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connection that ends at a time, or when the user asks for it.
struct WithDeadline<'a> {
    stream: Connection,
    deadline: Instant,
    interrupted: Option<&'a AtomicBool>,
}

impl WithDeadline<'_> {
    /// Repeats an operation that waits for a while until it does something.
    fn patiently(
        &mut self,
        mut attempt: impl FnMut(&mut Connection, Option<Duration>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            if self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
                return Err(io::Error::other("interrupted"));
            }
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            let wait = if self.interrupted.is_some() { left.min(LOOK_EVERY) } else { left };
            match attempt(&mut self.stream, Some(wait)) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }
}

impl Read for WithDeadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(|stream, wait| match stream {
            Connection::Tcp(stream) => {
                stream.set_read_timeout(wait)?;
                stream.read(buffer)
            }
            Connection::Unix(stream) => {
                stream.set_read_timeout(wait)?;
                stream.read(buffer)
            }
        })
    }
}

impl Write for WithDeadline<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(|stream, wait| match stream {
            Connection::Tcp(stream) => {
                stream.set_write_timeout(wait)?;
                stream.write(bytes)
            }
            Connection::Unix(stream) => {
                stream.set_write_timeout(wait)?;
                stream.write(bytes)
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads an answer that is complete, as far as its sender is concerned.
fn parse(address: Address, bytes: &[u8]) -> Result<AdminResponse, AdminError> {
    let end = bytes.windows(4).take(MAX_HEADER_BYTES).position(|window| window == b"\r\n\r\n");
    let divided = end.and_then(|end| Some((bytes.get(..end)?, bytes.get(end + 4..)?)));
    let divided = divided.and_then(|(head, body)| Some((std::str::from_utf8(head).ok()?, body)));
    let Some((status, length, body)) = divided.and_then(|(head, body)| {
        let (status, length) = parse_head(head)?;
        Some((status, length, body))
    }) else {
        return Err(AdminError::NotHttp { address });
    };
    match length {
        Some(length) if body.len() < length => {
            Err(AdminError::Cut { address, got: body.len(), length })
        }
        _ => match String::from_utf8(body.to_vec()) {
            Ok(body) => Ok(AdminResponse { status, body }),
            Err(_) => Err(AdminError::NotHttp { address }),
        },
    }
}

/// Reads the status and the length of the body, if the header says it.
fn parse_head(head: &str) -> Option<(u16, Option<usize>)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())
    });
    match length {
        Some(None) => None,
        length => Some((status, length.flatten())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What is made of an answer.
    #[track_caller]
    fn check(answer: &'static [u8], expected: &str) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("admin");
        let listener = UnixListener::bind(&path).expect("a free path");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut request = [0; 64];
            let n = stream.read(&mut request).expect("a request");
            stream.write_all(answer).expect("a reader");
            String::from_utf8_lossy(&request[..n]).into_owned()
        });
        let address = Address::Unix(path);
        let shown = match get(&address, "/a?b") {
            Ok(AdminResponse { status, body }) => format!("{status} {body}"),
            Err(error) => error.to_string().replace(&address.to_string(), "SERVER"),
        };
        assert_eq!(shown, expected);
        let request = server.join().expect("no panic");
        assert_eq!(request, "GET /a?b HTTP/1.0\r\nHost: localhost\r\n\r\n");
    }

    #[test]
    fn an_answer_is_read_to_its_end() {
        check(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "200 {}");
        check(b"HTTP/1.1 404 Not Found\r\n\r\nno", "404 no");
        check(b"HTTP/1.0 200 OK\r\n\r\n", "200 ");
    }

    #[test]
    fn what_is_no_answer_is_told() {
        let not_http = "SERVER: what listens there does not speak HTTP";
        check(b"SSH-2.0-OpenSSH_9.2\r\n", not_http);
        check(b"", not_http);
        check(b"HTTP/1.0 200 OK\r\n", not_http);
        check(b"HTTP/1.0 xyz\r\n\r\n", not_http);
        check(b"HTTP/1.0 200 OK\r\nContent-Length: many\r\n\r\n", not_http);
        check(b"HTTP/1.0 200 OK\r\n\r\n\xff", not_http);
        check(
            b"HTTP/1.0 200 OK\r\ncontent-length: 10\r\n\r\n{}",
            "SERVER: the answer was cut off after 2 of 10 bytes",
        );
    }

    #[test]
    fn a_change_says_who_asks_and_what() {
        let request = AdminRequest {
            method: "POST",
            token: Some("secret"),
            body: Some("{}"),
            ..AdminRequest::get("/a")
        };
        assert_eq!(
            request.head(),
            "POST /a HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        );
    }

    #[test]
    fn who_asks_to_stop_waits_no_longer() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("admin");
        let _listener = UnixListener::bind(&path).expect("a free path");
        let interrupted = AtomicBool::new(true);
        let request =
            AdminRequest { interrupted: Some(&interrupted), ..AdminRequest::get("/never") };
        let error = send(&Address::Unix(path), &request).expect_err("nobody answers");
        assert!(matches!(error, AdminError::Interrupted { .. }), "{error}");
    }

    #[test]
    fn nobody_there_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = Address::Unix(folder.path().join("nothing"));
        let error = get(&address, "/").expect_err("nobody listens").to_string();
        let reason = "No such file or directory (os error 2); does the server run, with this address \
                      in --admin?";
        assert_eq!(error, format!("cannot connect to {address}: {reason}"));
    }
}
