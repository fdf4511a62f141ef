//! What a supervisor hands over and is told: socket activation, and messages to `NOTIFY_SOCKET`.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use socket2::SockRef;
use tempfile::TempDir;

use crate::server::{
    DEMO, PATIENCE, Server, command, patient, patient_config, run, wait_until, without_supervisor,
};

/// Makes the standard descriptors 0 and 2 the ones from 3 on, as systemd would, and becomes the
/// program. `LISTEN_PID` is the shell's own, which the program keeps.
const HAND_OVER: &str =
    "export LISTEN_PID=${PID:-$$}; exec \"$@\" 3<&0 4<&2 0</dev/null 2>\"$STDERR\"";

/// A command that hands one or two descriptors over.
fn handing(folder: &Path, first: OwnedFd, second: Option<OwnedFd>, args: &[&str]) -> Command {
    let mut handing = Command::new("/bin/sh");
    handing.args(["-c", HAND_OVER, "sh", env!("CARGO_BIN_EXE_mirrorlistd"), "--demo"]).args(args);
    if !args.contains(&"--config") {
        handing.arg("--config").arg(patient_config(folder, ""));
    }
    without_supervisor(&mut handing);
    handing.env("STDERR", folder.join("stderr"));
    handing.env("LISTEN_FDS", if second.is_some() { "2" } else { "1" });
    handing.stdin(Stdio::from(first));
    if let Some(second) = second {
        handing.stderr(Stdio::from(second));
    }
    handing
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn tcp() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn duplicate(listener: &TcpListener) -> OwnedFd {
    listener.try_clone().expect("a descriptor").into()
}

/// So long a server that drains waits for the request of a connection that it has accepted.
const LAST_CHANCE: Duration = Duration::from_millis(250);

/// One request on a connection of its own; the answer, until its end. `None` where the server has
/// closed the connection before it has seen the request, which it does to clients that take longer than
/// [`LAST_CHANCE`] to send one: on a busy machine any may. What was sent sooner is answered, however
/// long the connection waits for a server.
#[track_caller]
fn get(address: SocketAddr) -> Option<String> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address).expect("no connection is refused");
    stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
    let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut bytes = Vec::new();
    let sent = stream.write_all(request.as_bytes());
    let elapsed = start.elapsed();
    let outcome = sent.and_then(|()| stream.read_to_end(&mut bytes));
    if let Err(error) = &outcome {
        let hangs = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!hangs, "neither an answer nor an end after {PATIENCE:?}: {error}");
    }
    if bytes.is_empty() {
        // The server may have had no time for most of that.
        assert!(
            elapsed >= LAST_CHANCE / 5,
            "sent within {elapsed:?} and not answered: {outcome:?}"
        );
        return None;
    }
    outcome.expect("an answer that has begun is completed");
    Some(String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn an_inherited_socket_replaces_the_configured_address() {
    let folder = temporary();
    let (listener, address) = tcp();
    assert!(!SockRef::from(&listener).tcp_nodelay().expect("an option"));
    let handing = handing(folder.path(), duplicate(&listener), None, &["--port", "1"]);
    let mut server = Server::launch(folder, handing);
    assert_eq!(server.address, address);
    assert_eq!(server.get(DEMO).status(), 200);
    // Options are those of the socket, which both processes hold.
    assert!(SockRef::from(&listener).tcp_nodelay().expect("an option"));
    server.wait_for_log("1 inherited sockets replace the configured addresses");
    server.stop();
    // It is still open here, so a client waits for the next process.
    assert!(TcpStream::connect(address).is_ok());
}

#[test]
fn sockets_take_their_rules_by_name() {
    let folder = temporary();
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (config, log, socket) = (path("config.toml"), path("log"), path("http"));
    let tables = "client_address = 'peer'\n[[listener]]\nname = 'front'\n\
                  address = '127.0.0.1:1'\nclient_address = 'forwarded'\n";
    std::fs::write(&config, patient(tables)).expect("a write");
    let (first, _) = tcp();
    let second = UnixListener::bind(&socket).expect("a free path");
    let args = ["--config", &config, "--combined-log", &log];
    let mut handing = handing(folder.path(), first.into(), Some(second.into()), &args);
    handing.env("LISTEN_FDNAMES", "mirrorlistd.socket:front");
    let mut server = Server::launch(folder, handing);
    assert_eq!(server.further_addresses(1), [format!("unix:{socket}")]);
    let headers = "Forwarded: for=198.51.100.7\r\n";
    let request = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    assert_eq!(server.ask(&request).status(), 200);
    let mut stream = UnixStream::connect(&socket).expect("the server listens");
    stream
        .write_all(request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    server.wait_for_lines("log", 2);
    server.stop();
    assert!(Path::new(&socket).exists(), "the file is its owner's");
    let log = std::fs::read_to_string(&log).expect("a log");
    let clients: Vec<_> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(clients, ["127.0.0.1", "198.51.100.7"]);
}

#[test]
fn a_name_that_no_listener_has_ends_the_start_and_who_is_not_served_is_named() {
    let folder = temporary();
    let config = folder.path().join("config.toml").to_str().expect("UTF-8").to_owned();
    let tables = "port = 1\n[[listener]]\nname = 'front'\naddress = '127.0.0.1:2'\n";
    std::fs::write(&config, tables).expect("a write");
    let args = ["--config", &config];
    let mut misspelt = handing(folder.path(), tcp().0.into(), None, &args);
    misspelt.env("LISTEN_FDNAMES", "frnt").stdout(Stdio::null());
    assert_eq!(misspelt.status().expect("it can be started").code(), Some(1));
    let stderr = std::fs::read_to_string(folder.path().join("stderr")).expect("a file");
    let expected = "inherited socket `frnt`: no [[listener]] has this name; there are front\n";
    assert!(stderr.ends_with(&format!("mirrorlistd: {expected}")), "{stderr}");

    let (listener, address) = tcp();
    let mut handing = handing(folder.path(), listener.into(), None, &args);
    handing.env("LISTEN_FDNAMES", "unknown");
    let mut server = Server::launch(folder, handing);
    server.wait_for_log("no inherited socket replaces 127.0.0.1:2: it is not served");
    let adopted = format!("inherited socket `unknown` at {address} has the rules of 127.0.0.1:1");
    server.wait_for_log(&adopted);
    server.stop();
    let stderr = server.stderr();
    assert_eq!(stderr.matches("it is not served").count(), 1, "{stderr}");
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let folder = temporary();
    let (listener, address) = tcp();
    let mut handing = handing(folder.path(), listener.into(), None, &["--port", "0"]);
    handing.env("PID", "1");
    let server = Server::launch(folder, handing);
    assert_ne!(server.address, address);
    assert_eq!(server.get(DEMO).status(), 200);
}

#[test]
fn what_is_handed_over_must_be_listening_sockets() {
    let folder = temporary();
    let check = |descriptor: OwnedFd, n: &str, names: Option<&str>, expected: &str| {
        let mut handing = handing(folder.path(), descriptor, None, &["--log-level", "error"]);
        handing.env("LISTEN_FDS", n);
        if let Some(names) = names {
            handing.env("LISTEN_FDNAMES", names);
        }
        handing.stdout(Stdio::null()).stderr(Stdio::null());
        let status = handing.status().expect("it can be started");
        assert_eq!(status.code(), Some(1), "{expected}");
        let stderr = std::fs::read_to_string(folder.path().join("stderr")).expect("a file");
        assert_eq!(stderr, format!("mirrorlistd: {expected}\n"));
    };
    let file = || File::open("/dev/null").expect("it is there").into();
    let connected = || UnixStream::pair().expect("a pair").0.into();
    let datagram = || UnixDatagram::unbound().expect("a socket").into();
    let listening = || tcp().0.into();
    check(file(), "1", None, "descriptor 3 of LISTEN_FDS: fd 3 is not a socket");
    check(datagram(), "1", None, "descriptor 3 of LISTEN_FDS: fd 3 is not a valid tcp socket");
    let not_listening = "descriptor 3 of LISTEN_FDS: not a listening TCP or unix stream socket";
    check(connected(), "1", None, not_listening);
    check(listening(), "2", None, "descriptor 4 of LISTEN_FDS: fd 4 is not a socket");
    check(listening(), "x", None, "LISTEN_FDS=`x` is no number in the environment");
    check(listening(), "4000000000", None, "LISTEN_FDS=4000000000 is more than 1024");
    let names = "LISTEN_FDNAMES names 2 sockets and LISTEN_FDS hands over 1";
    check(listening(), "1", Some("a:b"), names);
}

/// Set when it is dropped, by a panic as well: the end of a scope waits for threads that wait for it.
struct SetAtTheEnd<'a>(&'a AtomicBool);

impl Drop for SetAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_restart_on_an_inherited_socket_refuses_no_connection() {
    let (listener, address) = tcp();
    let start = || {
        let folder = temporary();
        let handing = handing(folder.path(), duplicate(&listener), None, &["--grace", "1000"]);
        Server::launch(folder, handing)
    };
    let stop = AtomicBool::new(false);
    let n_answers = AtomicUsize::new(0);
    thread::scope(|scope| {
        let ask_on = || {
            while !stop.load(Ordering::SeqCst) {
                let Some(answer) = get(address) else { continue };
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                n_answers.fetch_add(1, Ordering::SeqCst);
            }
        };
        let asking = SetAtTheEnd(&stop);
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(ask_on)).collect();
        // Some more answers, from whichever process.
        let go_on = || {
            let n = n_answers.load(Ordering::SeqCst) + 50;
            wait_until("more requests are answered", || {
                n_answers.load(Ordering::SeqCst) >= n || clients.iter().any(|c| c.is_finished())
            });
        };
        let mut server = start();
        for round in 0..6 {
            go_on();
            server = if round % 2 == 0 {
                // The new process serves while the old one drains.
                let next = start();
                go_on();
                server.stop();
                next
            } else {
                // Nobody serves for a while: clients wait in the backlog.
                server.stop();
                start()
            };
        }
        go_on();
        drop(asking);
        clients.into_iter().for_each(|client| client.join().expect("a client without errors"));
        server.stop();
    });
    assert!(n_answers.into_inner() >= 400);
}

