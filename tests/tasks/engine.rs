//! What the engine over PostgreSQL promises: one reply for each error, and no transaction left open.

use std::fs;
use std::future::Future;
use std::time::Duration;

use store::operations::enqueue::Enqueue;
use store::operations::finish::Finished;
use store::operations::people::{Cancel, Cancelled};
use store::operations::read::{Find, Found, List, ReadOverview};
use store::operations::renew::{Progress, Renew, Running};
use store::record::{NewTask, State, TaskId};
use store::{Error, Operation, Store, Transaction};
use support::postgres::Postgres;

use crate::stores::{block_on, claim, completed, node, on_threads, open, task, try_open};

tests! {
    a_task_lives_on_postgres_as_on_sqlite,
    nothing_is_bound_to_a_connection_behind_a_pooler,
    tables_are_made_once_by_many,
    a_newer_schema_is_refused_by_name,
    a_store_that_cannot_be_opened_says_why,
    a_password_is_checked_and_never_shown,
    what_the_server_cannot_store_is_refused,
    a_server_that_writes_nothing_is_told_as_such,
    a_lost_connection_is_unknown_and_made_again,
    a_server_that_comes_back_is_found_again,
    a_server_that_is_away_is_told_once_in_a_message,
    a_store_of_the_first_schema_is_brought_up_to_date,
    one_request_asked_by_many_is_one_task,
    a_caller_who_goes_away_leaves_no_transaction,
    reads_do_not_delay_heartbeats,
    other_processes_are_told_of_changes,
}

/// Lets two tasks live, and returns what became of them.
pub async fn live(store: &Store) -> Vec<(TaskId, State)> {
    store.run(node("a", 2)).await.unwrap();
    let keyed = NewTask { unique_key: Some("k".into()), ..task() };
    let first = store.run(Enqueue(keyed.clone())).await.unwrap();
    assert!(first.is_new);
    let again = store.run(Enqueue(keyed)).await.unwrap();
    assert_eq!((again.id, again.is_new), (first.id, false));
    let second = store.run(Enqueue(task())).await.unwrap().id;
    let claimed = store.run(claim("a", 5)).await.unwrap();
    assert_eq!(claimed.len(), 2);
    let progress = |task: &store::record::Task| Progress {
        id: task.id,
        claim: task.claim,
        stage: Some("walk".into()),
        done: Some(1),
        total: None,
    };
    let tasks = claimed.iter().map(progress).collect();
    let renewed = store.run(Renew { node: "a".into(), boot: "a-1".into(), tasks }).await.unwrap();
    assert_eq!((renewed.is_current, renewed.kept.len()), (true, 2));
    assert_eq!(store.run(Running).await.unwrap().len(), 2);
    let finish = completed(&claimed[0]);
    assert!(matches!(store.run(finish.clone()).await.unwrap(), Finished::Accepted { .. }));
    assert_eq!(store.run(finish).await.unwrap(), Finished::Repeated);
    let cancel = Cancel { id: second, actor: "me".into(), reason: "no".into() };
    assert_eq!(store.run(cancel.clone()).await.unwrap(), Cancelled::Asked);
    assert_eq!(store.run(Cancel { id: TaskId(99), ..cancel }).await.unwrap(), Cancelled::Unknown);
    store.run(completed(&claimed[1])).await.unwrap();
    let overview = store.run(ReadOverview).await.unwrap();
    assert_eq!(overview.queues[0].running, 0);
    let list = List { text: Some("SLEEPS".into()), limit: 10, ..List::default() };
    let listed = store.run(list).await.unwrap();
    listed.iter().map(|task| (task.id, task.state)).collect()
}

fn a_task_lives_on_postgres_as_on_sqlite() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    let on_postgres = block_on(live(&store));
    assert_eq!(on_postgres, block_on(live(&crate::stores::in_memory())));
    assert_eq!(on_postgres[0].1, State::Cancelled);
}

fn nothing_is_bound_to_a_connection_behind_a_pooler() {
    let server = Postgres::start();
    // Such a pooler cleans a connection after each transaction, or gives the next one another. What is set
    // for all connections of the database would win over what a session had set.
    let url = format!("{}?listen=off", server.create_database("a"));
    server.query("a", "ALTER DATABASE a SET log_statement = 'all'");
    let store = open(&url);
    block_on(live(&store));
    let log = server.log();
    assert!(log.contains("execute <unnamed>: "), "{log}");
    assert!(!log.contains("execute s"), "a statement has a name: {log}");
    assert!(!log.contains("LISTEN"), "{log}");
    let sets = log.lines().filter(|line| line.contains("SET ") && line.contains("search_path"));
    assert!(sets.clone().count() > 0 && sets.clone().all(|line| line.contains("SET LOCAL")));
}

fn tables_are_made_once_by_many() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let opened = on_threads(8, move |_| try_open(&url).map(drop));
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    assert_eq!(server.query("a", "SELECT count(*) FROM mirrorlistd.store_version"), "1");
}

