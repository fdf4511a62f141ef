//! The harness: runs the program on a free port and talks HTTP to it, byte by byte.
//!
//! Nothing here asserts how long something takes. Every wait has a generous time limit, so that a hang
//! fails the test and does not block the run. The time limits of the program are as generous
//! ([`patient`]): a test in which one must expire sets that one, and only waits for the effect.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

/// The time limit of every wait: longer than any step takes on a busy machine, so that only a hang
/// exceeds it.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The shortest time between two log lines of one kind that clients can cause.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// A request that the demo data answers with a list and a line in the access log.
pub const DEMO: &str = "/mirrorlist?repo=demo-9&arch=x86_64&ip=192.0.2.10";

/// Runs the program until it ends by itself, and returns its output.
#[track_caller]
pub fn run(args: &[&str]) -> Output {
    command(args).stdin(Stdio::null()).output().expect("the program can be started")
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(crate::program());
    command.args(args);
    without_supervisor(&mut command);
    command
}

/// Removes variables that a supervisor of the tests may have set and that would affect the program.
pub fn without_supervisor(command: &mut Command) {
    for variable in [
        "RUST_LOG",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
    ] {
        command.env_remove(variable);
    }
}

/// Adds time limits beyond [`PATIENCE`] to a configuration where it sets none, so that the server does
/// not close the connection of a client that is not scheduled for a while.
pub fn patient(config: &str) -> String {
    let mut limits = String::new();
    for key in ["header_timeout", "idle_timeout", "write_timeout", "linger_timeout", "grace"] {
        if !config.contains(&format!("{key}_seconds")) {
            limits = limits + key + "_seconds = 1000\n";
        }
    }
    match config.split_once("[limits]\n") {
        Some((before, after)) => format!("{before}[limits]\n{limits}{after}"),
        None => format!("{config}\n[limits]\n{limits}"),
    }
}

/// Writes a configuration file in `folder` with these time limits.
pub fn patient_config(folder: &Path, config: &str) -> PathBuf {
    let path = folder.join("patient.toml");
    std::fs::write(&path, patient(config)).expect("a write");
    path
}

/// A free port on loopback, for programs that cannot report which port they got. It is below the range
/// from which the kernel assigns ports, so no other process gets it by chance.
#[track_caller]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u16 = 10_000;
    const LAST: u16 = 30_000;
    const N_PORTS: u32 = (LAST - FIRST) as u32;
    // Test processes begin at different ports, and those with adjacent ids not at adjacent ports.
    let begin = std::process::id().wrapping_mul(97) % N_PORTS;
    for _ in FIRST..LAST {
        let n = NEXT.fetch_add(1, Ordering::Relaxed) % N_PORTS;
        let port = FIRST + ((begin + n) % N_PORTS) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("all ports from {FIRST} to {LAST} are in use");
}

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Its output up to the line with this address.
    pub greeting: String,
    /// Its own folder, for logs and data.
    pub folder: TempDir,
    /// Receives the further addresses that it prints, each with the output up to its line.
    addresses: mpsc::Receiver<(String, String)>,
}

