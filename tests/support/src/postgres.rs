//! Runs a PostgreSQL server from Debian's package, in a folder of its own.
//!
//! The server listens on a unix socket in that folder and nowhere else. It does not wait for the disk
//! (`fsync=off`): a test may kill the server, and what it has committed is still in the system's cache. Its
//! shared memory is its own: nothing is left behind in `/dev/shm`.
//!
//! As root, the server runs as the user `postgres` of the package, because it refuses to run as root.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, geteuid, kill_process, pidfd_open};
use rustix::time::Timespec;
use tempfile::TempDir;

use crate::debian::{Outcome, Packages};
use crate::server::PATIENCE;

/// The superuser of the server.
pub const SUPERUSER: &str = "postgres";

/// The folders of Debian's packages, newest version first.
const PROGRAMS: [&str; 4] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
];

/// What the server logs when it takes connections.
const IS_READY: &str = "database system is ready to accept connections";

/// A running server. It is ended, and its folder removed, when this is dropped.
pub struct Postgres {
    folder: TempDir,
    /// The user and group that it runs as, if they are not those of the test.
    identity: Option<(u32, u32)>,
    server: Option<Child>,
    /// Settings of its configuration, `NAME=VALUE`.
    settings: &'static [&'static str],
    log: Arc<Mutex<String>>,
}

