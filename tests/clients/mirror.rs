//! Mirrors: small HTTP servers on 127.0.0.11-19, well-behaved and otherwise, that keep what they
//! were asked for.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::debian_repository::{DEBIAN, debian_repository};
use crate::repository::{Version, repository};

/// Where the content stands on every mirror.
pub const BASE: &str = "/pub/fixture";
/// What an altered repomd.xml calls its revision.
pub const ALTERED_REVISION: &str = "1793999999";
/// What follows a mirror's base URL to reach the repository.
pub const SUBPATH: &str = "1/x86_64";

/// What a mirror does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Behaviour {
    /// Serves a version of the repository.
    Serves(Version),
    /// Serves the new version with a repomd.xml that is another one, of the same size.
    Alters,
    /// Closes connections as soon as it was asked for something.
    HangsUp,
    /// Redirects everything to this mirror.
    Redirects(SocketAddr),
    /// Answers 404 to everything.
    Missing,
    /// Accepts connections and never answers.
    Stalls,
    /// Refuses connections.
    Dead,
}

/// One request to a mirror.
#[derive(Clone, Debug)]
pub struct Hit {
    pub at: Instant,
    /// Last byte of the mirror's address.
    pub mirror: u8,
    pub request: String,
    pub user_agent: String,
    pub answer: &'static str,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, request, user_agent, answer, .. } = self;
        write!(f, "127.0.0.{mirror}: {request} → {answer} [{user_agent}]")
    }
}

/// What mirrors were asked for, in order of time.
pub type Hits = Arc<Mutex<Vec<Hit>>>;

/// A running mirror; ends when dropped.
pub struct Mirror {
    pub number: u8,
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
    /// `None` for a dead one.
    acceptor: Option<JoinHandle<()>>,
    ending: Arc<Mutex<bool>>,
    /// Bound, not listening: nobody else gets the port of a dead mirror.
    _reserved: Option<Socket>,
}

impl Mirror {
    /// Starts a mirror on 127.0.0.`number`.
    pub fn start(number: u8, behaviour: Behaviour, hits: &Hits) -> Self {
        let ip = Ipv4Addr::new(127, 0, 0, number);
        let ending = Arc::new(Mutex::new(false));
        let shared = Arc::new(Mutex::new(behaviour));
        if behaviour == Behaviour::Dead {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let _reserved = Some(socket);
            return Self { number, address, behaviour: shared, acceptor: None, ending, _reserved };
        }
        let listener = TcpListener::bind((ip, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = {
            let (behaviour, ending, hits) =
                (Arc::clone(&shared), Arc::clone(&ending), Arc::clone(hits));
            std::thread::spawn(move || {
                // Connections of a stalling mirror: open until the mirror ends.
                let mut stalled = Vec::new();
                while let Ok((stream, _)) = listener.accept() {
                    if *ending.lock().unwrap() {
                        break;
                    }
                    if let Ok(clone) = stream.try_clone() {
                        stalled.push(clone);
                    }
                    let (behaviour, hits) = (Arc::clone(&behaviour), Arc::clone(&hits));
                    std::thread::spawn(move || {
                        // The client may go away at any point.
                        drop(serve(&stream, number, &behaviour, &hits));
                    });
                }
                for stream in stalled {
                    drop(stream.shutdown(std::net::Shutdown::Both));
                }
            })
        };
        let acceptor = Some(acceptor);
        Self { number, address, behaviour: shared, acceptor, ending, _reserved: None }
    }

    /// Whether it leaves clients waiting.
    pub fn stalls(&self) -> bool {
        *self.behaviour.lock().unwrap() == Behaviour::Stalls
    }

    /// Its base URL, as in `HCUrlCache`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE}", self.address)
    }

    /// Where it listens, or refuses connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of its repomd.xml, as in a metalink.
    pub fn repomd_url(&self) -> String {
        format!("{}/{SUBPATH}/repodata/repomd.xml", self.base_url())
    }

    /// The URL of the repository, as in a text list.
    pub fn repository_url(&self) -> String {
        format!("{}/{SUBPATH}/", self.base_url())
    }

    /// Changes what it does from the next request on.
    pub fn become_(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        *self.ending.lock().unwrap() = true;
        if let Some(acceptor) = self.acceptor.take() {
            drop(TcpStream::connect(self.address));
            drop(acceptor.join());
        }
    }
}

/// What follows a folder in a path.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    path.strip_prefix(folder)?.strip_prefix('/')
}

/// The file that a mirror has under a path.
fn find(behaviour: Behaviour, path: &str) -> Option<Cow<'static, [u8]>> {
    let version = match behaviour {
        Behaviour::Serves(version) => version,
        Behaviour::Alters => Version::New,
        _ => return None,
    };
    let path = below(path, BASE)?;
    if let Some(name) = below(path, DEBIAN) {
        return debian_repository(version).get(name).map(Cow::from);
    }
    let (repository, name) = (repository(version), below(path, SUBPATH)?);
    let file = repository.files.get(name)?;
    if behaviour == Behaviour::Alters && name.ends_with("/repomd.xml") {
        let text = std::str::from_utf8(file).unwrap();
        let altered = text.replace(&repository.revision(), ALTERED_REVISION);
        assert!(altered.len() == file.len() && altered != text, "{text}");
        return Some(altered.into_bytes().into());
    }
    Some(file.into())
}

/// One connection, kept alive.
fn serve(
    stream: &TcpStream,
    mirror: u8,
    behaviour: &Mutex<Behaviour>,
    hits: &Mutex<Vec<Hit>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next().transpose()? {
        let mut user_agent = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("user-agent")
            {
                user_agent = value.trim().to_owned();
            }
        }
        let behaviour = *behaviour.lock().unwrap();
        let target = first.split(' ').nth(1).unwrap_or("");
        let file = find(behaviour, target);
        let answer = match (behaviour, &file) {
            (Behaviour::Stalls, _) => "stalls",
            (Behaviour::HangsUp, _) => "hangs up",
            (Behaviour::Redirects(_), _) => "302",
            (_, Some(_)) => "200",
            (_, None) => "404",
        };
        let hit = Hit { at: Instant::now(), mirror, request: first.clone(), user_agent, answer };
        hits.lock().unwrap().push(hit);
        if answer == "stalls" {
            // The acceptor ends the connection.
            std::thread::sleep(Duration::from_secs(120));
            return Ok(());
        }
        if behaviour == Behaviour::HangsUp {
            return Ok(());
        }
        let (status, body) = match (behaviour, file) {
            (Behaviour::Redirects(to), _) => {
                (format!("302 Found\r\nLocation: http://{to}{target}"), Cow::Borrowed(&b""[..]))
            }
            (_, Some(body)) => ("200 OK".to_owned(), body),
            (_, None) => ("404 Not Found".to_owned(), Cow::Borrowed(&b"not here\n"[..])),
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        if !first.starts_with("HEAD ") {
            stream.write_all(&body)?;
        }
    }
    Ok(())
}
