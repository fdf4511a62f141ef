//! What an import refuses, and where.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use super::table::{TABLES, Type};
use super::{Export, Import};
use crate::operation::{Operation, Transaction};
use crate::operations::doctor::{Examine, Fault};
use crate::operations::enqueue::Enqueue;
use crate::operations::mirror::{FindFact, WriteChecks, Written};
use crate::record::{Fact, NewTask, OnLoss, TaskId, bounds};
use crate::sqlite::{Inline, system_clock};
use crate::{Error, Store};

/// A file that a test can look into.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn empty() -> Store {
    Inline::new(system_clock()).unwrap().into()
}

fn task() -> NewTask {
    NewTask {
        site: None,
        kind: "test.sleep".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "sleeps".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "me \"and\" ä\\".into(),
        parent: None,
    }
}

/// A statement of a test.
#[derive(Clone, Debug)]
struct Raw(String);

impl Operation for Raw {
    type Reply = Vec<crate::operation::Row>;
    const NAME: &'static str = "raw";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        tx.query(&self.0, &[]).await
    }
}

fn shown(faults: &[Fault]) -> Vec<String> {
    let shown = |fault: &Fault| format!("{} {}", fault.invariant.as_str(), fault.message);
    faults.iter().map(shown).collect()
}

async fn exported(store: &Store) -> String {
    let sink = Sink::default();
    store.run(Export::to(sink.clone())).await.unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

async fn sample() -> String {
    let store = empty();
    for _ in 0..250 {
        store.run(Enqueue(task())).await.unwrap();
    }
    exported(&store).await
}

#[tokio::test]
async fn what_was_exported_is_imported_with_its_numbers() {
    let text = sample().await;
    assert!(text.starts_with("{\"mirrorlistd_store\":1,\"schema\":"), "{text}");
    assert!(text.ends_with("{\"end\":{\"rows\":500}}\n"));
    let store = empty();
    let moved = store.run(Import::from(Cursor::new(text.clone()))).await.unwrap();
    assert_eq!(moved.rows, 500);
    assert_eq!(exported(&store).await, text);
    assert_eq!(store.run(Enqueue(task())).await.unwrap().id, TaskId(251));
    let faults = store.run(Examine::default()).await.unwrap();
    assert_eq!(
        shown(&faults),
        ["I11 tasks wait in queue cpu, which has no row: no node takes them"]
    );
    // Into what has rows nothing is imported.
    let error = store.run(Import::from(Cursor::new(text))).await.unwrap_err().to_string();
    assert!(error.starts_with("the store is not empty"), "{error}");
}

/// Imports `text` with a change, and checks that it is refused with a message and leaves nothing.
#[track_caller]
fn check(text: &str, message: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = empty();
    let import = Import::from(Cursor::new(text.to_owned()));
    let error = runtime.block_on(store.run(import)).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
    let left = runtime.block_on(exported(&store));
    assert_eq!(left.lines().count(), 2, "{left}");
}

#[test]
fn every_fault_is_named_with_its_line() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let text = runtime.block_on(sample());
    let lines: Vec<&str> = text.lines().collect();
    let with = |n: usize, line: &str| {
        let mut lines = lines.clone();
        lines[n - 1] = line;
        lines.join("\n") + "\n"
    };
    check("", "line 1: is missing");
    check("{}\n", "line 1: does not begin an export");
    check(&text.replace("\"schema\":", "\"schema\":9"), "line 1: has format 1 and schema 9");
    check(&with(3, "nonsense"), "line 3: is no JSON object");
    check(&with(3, "[]"), "line 3: is no JSON object");
    check(&with(3, "{}"), "line 3: does not name one table");
    check(&with(3, "{\"pg_authid\":{}}"), "line 3: names the table `pg_authid`");
    check(&with(3, "{\"task\":1}"), "line 3: has no object for the row");
    check(&with(3, &lines[2].replace("\"kind\":", "\"king\":")), "line 3: has a column `king`");
    check(&with(3, &lines[2].replace("\"rerun\":0,", "")), "line 3: has no column `rerun`");
    check(
        &with(3, &lines[2].replace("\"rerun\":0", "\"rerun\":\"0\"")),
        "`rerun` something that is no number",
    );
    check(
        &with(3, &lines[2].replace("\"rerun\":0", "\"rerun\":1e99")),
        "`rerun` a number that is too large",
    );
    check(&with(3, &lines[2].replace("\"rerun\":0", "\"rerun\":7")), "line 3: ");
    check(&with(3, &lines[2].replace("\"cpu\"", "null")), "line 3: ");
    check(&with(3, lines[1]), "line 3: ");
    check(
        &with(3, &format!("{{\"task\":{{\"kind\":\"{}\"}}}}", "x".repeat(3 * bounds::CHECKS))),
        "line 3: is cut off",
    );
    check(text.trim_end(), "line 502: is cut off");
    check(&(lines[..400].join("\n") + "\n"), "line 401: is missing");
    let shorter = text.replace(&format!("{}\n", lines[500]), "");
    check(&shorter, "line 501: tells 500 rows, and 499 were there");
    check(&(text.clone() + "{}\n"), "line 503: comes after the end");
    check(
        &text.replace("{\"task\":250,", "{\"task\":249,"),
        "line 1: tells 249 as the last number",
    );
    check(&with(400, &lines[399].replace("\"task\":", "\"task\":9")), "");
}

