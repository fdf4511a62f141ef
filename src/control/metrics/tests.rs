use std::collections::BTreeSet;

use store::operations::enqueue::Enqueue;
use store::operations::node::StartNode;
use store::record::{CatchUp, NewSchedule, NewTask, OnLoss, Timestamp};
use store::sqlite::Inline;
use store::{Error, Hook, Store};
use tasks::Kinds;
use tasks::changes::Changes;
use tasks::node::{Node, NodeOptions};

use std::sync::Arc;

use tasks::Tasks;

use super::*;
use crate::freshness::PublishTimes;

/// A store that does not answer.
struct Broken;

impl Hook for Broken {
    fn begin(&self, _: &'static str) -> Result<(), Error> {
        Err(Error::Unavailable("gone".into()))
    }
}

fn sources(store: Store) -> Sources {
    let tasks = Tasks::new(store, Kinds::default(), Changes::default());
    let node = Node::new(tasks.clone(), NodeOptions::new("a", "0")).handle();
    Sources {
        tasks,
        node: Arc::new(move || Some(node.clone())),
        publish_times: Arc::new(PublishTimes::default),
        checks: None,
    }
}

fn new_task() -> NewTask {
    NewTask {
        site: None,
        kind: "test.nap".into(),
        queue: "cpu".into(),
        priority: 0,
        args: "{}".into(),
        summary: "sleeps".into(),
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 3,
        delay: 0,
        actor: "me".into(),
        parent: None,
    }
}

async fn filled() -> Store {
    let store = Store::from(Inline::new(Arc::new(|| Timestamp(1_000_000))).unwrap());
    let schedule = NewSchedule {
        id: "nightly".into(),
        period: 60_000,
        phase: 0,
        catch_up: CatchUp::One,
        task: new_task(),
    };
    let start = StartNode {
        site: None,
        files: String::new(),
        node: "a".into(),
        boot: "1".into(),
        version: "0".into(),
        kinds: vec!["test.nap".into()],
        queues: vec![("cpu".into(), 2)],
        schedules: vec![schedule],
    };
    store.run(start).await.unwrap();
    store.run(Enqueue(new_task())).await.unwrap();
    store
}

#[tokio::test]
async fn what_the_store_holds_is_measured() {
    let text = write(&sources(filled().await)).await;
    for line in [
        "mirrorlistd_store_up 1.0",
        "mirrorlistd_tasks_queued{queue=\"cpu\"} 1.0",
        "mirrorlistd_task_oldest_queued_age_seconds{queue=\"cpu\"} 0.0",
        "mirrorlistd_tasks_running{queue=\"cpu\"} 0.0",
        "mirrorlistd_tasks_running_limit{queue=\"cpu\"} 2.0",
        "mirrorlistd_schedule_missed_total{schedule=\"nightly\"} 0",
        "mirrorlistd_schedule_period_seconds{schedule=\"nightly\"} 60.0",
        "mirrorlistd_task_reaped_total{reason=\"no_heartbeat\"} 0",
        "mirrorlistd_task_zombie_threads 0.0",
        "mirrorlistd_node_takes_tasks 0.0",
        "mirrorlistd_changes_published_total 0",
        "mirrorlistd_change_publish_seconds_total 0.0",
        "mirrorlistd_store_seconds_count{statement=\"overview\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    for line in text.lines() {
        let name = line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ");
        let is_known = all().any(|metric| name.starts_with(metric.name));
        assert!(is_known && !line.ends_with(' '), "{line}");
    }
}

#[tokio::test]
async fn without_a_store_the_rest_is_measured() {
    let text = write(&sources(filled().await.with_hook(Arc::new(Broken)))).await;
    assert!(text.contains("\nmirrorlistd_store_up 0.0\n"), "{text}");
    assert!(text.contains("\nmirrorlistd_task_lease_lost_total 0\n"), "{text}");
    assert!(!text.contains("mirrorlistd_tasks_queued"), "{text}");
    let without_node = Sources { node: Arc::new(|| None), ..sources(filled().await) };
    assert!(write(&without_node).await.contains("\nmirrorlistd_node_takes_tasks 0.0\n"));
}

#[test]
fn each_metric_has_a_name_of_its_own_and_a_text_of_one_line() {
    let names: BTreeSet<_> = all().map(|metric| metric.name).collect();
    assert_eq!(names.len(), all().count());
    for metric in all() {
        assert!(!metric.help.is_empty() && !metric.help.ends_with('.'), "{}", metric.name);
        assert!(!metric.help.contains(['\n', '|']) && !metric.name.ends_with("_total"));
        let label = |key: &str| metric.labels.iter().any(|(label, _)| *label == key);
        assert_eq!(label("le"), metric.kind == table::MetricKind::Histogram, "{}", metric.name);
    }
}