/// What a supervisor listens on.
struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn new() -> Self {
        let folder = temporary();
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a free path");
        socket.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        Self { socket, folder }
    }

    #[track_caller]
    fn start(&self, args: &[&str], environment: &[(&str, &str)]) -> Server {
        let folder = temporary();
        let mut command = command(&["--port", "0"]);
        let stderr = File::create(folder.path().join("stderr")).expect("a file");
        command.arg("--config").arg(patient_config(folder.path(), ""));
        command.args(args).stdin(Stdio::null()).stderr(stderr);
        command.env("NOTIFY_SOCKET", self.folder.path().join("notify"));
        command.envs(environment.iter().copied());
        Server::launch(folder, command)
    }

    /// The lines of the next message.
    #[track_caller]
    fn next(&self) -> Vec<String> {
        let mut buffer = [0; 4_096];
        let n = self.socket.recv(&mut buffer).expect("a message");
        let text = String::from_utf8_lossy(&buffer[..n]);
        text.lines().map(ToOwned::to_owned).collect()
    }
}

fn status_of(server: &Server) -> String {
    let response = server.get(DEMO);
    let generation = response.header("mirrorlist-generation").expect("a generation");
    format!("STATUS=serving generation {generation}")
}

#[test]
fn a_supervisor_is_told_when_it_serves_reloads_and_stops() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(&["--demo"], &[]);
    let status = status_of(&server);
    assert_eq!(supervisor.next(), ["READY=1", &status]);
    let now = || rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
    for _ in 0..2 {
        let before = now();
        server.signal(Signal::HUP);
        let reloading = supervisor.next();
        assert_eq!([&reloading[0], &reloading[2]], ["RELOADING=1", "STATUS=reloading"]);
        let time = reloading[1].strip_prefix("MONOTONIC_USEC=").expect("a time");
        let time = time.parse::<i64>().expect("a number") / 1_000_000;
        assert!((before..=now()).contains(&time), "{time} s");
        assert_eq!(supervisor.next(), ["READY=1", &status]);
    }
    server.signal(Signal::TERM);
    assert_eq!(supervisor.next(), ["STOPPING=1", "STATUS=finishing requests"]);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_reload_that_is_refused_ends_as_well_and_the_status_says_why() {
    let supervisor = Supervisor::new();
    let snapshot = supervisor.folder.path().join("snapshot").to_str().expect("UTF-8").to_owned();
    assert!(run(&["compile", "--demo", "-o", &snapshot]).status.success());
    let server = supervisor.start(&["--snapshot", &snapshot], &[]);
    let status = status_of(&server);
    assert_eq!(supervisor.next(), ["READY=1", &status]);
    std::fs::write(&snapshot, "not a snapshot").expect("a write");
    server.signal(Signal::HUP);
    assert_eq!(supervisor.next()[0], "RELOADING=1");
    let ready = supervisor.next();
    assert_eq!(ready.len(), 2, "{ready:?}");
    let refused = format!("{status}; the last reload was refused: {snapshot}: ");
    assert!(ready[0] == "READY=1" && ready[1].starts_with(&refused), "{ready:?}");
    assert_eq!(server.get(DEMO).status(), 200);
}