impl Postgres {
    /// Starts a new server without databases of anybody. The test is ignored or fails if the package is
    /// missing, see [`crate::debian`].
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&std::env::temp_dir(), None, &[])
    }

    /// The same in a folder within `parent`, with the log of what is written (WAL) in another folder, which is
    /// made, and with settings of its configuration, `NAME=VALUE`.
    #[track_caller]
    pub fn start_in(parent: &Path, wal: Option<&Path>, settings: &'static [&'static str]) -> Self {
        require();
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in(parent);
        let folder = folder.expect("a temporary folder");
        let identity = geteuid().is_root().then(identity_of_package);
        if let Some((user, group)) = identity {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("chown");
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("chmod");
        let mut server = Self { folder, identity, server: None, settings, log: Arc::default() };
        server.make_cluster(wal);
        server.start_again();
        server
    }

    fn make_cluster(&self, wal: Option<&Path>) {
        let wal = wal.map(|wal| format!("--waldir={}", wal.display()));
        let output = self
            .command("initdb")
            .args(wal)
            .args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C"])
            .args(["--wal-segsize=1", "--username"])
            .arg(SUPERUSER)
            .arg("--pgdata")
            .arg(self.data())
            .output()
            .expect("initdb can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts the server that was stopped, with the data that it had, and returns when it takes connections.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "the server is running");
        let mut server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .args(["-c", "listen_addresses="])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "shared_buffers=16MB", "-c", "dynamic_shared_memory_type=mmap"])
            .args(["-c", "max_connections=100", "-c", "autovacuum_naptime=5s"])
            .args(["-c", "logging_collector=off", "-c", "lc_messages=C"])
            .args(self.settings.iter().flat_map(|setting| ["-c", setting]))
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres can be started");
        let errors = BufReader::new(server.stderr.take().expect("a pipe"));
        self.server = Some(server);
        let (sender, is_ready) = mpsc::channel();
        let log = Arc::clone(&self.log);
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if line.contains(IS_READY) {
                    let _ = sender.send(());
                }
                let mut log = log.lock().expect("no holder panics");
                log.push_str(&line);
                log.push('\n');
            }
        });
        if is_ready.recv_timeout(PATIENCE).is_err() {
            panic!("the server does not start:\n{}", self.log());
        }
        self.query("postgres", "SELECT 1");
    }

    /// Makes an empty database, and returns its URL.
    #[track_caller]
    pub fn create_database(&self, name: &str) -> String {
        self.query("postgres", &format!("CREATE DATABASE {name}"));
        self.url(name)
    }

    /// The URL of a database, for its superuser.
    pub fn url(&self, database: &str) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://{SUPERUSER}@{host}/{database}")
    }

    /// Runs a statement as the superuser, and returns its rows: columns separated by `|`, a row a line.
    #[track_caller]
    pub fn query(&self, database: &str, sql: &str) -> String {
        let answer = self.try_query(database, sql);
        answer.unwrap_or_else(|error| panic!("{sql}\n{error}\n{}", self.log()))
    }

    /// The same, where the statement may fail: with what `psql` says then.
    pub fn try_query(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = self
            .command("psql")
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--username", SUPERUSER, "--dbname", database])
            .arg("--host")
            .arg(self.folder.path())
            .args(["--command", sql])
            .output()
            .expect("psql can be started");
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Ends every connection to a database, as an administrator may at any time, and returns their number.
    #[track_caller]
    pub fn terminate_connections(&self, database: &str) -> usize {
        let ended = self.query(
            "postgres",
            &format!(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = '{database}'"
            ),
        );
        ended.parse().expect("a count")
    }

    /// Stops the server: open transactions are taken back, and their connections closed.
    #[track_caller]
    pub fn stop(&mut self) {
        self.end(Signal::INT);
    }

    /// Stops the server as fast as it can stop by itself: it recovers when it is started again.
    #[track_caller]
    pub fn stop_immediately(&mut self) {
        self.end(Signal::QUIT);
    }

    /// Kills the server and all its processes at once.
    #[track_caller]
    pub fn kill(&mut self) {
        let Some(server) = &self.server else { return };
        // Stopped first, so that no process is made that the list does not have.
        let main = Pid::from_child(server);
        kill_process(main, Signal::STOP).expect("the server is there");
        let children = children_of(main);
        for &(child, _) in &children {
            let _ = kill_process(child, Signal::KILL);
        }
        self.end(Signal::KILL);
        // Only when all have gone may the shared memory be used again.
        children.iter().for_each(|(_, process)| wait_for_end(process));
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut server) = self.server.take() else { return };
        let _ = kill_process(Pid::from_child(&server), signal);
        server.wait().expect("the server can be waited for");
    }

    /// Returns when the server takes connections, which it does by itself after most faults. One that has
    /// given up is started again.
    #[track_caller]
    pub fn recover(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let server = self.server.as_mut().expect("it was started");
            if server.try_wait().expect("it can be waited for").is_some() {
                self.server = None;
                return self.start_again();
            }
            if self.try_query("postgres", "SELECT 1").is_ok() {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not recover:\n{}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The user and the group that it runs as, if they are not those of the test.
    pub fn identity(&self) -> Option<(u32, u32)> {
        self.identity
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        self.log.lock().expect("no holder panics").clone()
    }

    /// The folder of the server, with its socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the server's data, with its `pg_hba.conf`.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Lets the server read its configuration again, and waits until it has.
    #[track_caller]
    pub fn reload(&self) {
        let loaded = "SELECT pg_conf_load_time()";
        let before = self.query("postgres", loaded);
        self.query("postgres", "SELECT pg_reload_conf()");
        while self.query("postgres", loaded) == before {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A program of the package, run as the user of the server.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(programs().join(program));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .current_dir(self.folder.path())
            .env_clear()
            .env("LC_ALL", "C");
        if let Some((user, group)) = self.identity {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop_immediately();
    }
}

/// Returns when the package is installed, and ends the test otherwise.
#[track_caller]
pub fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    if PROGRAMS.iter().any(|folder| Path::new(folder).join("postgres").exists()) {
        return;
    }
    let packages = Packages {
        suite: "the suite of tasks",
        why_root: None,
        needed: &[("postgresql", "/usr/lib/postgresql/15/bin/postgres")],
    };
    packages.require(&OUTCOME);
}

fn programs() -> &'static Path {
    let found = PROGRAMS.iter().map(Path::new).find(|folder| folder.join("postgres").exists());
    found.expect("PostgreSQL is installed")
}

/// The user and the group that the package has made.
fn identity_of_package() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("users are known");
    let line = users.lines().find(|line| line.starts_with("postgres:")).expect("a user `postgres`");
    let mut fields = line.split(':').skip(2).map(|field| field.parse().expect("a number"));
    let mut next = || fields.next().expect("a user and a group");
    (next(), next())
}

/// The children of a process, each with a handle that no later process of the same number can take.
fn children_of(process: Pid) -> Vec<(Pid, OwnedFd)> {
    let id = process.as_raw_nonzero();
    let path = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(path).expect("the process is there");
    let pids = children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?));
    pids.filter_map(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?))).collect()
}

fn wait_for_end(process: &OwnedFd) {
    let limit = Timespec { tv_sec: 120, tv_nsec: 0 };
    let mut handles = [PollFd::new(process, PollFlags::IN)];
    loop {
        match poll(&mut handles, Some(&limit)) {
            Err(Errno::INTR) => {}
            Ok(0) => panic!("a process does not end"),
            _ => return,
        }
    }
}