fn a_newer_schema_is_refused_by_name() {
    let server = Postgres::start();
    let url = server.create_database("a");
    drop(open(&url));
    server.query("a", "UPDATE mirrorlistd.store_version SET version = 99");
    let error = try_open(&url).err().unwrap();
    assert!(matches!(&error, Error::NewerSchema { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("database a: the store has schema 99"), "{error}");
    assert_eq!(server.query("a", "SELECT version FROM mirrorlistd.store_version"), "99");
}

fn a_store_that_cannot_be_opened_says_why() {
    let mut server = Postgres::start();
    let missing = try_open(&server.url("nowhere")).err().unwrap();
    assert!(matches!(missing, Error::Open { .. }), "{missing}");
    let missing = missing.to_string();
    assert!(missing.contains("nowhere") && missing.contains("createdb"), "{missing}");
    server.query(
        "postgres",
        "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    let latin = try_open(&server.url("latin")).err().unwrap().to_string();
    assert!(latin.contains("has the encoding LATIN1"), "{latin}");
    server.query("postgres", "CREATE ROLE reader LOGIN");
    server.create_database("a");
    let url = server.url("a").replace("postgres@", "reader@");
    let denied = try_open(&url).err().unwrap();
    assert!(matches!(denied, Error::NotWritable(_)), "{denied}");
    server.stop();
    let gone = try_open(&server.url("a")).err().unwrap();
    assert!(matches!(gone, Error::Unavailable(_)), "{gone}");
}

fn a_password_is_checked_and_never_shown() {
    let server = Postgres::start();
    server.create_database("a");
    server.query(
        "a",
        "CREATE ROLE keeper LOGIN PASSWORD 'pa55word'; GRANT CREATE ON DATABASE a TO keeper",
    );
    let rules = "local all keeper scram-sha-256\nlocal all all trust\n";
    fs::write(server.data().join("pg_hba.conf"), rules).unwrap();
    server.reload();
    let url = |password: &str| server.url("a").replace("postgres@", &format!("keeper{password}@"));
    open(&url(":pa55word"));
    for password in ["", ":pa55w0rd"] {
        let error = try_open(&url(password)).err().unwrap();
        assert!(matches!(error, Error::Open { .. }), "{error}");
        assert!(!error.to_string().contains("pa55"), "{error}");
    }
    let file = server.folder().join("pass");
    fs::write(&file, "localhost:*:a:keeper:pa55word\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    open(&format!("{}?passfile={}", url(""), file.display()));
}

fn what_the_server_cannot_store_is_refused() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    let list = List { actors: vec!["a\0b".into()], ..List::default() };
    let error = block_on(store.run(list)).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    // And the connection is good for the next one.
    block_on(live(&store));
}

fn a_server_that_writes_nothing_is_told_as_such() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let store = open(&url);
    server.query("a", "ALTER DATABASE a SET default_transaction_read_only = on");
    server.terminate_connections("a");
    let error = block_on(store.run(Enqueue(task()))).unwrap_err();
    assert!(matches!(error, Error::NotWritable(_)), "{error}");
    assert!(!error.is_transient());
    assert_eq!(block_on(store.run(Find(TaskId(1)))).unwrap(), Found::Unknown);
    let error = try_open(&url).err().unwrap();
    assert!(matches!(error, Error::NotWritable(_)), "{error}");
}

fn a_lost_connection_is_unknown_and_made_again() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    let sleeping = std::thread::spawn({
        let store = store.clone();
        move || block_on(store.run(Sleep { seconds: 9 }))
    });
    wait_until(|| server.query("a", &n_active("pg_sleep")) == "1");
    server.terminate_connections("a");
    let error = sleeping.join().unwrap().unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    // Idle connections were ended as well: the next request finds that out, and has done nothing before.
    block_on(live(&store));
}

fn a_server_that_comes_back_is_found_again() {
    let mut server = Postgres::start();
    let store = open(&server.create_database("a"));
    let id = block_on(store.run(Enqueue(task()))).unwrap().id;
    server.stop_immediately();
    let error = block_on(store.run(Enqueue(task()))).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    server.start_again();
    let found = retry(|| block_on(store.run(Find(id))));
    assert!(matches!(found, Found::Task(_)));
}

fn a_server_that_is_away_is_told_once_in_a_message() {
    let mut server = Postgres::start();
    let store = open(&server.create_database("a"));
    server.stop();
    // The first one finds a connection that is lost, the others none; those that come at once are told why.
    for _ in 0..5 {
        let error = block_on(store.run(ReadOverview)).unwrap_err().to_string();
        assert_eq!(error.matches("the store cannot be reached: ").count(), 1, "{error}");
    }
}

fn a_store_of_the_first_schema_is_brought_up_to_date() {
    let server = Postgres::start();
    let url = server.create_database("a");
    drop(open(&url));
    let columns = "SELECT table_name, column_name, data_type FROM information_schema.columns
                   WHERE table_schema = 'mirrorlistd' ORDER BY 1, ordinal_position";
    let new = server.query("a", columns);
    let back = "SET search_path = mirrorlistd; DROP TABLE mirror; DROP TABLE mirror_visit;
                DROP TABLE check_fact; DROP TABLE task_request; DROP TABLE schedule_node;
                ALTER TABLE task DROP COLUMN site; ALTER TABLE schedule DROP COLUMN site;
                ALTER TABLE node DROP COLUMN site;
                ALTER TABLE node DROP COLUMN files; UPDATE store_version SET version = 1";
    server.query("a", back);
    let store = open(&url);
    assert_eq!(server.query("a", columns), new);
    let done = block_on(live(&store));
    assert!(!done.is_empty());
}

fn one_request_asked_by_many_is_one_task() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let stores: Vec<Store> = (0..4).map(|_| open(&url)).collect();
    for n in 0..20 {
        let stores = stores.clone();
        let asked = on_threads(8, move |thread| {
            // With a key, the second one meets the first by that.
            let unique_key = (n % 2 == 0).then(|| format!("k{n}"));
            let new = NewTask { request_id: Some(format!("r{n}")), unique_key, ..task() };
            block_on(stores[thread % 4].run(Enqueue(new))).unwrap()
        });
        assert!(asked.iter().all(|enqueued| enqueued.id == asked[0].id), "{asked:?}");
        assert_eq!(asked.iter().filter(|enqueued| enqueued.is_new).count(), 1);
    }
    assert_eq!(server.query("a", "SELECT count(*) FROM mirrorlistd.task"), "20");
    let events = "SELECT what, count(*) FROM mirrorlistd.task_event GROUP BY what";
    assert_eq!(server.query("a", events), "enqueued|20");
    assert_eq!(server.query("a", "SELECT count(*) FROM mirrorlistd.task_request"), "0");
}

