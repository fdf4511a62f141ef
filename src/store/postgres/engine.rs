//! The thread of a store in PostgreSQL.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use runtime::supervise::{Supervisor, Thread};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::address::Address;
use super::hints;
use super::pool::{Lane, Pool};
use crate::error::Error;
use crate::operation::Operation;

/// How many operations may wait for a connection: far more than there are runners and requests.
const MAX_WAITING: usize = 1_000;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type Job = Box<dyn FnOnce(Arc<Shared>) -> Work + Send>;

/// A store in PostgreSQL. Its thread ends when this is dropped, after what waits.
pub struct Postgres {
    jobs: mpsc::UnboundedSender<(Job, OwnedSemaphorePermit)>,
    waiting: Arc<Semaphore>,
    heard: Arc<watch::Sender<u64>>,
}

/// What all operations use.
struct Shared {
    pool: Pool,
    hints: hints::Sender,
}

impl Postgres {
    /// Connects, and makes the tables if they are missing. If the server cannot be reached, this is
    /// [`Error::Unavailable`], and trying again may help. Blocks the caller, at most for some seconds.
    pub fn open(address: &Address, supervisor: &Supervisor) -> Result<Self, Error> {
        if address.is_remote() {
            tracing::warn!(
                "{address}: the connection is not encrypted; use a tunnel where others can listen"
            );
        }
        let (jobs, receiver) = mpsc::unbounded_channel();
        let heard = Arc::new(watch::Sender::new(0));
        start(address.clone(), receiver, Arc::clone(&heard), supervisor)?;
        let store = Self { jobs, waiting: Arc::new(Semaphore::new(MAX_WAITING)), heard };
        let (sender, opened) = std::sync::mpsc::channel();
        let place = address.to_string();
        store.submit(move |shared| {
            Box::pin(async move {
                let _ = sender.send(shared.migrate(&place).await);
            })
        })?;
        opened.recv().unwrap_or_else(|_| Err(thread_has_ended()))?;
        Ok(store)
    }

    /// Counts what other processes say that they have changed.
    pub(crate) fn hints(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    /// Runs an operation. It runs to its end even if the caller does not wait for that.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let (sender, receiver) = oneshot::channel();
        self.submit(move |shared| Box::pin(async move { shared.run(operation, sender).await }))?;
        receiver.await.unwrap_or_else(|_| Err(thread_has_ended()))
    }

    fn submit(&self, job: impl FnOnce(Arc<Shared>) -> Work + Send + 'static) -> Result<(), Error> {
        let permit = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| {
            Error::Unavailable(format!("{MAX_WAITING} operations wait for the database"))
        })?;
        self.jobs.send((Box::new(job), permit)).map_err(|_| thread_has_ended())
    }
}

fn thread_has_ended() -> Error {
    Error::Unavailable("its thread has ended".to_owned())
}

impl Shared {
    async fn migrate(&self, place: &str) -> Result<(), Error> {
        let turn = self.pool.turn(Lane::Writes).await?;
        let mut session = turn.connect().await?;
        session.migrate(place).await?;
        turn.give_back(session);
        Ok(())
    }

    async fn run<O: Operation>(
        &self,
        operation: O,
        reply: oneshot::Sender<Result<O::Reply, Error>>,
    ) {
        let outcome = self.run_in_turn(&operation).await;
        let hint = outcome.as_ref().ok().and_then(|reply| operation.hint(reply));
        // Fails only if nobody waits for the reply any more.
        drop(reply.send(outcome));
        if let Some(hint) = hint {
            self.hints.send(hint);
        }
    }

    async fn run_in_turn<O: Operation>(&self, operation: &O) -> Result<O::Reply, Error> {
        let lane = match (O::IS_URGENT, O::READS_ONLY) {
            (true, _) => Lane::Urgent,
            (false, true) => Lane::Reads,
            (false, false) => Lane::Writes,
        };
        let turn = self.pool.turn(lane).await?;
        let mut session = None;
        if let Some(mut idle) = turn.idle() {
            // It may have been closed by the server a moment ago; then nothing was done yet.
            match idle.begin::<O>().await {
                Ok(()) => session = Some(idle),
                Err(Error::Unavailable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let mut session = match session {
            Some(session) => session,
            None => {
                let mut session = turn.connect().await?;
                session.begin::<O>().await?;
                session
            }
        };
        let outcome = session.run(operation).await;
        turn.give_back(session);
        outcome
    }
}

fn start(
    address: Address,
    mut jobs: mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
    heard: Arc<watch::Sender<u64>>,
    supervisor: &Supervisor,
) -> Result<(), Error> {
    let cannot_start = |error| Error::Unavailable(format!("cannot start a thread: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    // After a panic the connections are made again; what was under way is taken back by the server.
    let work = move || {
        // No answer to a client waits for it.
        runtime::priority::lower();
        runtime.block_on(serve(&address, &mut jobs, &heard));
    };
    supervisor.spawn(Thread::Store, work).map(drop).map_err(cannot_start)
}

async fn serve(
    address: &Address,
    jobs: &mut mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
    heard: &Arc<watch::Sender<u64>>,
) {
    let hints = match address.listens() {
        true => hints::start(address.clone(), Arc::clone(heard)),
        false => hints::Sender::none(),
    };
    let shared = Arc::new(Shared { pool: Pool::new(address.clone()), hints });
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Its error is that of a panic, which has been logged, and which the caller sees.
            Some(_) = running.join_next() => {}
            job = jobs.recv() => match job {
                Some((job, permit)) => {
                    let work = job(Arc::clone(&shared));
                    running.spawn(async move {
                        work.await;
                        drop(permit);
                    });
                }
                None => break,
            },
        }
    }
    while running.join_next().await.is_some() {}
}
