//! The API of tasks on the operator's listener, with the real program.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{PATIENCE, Server, wait_until};

const TOKEN: &str = "0123456789abcdef";

/// A server with background work, and the address of its admin listener.
struct Site {
    _server: Server,
    _state: TempDir,
    admin: String,
}

impl Site {
    #[track_caller]
    fn start() -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let tokens = state.path().join("tokens");
        std::fs::write(&tokens, format!("ci {TOKEN}\n")).expect("a write");
        std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).expect("a mode");
        let config = format!(
            "[admin]\nlisten = '127.0.0.1:0'\n\n[control]\nstate = '{}'\ntoken_file = '{}'\n\
             test_kinds = true\n",
            state.path().join("state").display(),
            tokens.display()
        );
        let server = Server::start_with(&config, &[]);
        server.wait_for_log("admin listener on http://");
        let stderr = server.stderr();
        let (_, address) = stderr.split_once("admin listener on http://").expect("its address");
        let admin = address.lines().next().expect("a line").to_owned();
        let site = Self { _server: server, _state: state, admin };
        wait_until("a node runs", || {
            let (_, nodes) = site.get("/api/v1/nodes");
            nodes["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty())
        });
        site
    }

    /// Sends a request, and returns the connection.
    fn send(&self, method: &str, target: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.admin).expect("the admin listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("a valid timeout");
        let n = body.len();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {n}\r\n{headers}\r\n{body}"
        )
        .expect("the server reads");
        stream
    }

    fn ask(&self, method: &str, target: &str, headers: &str, body: &str) -> String {
        rest_of(self.send(method, target, headers, body))
    }

    fn get(&self, target: &str) -> (u16, Value) {
        read(&self.ask("GET", target, "Host: localhost\r\n", ""))
    }

    fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        let headers = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\n");
        read(&self.ask("POST", target, &headers, &body.to_string()))
    }

    /// Asks for a task of `test.sleep`, and returns its number.
    #[track_caller]
    fn sleep(&self, seconds: u32) -> i64 {
        let body = json!({"kind": "test.sleep", "args": {"seconds": seconds}});
        let (status, answer) = self.post("/api/v1/tasks", &body);
        assert_eq!(status, 202, "{answer}");
        answer["task"]["id"].as_i64().expect("a number")
    }
}

fn rest_of(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// The status and the JSON of an answer.
#[track_caller]
fn read(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[test]
fn a_task_is_asked_for_and_awaited() {
    let site = Site::start();
    let id = site.sleep(0);
    let (status, task) = site.get(&format!("/api/v1/tasks/{id}?wait=60s"));
    assert_eq!((status, &task["state"]), (200, &json!("completed")), "{task}");
    assert_eq!(task["actor"], "token ci");
    assert_eq!(site.get("/api/v1/tasks/999-999").0, 404);
    assert_eq!(site.get("/api/v1/tasks/one").0, 400);
    let events = format!("/api/v1/tasks/{id}/events");
    let stream = site.ask("GET", &events, "Host: localhost\r\nAccept: text/event-stream\r\n", "");
    assert!(stream.contains("event: claimed\n") && stream.contains("event: end\n"), "{stream}");
    let metrics = site.ask("GET", "/metrics", "Host: localhost\r\n", "");
    for series in [
        "mirrorlistd_store_up 1.0\n",
        "mirrorlistd_node_takes_tasks 1.0\n",
        "mirrorlistd_tasks_finished_total{kind=\"test.sleep\",state=\"completed\"} 1\n",
        "mirrorlistd_ready 1\n",
    ] {
        assert!(metrics.contains(series), "{series} is not in {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
}

#[test]
fn only_who_may_can_change_something() {
    let site = Site::start();
    let body = json!({"kind": "test.sleep", "args": {"seconds": 0}}).to_string();
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    for (headers, target, expected) in [
        ("Host: localhost\r\n".to_owned(), "/api/v1/tasks", 401),
        (format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}x\r\n"), "/api/v1/tasks", 401),
        (format!("Host: evil.example\r\n{bearer}"), "/api/v1/tasks", 421),
        (
            format!("Host: localhost\r\nOrigin: http://evil.example\r\n{bearer}"),
            "/api/v1/tasks",
            403,
        ),
        (
            format!("Host: localhost\r\nSec-Fetch-Site: cross-site\r\n{bearer}"),
            "/api/v1/tasks",
            403,
        ),
        (format!("Host: localhost\r\n{bearer}"), "/api/v1/tasks?token=0123456789abcdef", 400),
        (format!("Host: localhost\r\n{bearer}"), "/api/v1/tasks", 202),
    ] {
        let (status, answer) = read(&site.ask("POST", target, &headers, &body));
        assert_eq!(status, expected, "{headers}: {answer}");
    }
    let (_, tasks) = site.get("/api/v1/tasks?kind=test.sleep");
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(1));
}

#[test]
fn many_who_wait_are_limited_and_all_are_answered() {
    const LIMIT: usize = 24;
    const MORE: usize = 8;
    let site = Site::start();
    let id = site.sleep(600);
    let target = format!("/api/v1/tasks/{id}?wait=60s");
    let (sender, answers) = std::sync::mpsc::channel();
    for _ in 0..LIMIT + MORE {
        let stream = site.send("GET", &target, "Host: localhost\r\n", "");
        let sender = sender.clone();
        std::thread::spawn(move || sender.send(read(&rest_of(stream))));
    }
    let answer = || answers.recv_timeout(PATIENCE).expect("an answer");
    // Those without a place are told the present state.
    for _ in 0..MORE {
        let (status, task) = answer();
        assert_eq!(status, 200, "{task}");
        assert_ne!(task["state"], "cancelled");
    }
    assert!(site.ask("GET", "/healthz", "", "").ends_with("alive\n"));
    let (status, cancelled) =
        site.post(&format!("/api/v1/tasks/{id}/cancel"), &json!({"reason": "enough"}));
    assert_eq!(status, 200, "{cancelled}");
    for _ in 0..LIMIT {
        let (status, task) = answer();
        assert_eq!((status, &task["state"]), (200, &json!("cancelled")));
    }
    let (status, examined) = site.get("/api/v1/doctor");
    assert_eq!((status, &examined), (200, &json!({"findings": []})));
}