fn a_caller_who_goes_away_leaves_no_transaction() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    block_on(async {
        for _ in 0..20 {
            // Polled once, so that it has been handed over, and then dropped.
            let mut work = Box::pin(store.run(Enqueue(task())));
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(work.as_mut().poll(context).is_pending())
            });
            assert!(polled.await);
        }
        // Behind them on the same connections.
        store.run(Enqueue(task())).await.unwrap();
        store.run(Enqueue(task())).await.unwrap();
    });
    wait_until(|| server.query("a", "SELECT count(*) FROM mirrorlistd.task") == "22");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    wait_until(|| server.query("a", open) == "0");
}

fn reads_do_not_delay_heartbeats() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    block_on(store.run(node("a", 1))).unwrap();
    let slow: Vec<_> = (0..6)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || block_on(store.run(Sleep { seconds: 9 })).is_ok())
        })
        .collect();
    wait_until(|| server.query("a", &n_active("pg_sleep")) == "1");
    // While every connection for reads is busy, and requests wait for it, neither these nor writes do.
    let renew = Renew { node: "a".into(), boot: "a-1".into(), tasks: vec![] };
    assert!(block_on(store.run(renew)).unwrap().is_current);
    block_on(store.run(Enqueue(task()))).unwrap();
    assert_eq!(server.query("a", &n_active("pg_sleep")), "1");
    wait_until(|| {
        server.terminate_connections("a");
        slow.iter().all(std::thread::JoinHandle::is_finished)
    });
}

fn other_processes_are_told_of_changes() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let (one, other) = (open(&url), open(&url));
    let mut hints = other.hints().unwrap();
    block_on(async {
        // It counts once when it begins to listen.
        hints.wait_for(|count| *count > 0).await.unwrap();
        one.hints().unwrap().wait_for(|count| *count > 0).await.unwrap();
        let before = *hints.borrow();
        one.run(Enqueue(task())).await.unwrap();
        hints.wait_for(|count| *count > before).await.unwrap();
        // After a lost connection it listens again.
        server.terminate_connections("a");
        hints.wait_for(|count| *count > before + 1).await.unwrap();
        assert!(crate::stores::in_memory().hints().is_none());
    });
}

/// Reads for so long.
#[derive(Clone, Debug)]
struct Sleep {
    seconds: i64,
}

impl Operation for Sleep {
    type Reply = ();
    const NAME: &'static str = "sleep";
    const READS_ONLY: bool = true;

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        let sleep = "SELECT 1 FROM pg_sleep(CAST(CAST(?1 AS BIGINT) AS DOUBLE PRECISION))";
        tx.query(sleep, &[self.seconds.into()]).await.map(drop)
    }
}

fn n_active(word: &str) -> String {
    format!(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%{word}%' \
         AND pid <> pg_backend_pid()"
    )
}

/// Returns once `is_so`, which another process decides.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not happen");
}

/// What `ask` returns once the store can be reached.
#[track_caller]
fn retry<R>(ask: impl Fn() -> Result<R, Error>) -> R {
    for _ in 0..2_000 {
        match ask() {
            Err(error) if error.is_transient() => std::thread::sleep(Duration::from_millis(10)),
            reply => return reply.unwrap(),
        }
    }
    panic!("the store cannot be reached");
}
