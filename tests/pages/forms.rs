//! What forms do, and what is said when they do not.

use hyper::Method;
use hyper::header::HeaderValue;
use store::operations::read::{Events, Find, Found, ReadOverview};
use store::record::{State, Task, TaskId, What};

use crate::asking::{Answer, TOKEN, Way, access, request};
use crate::samples::World;

tests! {
    a_form_runs_a_task_once_however_often_it_is_sent,
    arguments_that_do_not_fit_are_refused_and_stay_filled_in,
    a_task_is_cancelled_retried_and_noted_with_who_and_why,
    queues_and_schedules_are_paused_with_a_reason_and_go_on,
    a_schedule_is_run_now,
    a_schedule_of_another_site_is_run_at_that_site,
    a_form_that_was_sent_for_other_work_is_refused,
    a_token_is_asked_for_once,
    who_has_sent_a_token_can_sign_out,
    forms_are_sent_where_they_belong,
}

#[track_caller]
fn task(world: &World, id: i64) -> Task {
    match world.run(Find(TaskId(id))) {
        Found::Task(task) => *task,
        missing => panic!("{id}: {missing:?}"),
    }
}

/// The path that an answer sends to.
#[track_caller]
fn path(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{}", answer.body);
    answer.header("location")
}

#[track_caller]
fn check_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
    assert!(answer.body.contains(text), "{text} in {}", answer.body);
}

fn a_form_runs_a_task_once_however_often_it_is_sent() {
    let world = World::new();
    let form = "kind=primary.scan&arg.root=pub&arg.threads=4&arg.full=true&request_id=page-1";
    let first = world.post("/tasks/run", form);
    assert_eq!(path(&first), "/tasks/1?done=accepted");
    assert_eq!(path(&world.post("/tasks/run", form)), "/tasks/1?done=merged");
    let task = task(&world, 1);
    assert_eq!(task.args, r#"{"root":"pub","threads":4,"full":true}"#);
    assert_eq!((&*task.actor, &*task.summary), ("unix socket", "primary.scan of pub"));
    let page = world.get("/tasks/1?done=accepted").body;
    assert!(page.contains("The task was accepted."), "{page}");
}

fn arguments_that_do_not_fit_are_refused_and_stay_filled_in() {
    let world = World::new();
    let run = |form: &str| world.post("/tasks/run", form);
    let refused = run("kind=primary.scan&arg.root=pub%2Fx&arg.threads=99");
    check_refused(&refused, 422, "`threads` is 99, and must be a whole number from 1 to 16");
    assert!(refused.body.contains("value=\"pub/x\""), "{}", refused.body);
    check_refused(&run("kind=primary.scan"), 422, "`root` is missing: The folder to walk");
    check_refused(
        &run("kind=primary.scan&arg.root=a&arg.threads=x"),
        422,
        "must be a whole number",
    );
    check_refused(&run("kind=primary.scan&arg.root=a&arg.full=perhaps"), 422, "true or false");
    check_refused(&run("kind=primary.scan&arg.root=a&arg.rood=b"), 422, "did you mean `root`?");
    check_refused(&run("kind=primary.scam"), 422, "did you mean `primary.scan`?");
    check_refused(&run(""), 422, "is no kind of tasks");
    assert!(matches!(world.run(Find(TaskId(1))), Found::Unknown));
}

fn a_task_is_cancelled_retried_and_noted_with_who_and_why() {
    let world = World::new();
    world.ask("primary.scan", "cpu", "Scan", r#"{"root":"pub"}"#);
    check_refused(&world.post("/tasks/1", "do=cancel"), 422, "say why");
    check_refused(&world.post("/tasks/1", "do=retry"), 409, "it has not ended yet");
    assert_eq!(
        path(&world.post("/tasks/1", "do=cancel&reason=wrong+folder")),
        "/tasks/1?done=cancelled"
    );
    assert_eq!(task(&world, 1).state, State::Cancelled);
    assert_eq!(path(&world.post("/tasks/1", "do=cancel&reason=again")), "/tasks/1?done=ended");
    assert_eq!(
        path(&world.post("/tasks/1", "do=comment&text=hello")),
        "/tasks/1?done=commented#events"
    );
    check_refused(&world.post("/tasks/1", "do=comment"), 422, "say something");
    let retry = "do=retry&request_id=page-2";
    assert_eq!(path(&world.post("/tasks/1", retry)), "/tasks/2?done=retried");
    assert_eq!(path(&world.post("/tasks/1", retry)), "/tasks/2?done=merged");
    assert_eq!(task(&world, 2).parent, Some(TaskId(1)));
    let events = world.run(Events { task: TaskId(1), after: 0, limit: 100 });
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.what, &*event.actor, &*event.detail))
        .filter(|(what, ..)| *what != What::Enqueued)
        .collect();
    assert_eq!(
        told[..2],
        [(What::Cancelled, "unix socket", "wrong folder"), (What::Comment, "unix socket", "hello"),]
    );
    // One that runs is asked to stop, and twice changes nothing.
    let running = world.claim(TaskId(2)).id;
    let cancel = format!("/tasks/{running}");
    assert_eq!(path(&world.post(&cancel, "do=cancel&reason=x")), "/tasks/2?done=asked");
    assert_eq!(path(&world.post(&cancel, "do=cancel&reason=x")), "/tasks/2?done=already");
    assert!(world.get(&cancel).body.contains("asked to stop by unix socket"));
    for (form, status) in
        [("do=cancel&reason=x", 404), ("do=retry", 404), ("do=comment&text=x", 404)]
    {
        check_refused(&world.post("/tasks/77", form), status, "There never was a task 77.");
    }
}

