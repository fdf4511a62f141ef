use super::*;

#[tokio::test]
async fn odd_bodies_are_refused_with_the_place() {
    let fixture = Fixture::new().await;
    let long = format!("{{\"kind\":\"test.nap\",\"args\":{{\"a\":\"{}\"}}}}", "x".repeat(20_000));
    let deep = format!("{{\"kind\":\"test.nap\",\"args\":{{\"a\":{}", "[".repeat(5_000));
    for (body, expected) in [
        ("", "the body is empty"),
        ("{", "the body: EOF while parsing an object at line 1 column 1"),
        ("[]", "the body: invalid"),
        ("null", "the body: invalid type: null"),
        ("\"test.nap\"", "the body: invalid type"),
        ("{}", "the body: missing field `kind`"),
        ("{\"kind\":7}", "the body: invalid type: integer `7`, expected a string at line 1"),
        ("{\"kind\":\"test.nap\",\"arg\":{}}", "the body: unknown field `arg`, expected one of"),
        ("{\"kind\":\"test.nap\",\"args\":[]}", "the body: invalid type: sequence"),
        ("{\"kind\":\"test.nap\",\"kind\":\"test.nap\"}", "the body: duplicate field `kind`"),
        ("{\"kind\":\"test.nap\"} x", "the body: trailing characters"),
        ("{\"kind\":\"test.nip\"}", "`test.nip` is no kind of tasks; did you mean `test.nap`?"),
        ("{\"kind\":\"test.nap\",\"args\":{\"secs\":1}}", "`secs` is no argument"),
        ("{\"kind\":\"test.nap\",\"args\":{\"seconds\":61}}", "`seconds` is 61, and must be"),
        ("{\"kind\":\"test.nap\",\"priority\":1001}", "`priority` must be from -1000 to 1000"),
        ("{\"kind\":\"test.nap\",\"priority\":1e99}", "the body: "),
        ("{\"kind\":\"test.nap\",\"delay_seconds\":-1}", "the body: invalid value: integer `-1`"),
        ("{\"kind\":\"test.nap\",\"delay_seconds\":99999999999}", "`delay_seconds` must be"),
        ("{\"kind\":\"test.nap\",\"request_id\":\"\"}", "`request_id` must have 1 to 200 bytes"),
        ("{\"kind\":\"test.nap\",\"request_id\":\"a\\u0000\"}", "`request_id` must have"),
        (&long, "`args` have 20008 bytes, at most 16384 are taken"),
        (&deep, "the body: recursion limit exceeded"),
    ] {
        let (status, answer) = fixture.post("/api/v1/tasks", body).await;
        let message = answer["error"]["message"].as_str().unwrap();
        assert_eq!((status, code(&answer)), (400, "invalid"), "{body}: {message}");
        assert!(message.starts_with(expected), "{message}");
        assert!(!message.contains('\n') && message.len() <= 1_000);
    }
    let mut form = request(Method::POST, "/api/v1/tasks", "{\"kind\":\"test.nap\"}");
    form.headers.insert("content-type", HeaderValue::from_static("text/plain"));
    assert_eq!(fixture.ask(form.clone()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    form.headers.remove("content-type");
    assert_eq!(fixture.ask(form.clone()).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    form.body = Bytes::from_static(b"\xff\xfe\x00");
    form.headers.insert("content-type", HeaderValue::from_static("application/json"));
    assert_eq!(fixture.ask(form).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(fixture.get("/api/v1/tasks").await.1["tasks"], json!([]));
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let fixture = Fixture::new().await;
    for path in
        ["/api", "/api/v1", "/api/v1/", "/api/v2/tasks", "/api/v1/tasks/1/x", "/api/v1/task"]
    {
        let (status, body) = fixture.get(path).await;
        assert_eq!((status, code(&body)), (404, "no_such_path"), "{path}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/api/v1/tasks", "GET, POST"),
        (Method::PUT, "/api/v1/tasks/1", "GET"),
        (Method::OPTIONS, "/api/v1/tasks", "GET, POST"),
        (Method::GET, "/api/v1/tasks/1/cancel", "POST"),
        (Method::POST, "/api/v1/nodes", "GET"),
    ] {
        let (status, headers, _) = fixture.ask(request(method, path, "")).await;
        assert_eq!(
            (status, &headers["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &HeaderValue::from_static(allow))
        );
    }
    assert_eq!(fixture.post("/api/v1/tasks?kind=a", "{\"kind\":\"test.nap\"}").await.0, 400);
    assert_eq!(fixture.get("/api/v1/nodes?x=1").await.0, 400);
}

#[tokio::test]
async fn over_tcp_reading_is_free_and_changing_is_not() {
    let fixture = Fixture::new().await;
    let over_tcp = |method, target: &str, body: &str| PartRequest {
        via: Via::Tcp,
        ..request(method, target, body)
    };
    let (status, ..) = fixture.ask(over_tcp(Method::GET, "/api/v1/tasks", "")).await;
    assert_eq!(status, StatusCode::OK);
    for path in [
        "tasks",
        "tasks/1/cancel",
        "tasks/1/retry",
        "tasks/1/comment",
        "queues/cpu/pause",
        "queues/cpu/resume",
        "schedules/nightly/run",
    ] {
        let path = format!("/api/v1/{path}");
        let (status, _, body) = fixture.ask(over_tcp(Method::POST, &path, "{}")).await;
        assert_eq!((status, code(&body)), (StatusCode::FORBIDDEN, "no_token_file"), "{path}");
    }
}

/// Requests to begin with.
const TARGETS: &[&str] = &[
    "tasks",
    "tasks/1",
    "tasks/-1",
    "tasks/1/cancel",
    "tasks/1/retry",
    "tasks/1/comment",
    "tasks/1/events",
    "tasks/1/attempts",
    "queues",
    "queues/cpu/pause",
    "queues/cpu/resume",
    "schedules",
    "schedules/nightly/run",
    "schedules/nightly/pause",
    "nodes",
    "kinds",
    "doctor",
];
/// What they are continued with.
const PIECES: &[&str] = &[
    "?",
    "&",
    "=",
    ",",
    "/",
    "kind",
    "state",
    "limit",
    "cursor",
    "wait",
    "0",
    "1",
    "since",
    "until",
    "text",
    "parent",
    "after",
    "2026-11-21",
    "T11:01:29Z",
    "%",
    "%00",
    "%ff",
    "+",
    "ü",
    "\u{202e}",
    "\u{0}",
    "9223372036854775807",
    "-9223372036854775808",
    "failed",
    "test.nap",
];
/// Bodies, and pieces of them.
const BODY_PIECES: &[&str] = &[
    "{\"kind\":\"test.nap\"}",
    "{\"text\":\"x\"}",
    "{\"reason\":\"x\"}",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\"kind\"",
    "\"test.nap\"",
    "\"args\"",
    "\"seconds\"",
    "1",
    "-1",
    "1e999",
    "null",
    "true",
    "\"request_id\"",
    "\"priority\"",
    "\"delay_seconds\"",
    "9223372036854775808",
    "\\u0000",
    "\\ud800",
    "\u{fffd}",
    " ",
    "\n",
    "{\"text\":\"",
    "{\"kind\":\"test.nap\",\"args\":{",
    "\"}",
    "}}",
];

fn drawn(rng: &mut fastrand::Rng, pieces: &[&str], max: usize) -> String {
    (0..rng.usize(0..=max)).map(|_| pieces[rng.usize(0..pieces.len())]).collect()
}

/// Whatever is asked, there is an answer, and it never is the server's fault.
#[tokio::test(start_paused = true)]
async fn no_request_is_too_odd() {
    let fixture = Fixture::new().await;
    let mut rng = fastrand::Rng::with_seed(12);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..20_000 {
        let method = [Method::GET, Method::POST, Method::DELETE][rng.usize(0..3)].clone();
        let target = TARGETS[rng.usize(0..TARGETS.len())];
        let target = format!("/api/v1/{target}{}", drawn(&mut rng, PIECES, 8));
        let mut request = request(method, &target, &drawn(&mut rng, BODY_PIECES, 4));
        if rng.u8(..) < 32 {
            request.headers.insert("last-event-id", HeaderValue::from_static("1"));
        }
        let reply = fixture.api.answer(&request).await;
        let status = reply.status();
        *seen.entry(status.as_u16()).or_insert(0) += 1;
        assert!(!status.is_server_error(), "{status} {request:?}");
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        let value: Value = serde_json::from_slice(&body).unwrap();
        if status.is_client_error() {
            let message = value["error"]["message"].as_str().unwrap();
            assert!(!message.contains('\n') && (1..=1_000).contains(&message.len()), "{message}");
        }
    }
    // It has come behind every door.
    for status in [200, 202, 400, 404, 405] {
        assert!(seen.contains_key(&status), "{seen:?}");
    }
}