#[test]
fn signs_of_life_come_as_often_as_they_are_asked_for() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(&["--demo"], &[("WATCHDOG_USEC", "100000")]);
    assert_eq!(supervisor.next()[0], "READY=1");
    for _ in 0..5 {
        assert_eq!(supervisor.next(), ["WATCHDOG=1"]);
    }
    // Another process is watched, not this one.
    server.stop();
    let supervisor = Supervisor::new();
    let other = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    let mut server = supervisor.start(&["--demo"], &other);
    assert_eq!(supervisor.next()[0], "READY=1");
    server.signal(Signal::TERM);
    assert_eq!(supervisor.next()[0], "STOPPING=1");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_supervisor_that_is_gone_costs_one_line() {
    let supervisor = Supervisor::new();
    let missing = supervisor.folder.path().join("gone");
    let environment = [("NOTIFY_SOCKET", missing.to_str().expect("UTF-8"))];
    let mut server = supervisor.start(&["--demo"], &environment);
    server.signal(Signal::HUP);
    check_served_with_one_complaint(&mut server);
}

/// The reload that was asked for comes, answers go on, and the end.
#[track_caller]
fn check_served_with_one_complaint(server: &mut Server) {
    server.wait_for_log("reloaded generation");
    assert_eq!(server.get(DEMO).status(), 200);
    server.stop();
    let stderr = server.stderr();
    assert_eq!(stderr.matches("cannot notify the supervisor").count(), 1, "{stderr}");
}

#[test]
fn a_supervisor_that_does_not_read_stops_nothing() {
    let supervisor = Supervisor::new();
    let mut server = supervisor.start(&["--demo"], &[("WATCHDOG_USEC", "1000")]);
    // The queue is full.
    wait_until("messages are dropped", || server.stderr().contains("cannot notify the supervisor"));
    assert_eq!(server.get(DEMO).status(), 200);
    server.signal(Signal::HUP);
    check_served_with_one_complaint(&mut server);
}

#[test]
fn a_supervisor_that_is_late_hears_that_the_server_is_ready() {
    let supervisor = Supervisor::new();
    let other = UnixDatagram::unbound().expect("a socket");
    other.set_nonblocking(true).expect("a socket");
    let address = supervisor.folder.path().join("notify");
    while other.send_to(b"X_OTHER=1\n", &address).is_ok() {}
    let server = supervisor.start(&["--demo"], &[]);
    wait_until("a message is dropped", || server.stderr().contains("cannot notify the supervisor"));
    while supervisor.next()[0] != "READY=1" {}
}
