//! `mirrorlistd task` against an API that says what a test wants.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{command, run};

/// A request: its first line, its token and its body.
struct Asked {
    line: String,
    token: Option<String>,
    body: String,
}

/// An API that gives each target its answers, one after the other; the last one stays.
struct Api {
    address: SocketAddr,
    asked: Receiver<Asked>,
}

/// What is answered: a status and a body; nothing at all where the status is 0, and the connection stays
/// open where it is 1.
type Answer = (u16, &'static str);

impl Api {
    fn start(answers: &[(&str, &[Answer])]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answers = answers.iter().map(|(target, answers)| {
            ((*target).to_owned(), answers.iter().copied().rev().collect::<Vec<_>>())
        });
        let answers: Arc<Mutex<HashMap<_, _>>> = Arc::new(Mutex::new(answers.collect()));
        let (sender, asked) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, sender) = (Arc::clone(&answers), sender.clone());
                let stream = stream.expect("a client");
                thread::spawn(move || answer(stream, &answers, &sender));
            }
        });
        Self { address, asked }
    }

    fn run(&self, args: &[&str]) -> Output {
        run(&self.args(args))
    }

    fn args<'a>(&self, args: &[&'a str]) -> Vec<&'a str> {
        let address: &'static str = self.address.to_string().leak();
        [&["task"], args, &["--admin", address]].concat()
    }

    /// The requests that have come so far.
    fn asked(&self) -> Vec<String> {
        self.asked.try_iter().map(|asked| asked.line).collect()
    }
}

fn answer(
    mut stream: TcpStream,
    answers: &Mutex<HashMap<String, Vec<Answer>>>,
    sender: &Sender<Asked>,
) {
    let mut lines = BufReader::new(stream.try_clone().expect("a handle"));
    let (mut head, mut length, mut token) = (Vec::new(), 0, None);
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("a header");
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.parse().expect("a number");
        }
        if let Some(value) = line.strip_prefix("Authorization: Bearer ") {
            token = Some(value.to_owned());
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).expect("a body");
    let line = head[0].strip_suffix(" HTTP/1.0").expect("HTTP/1.0").to_owned();
    let (status, text) = {
        let mut answers = answers.lock().expect("no panic");
        let unknown = vec![(404, r#"{"error": {"code": "unknown", "message": "no such path"}}"#)];
        let list = answers.entry(line.clone()).or_insert(unknown);
        if list.len() > 1 { list.pop().expect("an answer") } else { list[0] }
    };
    let body = String::from_utf8(body).expect("UTF-8");
    // The test may have ended.
    let _ = sender.send(Asked { line, token, body });
    match status {
        0 => {}
        1 => thread::park(),
        status => {
            let _ = write!(stream, "HTTP/1.0 {status} Status\r\n\r\n{text}");
        }
    }
}

#[track_caller]
fn check(output: &Output, status: i32, stdout: &str, stderr: &str) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str(), text(&output.stderr).as_str()),
        (Some(status), stdout, stderr)
    );
}

const KINDS: Answer = (
    200,
    r#"{"kinds": [
        {"name": "primary.scan", "about": "Makes an index of the tree.", "parameters": [
            {"name": "allow_shrink", "about": "Accepts a smaller tree.", "type": "switch",
             "required": false}]},
        {"name": "test.sleep", "about": "Sleeps.", "parameters": [
            {"name": "seconds", "about": "How long.", "type": "number", "min": 0, "max": 60,
             "required": true}]}]}"#,
);
const ENQUEUED: &str =
    r#"{"id": 123456, "kind": "primary.scan", "queue": "cpu", "state": "enqueued"}"#;
const RUNNING: &str = r#"{"id": 123456, "kind": "primary.scan", "queue": "cpu", "state": "running",
    "stage": "walk", "done": 3, "total": 10}"#;
const COMPLETED: &str = r#"{"id": 123456, "kind": "primary.scan", "queue": "cpu", "state": "completed",
    "started_at": "2026-11-26T12:00:00Z", "finished_at": "2026-11-26T12:00:12Z",
    "result": {"directories": 1000}}"#;
const GET: &str = "GET /api/v1/tasks/123456";
const WAIT: &str = "GET /api/v1/tasks/123456?wait=1s";

