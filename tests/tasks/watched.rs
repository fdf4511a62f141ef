//! What clients have seen, and the checks of it against the rows of the store.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use history::{Answer as CancelAnswer, Record, Rows, Seen, Violation, check, check_all_ended};
use serde_json::{Value, json};
use store::Store;
use support::server::PATIENCE;

use crate::process::{Answer, Client};

/// What all clients have seen.
pub struct Watched {
    begin: Instant,
    history: Mutex<Vec<Record>>,
    n_answers: AtomicUsize,
    answered: (Mutex<()>, Condvar),
}

impl Watched {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            begin: Instant::now(),
            history: Mutex::default(),
            n_answers: AtomicUsize::new(0),
            answered: Default::default(),
        })
    }

    pub fn record(&self, who: &str, seen: Seen) {
        let mut history = self.history.lock().expect("no holder panics");
        let at = self.begin.elapsed().as_millis() as u64;
        history.push(Record { at, who: who.to_owned(), seen });
    }

    /// Asks for a `test.sleep` until it is accepted. Returns its number.
    pub fn enqueue(&self, who: &str, api: &Client, request: &str, args: &Value) -> i64 {
        let body = self.note_request(who, request, args);
        let answer = api.ask_until_answered("POST", "/api/v1/tasks", &body);
        self.note_accepted(who, request, &answer)
    }

    /// Asks once for a `test.sleep`. The error is what was answered, if it was not accepted.
    pub fn try_enqueue(
        &self,
        who: &str,
        api: &Client,
        request: &str,
        args: &Value,
    ) -> Result<i64, String> {
        let body = self.note_request(who, request, args);
        match api.ask("POST", "/api/v1/tasks", &body) {
            Some(answer) if answer.status == 202 => Ok(self.note_accepted(who, request, &answer)),
            answer => {
                let unknown = Seen::EnqueueUnknown { request: request.to_owned() };
                self.record(who, unknown);
                let answer = answer.expect("whoever is there answers");
                assert_eq!(answer.status, 503, "{}", answer.body);
                Err(answer.body["error"]["message"].as_str().expect("a reason").to_owned())
            }
        }
    }

    fn note_request(&self, who: &str, request: &str, args: &Value) -> String {
        let asked = Seen::EnqueueAsked { request: request.to_owned(), key: None };
        self.record(who, asked);
        json!({ "kind": "test.sleep", "args": args, "request_id": request }).to_string()
    }

    fn note_accepted(&self, who: &str, request: &str, answer: &Answer) -> i64 {
        assert_eq!(answer.status, 202, "{}", answer.body);
        let task = answer.body["task"]["id"].as_i64().expect("a number");
        let state = answer.body["task"]["state"].as_str().expect("a word").to_owned();
        let is_new = answer.body["is_new"].as_bool().expect("yes or no");
        let request = request.to_owned();
        self.record(who, Seen::EnqueueAcknowledged { request, task, state, is_new });
        self.count_answer();
        task
    }

    /// Cancels a task.
    pub fn cancel(&self, who: &str, api: &Client, task: i64) {
        let target = format!("/api/v1/tasks/{task}/cancel");
        let answer = api.ask_until_answered("POST", &target, "{\"reason\":\"tried\"}");
        let outcome = answer.body["outcome"].as_str().unwrap_or("").to_owned();
        let state = answer.body["task"]["state"].as_str().unwrap_or("").to_owned();
        let answer = match outcome.as_str() {
            "cancelled" => CancelAnswer::AtOnce,
            "asked" | "already_asked" => CancelAnswer::Asked,
            _ => CancelAnswer::Ended(state),
        };
        self.record(who, Seen::CancelAcknowledged { task, answer });
    }

    /// Waits until a task has ended. Returns how.
    pub fn wait_for_end(&self, who: &str, api: &Client, task: i64) -> String {
        let state = api.wait_for_end(task);
        self.record(who, Seen::EndSeen { task, state: state.clone() });
        state
    }

    fn count_answer(&self) {
        self.n_answers.fetch_add(1, Ordering::SeqCst);
        let _guard = self.answered.0.lock().expect("no holder panics");
        self.answered.1.notify_all();
    }

    /// Returns when so many tasks were accepted.
    pub fn wait_for(&self, n_answers: usize) {
        let (lock, answered) = &self.answered;
        let guard = lock.lock().expect("no holder panics");
        let waits = |_: &mut ()| self.n_answers.load(Ordering::SeqCst) < n_answers;
        let (_guard, timeout) =
            answered.wait_timeout_while(guard, PATIENCE, waits).expect("no holder panics");
        assert!(!timeout.timed_out(), "clients get no answers any more");
    }

    /// Checks what clients and the marks of tasks say against the rows of the store, which is at rest, where
    /// everything has ended. `more` are further rules. Returns the rows.
    pub async fn check(
        &self,
        mark: &Path,
        store: &Store,
        more: impl Fn(&Rows) -> Vec<Violation>,
    ) -> Rows {
        let rows = Rows::read(store).await.expect("the rows");
        let mut history = self.history.lock().expect("no holder panics").clone();
        let n_clients_saw = history.len();
        // The file has an order of its own, and the rules do not compare it with that of the clients.
        let marks = fs::read_to_string(mark).expect("the marks");
        history.extend(history::from_lines(&marks).expect("whole lines"));
        let mut violations = check(&history, &rows);
        violations.extend(check_all_ended(&rows, &[]));
        violations.extend(more(&rows));
        let (n_tasks, n_attempts) = (rows.tasks.len(), rows.attempts.len());
        let n_tasks_saw = history.len() - n_clients_saw;
        println!(
            "{n_tasks} tasks, {n_attempts} attempts, {n_clients_saw} things seen by clients, \
             {n_tasks_saw} by tasks"
        );
        let explained = violations.iter().take(3).map(|one| one.explain(&history, &rows));
        let explained: Vec<String> = explained.collect();
        assert!(violations.is_empty(), "{} violations\n{}", violations.len(), explained.join("\n"));
        rows
    }
}