#[tokio::test]
async fn an_operation_that_moves_is_not_repeated() {
    let store = empty();
    let export = Export::to(Sink::default());
    store.run(export.clone()).await.unwrap();
    let error = store.run(export).await.unwrap_err().to_string();
    assert_eq!(error, "the export was interrupted: begin it again");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = empty().run(Export::to(Full)).await.unwrap_err().to_string();
    assert!(error.starts_with("the export cannot be written: "), "{error}");
}

#[tokio::test]
async fn every_column_of_every_table_is_moved() {
    let store = empty();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                  AND name <> 'store_version' ORDER BY name";
    let rows = store.run(Raw(tables.to_owned())).await.unwrap();
    let mut known: Vec<_> = TABLES.iter().map(|table| table.name.to_owned()).collect();
    known.sort();
    assert_eq!(rows.iter().map(|row| row.text(0).unwrap()).collect::<Vec<_>>(), known);
    for table in TABLES {
        let columns = store.run(Raw(format!("PRAGMA table_info({})", table.name))).await.unwrap();
        let columns = columns.iter().map(|row| (row.text(1).unwrap(), row.text(2).unwrap()));
        let moved = table.columns.iter().map(|(name, column)| {
            let name_of_type = if *column == Type::Int { "INTEGER" } else { "TEXT" };
            ((*name).to_owned(), name_of_type.to_owned())
        });
        assert_eq!(columns.collect::<Vec<_>>(), moved.collect::<Vec<_>>(), "{}", table.name);
    }
}

