//! Clients: they ask the nodes, as the API does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use history::{Answer, Seen};
use store::operations::people::{Cancel, Cancelled, Retried, Retry};
use store::operations::read::Found;
use store::record::TaskId;

use tasks::{Args, Request, SubmitError, Tasks};
use tokio::time::sleep;

use crate::journal::Journal;

/// How often a client repeats a request that was not answered.
const REPEATS: usize = 5;

/// All clients together. Clones share what they know.
#[derive(Clone)]
pub struct Clients {
    journal: Journal,
    /// Tasks that were acknowledged.
    known: Arc<Mutex<Vec<TaskId>>>,
    n_requests: u64,
}

impl Clients {
    /// Clients who know no task.
    pub fn new(journal: Journal) -> Self {
        Self { journal, known: Arc::default(), n_requests: 0 }
    }

    /// How many different tasks they were told of.
    pub fn n_known(&self) -> usize {
        self.known.lock().expect("nobody panics in here").len()
    }

    fn any_known(&self, rng: &mut Rng) -> Option<TaskId> {
        let known = self.known.lock().expect("nobody panics in here");
        // Mostly one of the last.
        let from = if rng.bool() { known.len().saturating_sub(8) } else { 0 };
        (from < known.len()).then(|| known[rng.usize(from..known.len())])
    }

    /// Something that a client does on a node.
    pub fn act(
        &mut self,
        rng: &mut Rng,
        tasks: Tasks,
    ) -> Option<impl Future<Output = ()> + Send + use<>> {
        self.n_requests += 1;
        let name = format!("request {}", self.n_requests);
        let act = match rng.u32(0..100) {
            0..70 => Act::Submit(Box::new(draw_request(rng, &name))),
            70..82 => Act::Cancel(self.any_known(rng)?),
            82..92 => Act::Wait(self.any_known(rng)?),
            _ => Act::Retry(self.any_known(rng)?),
        };
        let client = Client {
            name,
            tasks,
            journal: self.journal.clone(),
            known: Arc::clone(&self.known),
            insists: rng.bool(),
        };
        Some(client.act(act))
    }
}

enum Act {
    Submit(Box<Request>),
    Cancel(TaskId),
    Wait(TaskId),
    Retry(TaskId),
}

fn draw_request(rng: &mut Rng, name: &str) -> Request {
    let mut args = Args::new();
    if rng.u32(0..100) < 60 {
        args.insert("key".to_owned(), format!("k{}", rng.u32(0..4)).into());
    }
    let ms = if rng.u32(0..100) < 10 { rng.u32(5_000..12_000) } else { rng.u32(50..2_500) };
    args.insert("ms".to_owned(), ms.into());
    match rng.u32(0..100) {
        0..15 => drop(args.insert("fails".to_owned(), rng.u32(1..5).into())),
        15..19 => drop(args.insert("end".to_owned(), "lasting".into())),
        19..22 => drop(args.insert("end".to_owned(), "panic".into())),
        22..25 => drop(args.insert("end".to_owned(), "hang".into())),
        25..35 => drop(args.insert("then".to_owned(), "sim.net".into())),
        _ => {}
    }
    let kind = ["sim.cpu", "sim.net", "sim.net", "sim.once"][rng.usize(0..4)];
    let delay = if rng.u32(0..100) < 10 { rng.u64(1..20) } else { 0 };
    Request {
        kind: kind.to_owned(),
        args,
        priority: (rng.u32(0..10) == 0).then(|| rng.i64(-3..3)),
        request_id: Some(name.to_owned()),
        delay: Duration::from_secs(delay),
        actor: name.to_owned(),
        parent: None,
    }
}

struct Client {
    name: String,
    tasks: Tasks,
    journal: Journal,
    known: Arc<Mutex<Vec<TaskId>>>,
    /// Whether a request that was not answered is repeated.
    insists: bool,
}

impl Client {
    async fn act(self, act: Act) {
        match act {
            Act::Submit(request) => self.submit(*request).await,
            Act::Cancel(id) => self.cancel(id).await,
            Act::Wait(id) => self.wait(id).await,
            Act::Retry(id) => self.retry(id).await,
        }
    }

    fn saw(&self, seen: Seen) {
        self.journal.saw(&self.name, seen);
    }

    async fn submit(&self, request: Request) {
        let key = request.args.get("key").and_then(|key| key.as_str()).map(str::to_owned);
        for _ in 0..REPEATS {
            let name = self.name.clone();
            self.saw(Seen::EnqueueAsked { request: name.clone(), key: key.clone() });
            match self.tasks.submit(&request).await {
                Ok(enqueued) => {
                    self.acknowledged(enqueued);
                    return;
                }
                Err(SubmitError::Store(error)) if error.is_transient() => {
                    self.saw(Seen::EnqueueUnknown { request: name });
                }
                Err(_) => return self.saw(Seen::EnqueueRefused { request: name }),
            }
            if !self.insists {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    fn acknowledged(&self, enqueued: store::operations::enqueue::Enqueued) {
        self.saw(Seen::EnqueueAcknowledged {
            request: self.name.clone(),
            task: enqueued.id.0,
            state: enqueued.state.to_string(),
            is_new: enqueued.is_new,
        });
        self.known.lock().expect("nobody panics in here").push(enqueued.id);
    }

    async fn cancel(&self, id: TaskId) {
        let cancel = Cancel { id, actor: self.name.clone(), reason: "no need".to_owned() };
        let answer = match self.tasks.cancel(cancel).await {
            Ok(Cancelled::AtOnce) => Answer::AtOnce,
            Ok(Cancelled::Asked | Cancelled::AlreadyAsked) => Answer::Asked,
            Ok(Cancelled::Ended(state)) => Answer::Ended(state.to_string()),
            Ok(Cancelled::Purged) => Answer::Purged,
            Ok(Cancelled::Unknown) => panic!("task {id} was acknowledged, and is unknown"),
            Err(_) => return,
        };
        self.saw(Seen::CancelAcknowledged { task: id.0, answer });
    }

    async fn wait(&self, id: TaskId) {
        match self.tasks.wait(id, Duration::from_secs(20)).await {
            Ok(Found::Task(task)) if task.state.is_terminal() => {
                self.saw(Seen::EndSeen { task: id.0, state: task.state.to_string() });
            }
            Ok(Found::Unknown) => panic!("task {id} was acknowledged, and is unknown"),
            _ => {}
        }
    }

    async fn retry(&self, id: TaskId) {
        let request_id = Some(self.name.clone());
        let retry = Retry { id, actor: self.name.clone(), request_id };
        self.saw(Seen::EnqueueAsked { request: self.name.clone(), key: None });
        match self.tasks.retry(retry).await {
            Ok(Retried::Enqueued(enqueued)) => self.acknowledged(enqueued),
            Ok(_) => self.saw(Seen::EnqueueRefused { request: self.name.clone() }),
            Err(_) => self.saw(Seen::EnqueueUnknown { request: self.name.clone() }),
        }
    }
}
