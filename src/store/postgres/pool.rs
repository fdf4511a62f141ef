//! The connections of a store, a few for each purpose.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::session::Session;
use crate::error::Error;

/// How long a request waits for a connection that others use.
const WAIT: Duration = Duration::from_secs(10);
/// The first wait after a connection that could not be made; each further one is twice as long.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// What a connection is for. Each purpose has its own, so that none waits for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    /// What must not be late: heartbeats.
    Urgent,
    /// What reads.
    Reads,
    /// What writes.
    Writes,
}

/// The connections.
pub(super) struct Pool {
    address: Address,
    urgent: LaneState,
    reads: LaneState,
    writes: LaneState,
    backoff: Mutex<Backoff>,
}

struct LaneState {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

impl LaneState {
    fn new(n_connections: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(n_connections)), idle: Mutex::default() }
    }

    fn put(&self, session: Session) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    fn take(&self) -> Option<Session> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// When the next connection may be tried, after some that could not be made.
#[derive(Default)]
struct Backoff {
    n_failures: u32,
    /// Until when none is tried, and what those who ask meanwhile are told.
    refused: Option<(Instant, Error)>,
}

/// The right to use a connection of a lane.
pub(super) struct Turn<'p> {
    lane: &'p LaneState,
    pool: &'p Pool,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool without connections: they are made when they are needed.
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            urgent: LaneState::new(1),
            reads: LaneState::new(1),
            writes: LaneState::new(2),
            backoff: Mutex::default(),
        }
    }

    /// Waits for the turn of a request.
    pub(super) async fn turn(&self, lane: Lane) -> Result<Turn<'_>, Error> {
        let lane = match lane {
            Lane::Urgent => &self.urgent,
            Lane::Reads => &self.reads,
            Lane::Writes => &self.writes,
        };
        match timeout(WAIT, Arc::clone(&lane.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn { lane, pool: self, _permit: permit }),
            Ok(Err(_)) => Err(Error::Unavailable("the store is closed".to_owned())),
            Err(_) => Err(Error::Unavailable(format!(
                "no connection became free within {} s",
                WAIT.as_secs()
            ))),
        }
    }

    async fn connect(&self) -> Result<Session, Error> {
        self.refuse_too_early()?;
        let connected = Session::connect(&self.address).await;
        let mut backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
        match &connected {
            Ok(_) => *backoff = Backoff::default(),
            Err(error) => {
                let wait = FIRST_BACKOFF.saturating_mul(1 << backoff.n_failures.min(10));
                backoff.n_failures = backoff.n_failures.saturating_add(1);
                backoff.refused = Some((Instant::now() + wait.min(MAX_BACKOFF), error.clone()));
            }
        }
        connected
    }

    /// Shortly after a connection that could not be made, none is tried: who asks is told at once.
    fn refuse_too_early(&self) -> Result<(), Error> {
        let backoff = self.backoff.lock().unwrap_or_else(PoisonError::into_inner);
        match &backoff.refused {
            Some((until, error)) if Instant::now() < *until => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl Turn<'_> {
    /// A connection that nobody uses, if there is one.
    pub(super) fn idle(&self) -> Option<Session> {
        std::iter::from_fn(|| self.lane.take()).find(|session| !session.is_closed())
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Session, Error> {
        self.pool.connect().await
    }

    /// Keeps the connection for the next request, if it still is one.
    pub(super) fn give_back(self, session: Session) {
        if !session.is_closed() {
            self.lane.put(session);
        }
    }
}
