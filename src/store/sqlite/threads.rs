//! The threads of a store: one writes, one reads.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use runtime::supervise::{Supervisor, Thread};
use tokio::sync::oneshot;

use super::clock::Clock;
use super::connection::Connection;
use super::jobs::{self, Jobs, Taker};
use super::location::Location;
use crate::error::Error;
use crate::operation::Operation;

/// How long the end of a store waits for each of its threads: longer than a statement waits for a lock.
const END_TIMEOUT: Duration = Duration::from_secs(20);

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A store in a file. When this is dropped, its threads do what waits and end; then another process may take
/// charge of the file.
pub struct Sqlite {
    // In this order: the connection that closes last moves the log into the file, and one that only reads
    // cannot.
    reader: Worker,
    writer: Worker,
    // The writer has it as well: the lock is given back when nothing writes any more.
    _location: Arc<Location>,
}

impl Sqlite {
    /// Opens the store in `folder`, which is made if it is missing, and takes charge of it.
    pub fn open(folder: &Path, clock: Clock, supervisor: &Supervisor) -> Result<Self, Error> {
        let location = Arc::new(Location::take(folder)?);
        let writer = Connection::open(&location.file, clock.clone())?;
        let reader = Connection::open_read_only(&location.file, clock)?;
        let lock = Some(Arc::clone(&location));
        Ok(Self {
            reader: start(Thread::StoreReader, reader, None, supervisor)?,
            writer: start(Thread::Store, writer, lock, supervisor)?,
            _location: location,
        })
    }

    /// Runs an operation on the thread that it belongs to.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Error> {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Fails only if nobody waits for the reply any more.
            drop(sender.send(connection.run(&operation)));
        });
        let worker = if O::READS_ONLY { &self.reader } else { &self.writer };
        worker.jobs.put(job, O::GOES_FIRST)?;
        receiver.await.unwrap_or_else(|_| Err(Error::Unavailable("its thread panicked".to_owned())))
    }
}

/// A thread with a connection of its own.
struct Worker {
    jobs: Arc<Jobs<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs.close();
        let Some(thread) = self.thread.take() else { return };
        // The last owner of a store may be a job of its own thread.
        if thread.thread().id() == thread::current().id() {
            return;
        }
        match self.jobs.wait_until_gone(END_TIMEOUT) {
            // A panic was logged by the supervisor.
            true => drop(thread.join()),
            false => {
                tracing::warn!("the store still waits for the disk and is not closed in order")
            }
        }
    }
}

fn start(
    name: Thread,
    mut connection: Connection,
    lock: Option<Arc<Location>>,
    supervisor: &Supervisor,
) -> Result<Worker, Error> {
    let (jobs, taker): (_, Taker<Job>) = jobs::queue();
    let work = move || {
        // No answer to a client waits for it.
        runtime::priority::lower();
        let writes = lock.is_some();
        // A panic rolls its transaction back, and the connection stays good.
        while let Some(job) = taker.take() {
            job(&mut connection);
        }
        if writes {
            connection.checkpoint();
        }
    };
    let started = supervisor.spawn(name, work);
    let thread =
        started.map_err(|error| Error::Unavailable(format!("cannot start a thread: {error}")))?;
    Ok(Worker { jobs, thread: Some(thread) })
}