impl Server {
    /// Starts a server with demo data on a free port, and waits until it listens.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), args)
    }

    /// Starts a server with demo data and a configuration file, whose time limits are [`patient`].
    #[track_caller]
    pub fn start_with(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("mirrorlistd.toml");
        std::fs::write(&path, patient(config)).expect("a write");
        let path = path.to_str().expect("a UTF-8 path").to_owned();
        Self::start_in(folder, &[&["--demo", "--config", &path], args].concat())
    }

    /// Starts a server with a folder that the test has prepared. If `args` name no configuration, it
    /// gets one that only makes the program [`patient`].
    #[track_caller]
    pub fn start_in(folder: TempDir, args: &[&str]) -> Self {
        let mut command = command(&["--port", "0"]);
        if !args.contains(&"--config") {
            command.arg("--config").arg(patient_config(folder.path(), ""));
        }
        let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file");
        command.args(args).stdin(Stdio::null()).stderr(stderr);
        Self::launch(folder, command)
    }

    /// Runs a command that executes the program, and waits until it listens. A command whose stderr is
    /// needed redirects it to the file `stderr` in `folder`.
    #[track_caller]
    pub fn launch(folder: TempDir, mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the program can be started");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (sender, addresses) = mpsc::channel();
        thread::spawn(move || {
            let mut greeting = String::new();
            for line in BufReader::new(stdout).lines() {
                let line = line.expect("stdout is UTF-8");
                greeting = greeting + &line + "\n";
                if let Some(address) = line.strip_prefix("Listening on ") {
                    // Reads stdout to its end, so that the program never blocks on it.
                    drop(sender.send((address.to_owned(), std::mem::take(&mut greeting))));
                }
            }
        });
        // Created before it listens, so that drop kills it if it never listens.
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, address, greeting: String::new(), folder, addresses };
        match server.addresses.recv_timeout(PATIENCE) {
            Ok((address, greeting)) => {
                if let Some(address) = address.strip_prefix("http://") {
                    server.address = address.parse().expect("an address");
                }
                server.greeting = greeting;
            }
            Err(error) => panic!("it never listened ({error}): {}", server.stderr()),
        }
        server
    }

    /// Runs a command that executes the program, without reading its stdout.
    #[track_caller]
    pub fn of(folder: TempDir, mut command: Command, address: SocketAddr) -> Self {
        let child = command.spawn().expect("the program can be started");
        let (_, addresses) = mpsc::channel();
        Self { child, address, greeting: String::new(), folder, addresses }
    }

    /// The addresses after the first one, as they are printed.
    #[track_caller]
    pub fn further_addresses(&self, n: usize) -> Vec<String> {
        let next = |_| self.addresses.recv_timeout(PATIENCE).expect("a further address").0;
        (0..n).map(next).collect()
    }

    /// A file in the server's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text that it has written to stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until its log contains this text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) {
        wait_until(&format!("the log says {text:?}"), || self.stderr().contains(text));
    }

    /// Waits until a file in its folder, such as an access log, has `n` lines. A thread writes the log,
    /// and a stop waits for it for a limited time only.
    #[track_caller]
    pub fn wait_for_lines(&self, name: &str, n: usize) {
        let read = || std::fs::read_to_string(self.path(name)).unwrap_or_default();
        wait_until(&format!("{name} has {n} lines"), || read().lines().count() >= n);
    }

    /// Waits until its log contains this text, and checks that it does so once a minute at most. `since`
    /// is a time before the first such line.
    #[track_caller]
    pub fn check_logged_once_a_minute(&self, text: &str, since: Instant) {
        self.wait_for_log(text);
        let stderr = self.stderr();
        let n_intervals = since.elapsed().as_secs() / LOG_INTERVAL.as_secs();
        assert!(stderr.matches(text).count() as u64 <= 1 + n_intervals, "{stderr}");
    }

    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a running child");
    }

    /// How many lines of the access log were written and dropped, as the program logs at its end.
    #[track_caller]
    pub fn logged(&self) -> (usize, usize) {
        let stderr = self.stderr();
        let (_, counts) = stderr.split_once("access log: ").expect("a last line");
        let (written, rest) = counts.split_once(" lines written, ").expect("a last line");
        let (dropped, _) = rest.split_once(" dropped").expect("a last line");
        (written.parse().expect("a number"), dropped.parse().expect("a number"))
    }

    /// Waits for the end of the program.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the program ends", || {
            status = self.status();
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// How the program has ended; `None` while it runs.
    #[track_caller]
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Sends TERM and expects exit status 0.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        assert_eq!(self.wait().code(), Some(0), "{}", self.stderr());
    }

    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A connection with a small receive buffer, so that the server soon notices when the client does
    /// not read.
    #[track_caller]
    pub fn connect_with_little_room(&self) -> Client {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None);
        let socket = socket.expect("a socket");
        socket.set_recv_buffer_size(16 * 1_024).expect("a valid size");
        socket.connect(&self.address.into()).expect("the server listens");
        Client::new(TcpStream::from(socket))
    }

    /// Sends a GET request on a new connection.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    /// Sends a request, as written, on a new connection.
    #[track_caller]
    pub fn ask(&self, request: &str) -> Response {
        let mut client = self.connect();
        client.send(request);
        client.read_response(HasBody::Yes)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both may fail if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether a response has the body that its Content-Length announces.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HasBody {
    Yes,
    /// The answer to HEAD.
    No,
}

pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).expect("the server listens"))
    }

    /// Connects, sends a text and waits for the first byte of the answer, which is still to be read.
    /// If the host is too busy to send within a second, which a time limit of the server may be, it
    /// tries again.
    #[track_caller]
    pub fn connect_and_send(address: SocketAddr, text: &str) -> Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let start = Instant::now();
            let mut client = Self::connect(address);
            let sent = client.stream().write_all(text.as_bytes());
            let begun = sent.and_then(|()| client.stream().peek(&mut [0]));
            if matches!(begun, Ok(n) if n > 0) {
                return client;
            }
            let elapsed = start.elapsed();
            assert!(elapsed >= Duration::from_secs(1), "no answer after {elapsed:?}: {begun:?}");
            assert!(start + elapsed < deadline, "nothing that was sent is answered: {begun:?}");
        }
    }

    #[track_caller]
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a valid timeout");
        Self { stream: BufReader::new(stream) }
    }

    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).expect("the server reads");
    }

    /// The socket itself.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.stream.get_mut()
    }

    #[track_caller]
    pub fn read_response(&mut self, has_body: HasBody) -> Response {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("a line of the header");
            match line.strip_suffix("\r\n") {
                Some("") => break,
                Some(line) => lines.push(line.to_owned()),
                None => panic!("the connection ended within a header: {lines:?} {line:?}"),
            }
        }
        let mut response = Response { lines, body: String::new() };
        // Nothing follows what has not changed (RFC 9110, section 15.4.5).
        if has_body == HasBody::Yes && response.status() != 304 {
            let length = response.header("content-length").expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            self.stream.read_exact(&mut body).expect("the whole body");
            response.body = String::from_utf8(body).expect("UTF-8");
        }
        response
    }

    /// Reads everything until the server closes; a reset is an error.
    pub fn read_rest(&mut self, out: &mut Vec<u8>) -> std::io::Result<usize> {
        self.stream.read_to_end(out)
    }

    /// Reads everything until the server closes; a reset counts as a close.
    #[track_caller]
    pub fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server did not close the connection: {error}"),
        }
        String::from_utf8(bytes).expect("UTF-8")
    }
}

#[derive(Debug)]
pub struct Response {
    lines: Vec<String>,
    pub body: String,
}

impl Response {
    #[track_caller]
    pub fn status(&self) -> u16 {
        let code = self.lines[0].split(' ').nth(1).expect("a status line");
        code.parse().expect("a number")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Length of the status line and all headers in bytes.
    pub fn header_bytes(&self) -> usize {
        self.lines.iter().map(|line| line.len() + 2).sum::<usize>() + 2
    }

    /// Names and values of the headers but the date, which differs between two requests.
    pub fn headers(&self) -> Vec<&str> {
        let lines = self.lines.iter().skip(1).map(String::as_str);
        lines.filter(|line| !line.starts_with("date: ")).collect()
    }
}

/// Polls until a condition is true; panics after `PATIENCE`.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
