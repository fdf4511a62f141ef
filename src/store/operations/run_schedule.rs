//! Runs what a schedule runs, besides its slots.

use super::enqueue::{self, Enqueued};
use super::tick;
use crate::error::Error;
use crate::operation::{Hint, Operation, Transaction};
use crate::record::NewTask;

/// Asks for the task of a schedule now, as its row says: the process that asks need not know its kind.
#[derive(Clone, Debug)]
pub struct RunSchedule {
    /// The name of the schedule.
    pub schedule: String,
    /// Who asks.
    pub actor: String,
    /// A name that the asker gives: asked twice with one name, there is one task.
    pub request_id: Option<String>,
}

impl Operation for RunSchedule {
    /// The task that was asked for, and what has come of it; `None` if there is no such schedule.
    type Reply = Option<(NewTask, Enqueued)>;
    const NAME: &'static str = "run_schedule";

    fn hint(&self, reply: &Self::Reply) -> Option<Hint> {
        reply.as_ref().is_some_and(|(_, enqueued)| enqueued.is_new).then_some(Hint::Queue)
    }

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Self::Reply, Error> {
        let columns = tick::COLUMNS;
        let sql = format!("SELECT {columns} FROM schedule WHERE id = ?1");
        let rows = tx.query(&sql, &[(&self.schedule).into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let task = NewTask {
            actor: self.actor.clone(),
            request_id: self.request_id.clone(),
            ..tick::task_of(row)?
        };
        let enqueued = enqueue::enqueue(tx, &task).await?;
        Ok(Some((task, enqueued)))
    }
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use crate::operations::node::StartNode;
    use crate::operations::read::{Find, Found, List};
    use crate::record::{CatchUp, NewSchedule, OnLoss, Task};
    use crate::sqlite::{Inline, system_clock};

    use super::*;

    fn task_at(site: &str) -> NewTask {
        NewTask {
            kind: "scan".into(),
            queue: "cpu".into(),
            priority: 3,
            args: "{\"a\":1}".into(),
            summary: "what it does".into(),
            site: Some(site.into()),
            unique_key: None,
            request_id: None,
            on_loss: OnLoss::Drop,
            max_failures: 7,
            delay: 0,
            actor: String::new(),
            parent: None,
        }
    }

    async fn store() -> Store {
        let store = Store::from(Inline::new(system_clock()).unwrap());
        let schedule = NewSchedule {
            id: "scan@two".into(),
            period: 1_000_000,
            phase: 0,
            catch_up: CatchUp::One,
            task: task_at("two"),
        };
        let start = StartNode {
            node: "two".into(),
            boot: "1".into(),
            site: Some("two".into()),
            files: String::new(),
            version: "0".into(),
            kinds: vec!["scan".into()],
            queues: vec![("cpu".into(), 1)],
            schedules: vec![schedule],
        };
        store.run(start).await.unwrap();
        store
    }

    async fn run(store: &Store, schedule: &str, request: Option<&str>) -> Option<Enqueued> {
        let request_id = request.map(str::to_owned);
        let (schedule, actor) = (schedule.to_owned(), "anna".to_owned());
        let reply = store.run(RunSchedule { schedule, actor, request_id }).await.unwrap();
        reply.map(|(_, enqueued)| enqueued)
    }

    async fn find(store: &Store, enqueued: Enqueued) -> Task {
        match store.run(Find(enqueued.id)).await.unwrap() {
            Found::Task(task) => *task,
            missing => panic!("{missing:?}"),
        }
    }

    #[tokio::test]
    async fn the_task_is_that_of_the_row_by_who_asks() {
        let store = store().await;
        assert!(run(&store, "scan", None).await.is_none());
        let first = run(&store, "scan@two", Some("r")).await.unwrap();
        let task = find(&store, first).await;
        assert_eq!(
            (&*task.kind, &*task.args, &*task.summary),
            ("scan", "{\"a\":1}", "what it does")
        );
        assert_eq!((task.priority, task.max_failures, task.on_loss), (3, 7, OnLoss::Drop));
        assert_eq!((task.site.as_deref(), task.schedule.as_deref()), (Some("two"), None));
        assert_eq!((&*task.actor, &*task.request_id), ("anna", "r"));
        // As for a slot: while one waits, there is no second one.
        let merged = run(&store, "scan@two", Some("s")).await.unwrap();
        assert_eq!((merged.id, merged.is_new), (first.id, false));
    }

    #[tokio::test]
    async fn a_list_of_a_site_has_no_tasks_of_others() {
        let store = store().await;
        for site in ["one", "two"] {
            store.run(enqueue::Enqueue(task_at(site))).await.unwrap();
        }
        store.run(enqueue::Enqueue(NewTask { site: None, ..task_at("") })).await.unwrap();
        let list = List { site: Some("two".into()), limit: 10, ..List::default() };
        let found = store.run(list).await.unwrap();
        let sites: Vec<_> = found.iter().map(|task| task.site.as_deref()).collect();
        assert_eq!(sites, [None, Some("two")]);
    }
}
