//! Two servers behind each of the real proxies, in the configurations that are shipped.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use tempfile::TempDir;

use crate::fixture::{Public, World, details};
use crate::proxy::{Program, Proxy};
use crate::runs::{folder, no_panic, start};
use crate::server::{PATIENCE, Server, wait_until};

/// The configurations that are shipped.
pub const PROGRAMS: [Program; 3] = [Program::Nginx, Program::Haproxy, Program::Apache];
/// HAProxy's checks ask for it.
pub const METALINK: &str = "/metalink?repo=epel-9&arch=x86_64";
/// A directory that all mirrors have.
pub const DIRECTORY: &str = "pub/test/9/x86_64";

/// Both servers and a proxy.
pub struct Upstreams {
    pub servers: [Server; 2],
    pub proxy: Proxy,
    folder: TempDir,
}

/// Data with so many mirrors.
pub fn data(n_mirrors: i64) -> World {
    let mut world = World::empty();
    let all: Vec<i64> = (1..=n_mirrors).collect();
    for &number in &all {
        world.mirror(number, "DE", 1_000, Public, &["https"], &format!("mirror-{number}"));
    }
    world.directory(DIRECTORY, "9/x86_64", &all);
    let repodata = format!("{DIRECTORY}/repodata");
    world.directory(&repodata, "9/x86_64/repodata", &all);
    world.file(&repodata, "repomd.xml", &[details(1, '1')]);
    world.repository("epel-9+x86_64", DIRECTORY);
    world
}

/// A server with these data.
#[track_caller]
pub fn serve(world: &World) -> Server {
    let folder = folder();
    let path = folder.path().join("mirrors.snapshot");
    std::fs::write(&path, world.compile().unwrap().bytes).unwrap();
    start(folder, &[], &["--snapshot", path.to_str().unwrap(), "--log", "none"], "")
}

impl Upstreams {
    /// Starts all three, and waits until the proxy passes requests on.
    #[track_caller]
    pub fn start(program: Program, world: &World) -> Self {
        let servers = [serve(world), serve(world)];
        let folder = folder();
        let addresses = [servers[0].address, servers[1].address];
        let proxy = Proxy::start(program, folder.path(), addresses);
        let upstreams = Self { servers, proxy, folder };
        wait_until("the proxy passes requests on", || {
            let answer = ask(upstreams.proxy.http, &request(METALINK, crate::proxy::LISTS_HOST));
            answer.is_ok_and(|answer| status(&answer) == "200")
        });
        upstreams
    }

    /// The proxy's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends all three as they should end.
    #[track_caller]
    pub fn stop(self) {
        drop(self.proxy);
        for mut server in self.servers {
            server.stop();
            no_panic(&server);
        }
    }
}

/// A request that is the last one of its connection.
pub fn request(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Everything that comes back for a request on a connection of its own.
pub fn ask(address: SocketAddr, request: &str) -> io::Result<String> {
    let mut stream = connect(address)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// The status of an answer; empty where there is none.
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}
