//! How the statements find their rows.

use super::*;

/// The plans of the statements of an operation on tasks: what SQLite says about how it will run them.
#[derive(Clone)]
struct Plans<O>(O);

struct Planned<'t, T> {
    tx: &'t mut T,
    plans: Vec<String>,
}

impl<O: Operation> Operation for Plans<O> {
    type Reply = Vec<String>;
    const NAME: &'static str = "plans";

    async fn run<T: Transaction>(&self, tx: &mut T) -> Result<Vec<String>, Error> {
        let mut planned = Planned { tx, plans: Vec::new() };
        self.0.run(&mut planned).await?;
        Ok(planned.plans)
    }
}

impl<T: Transaction> Transaction for Planned<'_, T> {
    fn dialect(&self) -> store::operation::Dialect {
        self.tx.dialect()
    }

    async fn now(&mut self) -> Result<Timestamp, Error> {
        self.tx.now().await
    }

    async fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let plan = self.tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), parameters).await?;
        for row in &plan {
            self.plans.push(row.text(3)?);
        }
        self.tx.query(sql, parameters).await
    }
}

#[test]
fn statements_find_their_rows_by_an_index_however_many_there_are() {
    let at = At::new();
    at.run(Fill { state: "enqueued", n: 50_000 });
    at.start(vec![every(HOUR, CatchUp::One)]);
    let mut all = Vec::new();
    let enqueue = at.run(Plans(Enqueue(keyed("k"))));
    let claimed = at.run(Plans(claim(3)));
    assert!(claimed.iter().any(|plan| plan.contains("task_ready (queue=?")), "{claimed:#?}");
    let running = at.run(Running);
    all.extend(enqueue.into_iter().chain(claimed));
    let task = at.task(running[0].id);
    all.extend(at.run(Plans(finish(&task, End::Completed { result: None }))));
    all.extend(at.run(Plans(Reap { seen: running[1].clone(), by: "b".into(), hung: None })));
    let cancel = Cancel { id: running[2].id, actor: "ann".into(), reason: String::new() };
    all.extend(at.run(Plans(cancel)));
    all.extend(at.run(Plans(Tick)));
    all.extend(at.run(Plans(Running)));
    all.extend(at.run(Plans(ReadOverview)));
    all.extend(at.run(Plans(start("2", Vec::new()))));
    let renew = Renew { node: "a".into(), boot: "2".into(), tasks: Vec::new() };
    all.extend(at.run(Plans(renew)));
    for plan in &all {
        let reads_all = plan.starts_with("SCAN task") && !plan.contains("INDEX task_running");
        assert!(!reads_all && !plan.contains("ORDER BY"), "{plan}, of {all:#?}");
    }
}

#[test]
fn what_is_purged_is_found_in_order_and_not_by_comparing_all_with_all() {
    let mut at = At::new();
    at.run(Fill { state: "completed", n: 50_000 });
    at.pass(1);
    let purge = Purge { kind: Some("scan".into()), except: Vec::new(), keep: 0, limit: 500 };
    let plans = at.run(Plans(purge));
    for wanted in
        ["task_finished (kind=? AND finished_at<?)", "task_finished (kind=? AND finished_at>?)"]
    {
        assert!(plans.iter().any(|plan| plan.contains(wanted)), "{plans:#?}");
    }
    assert!(
        !plans.iter().any(|plan| plan.contains("ORDER BY") || plan == "SCAN task"),
        "{plans:#?}"
    );
}
