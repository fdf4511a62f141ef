//! The tables, and how a store of an earlier version is brought up to date.
//!
//! Times are milliseconds since 1970 by the store's clock. CHECKs keep what no statement may break: `boot`
//! is set exactly while a task runs, and `finished_at` exactly when it has ended. A unique index lets one
//! task of a key be enqueued or running; it covers all states that are not terminal, so that no change of
//! state can collide.
//!
//! `site` says whose files a task is about: only nodes of that site run it. NULL stands for any node.
//!
//! An id is never given twice. So one that is not above the highest that was given, and has no row, was
//! purged, without a row that remembers it.

use crate::error::Error;
use crate::fail_at;
use crate::operation::{Dialect, Transaction};

/// The newest schema: how many steps lead to it.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// One step each: statements, with `{id}` for the type of a key that counts up, `{int}` for that of a
/// number, and `{strict}` at the end of a table.
const MIGRATIONS: &[&[&str]] = &[FIRST, SITES_AND_REQUESTS, MIRRORS];

const FIRST: &[&str] = &[
    "CREATE TABLE task(
        id {id},
        kind TEXT NOT NULL,
        queue TEXT NOT NULL,
        state TEXT NOT NULL CHECK(state IN('enqueued','running','completed','failed','cancelled','dropped')),
        priority {int} NOT NULL,
        args TEXT NOT NULL,
        summary TEXT NOT NULL,
        unique_key TEXT,
        request_id TEXT NOT NULL UNIQUE,
        rerun {int} NOT NULL DEFAULT 0 CHECK(rerun IN(0,1)),
        on_loss TEXT NOT NULL CHECK(on_loss IN('requeue','drop')),
        failures {int} NOT NULL DEFAULT 0,
        max_failures {int} NOT NULL,
        run_after {int} NOT NULL,
        created_at {int} NOT NULL,
        actor TEXT NOT NULL,
        parent {int},
        schedule TEXT,
        slot {int},
        claim {int} NOT NULL DEFAULT 0,
        node TEXT,
        boot TEXT,
        beat {int} NOT NULL DEFAULT 0,
        beat_at {int},
        started_at {int},
        stage TEXT,
        done {int},
        total {int},
        cancel_at {int},
        cancel_by TEXT,
        finished_at {int},
        error_code TEXT,
        error TEXT,
        result TEXT,
        CHECK((boot IS NOT NULL) = (state = 'running')),
        CHECK((finished_at IS NOT NULL) = (state NOT IN('enqueued','running')))
    ){strict}",
    "CREATE UNIQUE INDEX task_unique ON task(unique_key)
        WHERE unique_key IS NOT NULL AND state IN('enqueued','running')",
    "CREATE UNIQUE INDEX task_slot ON task(schedule, slot) WHERE schedule IS NOT NULL",
    // Ten minutes of waiting count as one step of priority, so that nothing starves.
    "CREATE INDEX task_ready ON task(queue, (priority * 600000 + run_after), id) WHERE state = 'enqueued'",
    "CREATE INDEX task_running ON task(queue) WHERE state = 'running'",
    "CREATE INDEX task_finished ON task(kind, finished_at)",
    "CREATE INDEX task_parent ON task(parent) WHERE parent IS NOT NULL",
    "CREATE TABLE queue(
        name TEXT PRIMARY KEY,
        max_running {int} NOT NULL CHECK(max_running >= 0),
        paused_at {int},
        paused_by TEXT,
        reason TEXT
    ){strict}",
    "CREATE TABLE node(
        id TEXT PRIMARY KEY,
        boot TEXT NOT NULL,
        version TEXT NOT NULL,
        kinds TEXT NOT NULL,
        started_at {int} NOT NULL,
        seen_at {int} NOT NULL,
        stopping {int} NOT NULL CHECK(stopping IN(0,1))
    ){strict}",
    "CREATE TABLE schedule(
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        queue TEXT NOT NULL,
        priority {int} NOT NULL,
        args TEXT NOT NULL,
        summary TEXT NOT NULL,
        unique_key TEXT,
        on_loss TEXT NOT NULL,
        max_failures {int} NOT NULL,
        period {int} NOT NULL CHECK(period > 0),
        phase {int} NOT NULL,
        catch_up TEXT NOT NULL,
        last_slot {int} NOT NULL,
        missed {int} NOT NULL DEFAULT 0,
        paused_at {int},
        paused_by TEXT,
        reason TEXT,
        last_success {int}
    ){strict}",
    "CREATE TABLE task_event(
        id {id},
        task {int} NOT NULL REFERENCES task(id) ON DELETE CASCADE,
        at {int} NOT NULL,
        actor TEXT NOT NULL,
        what TEXT NOT NULL,
        detail TEXT NOT NULL
    ){strict}",
    "CREATE INDEX task_event_task ON task_event(task, id)",
    "CREATE TABLE task_attempt(
        task {int} NOT NULL REFERENCES task(id) ON DELETE CASCADE,
        claim {int} NOT NULL,
        node TEXT NOT NULL,
        boot TEXT NOT NULL,
        started {int} NOT NULL,
        ended {int},
        outcome TEXT,
        stages TEXT,
        PRIMARY KEY(task, claim)
    ){strict}",
];

