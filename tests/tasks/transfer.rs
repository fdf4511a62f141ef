//! A store moves from SQLite to PostgreSQL and back, and is the same.

use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use store::operations::claim::Claim;
use store::operations::doctor::Examine;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::node::{StartNode, StopNode};
use store::operations::people::{Comment, Pausable, Pause};
use store::operations::purge::Purge;
use store::operations::read::{Find, Found};
use store::operations::tick::Tick;
use store::record::{CatchUp, NewSchedule, NewTask, TaskId, Timestamp};
use store::sqlite::Inline;
use store::transfer::{Export, Import};
use store::{Error, Store};
use support::postgres::Postgres;

use crate::stores::{block_on, claim, completed, in_memory, node, open, task};

tests! {
    a_store_that_moves_there_and_back_is_the_same,
    a_store_with_a_running_node_is_not_exported,
    an_import_that_fails_leaves_an_empty_store,
}

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

async fn export(store: &Store) -> Result<String, Error> {
    let sink = Sink::default();
    store.run(Export::to(sink.clone())).await?;
    let bytes = sink.0.lock().unwrap().clone();
    Ok(String::from_utf8(bytes).unwrap())
}

async fn import(store: &Store, text: &str) -> Result<u64, Error> {
    Ok(store.run(Import::from(Cursor::new(text.to_owned()))).await?.rows)
}

/// A store with rows of every kind: ended, running, waiting and purged tasks, and odd characters.
async fn sample() -> Store {
    // Each look at the clock is a millisecond later.
    let time = AtomicI64::new(1_700_000_000_000);
    let clock = Arc::new(move || Timestamp(time.fetch_add(1, Ordering::Relaxed)));
    let store = Store::from(Inline::new(clock).unwrap());
    let schedule = NewSchedule {
        id: "nightly Übung".into(),
        period: 1_000,
        phase: 7,
        catch_up: CatchUp::One,
        task: NewTask { args: r#"{"a":"\"\\'😀\u0001"}"#.into(), ..task() },
    };
    let start = StartNode {
        queues: vec![("cpu".into(), 3), ("Net".into(), 2), ("db".into(), 0)],
        schedules: vec![schedule],
        ..node("a", 3)
    };
    store.run(start).await.unwrap();
    store.run(Tick).await.unwrap();
    for n in 0..300 {
        let key = (n % 7 == 0).then(|| format!("key {n}"));
        let site = (n % 5 == 0).then(|| "east".to_owned());
        let new = NewTask { unique_key: key, site, delay: n, ..task() };
        store.run(Enqueue(new)).await.unwrap();
    }
    for n in 0..250 {
        let (key, name) = (Some("key 294".to_owned()), Some(format!("Übung {n}, {}", n % 3)));
        let met = NewTask { unique_key: key, request_id: name, delay: 300, ..task() };
        assert!(!store.run(Enqueue(met)).await.unwrap().is_new);
    }
    let room = Claim { room: vec![("cpu".into(), 3)], ..claim("a", 3) };
    for round in 0..5 {
        for (n, task) in store.run(room.clone()).await.unwrap().iter().enumerate() {
            let failed = End::Failed {
                code: "io".into(),
                error: "it failed, 'quoted' and ünicode".into(),
                retry_after: (round % 2 == 0).then_some(0),
            };
            match n {
                0 => store.run(Finish { end: failed, ..completed(task) }).await,
                _ => store.run(completed(task)).await,
            }
            .unwrap();
        }
    }
    store.run(room).await.unwrap();
    let text = "a note\twith \u{2028} and \\ and \"".to_owned();
    store.run(Comment { id: TaskId(2), actor: "me".into(), text }).await.unwrap();
    let pause = Pause {
        what: Pausable::Queue,
        name: "db".into(),
        actor: "me".into(),
        reason: "full".into(),
    };
    store.run(pause).await.unwrap();
    // The highest number was given, and its row is gone.
    let last = store.run(Enqueue(task())).await.unwrap().id;
    let cancel =
        |id| store::operations::people::Cancel { id, actor: "me".into(), reason: "".into() };
    store.run(cancel(last)).await.unwrap();
    let later = store.run(Enqueue(task())).await.unwrap().id;
    store.run(cancel(later)).await.unwrap();
    store.run(Purge { kind: None, except: vec![], keep: 0, limit: 10_000 }).await.unwrap();
    store.run(StopNode { node: "a".into(), boot: "a-1".into() }).await.unwrap();
    store
}

fn a_store_that_moves_there_and_back_is_the_same() {
    let server = Postgres::start();
    let on_postgres = open(&server.create_database("a"));
    block_on(async {
        let before = sample().await;
        let text = export(&before).await.unwrap();
        let n_rows = text.lines().count() as u64 - 2;
        assert!(n_rows > 600, "{n_rows}");
        assert_eq!(import(&on_postgres, &text).await.unwrap(), n_rows);
        assert_eq!(export(&on_postgres).await.unwrap(), text);
        let after = in_memory();
        import(&after, &text).await.unwrap();
        assert_eq!(export(&after).await.unwrap(), text);
        let kinds = vec![crate::stores::KIND.to_owned()];
        for store in [&before, &on_postgres, &after] {
            let faults = store.run(Examine { kinds: kinds.clone() }).await.unwrap();
            assert_eq!(faults, []);
            // Purged stays purged, unknown stays unknown, and no number is given twice.
            assert_eq!(store.run(Find(TaskId(302))).await.unwrap(), Found::Purged);
            assert_eq!(store.run(Find(TaskId(304))).await.unwrap(), Found::Unknown);
            let next = store.run(Enqueue(NewTask { delay: 1, ..task() })).await.unwrap();
            assert_eq!(next.id, TaskId(304));
            // And work goes on: the process that comes next ends what its predecessor had.
            let start = StartNode { boot: "a-2".into(), ..node("a", 3) };
            assert_eq!(store.run(start).await.unwrap().lost, 3);
        }
    });
}

fn a_store_with_a_running_node_is_not_exported() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    block_on(async {
        store.run(node("a", 1)).await.unwrap();
        let error = export(&store).await.unwrap_err().to_string();
        assert!(error.starts_with("node a was seen 0 s ago: stop all nodes first"), "{error}");
        // One that was killed counts as stopped after a while, by the clock of the server.
        server.query("a", "UPDATE mirrorlistd.node SET seen_at = seen_at - 60000");
        export(&store).await.unwrap();
        store.run(node("a", 1)).await.unwrap();
        store.run(StopNode { node: "a".into(), boot: "a-1".into() }).await.unwrap();
        export(&store).await.unwrap();
    });
}

fn an_import_that_fails_leaves_an_empty_store() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    block_on(async {
        let text = export(&sample().await).await.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cut = lines[..200].join("\n") + "\n";
        let error = import(&store, &cut).await.unwrap_err().to_string();
        assert_eq!(error, "line 201: is missing: the file was cut off");
        let twice = text.replacen(lines[100], lines[99], 1);
        let error = import(&store, &twice).await.unwrap_err().to_string();
        assert!(error.starts_with("line 101: "), "{error}");
        let nul = text.replacen("it failed", "\\u0000", 1);
        let error = import(&store, &nul).await.unwrap_err().to_string();
        assert!(error.contains(": a text holds a NUL"), "{error}");
        assert_eq!(server.query("a", "SELECT count(*) FROM mirrorlistd.task"), "0");
        import(&store, &text).await.unwrap();
        let error = import(&store, &text).await.unwrap_err().to_string();
        assert!(error.contains("the table queue has rows"), "{error}");
    });
}
