use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use serve::admin::allowed_hosts::AllowedHosts;
use serve::admin::part::Via;
use store::Store;
use store::operations::claim::Claim;
use store::operations::finish::{End, Finish};
use store::operations::node::{StartNode, StopNode};
use store::operations::purge::Purge;
use store::record::{CatchUp, NewSchedule, OnLoss, Task, Timestamp};
use store::sqlite::Inline;
use tasks::changes::Changes;
use tasks::kind::{Parameter, Plan, Policy, Values, Work};
use tasks::{Args, Kind, Kinds, Output, Request, Run};

mod odd;
mod streams;
mod of_tasks;

use super::*;

/// A kind that does nothing: tests claim and finish its tasks themselves.
struct Nap(&'static str);

/// A kind whose tasks of equal arguments are one.
struct Once;

impl Kind for Once {
    fn name(&self) -> &'static str {
        "test.once"
    }

    fn about(&self) -> &'static str {
        "sleeps once"
    }

    fn parameters(&self) -> &'static [Parameter] {
        Nap("").parameters()
    }

    fn policy(&self) -> Policy {
        Nap("").policy()
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        Ok(Plan { summary: String::new(), unique_key: Some(format!("once {args:?}")) })
    }

    fn run(self: Arc<Self>, _: Args, _: Run) -> Work {
        Box::pin(async { Ok(Output::default()) })
    }
}

/// All kinds that a process of the tests knows.
fn kinds() -> Kinds {
    Kinds::new(vec![Arc::new(Nap("test.nap")), Arc::new(Nap("test.rest")), Arc::new(Once)])
}

impl Kind for Nap {
    fn name(&self) -> &'static str {
        self.0
    }

    fn about(&self) -> &'static str {
        "sleeps"
    }

    fn parameters(&self) -> &'static [Parameter] {
        const SECONDS: Parameter = Parameter {
            name: "seconds",
            about: "how long",
            values: Values::Number { min: 0, max: 60 },
            is_required: false,
        };
        &[SECONDS]
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: "cpu",
            priority: 0,
            on_loss: OnLoss::Requeue,
            max_failures: 1,
            stall_after: Duration::from_secs(60),
            keep: Duration::from_secs(60),
        }
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        Ok(Plan { summary: format!("sleeps {args:?}"), unique_key: None })
    }

    fn run(self: Arc<Self>, _: Args, _: Run) -> Work {
        Box::pin(async { Ok(Output::default()) })
    }
}

struct Fixture {
    api: Api,
    tasks: Tasks,
    time: Arc<AtomicI64>,
}

fn start() -> StartNode {
    let kinds = kinds();
    let request = Request { kind: "test.nap".into(), ..Request::default() };
    let schedule = NewSchedule {
        id: "nightly".into(),
        period: 60_000,
        phase: 0,
        catch_up: CatchUp::One,
        task: kinds.plan(&request).unwrap(),
    };
    StartNode {
        site: None,
        files: String::new(),
        node: "a".into(),
        boot: "1".into(),
        version: "0".into(),
        kinds: vec!["test.nap".into()],
        queues: vec![("cpu".into(), 2)],
        schedules: vec![schedule],
    }
}

impl Fixture {
    /// An API in front of a store in memory, with a node that runs `test.nap` when a test says so.
    async fn new() -> Self {
        let fixture = Self::without_node();
        fixture.tasks.store().run(start()).await.unwrap();
        fixture
    }

    fn without_node() -> Self {
        let time = Arc::new(AtomicI64::new(1_795_258_889_000));
        let clock = Arc::clone(&time);
        let now = move || Timestamp(clock.load(Ordering::Relaxed));
        let store = Store::from(Inline::new(Arc::new(now)).unwrap());
        let tasks = Tasks::new(store, kinds(), Changes::default());
        let access = Access::new(None, AllowedHosts::default()).unwrap();
        Self { api: Api::new(tasks.clone(), Arc::new(access), Arc::new(|| None)), tasks, time }
    }

    async fn ask(&self, request: PartRequest) -> (StatusCode, HeaderMap, Value) {
        let reply = self.api.answer(&request).await;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let value = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{body:?}")),
        };
        (head.status, head.headers, value)
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        let (status, _, body) = self.ask(request(Method::GET, target, "")).await;
        (status.as_u16(), body)
    }

    async fn post(&self, target: &str, body: &str) -> (u16, Value) {
        let (status, _, body) = self.ask(request(Method::POST, target, body)).await;
        (status.as_u16(), body)
    }

    /// Asks for a task, and returns its number.
    async fn submit(&self, body: &Value) -> i64 {
        let (status, body) = self.post("/api/v1/tasks", &body.to_string()).await;
        assert_eq!(status, 202, "{body}");
        body["task"]["id"].as_i64().unwrap()
    }

    async fn nap(&self) -> i64 {
        self.submit(&json!({"kind": "test.nap"})).await
    }

    async fn claim(&self) -> Vec<Task> {
        let claim = Claim {
            site: None,
            node: "a".into(),
            boot: "1".into(),
            kinds: vec!["test.nap".into()],
            room: vec![("cpu".into(), 5)],
        };
        self.tasks.change(claim).await.unwrap()
    }

    async fn finish(&self, task: &Task) {
        let finish = Finish {
            id: task.id,
            claim: task.claim,
            node: "a".into(),
            boot: "1".into(),
            end: End::Completed { result: Some("{\"n\":7}".into()) },
            stages: Some("[[\"walk\",1200]]".into()),
            then: vec![],
        };
        self.tasks.change(finish).await.unwrap();
    }
}

fn request(method: Method, target: &str, body: &str) -> PartRequest {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(HeaderName::from_static("content-type"), json);
    }
    PartRequest {
        method,
        path: path.into(),
        query: query.into(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
        via: Via::UnixSocket,
        peer_user: None,
        may_wait: true,
    }
}

fn code(body: &Value) -> &str {
    body["error"]["code"].as_str().unwrap_or("")
}