/// Sites; names of requests that were merged into a task; which nodes declare a schedule.
///
/// A node of an earlier version goes on beside this one, and would claim tasks of all sites. It gets no more
/// of them: its claims ask whether it stops. What it has, it ends.
const SITES_AND_REQUESTS: &[&str] = &[
    "ALTER TABLE task ADD COLUMN site TEXT",
    "ALTER TABLE schedule ADD COLUMN site TEXT",
    "ALTER TABLE node ADD COLUMN site TEXT",
    "ALTER TABLE node ADD COLUMN files TEXT NOT NULL DEFAULT ''",
    "UPDATE node SET stopping = 1",
    // The name under which a task was made is in its row.
    "CREATE TABLE task_request(
        task {int} NOT NULL REFERENCES task(id) ON DELETE CASCADE,
        request_id TEXT PRIMARY KEY,
        at {int} NOT NULL
    ){strict}",
    "CREATE INDEX task_request_task ON task_request(task)",
    "CREATE TABLE schedule_node(
        schedule TEXT NOT NULL REFERENCES schedule(id) ON DELETE CASCADE,
        node TEXT NOT NULL REFERENCES node(id) ON DELETE CASCADE,
        PRIMARY KEY(schedule, node)
    ){strict}",
    "CREATE INDEX schedule_node_node ON schedule_node(node)",
];

/// What is known of mirrors. `site` is empty where no other process uses the store: catalogs of two sites may
/// have the same key.
const MIRRORS: &[&str] = &[
    "CREATE TABLE mirror(
        id {id},
        site TEXT NOT NULL,
        key TEXT NOT NULL,
        version {int} NOT NULL,
        state TEXT NOT NULL,
        UNIQUE(site, key)
    ){strict}",
    "CREATE TABLE mirror_visit(
        id {id},
        site TEXT NOT NULL,
        mirror TEXT NOT NULL,
        tier TEXT NOT NULL,
        round {int} NOT NULL,
        at {int} NOT NULL,
        judged {int} NOT NULL CHECK(judged IN(0,1)),
        record TEXT NOT NULL,
        UNIQUE(site, mirror, round, tier)
    ){strict}",
    "CREATE INDEX mirror_visit_open ON mirror_visit(site, id) WHERE judged = 0",
    "CREATE INDEX mirror_visit_of ON mirror_visit(site, mirror, id)",
    "CREATE INDEX mirror_visit_judged ON mirror_visit(at) WHERE judged = 1",
    "CREATE TABLE check_fact(
        site TEXT NOT NULL,
        name TEXT NOT NULL,
        version {int} NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY(site, name)
    ){strict}",
];

/// Makes the tables, or brings them up to date. `place` names the store in errors.
pub(crate) async fn migrate<T: Transaction>(tx: &mut T, place: &str) -> Result<(), Error> {
    let create = match tx.dialect() {
        Dialect::Sqlite => {
            "CREATE TABLE IF NOT EXISTS store_version(version INTEGER NOT NULL) STRICT"
        }
        Dialect::Postgres => "CREATE TABLE IF NOT EXISTS store_version(version BIGINT NOT NULL)",
    };
    tx.query(create, &[]).await?;
    let rows = tx.query("SELECT version FROM store_version", &[]).await?;
    let found = match rows.first() {
        Some(row) => row.int(0)?,
        None => {
            tx.query("INSERT INTO store_version(version) VALUES(0)", &[]).await?;
            0
        }
    };
    if found > VERSION {
        return Err(Error::NewerSchema { place: place.to_owned(), found, known: VERSION });
    }
    let known = usize::try_from(found)
        .map_err(|_| Error::Broken(format!("the store has schema {found}")))?;
    for statement in MIGRATIONS.iter().skip(known).flat_map(|step| step.iter()) {
        fail_at::reached("migrate", "begun");
        tx.query(&in_dialect(statement, tx.dialect()), &[]).await?;
    }
    if found < VERSION {
        tx.query("UPDATE store_version SET version = ?1", &[VERSION.into()]).await?;
    }
    Ok(())
}

