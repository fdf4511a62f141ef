//! Laws of the API of tasks: whatever is asked, the answer is JSON with a reason in one line; numbers and
//! filters mean what a slow reading of them says; and pages of a list make the whole list.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use control::access::Access;
use control::api::Api;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use serve::admin::allowed_hosts::AllowedHosts;
use serve::admin::part::{PartRequest, Via};
use store::Store;
use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::node::StartNode;
use store::operations::people::Cancel;
use store::record::{CatchUp, NewSchedule, NewTask, OnLoss, TaskId, Timestamp};
use store::sqlite::Inline;
use tasks::changes::Changes;
use tasks::kind::{Parameter, Plan, Policy, Values, Work};
use tasks::{Args, Kind, Kinds, Output, Run, Tasks};
use tokio::runtime::Runtime;

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 1_000;
/// How many tasks there are to be listed: their numbers have one to four digits, with a gap in between.
const N_TASKS: i64 = 1_005;
/// The longest input that is tried, in bytes.
const MAX_INPUT: usize = 10_000;

/// A kind that is never run.
struct Nap;

impl Kind for Nap {
    fn name(&self) -> &'static str {
        "test.nap"
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

    fn plan(&self, _: &Args) -> Result<Plan, String> {
        Ok(Plan { summary: "a nap".into(), unique_key: None })
    }

    fn run(self: Arc<Self>, _: Args, _: Run) -> Work {
        Box::pin(async { Ok(Output::default()) })
    }
}

/// The API of a store in memory.
struct World {
    api: Api,
    tasks: Tasks,
    runtime: Runtime,
}

/// An answer: its status, and its body.
struct Answer {
    status: u16,
    body: Value,
}

impl World {
    /// With `n_tasks` tasks, in all states that they reach here.
    fn new(n_tasks: i64) -> Self {
        let store = Store::from(Inline::new(Arc::new(|| Timestamp(1_795_258_889_000))).unwrap());
        let tasks = Tasks::new(store, Kinds::new(vec![Arc::new(Nap)]), Changes::default());
        let access = Access::new(None, AllowedHosts::default()).unwrap();
        let api = Api::new(tasks.clone(), Arc::new(access), Arc::new(|| None));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let world = Self { api, tasks, runtime };
        world.run(StartNode {
            node: "a".into(),
            boot: "1".into(),
            site: None,
            files: String::new(),
            version: "0".into(),
            kinds: vec!["test.nap".into()],
            queues: vec![("cpu".into(), 100)],
            schedules: vec![NewSchedule {
                id: "nightly".into(),
                period: 60_000,
                phase: 0,
                catch_up: CatchUp::One,
                task: new(0),
            }],
        });
        for number in 1..=n_tasks {
            world.run(Enqueue(new(number)));
            if number % 7 == 0 {
                let id = TaskId(number);
                world.run(Cancel { id, actor: "bert".into(), reason: String::new() });
            }
        }
        let room = vec![("cpu".into(), 4)];
        let kinds = vec!["test.nap".into()];
        let (node, boot) = ("a".into(), "1".into());
        let begun = world.run(Claim { node, boot, site: None, kinds, room });
        for task in begun.iter().skip(1) {
            let (code, error) = ("odd".to_owned(), "it was odd".to_owned());
            let end = match task.id.0 % 2 {
                0 => End::Completed { result: Some("{\"n\":7}".into()) },
                _ => End::Failed { code, error, retry_after: None },
            };
            let (id, claim) = (task.id, task.claim);
            let (node, boot) = ("a".into(), "1".into());
            world.run(Finish { id, claim, node, boot, end, stages: None, then: vec![] });
        }
        world
    }

    fn run<O: store::Operation>(&self, operation: O) -> O::Reply {
        self.runtime.block_on(self.tasks.store().run(operation)).unwrap()
    }

    fn get(&self, path: &str, query: &str) -> Answer {
        self.ask(Method::GET, path, query, b"")
    }

    /// Asks, and checks what holds for every answer.
    fn ask(&self, method: Method, path: &str, query: &str, body: &[u8]) -> Answer {
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = PartRequest {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::from_iter((!body.is_empty()).then_some(json)),
            body: body.to_vec().into(),
            via: Via::UnixSocket,
            peer_user: None,
            // Nothing here ends while somebody waits.
            may_wait: false,
        };
        let (head, body) = self.runtime.block_on(async {
            let (head, body) = self.api.answer(&request).await.into_parts();
            (head, body.collect().await.unwrap().to_bytes())
        });
        let status = head.status.as_u16();
        assert_eq!(head.headers[CONTENT_TYPE], "application/json", "{request:?}");
        let body: Value = serde_json::from_slice(&body).expect("every body is JSON");
        match status {
            200 | 202 => assert!(body.get("error").is_none_or(|error| !error.is_object())),
            // Of the client's making.
            400 | 404 | 405 | 409 | 410 | 415 => check_error(&body),
            _ => panic!("{status} {body} for {request:?}"),
        }
        Answer { status, body }
    }
}