#[tokio::test]
async fn an_examination_names_what_cannot_be() {
    let store = empty();
    for _ in 0..30 {
        store.run(Enqueue(NewTask { queue: "cpu".into(), ..task() })).await.unwrap();
    }
    let faults = async || shown(&store.run(Examine { kinds: vec!["known".into()] }).await.unwrap());
    assert_eq!(
        faults().await,
        ["I11 tasks wait in queue cpu, which has no row: no node takes them"]
    );
    let raw = async |sql: &str| store.run(Raw(sql.to_owned())).await.unwrap();
    raw("INSERT INTO queue(name, max_running) VALUES('cpu', 1)").await;
    assert_eq!(faults().await, Vec::<String>::new());
    raw("DROP INDEX task_unique").await;
    raw("UPDATE task SET unique_key = 'k' WHERE id < 3").await;
    assert_eq!(faults().await, ["I5 2 tasks of the key k wait or run, and one may"]);
    raw("UPDATE task SET unique_key = NULL").await;
    raw("DROP INDEX task_slot").await;
    raw("UPDATE task SET schedule = 's', slot = 5 WHERE id < 3").await;
    assert_eq!(faults().await, ["I6 2 tasks were made for the slot 5 of schedule s"]);
    raw("UPDATE task SET schedule = NULL, slot = NULL").await;
    raw("UPDATE task SET state = 'running', boot = 'b', node = 'n', claim = 1 WHERE id < 3").await;
    assert_eq!(
        faults().await,
        [
            "I3 task 1 runs on node n, which has no row",
            "I3 task 2 runs on node n, which has no row",
            "I4 2 tasks of queue cpu run, and 1 may; it passes if the limit was lowered just now",
            "I3 task 1 runs, and its attempt 1 has ended or is missing",
            "I3 task 2 runs, and its attempt 1 has ended or is missing",
        ]
    );
    raw("UPDATE task SET state = 'enqueued', boot = NULL").await;
    raw("INSERT INTO task_attempt(task, claim, node, boot, started) VALUES(1, 4, 'n', 'b', 1)")
        .await;
    assert_eq!(
        faults().await,
        [
            "I2 task 1 has claim 1, and an attempt with claim 4",
            "I3 attempt 4 of task 1 has no end, and the task is enqueued",
        ]
    );
    raw("DELETE FROM task_attempt").await;
    raw("UPDATE task SET cancel_at = 1 WHERE id = 1").await;
    raw("UPDATE task SET state = 'failed', finished_at = 1, rerun = 1 WHERE id = 2").await;
    raw("UPDATE task SET site = 'east' WHERE id = 3").await;
    raw("INSERT INTO task_request SELECT id + 1, request_id, 1 FROM task WHERE id = 4").await;
    let request = raw("SELECT request_id FROM task WHERE id = 4").await[0].text(0).unwrap();
    assert_eq!(
        faults().await,
        [
            format!("I5 2 tasks stand for the request {request}").as_str(),
            "I8 task 1 was to be cancelled, and is enqueued",
            "I9 task 2 is failed, and the run that was to follow is missing",
            "I11 tasks wait for the site east, which no node has: no node takes them",
        ]
    );
    raw("DELETE FROM task_request").await;
    raw("UPDATE task SET cancel_at = NULL, state = 'enqueued', finished_at = NULL, rerun = 0, site = NULL")
        .await;
    raw("PRAGMA ignore_check_constraints = ON").await;
    raw("UPDATE task SET state = 'odd', finished_at = 1 WHERE id = 1").await;
    raw("UPDATE task SET boot = 'b' WHERE id = 2").await;
    raw("UPDATE task SET finished_at = 1 WHERE id = 3").await;
    let found = faults().await;
    assert_eq!(
        found[..3],
        [
            "I1 task 1 is in the state `odd`, which there is not",
            "I3 task 2 is enqueued, and a process has it",
            "I7 task 3 is enqueued, and has the time of an end",
        ]
    );
    // SQLite sees it as well, in its own words.
    assert!(
        found[3..].iter().all(|fault| fault.starts_with("file the file is damaged: ")),
        "{found:?}"
    );
    raw("UPDATE task SET state = 'completed', finished_at = NULL, boot = NULL").await;
    let found = faults().await;
    assert_eq!(found[0], "I7 task 1 is completed, and has no time of its end");
    assert_eq!(found[20], "I7 and more of the last one: only 20 are named");
    raw("UPDATE task SET finished_at = 2").await;
    raw(
        "INSERT INTO schedule(id, kind, queue, priority, args, summary, on_loss, max_failures, period,
         phase, catch_up, last_slot) VALUES('s', 'gone', 'cpu', 0, '{}', '', 'drop', 1, 1, 0, 'one', 0)",
    )
    .await;
    assert_eq!(faults().await, ["I11 schedule s makes tasks of the kind gone, which there is not"]);
    raw("INSERT INTO node(id, boot, version, kinds, started_at, seen_at, stopping)
         VALUES('n', 'b', '1', 'ago gone.by gone known', 1, 1, 0), ('m', 'b', '1', 'begone', 1, 1, 0)")
    .await;
    raw("INSERT INTO schedule_node VALUES('s', 'm')").await;
    assert_eq!(faults().await, ["I11 schedule s makes tasks of the kind gone, which there is not"]);
    // Of the nodes that declare it, one knows the kind.
    raw("INSERT INTO schedule_node VALUES('s', 'n')").await;
    assert_eq!(faults().await, Vec::<String>::new());
    raw("DELETE FROM schedule").await;
    raw("DELETE FROM sqlite_sequence WHERE name = 'task'").await;
    assert_eq!(
        faults().await,
        ["I1 the table task has the number 30, and 0 is the last that was given"]
    );
    raw("DROP TABLE task_event").await;
    raw("CREATE TABLE task_event(id INTEGER PRIMARY KEY, task INTEGER, at INTEGER, what TEXT)")
        .await;
    raw("INSERT INTO task_event(task, at) VALUES(77, 1)").await;
    assert!(
        faults().await.contains(&"I1 1 events are those of task 77, which is missing".to_owned())
    );
}

#[tokio::test]
async fn the_longest_text_goes_from_store_to_store() {
    let store = empty();
    // Each byte becomes two in the file.
    let value = "\"".repeat(bounds::CHECKS);
    let facts = vec![Fact { name: "history".into(), version: 0, value: value.clone() }];
    let write = WriteChecks { facts, ..WriteChecks::default() };
    assert_eq!(store.run(write).await.unwrap(), Written::Yes);
    let sink = Sink::default();
    store.run(Export::to(sink.clone())).await.unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    let other = empty();
    other.run(Import::from(Cursor::new(bytes))).await.unwrap();
    let found = other.run(FindFact { site: String::new(), name: "history" }).await.unwrap();
    assert!(found.is_some_and(|fact| fact.value == value));
}