/// The highest number that was given to a row of a table whose numbers count up; 0 if none was.
pub(crate) async fn highest_number<T: Transaction>(tx: &mut T, table: &str) -> Result<i64, Error> {
    let rows = match tx.dialect() {
        Dialect::Sqlite => {
            let sql = "SELECT COALESCE(max(seq), 0) FROM sqlite_sequence WHERE name = ?1";
            tx.query(sql, &[table.into()]).await?
        }
        Dialect::Postgres => {
            let sql = format!(
                "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {table}_id_seq"
            );
            tx.query(&sql, &[]).await?
        }
    };
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// Makes the next number that is given to a row of `table` the one after `number`.
pub(crate) async fn set_highest_number<T: Transaction>(
    tx: &mut T,
    table: &str,
    number: i64,
) -> Result<(), Error> {
    match tx.dialect() {
        Dialect::Sqlite => {
            tx.query("DELETE FROM sqlite_sequence WHERE name = ?1", &[table.into()]).await?;
            let sql = "INSERT INTO sqlite_sequence(name, seq) VALUES(?1, ?2)";
            tx.query(sql, &[table.into(), number.into()]).await?;
        }
        Dialect::Postgres => {
            let sql = format!("SELECT setval('{table}_id_seq', ?1, false)");
            tx.query(&sql, &[number.saturating_add(1).into()]).await?;
        }
    }
    Ok(())
}

fn in_dialect(statement: &str, dialect: Dialect) -> String {
    let (id, int, strict) = match dialect {
        Dialect::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "INTEGER", " STRICT"),
        Dialect::Postgres => ("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "BIGINT", ""),
    };
    statement.replace("{id}", id).replace("{int}", int).replace("{strict}", strict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;
    use crate::operation::{Operation, Row};
    use crate::operations::enqueue::Enqueue;
    use crate::operations::read::{Find, Found};
    use crate::record::{NewTask, OnLoss};
    use crate::sqlite::{Inline, system_clock};

    /// The way back from the newest schema to the first one.
    const BACK: [&str; 10] = [
        "DROP TABLE mirror",
        "DROP TABLE mirror_visit",
        "DROP TABLE check_fact",
        "DROP TABLE task_request",
        "DROP TABLE schedule_node",
        "ALTER TABLE task DROP COLUMN site",
        "ALTER TABLE schedule DROP COLUMN site",
        "ALTER TABLE node DROP COLUMN site",
        "ALTER TABLE node DROP COLUMN files",
        "UPDATE store_version SET version = 1",
    ];

    #[derive(Clone, Debug)]
    struct Raw(&'static str);

    impl Operation for Raw {
        type Reply = Vec<Row>;
        const NAME: &'static str = "raw";

        async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
            tx.query(self.0, &[]).await
        }
    }

    #[derive(Clone, Debug)]
    struct Migrate;

    impl Operation for Migrate {
        type Reply = ();
        const NAME: &'static str = "migrate";

        async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
            migrate(tx, "a store").await
        }
    }

    #[tokio::test]
    async fn a_store_of_the_first_schema_is_brought_up_to_date_with_its_rows() {
        let store = Store::from(Inline::new(system_clock()).unwrap());
        let columns = "SELECT m.name, p.name, p.type FROM sqlite_schema m
                       JOIN pragma_table_info(m.name) p ORDER BY m.name, p.cid";
        let new = store.run(Raw(columns)).await.unwrap();
        for statement in BACK {
            store.run(Raw(statement)).await.unwrap();
        }
        store
            .run(Raw("INSERT INTO task(kind, queue, state, priority, args, summary, unique_key,
                          request_id, on_loss, max_failures, run_after, created_at, actor)
                      VALUES('scan', 'cpu', 'enqueued', 0, '{}', '', 'k', 'r', 'requeue', 3, 1, 1, '')"))
            .await
            .unwrap();
        store
            .run(Raw("INSERT INTO node(id, boot, version, kinds, started_at, seen_at, stopping)
                      VALUES('old', '1', '0', 'scan', 1, 1, 0)"))
            .await
            .unwrap();
        store.run(Migrate).await.unwrap();
        assert_eq!(store.run(Raw(columns)).await.unwrap(), new);
        // Its claims know nothing of sites.
        let old = store.run(Raw("SELECT stopping FROM node WHERE id = 'old'")).await.unwrap();
        assert_eq!(old[0].int(0).unwrap(), 1);
        let asked = |request: &str| NewTask {
            kind: "scan".into(),
            queue: "cpu".into(),
            priority: 0,
            args: "{}".into(),
            summary: String::new(),
            site: None,
            unique_key: Some("k".into()),
            request_id: Some(request.into()),
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            delay: 0,
            actor: String::new(),
            parent: None,
        };
        for request in ["r", "another", "r", "another"] {
            let id = store.run(Enqueue(asked(request))).await.unwrap().id;
            assert_eq!(id.0, 1, "{request}");
            let Found::Task(task) = store.run(Find(id)).await.unwrap() else { panic!("{id}") };
            assert_eq!((task.site, task.request_id.as_str()), (None, "r"));
        }
        store.run(Migrate).await.unwrap();
    }
}