fn check_error(body: &Value) {
    let text =
        |field: &str| body["error"][field].as_str().expect("an error has a code and a message");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    let is_of_word = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(!text("code").is_empty() && text("code").chars().all(is_of_word), "{body}");
    let message = text("message");
    assert!(!message.trim().is_empty() && !message.ends_with('.'), "{message:?}");
    assert!(!message.chars().any(char::is_control), "{message:?}");
    // An ellipsis shows where it was cut.
    assert!(message.len() <= MAX_MESSAGE + '…'.len_utf8(), "{message:?}");
}

fn new(number: i64) -> NewTask {
    NewTask {
        kind: if number % 3 == 0 { "other".into() } else { "test.nap".into() },
        queue: "cpu".into(),
        priority: number % 5,
        args: format!("{{\"seconds\":{number}}}"),
        summary: format!("Nap {number}_%"),
        site: None,
        unique_key: None,
        request_id: None,
        on_loss: OnLoss::Requeue,
        max_failures: 1,
        delay: 0,
        actor: if number % 2 == 0 { "anna".into() } else { "bert".into() },
        parent: (number > 10 && number % 4 == 0).then_some(TaskId(number / 4)),
    }
}

fn listed() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::new(N_TASKS))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_INPUT)
}

/// A request: the first line is its method (GET, if it is none) and target, the rest its body.
pub fn task_api(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (line, body) = bytes.split_at(end);
    let Some(line) = text(line) else { return };
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let world = World::new(9);
    let body = body.get(1..).unwrap_or_default();
    let answer = world.ask(method.clone(), path, query, body);
    // What was accepted is there, as it was accepted.
    if answer.status == 202 {
        let task = &answer.body["task"];
        let again = world.get(&format!("/api/v1/tasks/{}", task["id"]), "");
        assert_eq!((again.status, &again.body), (200, task));
    }
    // Reading changes nothing.
    if method == Method::GET {
        let again = world.ask(method, path, query, body);
        assert_eq!((again.status, again.body), (answer.status, answer.body));
    }
}

/// A number of a task, as clients write it.
pub fn task_number(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let world = listed();
    let path = |text: &str| {
        let escaped = text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        format!("/api/v1/tasks/{escaped}")
    };
    let answer = world.get(&path(text), "");
    let found = answer.body["id"].as_i64();
    let meant = meant(text);
    assert_eq!(
        answer.status == 400,
        meant.len() != 1 && !is_missing(text),
        "{text:?} {}",
        answer.body
    );
    assert_eq!(found, meant.first().copied().filter(|_| meant.len() == 1), "{text:?}");
    // What is printed is read back: as a number, in groups, and by all of its digits.
    if let Some(id) = found {
        let number = answer.body["number"].as_str().unwrap();
        for written in [id.to_string(), number.to_owned()] {
            assert_eq!(world.get(&path(&written), "").body["id"], id, "{written}");
        }
    }
}

/// The tasks that a text may mean: one that it names, or those whose numbers end so.
fn meant(text: &str) -> Vec<i64> {
    let all = 1..=N_TASKS;
    match text.strip_prefix('-') {
        Some(ending) => {
            let Some(digits) = digits(ending) else { return Vec::new() };
            all.filter(|id| id.to_string().ends_with(&digits)).collect()
        }
        None => {
            let Some(digits) = digits(text) else { return Vec::new() };
            all.filter(|id| digits.trim_start_matches('0') == id.to_string()).collect()
        }
    }
}

/// Whether a text is written as numbers are, and no task has such a one.
fn is_missing(text: &str) -> bool {
    let digits = digits(text.strip_prefix('-').unwrap_or(text));
    let fits = |digits: &String| text.starts_with('-') || digits.parse::<i64>().is_ok();
    digits.is_some_and(|digits| fits(&digits)) && meant(text).is_empty()
}

/// The digits of a number that may be written in groups of three.
fn digits(text: &str) -> Option<String> {
    let mut groups = text.split('-');
    let mut digits = groups.next()?.to_owned();
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        digits += group;
    }
    let is_first_full = !text.starts_with('-') && !digits.is_empty();
    let fits = is_first_full && digits.len() <= 19 && digits.bytes().all(|b| b.is_ascii_digit());
    fits.then_some(digits)
}

