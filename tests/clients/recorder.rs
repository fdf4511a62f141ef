//! A recording relay before the server: what clients really sent, and what they really got.
//!
//! It passes bytes on as they come and looks into copies of them, so it changes nothing: neither
//! headers nor how many connections are used, nor the address that the server sees (loopback).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What was said on one connection.
#[derive(Clone, Default, Debug)]
struct Connection {
    sent: Vec<u8>,
    received: Vec<u8>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Counts connections from 0.
    pub connection: usize,
    /// Request line and headers.
    pub request: String,
    /// Status line and headers; empty if none came.
    pub response: String,
    pub body: String,
}

impl Exchange {
    /// What was asked for.
    pub fn target(&self) -> &str {
        self.request.split(' ').nth(1).unwrap_or_default()
    }

    /// Whether the request was a metalink's.
    pub fn is_metalink(&self) -> bool {
        self.target().starts_with("/metalink")
    }

    /// HTTP status of the answer, 0 if none came.
    pub fn status(&self) -> u16 {
        self.response.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The value of a request header.
    pub fn request_header(&self, name: &str) -> Option<&str> {
        header(&self.request, name)
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "--- connection {}", self.connection)?;
        writeln!(f, "{}", self.request.replace('\r', ""))?;
        writeln!(f, ">>> {}", self.response.replace('\r', ""))?;
        write!(f, "{}", self.body.replace('\r', "\\r"))
    }
}

/// A running relay; ends when dropped.
pub struct Recorder {
    pub address: SocketAddr,
    connections: Arc<Mutex<Vec<Connection>>>,
    ending: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Relays from a free port of the server's own address.
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((upstream.ip(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let acceptor = {
            let (connections, ending) = (Arc::clone(&connections), Arc::clone(&ending));
            std::thread::spawn(move || {
                while let Ok((client, _)) = listener.accept() {
                    if ending.load(Ordering::SeqCst) {
                        break;
                    }
                    // A server that is gone is a closed connection to the client.
                    if let Ok(server) = TcpStream::connect(upstream) {
                        drop(relay(client, server, &connections));
                    }
                }
            })
        };
        Self { address, connections, ending, acceptor: Some(acceptor) }
    }

    /// Everything that was said so far, by connection.
    pub fn exchanges(&self) -> Vec<Exchange> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner).clone();
        connections.iter().enumerate().flat_map(|(number, c)| c.exchanges(number)).collect()
    }

    /// Forgets what was said on connections so far.
    pub fn clear(&self) {
        let mut connections = self.connections.lock().unwrap();
        // Running relays write to their own place, so places stay.
        for connection in connections.iter_mut() {
            *connection = Connection::default();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(acceptor) = self.acceptor.take() {
            drop(TcpStream::connect(self.address));
            drop(acceptor.join());
        }
    }
}

impl Connection {
    fn exchanges(&self, number: usize) -> Vec<Exchange> {
        let sent = String::from_utf8_lossy(&self.sent);
        let mut received = self.received.as_slice();
        let heads = sent.split_terminator("\r\n\r\n");
        let mut exchanges = Vec::new();
        for request in heads {
            let (response, body, rest) = split_response(received, request.starts_with("HEAD "));
            received = rest;
            let request = request.to_owned();
            exchanges.push(Exchange { connection: number, request, response, body });
        }
        exchanges
    }
}

/// The first answer in `bytes`: head, body, and what follows.
fn split_response(bytes: &[u8], to_head: bool) -> (String, String, &[u8]) {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return (String::from_utf8_lossy(bytes).into_owned(), String::new(), &[]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let rest = &bytes[end + 4..];
    let length = match header(&head, "content-length").and_then(|value| value.parse().ok()) {
        _ if to_head => 0,
        Some(length) => rest.len().min(length),
        None => rest.len(),
    };
    (head, String::from_utf8_lossy(&rest[..length]).into_owned(), &rest[length..])
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

fn relay(
    client: TcpStream,
    server: TcpStream,
    connections: &Arc<Mutex<Vec<Connection>>>,
) -> io::Result<()> {
    let number = {
        let mut connections = connections.lock().unwrap();
        connections.push(Connection::default());
        connections.len() - 1
    };
    let pairs = [
        (client.try_clone()?, server.try_clone()?, Direction::Sent),
        (server, client, Direction::Received),
    ];
    for (from, to, direction) in pairs {
        let connections = Arc::clone(connections);
        std::thread::spawn(move || copy(from, to, number, direction, &connections));
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Direction {
    Sent,
    Received,
}

fn copy(
    mut from: TcpStream,
    mut to: TcpStream,
    number: usize,
    direction: Direction,
    connections: &Mutex<Vec<Connection>>,
) {
    let mut buffer = [0; 16_384];
    while let Ok(n) = from.read(&mut buffer) {
        {
            let mut connections = connections.lock().unwrap();
            let connection = &mut connections[number];
            match direction {
                Direction::Sent => connection.sent.extend_from_slice(&buffer[..n]),
                Direction::Received => connection.received.extend_from_slice(&buffer[..n]),
            }
        }
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    // Half-closing keeps the other direction going.
    drop(to.shutdown(Shutdown::Write));
}
