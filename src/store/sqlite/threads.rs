//! The threads of a store: one writes, one reads.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use runtime::supervise::{Supervisor, Thread};
use tokio::sync::oneshot;

use super::clock::Clock;
use super::connection::Connection;
use super::location::Location;
use crate::error::Error;
use crate::operation::Operation;

/// How many operations may wait for a thread: far more than there are runners and requests.
const MAX_WAITING: usize = 1_000;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A store in a file. When this is dropped, its threads do what waits and end; then another process may take
/// charge of the file.
pub struct Sqlite {
    // In this order: the lock is given back when nothing writes any more.
    writer: Worker,
    reader: Worker,
    _location: Location,
}

impl Sqlite {
    /// Opens the store in `folder`, which is made if it is missing, and takes charge of it.
    pub fn open(folder: &Path, clock: Clock, supervisor: &Supervisor) -> Result<Self, Error> {
        let location = Location::take(folder)?;
        let writer = Connection::open(&location.file, clock.clone())?;
        let reader = Connection::open_read_only(&location.file, clock)?;
        Ok(Self {
            writer: start(Thread::Store, writer, supervisor)?,
            reader: start(Thread::StoreReader, reader, supervisor)?,
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
        worker.send(job)?;
        receiver.await.unwrap_or_else(|_| Err(Error::Unavailable("its thread panicked".to_owned())))
    }
}

/// A thread with a connection of its own.
struct Worker {
    /// `None` once it is to end.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn send(&self, job: Job) -> Result<(), Error> {
        let has_ended = || Error::Unavailable("its thread has ended".to_owned());
        let jobs = self.jobs.as_ref().ok_or_else(has_ended)?;
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Unavailable("too much waits for the disk".to_owned()),
            TrySendError::Disconnected(_) => has_ended(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        // The last owner of a store may be a job of its own thread.
        if thread.thread().id() != thread::current().id() {
            // A panic was logged by the supervisor.
            drop(thread.join());
        }
    }
}

fn start(
    name: Thread,
    mut connection: Connection,
    supervisor: &Supervisor,
) -> Result<Worker, Error> {
    let (sender, jobs): (_, Receiver<Job>) = sync_channel(MAX_WAITING);
    let work = move || {
        // A panic rolls its transaction back, and the connection stays good.
        while let Ok(job) = jobs.recv() {
            job(&mut connection);
        }
    };
    let started = supervisor.spawn(name, work);
    let thread =
        started.map_err(|error| Error::Unavailable(format!("cannot start a thread: {error}")))?;
    Ok(Worker { jobs: Some(sender), thread: Some(thread) })
}