/// The query of a list.
pub fn task_list(bytes: &[u8]) {
    let Some(query) = text(bytes) else { return };
    let world = listed();
    let answer = world.get("/api/v1/tasks", query);
    if answer.status != 200 {
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        return;
    }
    let given = Given::read(query);
    let all = world.get("/api/v1/tasks", "limit=500").body;
    let page = ids(&answer.body);
    assert!(page.len() <= given.limit(), "{query}");
    // The latest first, and only what fits.
    assert!(page.is_sorted_by(|one, next| one > next), "{query}: {page:?}");
    let tasks = answer.body["tasks"].as_array().unwrap();
    assert!(tasks.iter().all(|task| given.fits(task)), "{query}: {page:?}");
    // Nothing of the latest is left out; older ones are, beyond the limit and the cursor.
    let last = page.last().copied().filter(|_| !answer.body["next"].is_null()).unwrap_or(0);
    let wanted = all["tasks"].as_array().unwrap().iter().filter(|task| given.fits(task));
    let wanted = wanted.filter_map(|task| task["id"].as_i64()).filter(|&id| id >= last);
    let oldest = ids(&all).last().copied().unwrap_or(0);
    let seen = page.iter().copied().filter(|&id| id >= oldest);
    if given.is_understood {
        assert_eq!(seen.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{query}");
    }
    // A cursor that is given out is taken, and goes on where the page has ended.
    if let Some(next) = answer.body["next"].as_str() {
        assert_eq!(next.parse().ok(), page.last().copied(), "{query}");
        let following =
            world.get("/api/v1/tasks", &format!("{}&cursor={next}", given.without_cursor));
        assert_eq!(following.status, 200, "{query}: {}", following.body);
        assert!(!ids(&following.body).is_empty(), "{query}: a page that was announced is empty");
        assert!(ids(&following.body).iter().all(|id| Some(id) < page.last()), "{query}");
    }
}

fn ids(list: &Value) -> Vec<i64> {
    let tasks = list["tasks"].as_array().expect("a list has tasks");
    tasks.iter().map(|task| task["id"].as_i64().expect("a task has an id")).collect()
}

/// The parameters of a query that was accepted, read slowly.
struct Given {
    pairs: Vec<(String, String)>,
    without_cursor: String,
    /// Whether this reader knows all of them: not times.
    is_understood: bool,
}

impl Given {
    fn read(query: &str) -> Self {
        let mut pairs = Vec::new();
        let mut without_cursor = Vec::new();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let decode = |text: &str| {
                let blanks = text.replace('+', " ");
                model::percent::decode(&blanks).expect("it was accepted").into_owned()
            };
            let (name, value) = (decode(name), decode(value));
            if name != "cursor" {
                without_cursor.push(field);
            }
            if !value.is_empty() {
                pairs.push((name, value));
            }
        }
        let is_understood = pairs.iter().all(|(name, _)| name != "since" && name != "until");
        Self { pairs, without_cursor: without_cursor.join("&"), is_understood }
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let values = self.pairs.iter().filter(|(known, _)| known == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    fn limit(&self) -> usize {
        self.values("limit").first().map_or(50, |limit| limit.parse().expect("it was accepted"))
    }

    fn fits(&self, task: &Value) -> bool {
        let one_of = |name: &str| {
            let values = self.values(name).into_iter().flat_map(|value| value.split(','));
            let values: Vec<&str> =
                values.map(str::trim).filter(|value| !value.is_empty()).collect();
            values.is_empty() || task[name].as_str().is_some_and(|own| values.contains(&own))
        };
        let id = task["id"].as_i64().expect("a task has an id");
        let parents = self.values("parent").into_iter().flat_map(|value| value.split(','));
        let parents: Vec<i64> = parents
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(|value| {
                digits(value).and_then(|digits| digits.parse().ok()).expect("it was accepted")
            })
            .collect();
        let texts = [&task["summary"], &task["args"], &task["error"]];
        let texts: Vec<String> = texts
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .map(|text| if text == "null" { String::new() } else { text })
            .collect();
        let text = texts.join(" ").to_ascii_lowercase();
        ["kind", "state", "queue", "actor", "node", "schedule"].into_iter().all(one_of)
            && (parents.is_empty()
                || task["parent"].as_i64().is_some_and(|own| parents.contains(&own)))
            && self.values("text").iter().all(|part| text.contains(&part.to_ascii_lowercase()))
            && self
                .values("number")
                .iter()
                .all(|ending| id.to_string().ends_with(&ending.replace(['-', ' '], "")))
            && self
                .values("cursor")
                .iter()
                .all(|cursor| cursor.parse::<i64>().is_ok_and(|cursor| id < cursor))
    }
}
