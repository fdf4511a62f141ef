//! Compressed answers, over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::fixture::{Public, World};
use crate::server::{PATIENCE, Server, patient};

/// An answer whose body may be anything.
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body without its coding.
    fn decoded(&self) -> String {
        let mut out = Vec::new();
        match self.header("content-encoding") {
            Some("gzip") => {
                flate2::bufread::GzDecoder::new(&*self.body).read_to_end(&mut out).unwrap();
            }
            Some("zstd") => {
                let decoder = zstd::stream::read::Decoder::new(&*self.body).unwrap();
                decoder.single_frame().read_to_end(&mut out).unwrap();
            }
            coding => {
                assert_eq!(coding, None);
                out.clone_from(&self.body);
            }
        }
        String::from_utf8(out).unwrap()
    }
}

#[track_caller]
fn ask(server: &Server, method: &str, target: &str, codings: &str) -> Raw {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    stream.write_all(format!("{head}Accept-Encoding: {codings}\r\n\r\n").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    Raw { head, body: bytes[end + 4..].to_vec() }
}

/// A server with so many repositories, and this in its configuration.
fn start(n_repositories: usize, config: &str) -> Server {
    let mut world = World::empty();
    world.mirror(1, "DE", 1_000, Public, &["https"], "berlin");
    world.directory("pub/main", "main", &[1]);
    for n in 0..n_repositories {
        world.repository(&format!("fedora-\"{n}\"+x86_64"), "pub/main");
    }
    let folder = tempfile::tempdir().unwrap();
    let [snapshot, file] = ["snapshot", "config.toml"].map(|name| folder.path().join(name));
    std::fs::write(&snapshot, world.compile().unwrap().bytes).unwrap();
    let config = format!("snapshot = '{}'\nlog = 'none'\n{config}", snapshot.display());
    std::fs::write(&file, patient(&config)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    Server::start_in(folder, &["--config", &file])
}

const ON: &str = "workers = 1\n[answer]\ncompress = true\n";
const UNKNOWN: [&str; 4] = [
    "/mirrorlist?repo=NAME&arch=x86_64",
    "/mirrorlist?repo=NAME&arch=x86_64&format=json",
    "/metalink?repo=NAME&arch=x86_64",
    "/metalink4?repo=NAME&arch=x86_64",
];

/// The date of a metalink changes from second to second.
fn without_date(text: &str) -> String {
    let Some((before, rest)) = text.split_once("pubdate=\"") else { return text.into() };
    [before, rest.split_once('"').unwrap().1].concat()
}

#[test]
fn the_list_of_all_repositories_is_whole_in_every_format_and_coding() {
    let server = start(2_000, ON);
    for target in UNKNOWN {
        for name in ["nothing", "other", "%22%5C%3C--", &"n".repeat(100)] {
            let target = target.replace("NAME", name);
            let plain = ask(&server, "GET", &target, "identity");
            assert!(plain.body.len() > 50_000, "{target}");
            for coding in ["gzip", "zstd"] {
                let answer = ask(&server, "GET", &target, coding);
                assert_eq!(answer.header("content-encoding"), Some(coding), "{target}");
                let length = answer.header("content-length").map(str::to_owned);
                assert_eq!(length, Some(answer.body.len().to_string()));
                assert!(answer.body.len() < plain.body.len() / 2, "{target}");
                assert_eq!(
                    without_date(&answer.decoded()),
                    without_date(&plain.decoded()),
                    "{target} {coding}"
                );
            }
        }
    }
}

#[test]
fn head_names_the_coding_and_costs_no_compression() {
    let server = start(2_000, ON);
    for target in UNKNOWN {
        let get = ask(&server, "GET", target, "gzip");
        let head = ask(&server, "HEAD", target, "gzip");
        assert_eq!(head.body, b"");
        assert_eq!(head.header("content-length"), None);
        for name in ["content-encoding", "content-type", "vary", "mirrorlist-generation"] {
            assert!(head.header(name).is_some(), "{name}");
            assert_eq!(head.header(name), get.header(name));
        }
        // Uncompressed, the length is known.
        let (get, head) = (ask(&server, "GET", target, "br"), ask(&server, "HEAD", target, "br"));
        assert_eq!(head.header("content-length"), get.header("content-length"));
        assert_eq!(get.header("content-length"), Some(&*get.body.len().to_string()));
    }
}

#[test]
fn short_and_long_bodies_are_sent_as_they_are() {
    let server = start(2_000, &format!("{ON}[limits]\nmax_compressed_bytes = 10000\n"));
    let [long, ..] = UNKNOWN;
    let short = "/mirrorlist?path=nowhere";
    for method in ["GET", "HEAD"] {
        for target in [long, short] {
            let answer = ask(&server, method, target, "gzip, zstd");
            assert_eq!(answer.header("content-encoding"), None, "{method} {target}");
            assert!(answer.header("content-length").is_some(), "{method} {target}");
            assert_eq!(answer.header("vary"), Some("accept, accept-encoding"));
        }
    }
}
