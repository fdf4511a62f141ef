//! Another node, for tests: it runs the tasks of a store as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use store::Store;
use store::operations::claim::Claim;
use store::operations::enqueue::{Enqueue, Enqueued};
use store::operations::finish::{End, Finish};
use store::operations::node::StartNode;
use store::record::{NewTask, OnLoss, Task, Timestamp};
use store::sqlite::Inline;
use tasks::changes::Changes;
use tasks::kind::at_site;
use tasks::{Kind, Kinds, Tasks};

use super::Trigger;
use crate::freshness::Freshness;
use crate::kinds::{compile, scan};
use crate::options::{PrimaryTree, Site};
use ::scan::TreeSource;
use serve::reload::Shrink;
use sources::Inputs;

/// A store, and a node that works on it.
pub(super) struct Elsewhere {
    pub(super) store: Store,
    time: Arc<AtomicI64>,
}

fn kinds() -> Vec<String> {
    vec![scan::NAME.to_owned(), compile::NAME.to_owned()]
}

fn new_task(kind: &str, site: Option<&str>) -> NewTask {
    NewTask {
        kind: kind.into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: String::new(),
        site: site.map(str::to_owned),
        unique_key: Some(at_site(kind, site)),
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "a test".into(),
        parent: None,
    }
}

impl Elsewhere {
    pub(super) async fn start() -> Self {
        let time = Arc::new(AtomicI64::new(1_000_000));
        let clock = Arc::clone(&time);
        let clock = Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)));
        let store = Store::from(Inline::new(clock).expect("a store"));
        let start = StartNode {
            node: "other".into(),
            boot: "boot".into(),
            site: None,
            files: String::new(),
            version: "0".into(),
            kinds: kinds(),
            queues: vec![("cpu".into(), 1)],
            schedules: Vec::new(),
        };
        store.run(start).await.expect("it is there");
        Self { store, time }
    }

    /// Lets time pass by the store's clock.
    pub(super) fn pass(&self, milliseconds: i64) {
        self.time.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// The triggers of a process that has the files of `site`.
    pub(super) fn trigger_of(&self, site: &str) -> Trigger {
        let site_of_it = Site {
            inputs: Inputs::Demo,
            snapshot: "mirrors.snapshot".into(),
            shrink: Shrink::Accept,
            tree: Some(PrimaryTree {
                source: TreeSource::Tree("tree".into()),
                index: "primary.index".into(),
            }),
            geography: None,
            findings: None,
        };
        let freshness = Arc::new(Freshness::default());
        let keep = Duration::from_secs(1);
        let tree = site_of_it.tree.clone().map(Arc::new).expect("a tree");
        let kinds: Vec<Arc<dyn Kind>> = vec![
            Arc::new(scan::ScanTree { tree, keep_versions: keep, keep }),
            Arc::new(compile::Compile {
                site: Arc::new(site_of_it),
                freshness: Arc::clone(&freshness),
                keep,
            }),
        ];
        let kinds = Kinds::new(kinds).of_site(Some(site));
        Trigger { tasks: Tasks::new(self.store.clone(), kinds, Changes::default()), freshness }
    }

    /// Asks for a task.
    pub(super) async fn ask(&self, kind: &str, site: Option<&str>) -> Enqueued {
        self.store.run(Enqueue(new_task(kind, site))).await.expect("it is there")
    }

    /// Begins the task that is the next one, if one waits.
    pub(super) async fn claim_any(&self) -> Option<Task> {
        let (node, boot) = ("other".to_owned(), "boot".to_owned());
        let room = vec![("cpu".into(), 1)];
        let claim = Claim { node, boot, site: None, kinds: kinds(), room };
        self.store.run(claim).await.expect("it is there").pop()
    }

    /// Asks for a task, and begins it.
    pub(super) async fn claim(&self, kind: &str, site: Option<&str>) -> Task {
        let asked = self.ask(kind, site).await;
        let task = self.claim_any().await.expect("a task waits");
        assert_eq!(task.id, asked.id, "it is the next one");
        task
    }

    /// Ends a task.
    pub(super) async fn finish(&self, task: &Task, end: End) {
        self.finish_then(task, end, &[]).await;
    }

    /// Ends a task, which others follow.
    pub(super) async fn finish_then(&self, task: &Task, end: End, then: &[&str]) {
        let finish = Finish {
            id: task.id,
            claim: task.claim,
            node: "other".into(),
            boot: "boot".into(),
            end,
            stages: None,
            then: then.iter().map(|kind| new_task(kind, task.site.as_deref())).collect(),
        };
        self.store.run(finish).await.expect("it is there");
    }

    /// Asks for a task, begins it and ends it.
    pub(super) async fn run(&self, kind: &str, site: Option<&str>, end: End) {
        let task = self.claim(kind, site).await;
        self.finish(&task, end).await;
    }

    /// Begins and ends the task that waits.
    pub(super) async fn run_waiting(&self) {
        let task = self.claim_any().await.expect("a task waits");
        self.finish(&task, End::Completed { result: None }).await;
    }
}
