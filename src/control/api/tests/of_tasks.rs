use store::operations::doctor::{Fault, Invariant};
use store::operations::enqueue::Enqueue;
use store::{Error, Hook};
use tasks::node::{Node, NodeOptions};

use super::*;

/// A store in which no more tasks may wait, or that does not answer.
struct Failing(Error);

impl Hook for Failing {
    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        match operation {
            "enqueue" => Err(self.0.clone()),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_a_reason_to_come_back() {
    for (error, expected) in [
        (Error::Refused("100000 tasks wait already".into()), "refused_by_store"),
        (Error::Unavailable("gone".into()), "store_unavailable"),
        (Error::NotWritable("no space left".into()), "store_not_writable"),
    ] {
        let healthy = Fixture::new().await;
        let store = healthy.tasks.store().with_hook(Arc::new(Failing(error)));
        let tasks = Tasks::new(store, healthy.tasks.kinds().clone(), Changes::default());
        let access = Access::new(None, AllowedHosts::default()).unwrap();
        let api = Api::new(tasks.clone(), Arc::new(access), Arc::new(|| None));
        let fixture = Fixture { api, tasks, time: Arc::clone(&healthy.time) };
        let (status, headers, body) =
            fixture.ask(request(Method::POST, "/api/v1/tasks", "{\"kind\":\"test.nap\"}")).await;
        assert_eq!((status.as_u16(), code(&body)), (503, expected));
        assert_eq!(headers["retry-after"], "1");
    }
}

#[tokio::test]
async fn a_task_is_accepted_and_waited_for() {
    let fixture = Fixture::new().await;
    let body = json!({"kind": "test.nap", "args": {"seconds": 1}, "priority": -5}).to_string();
    let (status, headers, accepted) =
        fixture.ask(request(Method::POST, "/api/v1/tasks", &body)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(headers["location"], "/api/v1/tasks/1");
    assert_eq!(
        (&accepted["is_new"], &accepted["task"]["state"]),
        (&json!(true), &json!("enqueued"))
    );
    assert_eq!(accepted["state_then"], "enqueued");
    assert_eq!(accepted["task"]["args"], json!({"seconds": 1}));
    assert_eq!(accepted["task"]["actor"], "unix socket");
    assert_eq!(accepted["task"]["created_at"], "2026-11-21T11:01:29.000Z");
    let (status, task) = fixture.get("/api/v1/tasks/1?wait=0").await;
    assert_eq!((status, &task["id"]), (200, &json!(1)));
    let waiting = fixture.get("/api/v1/tasks/1?wait=60s");
    let ending = async {
        let claimed = fixture.claim().await;
        fixture.finish(&claimed[0]).await;
    };
    let ((status, task), ()) = tokio::join!(waiting, ending);
    assert_eq!(
        (status, &task["state"], &task["result"]),
        (200, &json!("completed"), &json!({"n": 7}))
    );
    let (_, attempts) = fixture.get("/api/v1/tasks/1/attempts").await;
    assert_eq!(attempts["attempts"][0]["stages"], json!([["walk", 1200]]));
    let (_, events) = fixture.get("/api/v1/tasks/1/events").await;
    let whats: Vec<_> = events["events"].as_array().unwrap().iter().map(|e| &e["what"]).collect();
    assert_eq!(whats, ["enqueued", "claimed", "completed"]);
    let (_, events) = fixture.get("/api/v1/tasks/1/events?after=1&limit=1").await;
    assert_eq!((events["events"].as_array().unwrap().len(), &events["next"]), (1, &json!("2")));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_time() {
    let fixture = Fixture::new().await;
    fixture.nap().await;
    let begin = tokio::time::Instant::now();
    let target = "/api/v1/tasks/1?wait=30s";
    let at_once = PartRequest { may_wait: false, ..request(Method::GET, target, "") };
    let (status, _, task) = fixture.ask(at_once).await;
    assert_eq!((status, &task["state"]), (StatusCode::OK, &json!("enqueued")));
    assert_eq!(begin.elapsed().as_secs(), 0);
    let (status, task) = fixture.get(target).await;
    assert_eq!((status, &task["state"]), (200, &json!("enqueued")));
    assert_eq!(begin.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn what_nobody_runs_is_refused_for_now() {
    let fixture = Fixture::without_node();
    let nap = "{\"kind\":\"test.nap\"}";
    let refused = |(status, body): (u16, Value), expected: &str| {
        assert_eq!((status, code(&body)), (503, "no_node"), "{body}");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.ends_with(expected), "{message}");
    };
    refused(fixture.post("/api/v1/tasks", nap).await, "none has started yet");
    fixture.tasks.store().run(start()).await.unwrap();
    refused(
        fixture.post("/api/v1/tasks", "{\"kind\":\"test.rest\"}").await,
        "none has started yet",
    );
    let ended = fixture.nap().await;
    fixture.post(&format!("/api/v1/tasks/{ended}/cancel"), "").await;
    fixture.time.fetch_add(1_000_000, Ordering::Relaxed);
    refused(fixture.post("/api/v1/tasks", nap).await, "have not been seen for minutes");
    let stop = StopNode { node: "a".into(), boot: "1".into() };
    fixture.tasks.store().run(stop).await.unwrap();
    refused(fixture.post("/api/v1/tasks", nap).await, "are shutting down");
    let again = format!("/api/v1/tasks/{ended}/retry");
    refused(fixture.post(&again, "").await, "are shutting down");
    let (_, headers, _) = fixture.ask(request(Method::POST, "/api/v1/tasks", nap)).await;
    assert_eq!(headers["retry-after"], "1");
}

#[tokio::test]
async fn asked_twice_by_one_name_there_is_one_task() {
    let fixture = Fixture::new().await;
    let body = json!({"kind": "test.nap", "request_id": "deploy-7"});
    assert_eq!(fixture.submit(&body).await, fixture.submit(&body).await);
    let (status, again) = fixture.post("/api/v1/tasks", &body.to_string()).await;
    assert_eq!((status, &again["is_new"]), (202, &json!(false)));
    let other = json!({"kind": "test.nap", "args": {"seconds": 7}, "request_id": "deploy-7"});
    let (status, body) = fixture.post("/api/v1/tasks", &other.to_string()).await;
    assert_eq!((status, code(&body)), (409, "request_id_used"));
    let rest = StartNode { node: "b".into(), kinds: vec!["test.rest".into()], ..start() };
    fixture.tasks.store().run(rest).await.unwrap();
    let other = json!({"kind": "test.rest", "request_id": "deploy-7"}).to_string();
    let (status, body) = fixture.post("/api/v1/tasks", &other).await;
    assert_eq!((status, code(&body)), (409, "request_id_used"));
}

#[tokio::test]
async fn a_name_that_met_a_task_stands_for_no_other_work() {
    let fixture = Fixture::new().await;
    let once = StartNode { node: "b".into(), kinds: vec!["test.once".into()], ..start() };
    fixture.tasks.store().run(once).await.unwrap();
    let body = |seconds: i64| json!({"kind": "test.once", "args": {"seconds": seconds}});
    let first = fixture.submit(&body(1)).await;
    let named = |seconds: i64| {
        let mut body = body(seconds);
        body["request_id"] = "deploy-7".into();
        body.to_string()
    };
    // It is merged into the first one, and stays so however often it is asked for.
    for _ in 0..2 {
        let (status, answer) = fixture.post("/api/v1/tasks", &named(1)).await;
        assert_eq!((status, &answer["task"]["id"]), (202, &json!(first)), "{answer}");
    }
    let (status, answer) = fixture.post("/api/v1/tasks", &named(2)).await;
    assert_eq!((status, code(&answer)), (409, "request_id_used"), "{answer}");
    // Neither for a retry of something else, nor for a schedule.
    let other = fixture.nap().await;
    fixture.post(&format!("/api/v1/tasks/{other}/cancel"), "").await;
    let name = "{\"request_id\":\"deploy-7\"}";
    for target in [format!("tasks/{other}/retry"), "schedules/nightly/run".to_owned()] {
        let (status, answer) = fixture.post(&format!("/api/v1/{target}"), name).await;
        assert_eq!((status, code(&answer)), (409, "request_id_used"), "{target}: {answer}");
    }
    let (_, events) = fixture.get(&format!("/api/v1/tasks/{other}/events")).await;
    assert!(!events.to_string().contains("follow_up"), "nothing has followed: {events}");
}

#[tokio::test]
async fn any_node_runs_the_schedule_of_another_site_as_its_row_says() {
    let fixture = Fixture::new().await;
    let mut schedule = start().schedules.remove(0);
    schedule.id = "primary.scan@two".into();
    schedule.task.kind = "primary.scan".into();
    schedule.task.site = Some("two".into());
    schedule.task.unique_key = Some("primary.scan@two".into());
    let two = StartNode {
        node: "two".into(),
        site: Some("two".into()),
        kinds: vec!["primary.scan".into()],
        schedules: vec![schedule],
        ..start()
    };
    fixture.tasks.store().run(two).await.unwrap();
    let run = "/api/v1/schedules/primary.scan@two/run";
    let (status, answer) = fixture.post(run, "{\"request_id\":\"r\"}").await;
    let task = &answer["task"];
    assert_eq!((status, &task["kind"]), (202, &json!("primary.scan")), "{answer}");
    assert_eq!(
        (&task["site"], &task["unique_key"], &task["actor"], &task["request_id"]),
        (&json!("two"), &json!("primary.scan@two"), &json!("unix socket"), &json!("r"))
    );
    let stop = StopNode { node: "two".into(), boot: "1".into() };
    fixture.tasks.store().run(stop).await.unwrap();
    let (status, answer) = fixture.post(run, "").await;
    assert_eq!((status, code(&answer)), (503, "no_node"), "{answer}");
}

#[tokio::test]
async fn a_clock_that_jumps_does_not_hide_the_node_of_the_process() {
    let healthy = Fixture::new().await;
    let node = Node::new(healthy.tasks.clone(), NodeOptions::new("a", "0")).handle();
    let own = node.clone();
    let access = Access::new(None, AllowedHosts::default()).unwrap();
    let api =
        Api::new(healthy.tasks.clone(), Arc::new(access), Arc::new(move || Some(own.clone())));
    let fixture = Fixture { api, ..healthy };
    fixture.time.fetch_add(3_600_000, Ordering::Relaxed);
    let nap = "{\"kind\":\"test.nap\"}";
    let (status, answer) = fixture.post("/api/v1/tasks", nap).await;
    assert_eq!((status, code(&answer)), (503, "no_node"), "the row is that of another process");
    let boot = node.status().boot;
    fixture.tasks.store().run(StartNode { boot: boot.clone(), ..start() }).await.unwrap();
    fixture.time.fetch_add(3_600_000, Ordering::Relaxed);
    assert_eq!(fixture.post("/api/v1/tasks", nap).await.0, 202);
    let stop = StopNode { node: "a".into(), boot };
    fixture.tasks.store().run(stop).await.unwrap();
    assert_eq!(fixture.post("/api/v1/tasks", nap).await.0, 503);
}

#[tokio::test]
async fn a_cancel_can_be_repeated() {
    let fixture = Fixture::new().await;
    let outcome = |(status, body): (u16, Value)| {
        assert_eq!(status, 200, "{body}");
        (body["outcome"].clone(), body["task"]["state"].clone())
    };
    let cancel = |id: i64| format!("/api/v1/tasks/{id}/cancel");
    let waits = fixture.nap().await;
    let reason = "{\"reason\":\"wrong tree\"}";
    let first = outcome(fixture.post(&cancel(waits), reason).await);
    assert_eq!(first, (json!("cancelled"), json!("cancelled")));
    assert_eq!(outcome(fixture.post(&cancel(waits), reason).await).0, json!("ended"));
    let (_, events) = fixture.get(&format!("/api/v1/tasks/{waits}/events")).await;
    assert_eq!(events["events"][1]["detail"], "wrong tree");
    let runs = fixture.nap().await;
    fixture.claim().await;
    assert_eq!(outcome(fixture.post(&cancel(runs), "").await).0, json!("asked"));
    let again = outcome(fixture.post(&cancel(runs), "").await);
    assert_eq!(again, (json!("already_asked"), json!("running")));
    let (status, body) = fixture.post(&format!("/api/v1/tasks/{runs}/retry"), "").await;
    assert_eq!((status, code(&body)), (409, "not_ended"));
}

#[tokio::test]
async fn a_task_that_ended_can_be_run_again() {
    let fixture = Fixture::new().await;
    let id = fixture.nap().await;
    fixture.post(&format!("/api/v1/tasks/{id}/cancel"), "").await;
    let retry = format!("/api/v1/tasks/{id}/retry");
    let (status, body) = fixture.post(&retry, "{\"request_id\":\"again\"}").await;
    assert_eq!((status, &body["task"]["parent"]), (202, &json!(id)));
    let (_, twice) = fixture.post(&retry, "{\"request_id\":\"again\"}").await;
    assert_eq!((&twice["task"]["id"], &twice["is_new"]), (&body["task"]["id"], &json!(false)));
    let comment = format!("/api/v1/tasks/{id}/comment");
    let (status, _) = fixture.post(&comment, "{\"text\":\"a <b>\\n\\u0000c\"}").await;
    assert_eq!(status, 200);
    let (_, events) = fixture.get(&format!("/api/v1/tasks/{id}/events")).await;
    let last = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["what"], &last["detail"]), (&json!("comment"), &json!("a <b>  c")));
}

#[tokio::test]
async fn purged_is_another_answer_than_unknown() {
    let fixture = Fixture::new().await;
    for _ in 0..13 {
        fixture.nap().await;
    }
    for id in 1..13 {
        fixture.post(&format!("/api/v1/tasks/{id}/cancel"), "").await;
    }
    fixture.time.fetch_add(1_000_000, Ordering::Relaxed);
    let purge = Purge { kind: None, except: vec![], keep: 10, limit: 5 };
    fixture.tasks.store().run(purge).await.unwrap();
    for (path, method) in [
        ("", Method::GET),
        ("/events", Method::GET),
        ("/attempts", Method::GET),
        ("/cancel", Method::POST),
        ("/retry", Method::POST),
    ] {
        let answer = |id: &str| request(method.clone(), &format!("/api/v1/tasks/{id}{path}"), "");
        let (status, _, body) = fixture.ask(answer("3")).await;
        assert_eq!((status.as_u16(), code(&body)), (410, "purged"), "{path}");
        // A number never comes to mean another task; what was probably meant is told.
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.ends_with("for 13 by its last digits, write -3"), "{message}");
        let (status, _, body) = fixture.ask(answer("1-234")).await;
        assert_eq!((status.as_u16(), code(&body)), (404, "unknown_task"), "{path}");
        let (status, ..) = fixture.ask(answer("0")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let (status, ..) = fixture.ask(answer("x")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let text = "{\"text\":\"x\"}";
    assert_eq!(fixture.post("/api/v1/tasks/3/comment", text).await.0, 410);
    assert_eq!(fixture.get("/api/v1/tasks/-3").await.1["id"], 13);
    let (status, body) = fixture.get("/api/v1/tasks/-9").await;
    assert_eq!((status, &body["id"]), (200, &json!(9)));
    assert_eq!(fixture.get("/api/v1/tasks/-77").await.0, 404);
    fixture.tasks.store().run(start()).await.unwrap();
    for _ in 0..10 {
        fixture.nap().await;
    }
    let (status, body) = fixture.get("/api/v1/tasks/-3").await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"]["message"],
        "several tasks end with 3, such as 13 and 23: write more digits"
    );
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let fixture = Fixture::new().await;
    for seconds in 0..5 {
        fixture.submit(&json!({"kind": "test.nap", "args": {"seconds": seconds}})).await;
    }
    fixture.post("/api/v1/tasks/2/cancel", "").await;
    let ids = |body: &Value| -> Vec<i64> {
        body["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_i64().unwrap()).collect()
    };
    let (_, page) = fixture.get("/api/v1/tasks?limit=2").await;
    assert_eq!((ids(&page), &page["next"]), (vec![5, 4], &json!("4")));
    let (_, page) = fixture.get("/api/v1/tasks?limit=2&cursor=4").await;
    assert_eq!((ids(&page), &page["next"]), (vec![3, 2], &json!("2")));
    let (_, page) = fixture.get("/api/v1/tasks?limit=2&cursor=2").await;
    assert_eq!((ids(&page), &page["next"]), (vec![1], &Value::Null));
    for (query, expected) in [
        ("state=cancelled", vec![2]),
        ("state=cancelled,enqueued&kind=test.nap", vec![5, 4, 3, 2, 1]),
        ("state=cancelled&state=running", vec![2]),
        ("state=cancelled&kind=other", vec![]),
        ("queue=cpu&actor=unix+socket&text=SECONDS%22%3A4", vec![5]),
        ("text=%25", vec![]),
        ("number=3", vec![3]),
        ("since=2026-11-21T11:01&until=2026-11-21T11:02", vec![5, 4, 3, 2, 1]),
        ("since=2026-11-21T11:01:30Z", vec![]),
        ("until=2026-11-22", vec![5, 4, 3, 2, 1]),
    ] {
        let (status, page) = fixture.get(&format!("/api/v1/tasks?{query}")).await;
        assert_eq!((status, ids(&page)), (200, expected), "{query}");
    }
    assert_eq!(fixture.get("/api/v1/tasks?stat=failed").await.0, 400);
}

#[tokio::test]
async fn a_list_is_bounded_in_bytes_and_goes_on() {
    const N: usize = 450;
    let fixture = Fixture::new().await;
    for n in 0..N {
        let request = Request {
            kind: "test.nap".into(),
            args: serde_json::from_value(json!({"seconds": n % 60})).unwrap(),
            ..Request::default()
        };
        let mut task = fixture.tasks.kinds().plan(&request).unwrap();
        let n_bytes = if n % 3 == 0 { 15_000 } else { 1_000 };
        task.args = json!({"a": "x".repeat(n_bytes)}).to_string();
        fixture.tasks.store().run(Enqueue(task)).await.unwrap();
    }
    let (mut seen, mut cursor, mut n_pages) = (Vec::new(), String::new(), 0);
    loop {
        let target = format!("/api/v1/tasks?limit=500{cursor}");
        let (status, page) = fixture.get(&target).await;
        assert_eq!(status, 200);
        assert!(page.to_string().len() < 520 * 1_024);
        let tasks = page["tasks"].as_array().unwrap();
        for task in tasks {
            let is_long = task["id"].as_u64().unwrap() % 3 == 1;
            assert_eq!(task["args"].is_null(), is_long);
            assert_eq!(task["left_out"] == json!(["args"]), is_long);
        }
        seen.extend(tasks.iter().map(|task| task["id"].as_u64().unwrap()));
        n_pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(n_pages > 1);
    let all: Vec<_> = (1..=N as u64).rev().collect();
    assert_eq!(seen, all);
    let (_, whole) = fixture.get("/api/v1/tasks/7").await;
    assert_eq!(whole["args"]["a"].as_str().map(str::len), Some(15_000));
}

#[tokio::test]
async fn only_few_searches_go_on_at_a_time() {
    let fixture = Fixture::new().await;
    let busy = (fixture.api.limits.search().unwrap(), fixture.api.limits.search().unwrap());
    for query in ["text=a", "number=1"] {
        let (status, body) = fixture.get(&format!("/api/v1/tasks?{query}")).await;
        assert_eq!((status, code(&body)), (503, "busy"));
    }
    assert_eq!(fixture.get("/api/v1/tasks").await.0, 200);
    drop(busy);
    assert_eq!(fixture.get("/api/v1/tasks?text=a").await.0, 200);
}

#[tokio::test]
async fn the_doctor_finds_nothing_in_a_sound_store_and_comes_once_at_a_time() {
    let fixture = Fixture::new().await;
    fixture.nap().await;
    let (status, body) = fixture.get("/api/v1/doctor").await;
    assert_eq!((status, &body), (200, &json!({"findings": []})));
    let busy = fixture.api.limits.examine().unwrap();
    assert_eq!(fixture.get("/api/v1/doctor").await.0, 503);
    drop(busy);
    let task_of = |message: &str| {
        let fault = Fault { invariant: Invariant::Kept, message: message.to_owned() };
        shapes::finding(&fault)["task"].clone()
    };
    assert_eq!(task_of("task 1-234 runs, and no process has it"), 1_234);
    assert_eq!(task_of("3 tasks were made for the request a"), Value::Null);
}

#[tokio::test]
async fn queues_and_schedules_are_paused_with_a_reason() {
    let fixture = Fixture::new().await;
    let (status, paused) = fixture.post("/api/v1/queues/cpu/pause", "{\"reason\":\"hot\"}").await;
    let queue = &paused["queue"];
    assert_eq!(
        (status, &queue["reason"], &queue["paused_by"]),
        (200, &json!("hot"), &json!("unix socket"))
    );
    let (_, resumed) = fixture.post("/api/v1/queues/cpu/resume", "").await;
    assert_eq!(resumed["queue"]["paused_at"], Value::Null);
    let (_, paused) = fixture.post("/api/v1/schedules/nightly/pause", "{\"reason\":\"x\"}").await;
    assert_eq!(paused["schedule"]["paused_at"], "2026-11-21T11:01:29.000Z");
    let (_, schedules) = fixture.get("/api/v1/schedules").await;
    let next = schedules["schedules"][0]["next"].as_array().unwrap();
    assert_eq!((next.len(), &next[0]), (5, &json!("2026-11-21T11:02:00.000Z")));
    assert_eq!(schedules["schedules"][0]["period_seconds"], 60);
    let (status, run) = fixture.post("/api/v1/schedules/nightly/run", "").await;
    assert_eq!((status, &run["task"]["kind"]), (202, &json!("test.nap")));
    for path in ["queues/cpu/pause", "schedules/nightly/pause"] {
        for body in ["", "{}", "{\"reason\":\" \"}"] {
            let (status, body) = fixture.post(&format!("/api/v1/{path}"), body).await;
            assert_eq!((status, code(&body)), (400, "invalid"), "{path}");
        }
    }
    for (odd, body) in [
        ("queues/none/pause", "{\"reason\":\"x\"}"),
        ("queues/none/resume", ""),
        ("schedules/none/pause", "{\"reason\":\"x\"}"),
        ("schedules/none/run", ""),
    ] {
        let (status, body) = fixture.post(&format!("/api/v1/{odd}"), body).await;
        assert_eq!((status, code(&body)), (404, "unknown_name"), "{odd}");
    }
    let (_, nodes) = fixture.get("/api/v1/nodes").await;
    assert_eq!(nodes["nodes"][0]["kinds"], json!(["test.nap"]));
    let (_, kinds) = fixture.get("/api/v1/kinds").await;
    assert_eq!(kinds["kinds"][0]["parameters"][0]["max"], 60);
}