#[test]
fn run_waits_and_says_how_the_task_has_ended() {
    let api = Api::start(&[
        ("GET /api/v1/kinds", &[KINDS]),
        ("POST /api/v1/tasks", &[(202, ENQUEUED)]),
        (GET, &[(200, ENQUEUED)]),
        (WAIT, &[(200, RUNNING), (200, RUNNING), (200, COMPLETED)]),
    ]);
    let output = api.run(&["run", "primary.scan", "allow_shrink"]);
    let progress = "123-456 primary.scan: enqueued\n123-456 primary.scan: walk\n";
    check(
        &output,
        0,
        "123-456 primary.scan has completed after 12 s\ndirectories: 1000\n",
        progress,
    );
    let asked: Vec<_> = api.asked.try_iter().collect();
    let post = asked.iter().find(|asked| asked.line.starts_with("POST")).expect("a request");
    let body: serde_json::Value = serde_json::from_str(&post.body).expect("JSON");
    assert_eq!(body["kind"], "primary.scan");
    assert_eq!(body["args"], serde_json::json!({"allow_shrink": true}));
    assert!(body["request_id"].as_str().is_some_and(|id| id.len() > 32), "{body}");
}

#[test]
fn the_exit_status_says_how_a_task_has_ended() {
    let ended = |state: &str, more: &str| -> Answer {
        let text = format!(r#"{{"id": 7, "kind": "a.b", "state": "{state}"{more}}}"#);
        (200, text.leak())
    };
    let cases = [
        (ended("completed", ""), 0, ""),
        (
            ended("failed", r#", "error": "the tree\nis empty""#),
            4,
            "mirrorlistd: task 7 (a.b) has failed: the tree\\u{a}is empty\n",
        ),
        (
            ended("cancelled", r#", "cancel_by": "alice""#),
            8,
            "mirrorlistd: task 7 (a.b) was cancelled by alice\n",
        ),
        (ended("dropped", ""), 16, "mirrorlistd: task 7 (a.b) was dropped\n"),
    ];
    for (answer, status, stderr) in cases {
        let api = Api::start(&[("GET /api/v1/tasks/7", &[answer])]);
        let stdout = if status == 0 { "7 a.b has completed\n" } else { "" };
        check(&api.run(&["await", "7"]), status, stdout, stderr);
        let json = api.run(&["await", "7", "--json", "--quiet"]);
        assert_eq!(json.status.code(), Some(status));
        let printed: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
        assert_eq!(printed["id"], 7);
    }
}

#[test]
fn detached_runs_print_the_number_for_people_and_for_scripts() {
    let api =
        Api::start(&[("GET /api/v1/kinds", &[KINDS]), ("POST /api/v1/tasks", &[(202, ENQUEUED)])]);
    let output = api.run(&["run", "primary.scan", "--detach"]);
    let stdout = "123-456 enqueued\nWait for it with `mirrorlistd task await 123-456`.\n";
    check(&output, 0, stdout, "");
    check(&api.run(&["run", "primary.scan", "-d", "-q"]), 0, "123456\n", "");
}

#[test]
fn a_run_that_was_asked_for_while_one_runs_is_waited_for_as_well() {
    let merged = r#"{"id": 123456, "kind": "primary.scan", "state": "running", "request_id": "x"}"#;
    let next = r#"{"tasks": [{"id": 123457, "kind": "primary.scan", "state": "enqueued"}]}"#;
    let failed = r#"{"id": 123457, "kind": "primary.scan", "state": "failed", "error": "no"}"#;
    let api = Api::start(&[
        ("GET /api/v1/kinds", &[KINDS]),
        ("POST /api/v1/tasks", &[(202, merged)]),
        (GET, &[(200, COMPLETED)]),
        ("GET /api/v1/tasks?parent=123456&kind=primary.scan", &[(200, next)]),
        ("GET /api/v1/tasks/123457", &[(200, failed)]),
    ]);
    let output = api.run(&["run", "primary.scan"]);
    let stderr = "123-456 had begun before; 123-457 follows it\n\
                  mirrorlistd: task 123-457 (primary.scan) has failed: no\n";
    check(&output, 4, "", stderr);
}

#[test]
fn a_lost_answer_makes_no_second_task() {
    let api = Api::start(&[
        ("GET /api/v1/kinds", &[KINDS]),
        ("POST /api/v1/tasks", &[(0, ""), (202, ENQUEUED)]),
    ]);
    check(&api.run(&["run", "primary.scan", "-d", "-q"]), 0, "123456\n", "");
    let bodies: Vec<_> = api.asked.try_iter().map(|asked| asked.body).collect();
    let bodies: Vec<_> = bodies.into_iter().filter(|body| !body.is_empty()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
}

#[test]
fn a_process_that_has_just_started_is_asked_again() {
    let no_node = r#"{"error": {"code": "no_node", "message": "none has started yet"}}"#;
    let api = Api::start(&[
        ("GET /api/v1/kinds", &[KINDS]),
        ("POST /api/v1/tasks", &[(503, no_node), (503, no_node), (202, ENQUEUED)]),
    ]);
    let output = api.run(&["run", "primary.scan", "--detach"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "none has started yet; trying again\n");
}

#[test]
fn a_wait_survives_a_process_that_restarts() {
    let api = Api::start(&[
        (GET, &[(200, RUNNING)]),
        (WAIT, &[(0, ""), (503, "stopping\n"), (200, COMPLETED)]),
    ]);
    let output = api.run(&["await", "123456"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("trying again") && stderr.contains("stopping; trying again"),
        "{stderr}"
    );
}

#[test]
fn a_store_that_cannot_be_used_is_told_to_who_waits() {
    let full = r#"{"id": 123456, "kind": "primary.scan", "state": "enqueued",
                   "store_trouble": "cannot take tasks: the disk is full"}"#;
    let api = Api::start(&[(GET, &[(200, full)]), (WAIT, &[(200, full), (200, COMPLETED)])]);
    let output = api.run(&["await", "123456"]);
    let stderr = "123-456 waits: cannot take tasks: the disk is full\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), stderr);
    assert_eq!(output.status.code(), Some(0));
    let api = Api::start(&[(GET, &[(200, full)]), (WAIT, &[(200, full)])]);
    let output = api.run(&["await", "123456", "--timeout", "1", "--quiet"]);
    let stderr = "mirrorlistd: task 123456 is enqueued (cannot take tasks: the disk is full), and goes on; \
                  wait for it with `mirrorlistd task await 123456`\n";
    check(&output, 1, "", stderr);
}

#[test]
fn a_wait_for_nobody_ends_at_once() {
    let output = run(&["task", "await", "7", "--admin", "unix:/nonexistent/socket"]);
    let stderr = "mirrorlistd: cannot connect to unix:/nonexistent/socket: No such file or directory (os \
                  error 2); does the server run, with this address in --admin?\n";
    check(&output, 1, "", stderr);
}

#[test]
fn an_interrupt_detaches_and_says_how_to_go_on() {
    let api = Api::start(&[(GET, &[(200, RUNNING)]), (WAIT, &[(1, "")])]);
    let mut command = command(&api.args(&["await", "123456"]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
    // The second question is never answered: it waits.
    let first_two: Vec<_> = api.asked.iter().take(2).map(|asked| asked.line).collect();
    assert_eq!(first_two, [GET, WAIT]);
    let pid = Pid::from_raw(child.id().cast_signed()).expect("a process id");
    kill_process(pid, Signal::INT).expect("a signal");
    let output = child.wait_with_output().expect("its end");
    let stderr = "123-456 primary.scan: walk\n\
                  mirrorlistd: task 123456 goes on; wait for it with `mirrorlistd task await 123456`, \
                  end it with `mirrorlistd task cancel 123456`\n";
    check(&output, 130, "", stderr);
}

#[test]
fn arguments_at_fault_ask_for_nothing() {
    let api = Api::start(&[("GET /api/v1/kinds", &[KINDS])]);
    for (args, reason) in [
        (&["run", "primary.scam"][..], "did you mean `primary.scan`?"),
        (&["run", "test.sleep"], "`seconds` is missing: How long.; write seconds=0…60"),
        (&["run", "test.sleep", "seconds=61"], "must be a whole number from 0 to 60"),
        (&["show", "seven"], "`seven` is no number of a task"),
        (&["cancel", "../queues"], "is no number of a task"),
        (&["show", "--jsn"], "`--jsn` is no number of a task"),
        (&["await", "7", "--token-file", "/nonexistent"], "/nonexistent: "),
        (&["list", "--since", "yesterday"], "--since: `yesterday` is no time: write 2026-11-26"),
        (&["list", "--until", "26.11.2026"], "--until: `26.11.2026` is no time"),
    ] {
        let output = api.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    }
    assert!(api.asked().iter().all(|line| line == "GET /api/v1/kinds"));
}

#[test]
fn refusals_are_one_line_and_status_1() {
    let refusal = |message: &str| -> &'static str {
        format!(r#"{{"error": {{"code": "x", "message": "{message}"}}}}"#).leak()
    };
    let api = Api::start(&[
        ("GET /api/v1/tasks/7", &[(404, refusal("there is no task 7"))]),
        ("GET /api/v1/tasks/-45", &[(400, refusal("several tasks end with 45"))]),
        ("GET /api/v1/tasks/8", &[(410, refusal("task 8 ended long ago, and was removed"))]),
        ("POST /api/v1/tasks/9/cancel", &[(401, refusal("changes need a token"))]),
        ("GET /api/v1/nodes", &[(200, "[[")]),
        ("GET /api/v1/queues", &[(200, r#"{"sorts": []}"#)]),
    ]);
    for (args, reason) in [
        (&["show", "7"][..], "there is no task 7"),
        (&["show", "7", "--json"], "there is no task 7"),
        (&["await", "8"], "task 8 ended long ago, and was removed"),
        (&["cancel", "9"], "changes need a token (--token-file FILE)"),
        (&["nodes"], "this is not the API of mirrorlistd's tasks (status 200)"),
        (&["queues"], "of another version than this program: it holds no list `queues`"),
    ] {
        let output = api.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    }
    assert_eq!(api.run(&["await", "-45", "--json"]).status.code(), Some(2), "write more digits");
}

#[test]
fn filters_and_tokens_are_sent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("token");
    fs::write(&file, "alice 0123456789abcdef\n").expect("a file");
    let target = "GET /api/v1/tasks?limit=5&kind=a.b,c.d&state=failed&since=2026-11-26T00:00:00Z\
                  &text=no%20space";
    let list = r#"{"tasks": [
        {"id": 1234, "kind": "a.b", "state": "failed", "actor": "alice",
         "finished_at": "2000-01-01T00:00:00Z", "error": "no space left"}], "next": "1234"}"#;
    let api = Api::start(&[(target, &[(200, list)])]);
    let token = file.to_str().expect("UTF-8");
    let output = api.run(&[
        "list",
        "--kind",
        "a.b",
        "--kind",
        "c.d",
        "--state",
        "failed",
        "--since",
        "2026-11-26",
        "--text",
        "no space",
        "--limit",
        "5",
        "--token-file",
        token,
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["TASK", "STATE", "SINCE", "KIND", "BY", "WHAT"]
    );
    assert!(lines[1].starts_with("1-234  failed  "), "{text}");
    assert!(lines[1].ends_with("a.b   alice  no space left"), "{text}");
    assert_eq!(lines[2], "There are more: --cursor 1234");
    let asked = api.asked.try_iter().next().expect("a request");
    assert_eq!(asked.token.as_deref(), Some("0123456789abcdef"));
}

#[test]
fn a_queue_is_paused_with_a_reason() {
    let api = Api::start(&[
        ("GET /api/v1/queues", &[(200, r#"{"queues": [{"name": "cpu"}]}"#)]),
        ("GET /api/v1/schedules", &[(200, r#"{"schedules": [{"id": "primary.scan"}]}"#)]),
        ("POST /api/v1/queues/cpu/pause", &[(200, "{}")]),
        ("POST /api/v1/schedules/primary.scan/resume", &[(200, "{}")]),
    ]);
    let output = api.run(&["pause", "cpu", "--reason", "disk full"]);
    let stdout = "queue cpu is paused: what runs goes on, and nothing more is started\n";
    check(&output, 0, stdout, "");
    let bodies: Vec<_> = api.asked.try_iter().map(|asked| asked.body).collect();
    assert_eq!(bodies.last().map(String::as_str), Some(r#"{"reason":"disk full"}"#));
    check(&api.run(&["resume", "primary.scan"]), 0, "schedule primary.scan goes on\n", "");
    assert_eq!(api.run(&["pause", "cpu"]).status.code(), Some(2), "a reason is needed");
}

#[test]
fn a_doctor_that_finds_something_fails() {
    let api = Api::start(&[(
        "GET /api/v1/doctor",
        &[
            (200, r#"{"findings": []}"#),
            (
                200,
                r#"{"findings": [{"invariant": "I3", "message": "task 1-234 runs twice", "task": 1234}]}"#,
            ),
        ],
    )]);
    check(&api.run(&["doctor"]), 0, "the store holds nothing that must not be\n", "");
    check(&api.run(&["doctor"]), 1, "I3: task 1-234 runs twice\n", "");
}

#[test]
fn the_process_is_found_by_its_configuration() {
    let api = Api::start(&[("GET /api/v1/nodes", &[(200, r#"{"nodes": []}"#)])]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("mirrorlistd.toml");
    let path = file.to_str().expect("UTF-8");
    fs::write(&file, format!("[admin]\nlisten = \"{}\"\n", api.address)).expect("a file");
    check(&run(&["task", "nodes", "--config", path]), 0, "no nodes\n", "");
    check(&run(&["task", "--config", path, "nodes"]), 0, "no nodes\n", "");
    fs::write(&file, "").expect("a file");
    let stderr = format!("mirrorlistd: {path}: there is no admin listener: set admin.listen\n");
    check(&run(&["task", "nodes", "--config", path]), 2, "", &stderr);
}
