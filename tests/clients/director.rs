//! A real `mirrorlistd` process.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::data::Files;

/// After this, something hangs: machines that run tests are often overloaded.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server; killed when dropped.
pub struct Director {
    pub address: SocketAddr,
    child: Child,
    stderr: PathBuf,
}

impl Director {
    /// Serves what files say on a free port of `ip`; `folder` takes its logs. Only `ip` is
    /// believed as a proxy, so that a client on another loopback address counts as a stranger.
    pub fn start(ip: IpAddr, files: &dyn Files, folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
        command.args(files.options()).args(["--trusted-proxy", &ip.to_string()]);
        Self::start_configured(command, ip, folder, &files.configuration())
    }

    /// Serves the demo data.
    pub fn start_demo(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
        command.arg("--demo");
        Self::start_command(command, IpAddr::from([127, 0, 0, 1]), folder)
    }

    /// Runs a command of the handbook, given as its words, in `folder`.
    pub fn start_in<'a>(folder: &Path, words: impl Iterator<Item = &'a str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorlistd"));
        command.args(words).current_dir(folder);
        Self::start_command(command, IpAddr::from([127, 0, 0, 1]), folder)
    }

    fn start_command(command: Command, ip: IpAddr, folder: &Path) -> Self {
        Self::start_configured(command, ip, folder, "")
    }

    fn start_configured(mut command: Command, ip: IpAddr, folder: &Path, config: &str) -> Self {
        let stderr = tempfile::Builder::new().prefix("director").tempfile_in(folder).unwrap();
        let (file, stderr) = stderr.keep().unwrap();
        let mut child = command
            .arg("--config")
            .arg(support::server::patient_config(folder, config))
            .args(["--port", "0", "--listen", &ip.to_string(), "-l"])
            .arg(folder.join("access.log"))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("Listening on http://") {
                return Self { address: url.parse().unwrap(), child, stderr };
            }
            said.push_str(&line);
        }
        drop(child.wait());
        panic!("mirrorlistd did not start: {said}{}", fs::read_to_string(&stderr).unwrap());
    }

    /// What it reported.
    pub fn report(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Asks for a reload, without waiting for it.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Has `change` change the data, asks for a reload, and waits until they are served.
    pub fn reload_after(&self, change: impl FnOnce()) {
        self.wait_after(|| {
            change();
            self.hang_up();
        });
    }

    /// Has `change` change the data, and waits until a server that watches them serves them.
    pub fn wait_after(&self, change: impl FnOnce()) {
        // Before the change: a reload that was asked for earlier may see it already.
        let old = self.generation();
        change();
        wait_until("another generation is served", || self.generation() != old);
    }

    fn generation(&self) -> String {
        let reply = get(self.address, "/mirrorlist?repo=none&arch=none");
        reply.header("mirrorlist-generation").expect("every answer names its generation").to_owned()
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Polls until something is true.
#[track_caller]
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "not within 120 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An answer to [`get`].
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Reply {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

/// One request on a connection of its own, straight to an address.
pub fn get(address: SocketAddr, target: &str) -> Reply {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    get_over(stream, &address.to_string(), target)
}

/// The same, to a socket.
pub fn get_at(socket: &Path, target: &str) -> Reply {
    let stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    get_over(stream, "localhost", target)
}

fn get_over(mut stream: impl Read + Write, host: &str, target: &str) -> Reply {
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}