fn queues_and_schedules_are_paused_with_a_reason_and_go_on() {
    let world = World::new();
    for (target, name, then) in
        [("/tasks/queues", "cpu", "/tasks"), ("/tasks/schedules", "scan", "/tasks/schedules")]
    {
        let post = |form: &str| world.post(target, form);
        check_refused(&post(&format!("do=pause&name={name}")), 422, "say why");
        check_refused(&post("do=pause&name=odd&reason=x"), 404, "`odd`");
        check_refused(&post("do=pause&reason=x"), 422, "say name");
        check_refused(
            &post(&format!("do=explode&name={name}")),
            400,
            "nothing that can be done here",
        );
        let paused = post(&format!("do=pause&name={name}&reason=the+disk+is+full"));
        assert_eq!(path(&paused), format!("{then}?done=paused"));
        let page = world.get(then).body;
        assert!(page.contains("by unix socket: the disk is full"), "{page}");
        assert_eq!(path(&post(&format!("do=resume&name={name}"))), format!("{then}?done=resumed"));
        assert!(!world.get(then).body.contains("the disk is full"));
    }
    assert!(world.run(ReadOverview).queues.iter().all(|queue| queue.paused_at.is_none()));
}

fn a_schedule_is_run_now() {
    let world = World::new();
    let answer = world.post("/tasks/schedules", "do=run&name=scan&request_id=page-1");
    assert_eq!(path(&answer), "/tasks/1?done=accepted");
    let task = task(&world, 1);
    assert_eq!((&*task.kind, &*task.args), ("primary.scan", r#"{"root":"pub"}"#));
    check_refused(&world.post("/tasks/schedules", "do=run&name=odd"), 404, "no schedule `odd`");
}

fn a_schedule_of_another_site_is_run_at_that_site() {
    let world = World::of_two_sites();
    let answer = world.post("/tasks/schedules", "do=run&name=scan%40two&request_id=page-1");
    assert_eq!(path(&answer), "/tasks/1?done=accepted");
    let task = task(&world, 1);
    assert_eq!((task.site.as_deref(), task.unique_key.as_deref()), (Some("two"), Some("scan@two")));
    // Nobody would run it while that site is down.
    world.stop_node("mirror-2");
    let refused = world.post("/tasks/schedules", "do=run&name=scan%40two&request_id=page-2");
    check_refused(&refused, 503, "are shutting down");
}

fn a_form_that_was_sent_for_other_work_is_refused() {
    let world = World::new();
    let run = |root: &str| {
        world.post("/tasks/run", &format!("kind=primary.scan&arg.root={root}&request_id=page-1"))
    };
    assert_eq!(path(&run("pub")), "/tasks/1?done=accepted");
    check_refused(&run("other"), 409, "this form was sent before, with something else in it");
    let schedule = world.post("/tasks/schedules", "do=run&name=purge&request_id=page-1");
    check_refused(&schedule, 409, "this form was sent before");
}

fn a_token_is_asked_for_once() {
    let world = World::busy();
    let note = "do=comment&text=hello";
    let form = |form: &str| request(Method::POST, "/tasks/1", form);
    check_refused(&world.asked(Way::TcpWithoutTokens, form(note)), 403, "none is configured");
    let access = access();
    let post = |body: &str| world.asked_of(&access, &form(body));
    check_refused(&post(note), 401, "over TCP, changes need a token");
    let refused = post(&format!("{note}&token=a-wrong-token-012"));
    check_refused(&refused, 401, "this token is not in the token file");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    assert!(!refused.body.contains("a-wrong-token"), "{}", refused.body);
    let accepted = post(&format!("{note}&token={TOKEN}"));
    assert_eq!(path(&accepted), "/tasks/1?done=commented#events");
    let cookie = accepted.header("set-cookie").split(';').next().unwrap().to_owned();
    let mut next = request(Method::GET, "/tasks/1", "");
    let has_field = |answer: &Answer| answer.body.contains("type=\"password\"");
    assert!(has_field(&world.asked_of(&access, &next)));
    next.headers.insert("cookie", HeaderValue::from_str(&cookie).unwrap());
    next.headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
    assert!(!has_field(&world.asked_of(&access, &next)));
    // Also if the form was wrong.
    let refused = post(&format!("do=comment&token={TOKEN}"));
    check_refused(&refused, 422, "say something");
    assert!(!refused.header("set-cookie").is_empty() && !has_field(&refused));
    assert!(!refused.body.contains(TOKEN));
    // A page of another site drives nothing.
    let mut foreign = form(&format!("{note}&token={TOKEN}"));
    foreign.headers.insert("sec-fetch-site", HeaderValue::from_static("cross-site"));
    check_refused(&world.asked_of(&access, &foreign), 403, "a page of another site");
}

fn who_has_sent_a_token_can_sign_out() {
    let world = World::busy();
    let access = access();
    let with = |method, target, cookie: &str, site| {
        let mut asked = request(method, target, "");
        asked.headers.insert("cookie", HeaderValue::from_str(cookie).unwrap());
        asked.headers.insert("sec-fetch-site", HeaderValue::from_static(site));
        world.asked_of(&access, &asked)
    };
    let note = request(Method::POST, "/tasks/1", &format!("do=comment&text=x&token={TOKEN}"));
    let entered = world.asked_of(&access, &note);
    let cookie = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    let form = "action=\"/tasks/sign-out\">Forms are sent as token anna.";
    let page = |target| with(Method::GET, target, &cookie, "same-origin").body;
    for target in ["/tasks", "/tasks/list", "/tasks/1", "/tasks/nodes", "/tasks/run"] {
        assert!(page(target).contains(form), "{target}");
        assert!(!world.get(target).body.contains("sign-out"), "nobody has signed in: {target}");
    }
    // A page that loads itself again has no forms.
    assert!(!page("/tasks?refresh=5").contains("sign-out"));
    // A page of another site cannot do it, and loading the address neither.
    let foreign = with(Method::POST, "/tasks/sign-out", &cookie, "cross-site");
    check_refused(&foreign, 403, "a page of another site");
    assert_eq!(path(&with(Method::GET, "/tasks/sign-out", &cookie, "same-origin")), "/tasks");
    assert!(page("/tasks/1").contains(form));
    let out = with(Method::POST, "/tasks/sign-out", &cookie, "same-origin");
    assert_eq!(path(&out), "/tasks?done=signed-out");
    assert!(out.header("set-cookie").ends_with("; Max-Age=0"), "{}", out.header("set-cookie"));
    let page = page("/tasks/1");
    assert!(!page.contains("sign-out") && page.contains("type=\"password\""), "{page}");
    assert!(world.get("/tasks?done=signed-out").body.contains("You are signed out"));
    let put = world.asked(Way::Tcp, request(Method::PUT, "/tasks/sign-out", ""));
    assert_eq!((put.status, put.header("allow")), (405, "POST"));
}

fn forms_are_sent_where_they_belong() {
    let world = World::busy();
    for page in ["/tasks", "/tasks/list", "/tasks/nodes", "/tasks/x"] {
        let answer = world.post(page, "do=pause");
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{page}");
    }
    let put = request(Method::PUT, "/tasks/1", "");
    let answer = world.asked(Way::Socket, put);
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD, POST"));
    assert_eq!(path(&world.get("/tasks/queues")), "/tasks");
    let page = world.get("/tasks");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(
        (page.header("cache-control"), page.header("x-content-type-options")),
        ("no-store", "nosniff")
    );
}
