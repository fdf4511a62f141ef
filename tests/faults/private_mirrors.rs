//! Strangers who ask for other networks with `ip=`.

use crate::fixture::World;
use crate::runs::{finish, folder, start};
use crate::server::{HasBody, Server};
use crate::table::Table;

/// The private mirrors of the standard world, and the third of their network's numbers.
const PRIVATE: [&str; 2] = ["campus.example", "lab.example"];
const NETWORK: &str = "192.0.2";

/// How many of all addresses of the network show a private mirror to whoever asks so.
fn count(server: &Server, ask: impl Fn(u8) -> String) -> usize {
    let mut client = server.connect();
    let shows = |number: &u8| {
        client.send(&ask(*number));
        let answer = client.read_response(HasBody::Yes);
        assert_eq!(answer.status(), 200);
        PRIVATE.iter().any(|name| answer.body.contains(name))
    };
    (0..=255).filter(shows).count()
}

pub fn scan(table: &mut Table) {
    let folder = folder();
    let snapshot = folder.path().join("mirrors.snapshot");
    std::fs::write(&snapshot, World::standard().compile().unwrap().bytes).unwrap();
    let snapshot = snapshot.to_str().unwrap().to_owned();
    let server = start(folder, &[], &["--snapshot", &snapshot, "--log", "none"], "");
    let mut n_asked = 0;
    let mut n_shown = 0;
    for document in ["mirrorlist?", "mirrorlist?format=json&", "metalink?", "metalink4?"] {
        let target = format!("/{document}repo=main-9&arch=x86_64");
        let head = "HTTP/1.1\r\nHost: a\r\n";
        // From this host, which is trusted as a proxy, and through it from elsewhere.
        for forwarded in ["", "X-Forwarded-For: 203.0.113.9\r\n"] {
            n_asked += 256;
            n_shown += count(&server, |number| {
                format!("GET {target}&ip={NETWORK}.{number} {head}{forwarded}\r\n")
            });
        }
        let own = count(&server, |number| {
            format!("GET {target} {head}X-Forwarded-For: {NETWORK}.{number}\r\n\r\n")
        });
        assert_eq!(own, 128, "{document}: the network itself sees its mirrors");
    }
    assert_eq!(n_shown, 0);
    finish(server);
    table.add(
        format!("`ip=` asked {n_asked} times for a network with private mirrors"),
        "0 answers show one; the network itself sees them",
        format!("{n_shown}; 128 of 128 of its own addresses in each format"),
    );
}
