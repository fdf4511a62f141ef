//! PostgreSQL behind a real pooler, which gives every transaction another connection: PgBouncer of Debian.

use std::fs;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use history::check_none_lost;
use serde_json::json;
use store::operations::enqueue::Enqueue;
use store::record::NewTask;
use support::debian::{Outcome, Packages};
use support::postgres::{Postgres, SUPERUSER};
use support::server::PATIENCE;
use tempfile::TempDir;

use crate::engine::live;
use crate::process::Node;
use crate::stores::{block_on, in_memory, on_threads, open, task, try_open};
use crate::watched::Watched;

tests! {
    a_task_lives_behind_a_pooler_as_without_one,
    nodes_behind_a_pooler_find_tasks_of_others_by_polling,
    who_has_not_said_that_there_is_a_pooler_is_told_to,
}

/// The port in the name of its socket. Nobody listens on the network.
const PORT: u16 = 6432;
/// How many connections to the server it shares among all transactions.
const SERVER_CONNECTIONS: usize = 2;

fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    let needed = &[("pgbouncer", "/usr/sbin/pgbouncer")];
    Packages { suite: "the suite of tasks", why_root: None, needed }.require(&OUTCOME);
}

/// A running pooler in front of a database `a`. It is ended when this is dropped.
struct Pooler {
    folder: TempDir,
    child: Child,
}

impl Pooler {
    fn start(server: &Postgres) -> Self {
        require();
        let folder = tempfile::Builder::new().prefix("pool").tempdir().expect("a temporary folder");
        let (here, there) = (folder.path().display(), server.folder().display());
        let config = format!(
            "[databases]\n\
             a = host={there} port=5432 dbname=a user={SUPERUSER}\n\
             [pgbouncer]\n\
             listen_addr =\n\
             listen_port = {PORT}\n\
             unix_socket_dir = {here}\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {SERVER_CONNECTIONS}\n"
        );
        let path = folder.path().join("pgbouncer.ini");
        fs::write(&path, config).expect("a write");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = Command::new("/usr/sbin/pgbouncer");
        command.arg("-q").arg(&path).env_clear().current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // It refuses to run as root.
        if let Some((user, group)) = server.identity() {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).expect("chown");
            command.uid(user).gid(group);
        }
        let child = command.spawn().expect("it can be started");
        let pooler = Self { folder, child };
        let socket = pooler.folder.path().join(format!(".s.PGSQL.{PORT}"));
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < deadline, "{}", pooler.log());
            thread::sleep(Duration::from_millis(10));
        }
        pooler
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// The address of the database through it.
    fn url(&self, parameters: &str) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://{SUPERUSER}@{host}:{PORT}/a{parameters}")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many connections the server has.
fn n_connections(server: &Postgres) -> usize {
    let n = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'a' AND pid <> pg_backend_pid()";
    server.query("a", n).parse().expect("a count")
}

fn a_task_lives_behind_a_pooler_as_without_one() {
    let server = Postgres::start();
    server.create_database("a");
    let pooler = Pooler::start(&server);
    let url = pooler.url("?listen=off");
    assert_eq!(block_on(live(&open(&url))), block_on(live(&in_memory())));
    // Many at once, each transaction on whatever connection is free.
    let n_tasks = on_threads(8, move |_| {
        let store = open(&url);
        let enqueued = (0..50).map(|_| block_on(store.run(Enqueue(task()))).unwrap().id);
        enqueued.collect::<Vec<_>>().len()
    });
    let n_tasks: usize = n_tasks.into_iter().sum::<usize>() + 2;
    let n_rows = server.query("a", "SELECT count(*) FROM mirrorlistd.task");
    assert_eq!(n_rows, n_tasks.to_string());
    let n = n_connections(&server);
    assert!((1..=SERVER_CONNECTIONS).contains(&n), "{n} connections");
}

fn nodes_behind_a_pooler_find_tasks_of_others_by_polling() {
    let server = Postgres::start();
    server.create_database("a");
    let pooler = Pooler::start(&server);
    let url = pooler.url("?listen=off");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mark = folder.path().join("marks");
    let in_server = format!("store = \"{url}\"");
    let mut nodes =
        ["one", "two"].map(|name| Node::new(folder.path(), name, &in_server, "cpu = 4"));
    nodes.iter_mut().for_each(Node::start);
    let (watched, apis) = (Watched::new(), nodes.each_ref().map(Node::client));
    apis.iter().for_each(crate::process::Client::wait_until_idle);
    // Who is asked runs it at once; the other is asked for its end.
    for n in 0..10 {
        let args = json!({ "seconds": 0, "mark": mark.to_str() });
        let id = watched.enqueue("me", &apis[n % 2], &format!("r{n}"), &args);
        assert_eq!(watched.wait_for_end("me", &apis[1 - n % 2], id), "completed");
    }
    // Nobody is told of these: neither of the processes was asked.
    let store = open(&url);
    for n in 0..3 {
        let args = json!({ "seconds": 0, "mark": mark.to_str() }).to_string();
        let request_id = Some(format!("unseen {n}"));
        let id = block_on(store.run(Enqueue(NewTask { args, request_id, ..task() }))).unwrap().id;
        assert_eq!(watched.wait_for_end("me", &apis[n % 2], id.0), "completed");
    }
    drop(store);
    nodes.iter_mut().for_each(Node::stop);
    assert!(n_connections(&server) <= SERVER_CONNECTIONS, "{}", pooler.log());
    block_on(watched.check(&mark, &open(&url), check_none_lost));
}

fn who_has_not_said_that_there_is_a_pooler_is_told_to() {
    let server = Postgres::start();
    server.create_database("a");
    let pooler = Pooler::start(&server);
    let (right, wrong) = (pooler.url("?listen=off"), pooler.url(""));
    drop(open(&right));
    // Statements that were prepared on one connection are missing on the next, which a pooler of a newer
    // version hides.
    let errors = on_threads(8, move |_| {
        let ask =
            |store: store::Store| (0..20).find_map(|_| block_on(store.run(Enqueue(task()))).err());
        try_open(&wrong).map_or_else(Some, ask)
    });
    for error in errors.into_iter().flatten() {
        let error = error.to_string();
        assert!(error.contains("add listen=off to the address"), "{error}");
    }
    // Those who have said so can go on.
    block_on(open(&right).run(Enqueue(task()))).unwrap();
}
