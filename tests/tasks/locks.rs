//! Who waits for whom in PostgreSQL, and what that costs.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use store::operations::enqueue::Enqueue;
use store::operations::read::{Find, Found};
use store::operations::renew::Renew;
use store::record::{NewTask, TaskId};
use store::{Error, Operation, Transaction};
use support::postgres::Postgres;

use crate::stores::{block_on, claim, node, open, task};

tests! {
    heartbeats_do_not_wait_for_who_holds_a_queue,
    asking_again_uses_up_no_number,
}

/// Holds the rows of all queues until it is told to go on.
#[derive(Clone)]
struct HoldQueues {
    begun: mpsc::Sender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Operation for HoldQueues {
    type Reply = ();
    const NAME: &'static str = "hold_queues";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<(), Error> {
        tx.query("SELECT name FROM queue FOR UPDATE", &[]).await?;
        self.begun.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        Ok(())
    }
}

fn heartbeats_do_not_wait_for_who_holds_a_queue() {
    let server = Postgres::start();
    let url = server.create_database("a");
    let (store, other) = (open(&url), open(&url));
    block_on(store.run(node("n0", 3))).unwrap();
    block_on(store.run(Enqueue(task()))).unwrap();
    let ((begun, has_begun), (go_on, may_go_on)) = (mpsc::channel(), mpsc::channel());
    let hold = HoldQueues { begun, go_on: Arc::new(Mutex::new(may_go_on)) };
    let holder = thread::spawn(move || block_on(other.run(hold)));
    has_begun.recv().unwrap();
    let claimer = thread::spawn({
        let store = store.clone();
        move || block_on(store.run(claim("n0", 1)))
    });
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    while server.query("a", waits) != "1" && !claimer.is_finished() {
        thread::sleep(Duration::from_millis(1));
    }
    let renew = Renew { node: "n0".into(), boot: "n0-1".into(), tasks: vec![] };
    let renewed = block_on(store.run(renew)).unwrap();
    assert!(renewed.is_current);
    assert!(!claimer.is_finished(), "the heartbeat came after the claim");
    go_on.send(()).unwrap();
    holder.join().unwrap().unwrap();
    assert_eq!(claimer.join().unwrap().unwrap().len(), 1);
}

fn asking_again_uses_up_no_number() {
    let server = Postgres::start();
    let store = open(&server.create_database("a"));
    let keyed = || Enqueue(NewTask { unique_key: Some("k".into()), ..task() });
    let made = block_on(store.run(keyed())).unwrap();
    for _ in 0..3 {
        assert_eq!(block_on(store.run(keyed())).unwrap().id, made.id);
    }
    // What was never given is not said to be purged.
    let next = TaskId(made.id.0 + 1);
    assert_eq!(block_on(store.run(Find(next))).unwrap(), Found::Unknown);
    assert_eq!(block_on(store.run(Enqueue(task()))).unwrap().id, next);
}
