//! A process of `mirrorlistd control` that can be killed, and a client of its API.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::server::{PATIENCE, without_supervisor};

/// How long a client waits before it tries again.
const PAUSE: Duration = Duration::from_millis(5);

/// A place for processes of one node: its configuration, its socket, its log.
pub struct Node {
    pub name: String,
    folder: PathBuf,
    config: PathBuf,
    socket: PathBuf,
    child: Option<Child>,
}

impl Node {
    /// A node that keeps tasks where `store` says, a line of the table `[control]`.
    pub fn new(folder: &Path, name: &str, store: &str, more: &str) -> Self {
        Self::of_inputs(folder, name, "demo = true", store, more)
    }

    /// The same with other data than those of the demo. `inputs` are lines at the top of the configuration.
    pub fn of_inputs(folder: &Path, name: &str, inputs: &str, store: &str, more: &str) -> Self {
        let socket = folder.join(format!("{name}.socket"));
        let config = folder.join(format!("{name}.toml"));
        let text = format!(
            "{inputs}\n[admin]\nlisten = \"unix:{}\"\n[control]\n{store}\nsnapshot = \"{}\"\n\
             node = \"{name}\"\ntest_kinds = true\n{more}\n",
            socket.display(),
            folder.join("mirrors.snapshot").display(),
        );
        std::fs::write(&config, text).expect("a write");
        Self { name: name.to_owned(), folder: folder.to_owned(), config, socket, child: None }
    }

    /// Starts a process, without waiting until it answers.
    pub fn start(&mut self) {
        self.start_through(&[]);
    }

    /// Starts a process through another program, which becomes it.
    pub fn start_through(&mut self, wrapper: &[&str]) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join(format!("{}.log", self.name)))
            .expect("a log");
        let config = self.config.to_str().expect("a path of letters");
        let program = support::program().to_str().expect("a path of letters");
        let words = [wrapper, &[program, "control", "--config", config]].concat();
        let mut command = Command::new(words[0]);
        without_supervisor(command.args(&words[1..]));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().expect("the program can be started"));
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a process");
        let pid = Pid::from_child(child);
        kill_process(pid, signal).expect("a process of this test");
    }

    /// Kills the process, and waits until it is gone.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a process");
        child.kill().expect("a process of this test");
        child.wait().expect("it can be waited for");
    }

    /// Stops the process, which must end well.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "{}: {status}\n{}", self.name, self.log());
    }

    /// Waits until the process has ended, and returns how.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let child = self.child.as_mut().expect("a process");
        let status = loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(Instant::now() < deadline, "{} does not end\n{}", self.name, self.log());
            thread::sleep(PAUSE);
        };
        self.child = None;
        status
    }

    /// What its processes have logged, the end of it.
    pub fn log(&self) -> String {
        let path = self.folder.join(format!("{}.log", self.name));
        let text = std::fs::read(path).unwrap_or_default();
        let start = text.len().saturating_sub(4_000);
        String::from_utf8_lossy(&text[start..]).into_owned()
    }

    /// A client of its API.
    pub fn client(&self) -> Client {
        Client { socket: self.socket.clone() }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A client of the API of a node, whichever process is there.
#[derive(Clone)]
pub struct Client {
    socket: PathBuf,
}

/// A whole answer.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Value,
}

impl Answer {
    /// The value of a header, whose name is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

impl Client {
    /// Asks once. Without a whole answer, nothing is known.
    pub fn ask(&self, method: &str, target: &str, body: &str) -> Option<Answer> {
        let (status, head, body) = self.exchange(method, target, body)?;
        Some(Answer { status, head, body: serde_json::from_str(&body).ok()? })
    }

    /// The text of something that is there.
    pub fn read(&self, target: &str) -> String {
        let (status, _, text) = self.exchange("GET", target, "").expect("an answer");
        assert_eq!(status, 200, "{target}: {text}");
        text
    }

    /// The status of a whole answer, its head and its body.
    fn exchange(&self, method: &str, target: &str, body: &str) -> Option<(u16, String, String)> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        let head = format!(
            "{method} {target} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        let mut text = Vec::new();
        match stream.read_to_end(&mut text) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("no answer to {target}"),
            Err(_) => return None,
            Ok(_) => {}
        }
        let text = String::from_utf8(text).expect("text");
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.get(9..12)?.parse().expect("a status");
        let length = header(head, "content-length").map(str::parse);
        if length.is_some_and(|length| length != Ok(body.len())) {
            return None;
        }
        Some((status, head.to_owned(), body.to_owned()))
    }

    /// Asks until there is an answer that is no 503.
    pub fn ask_until_answered(&self, method: &str, target: &str, body: &str) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(method, target, body);
            let said = match answer {
                Some(answer) if answer.status != 503 => return answer,
                answer => answer.map(|answer| answer.body),
            };
            assert!(Instant::now() < deadline, "no answer to {method} {target}: {said:?}");
            thread::sleep(PAUSE);
        }
    }

    /// Waits until a task has ended. Returns its state.
    pub fn wait_for_end(&self, task: i64) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let target = format!("/api/v1/tasks/{task}?wait=30s");
            let answer = self.ask_until_answered("GET", &target, "");
            let state = answer.body["state"].as_str().expect("a state");
            if !["enqueued", "running"].contains(&state) {
                return state.to_owned();
            }
            assert!(Instant::now() < deadline, "task {task} does not end: {}", answer.body);
        }
    }

    /// Waits until no task waits or runs any more.
    pub fn wait_until_idle(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let target = "/api/v1/tasks?state=running,enqueued&limit=1";
            let answer = self.ask_until_answered("GET", target, "");
            let open = answer.body["tasks"].as_array().expect("a list");
            let Some(id) = open.first().map(|task| task["id"].to_string()) else { return };
            // Returns when that one has ended.
            self.ask("GET", &format!("/api/v1/tasks/{}?wait=30s", id.trim_matches('"')), "");
            assert!(Instant::now() < deadline, "tasks do not end: {}", answer.body);
        }
    }
}
