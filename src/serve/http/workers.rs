//! The worker threads: each has a runtime of its own, and a connection stays on the thread where it was
//! placed.
//!
//! An answer takes microseconds and never waits, so work stealing gains nothing; tokio's shared runtime
//! pays for it with locks and wake-ups across threads. Measured on two cores with metalinks over 64
//! connections, alternating: 28.3, 24.6 and 25.6 µs of CPU per request with the shared runtime, 25.5,
//! 21.7 and 21.5 with one runtime per thread, and a quarter more requests a second.
//!
//! A new connection goes to the thread with the least work ([`super::placement`]). With SO_REUSEPORT the
//! kernel would choose by a hash, which spreads a proxy's few long connections unevenly.
//!
//! The first thread accepts them all. What it keeps wakes no other thread and stays registered with its
//! runtime. Measured on two cores, without LTO, against a thread that did nothing but accept: with `ab -c
//! 100`, each metalink over a connection of its own, 81.8 µs of CPU in place of 99.5 and 12,690 requests a
//! second in place of 10,990; in bursts of 3 to 8 from one client, 95.5 µs in place of 131.8.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::{Builder, Handle};

use super::placement::{Placement, ThreadReading};
use runtime::supervise::{Supervisor, Thread};

/// The number of task polls after which a thread checks for new events. tokio's default of 61 is for
/// short polls. Here each one is an answer, and 61 answers to clients that keep the thread busy take
/// milliseconds.
const EVENT_INTERVAL: u32 = 8;

/// The worker threads. They live as long as the process.
pub struct Workers {
    /// This one accepts connections as well.
    first: WorkerThread,
    others: Vec<WorkerThread>,
    /// Only the accept loop takes this lock.
    placement: Mutex<Placement>,
}

struct WorkerThread {
    runtime: Handle,
    n_connections: Arc<AtomicUsize>,
}

/// A connection's slot on a thread; dropping it frees the slot.
pub struct WorkerSlot {
    accepts: bool,
    runtime: Handle,
    n_connections: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts `n_workers` threads, at least one.
    pub fn start(n_workers: usize, supervisor: &Supervisor) -> io::Result<Self> {
        let first = WorkerThread::start(supervisor)?;
        let others = (1..n_workers).map(|_| WorkerThread::start(supervisor));
        let others: Vec<_> = others.collect::<io::Result<_>>()?;
        let placement = Mutex::new(Placement::new(1 + others.len(), Instant::now()));
        Ok(Self { first, others, placement })
    }

    fn all(&self) -> impl Iterator<Item = &WorkerThread> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The runtime of the thread that accepts connections.
    pub fn accepting(&self) -> &Handle {
        &self.first.runtime
    }

    /// How many connections are on that thread.
    pub fn n_with_accepting(&self) -> usize {
        self.first.n_connections.load(Ordering::Relaxed)
    }

    /// Returns a handle that checks that every worker thread still runs.
    pub fn heartbeat(&self) -> Heartbeat {
        Heartbeat(self.all().map(|worker| worker.runtime.clone()).collect())
    }

    /// Takes a slot on the thread with the least work.
    pub fn take_slot(&self) -> Option<WorkerSlot> {
        let readings = self.all().map(WorkerThread::measure);
        let mut placement = self.placement.lock().unwrap_or_else(PoisonError::into_inner);
        let index = placement.choose(Instant::now(), readings)?;
        let worker = self.all().nth(index)?;
        worker.n_connections.fetch_add(1, Ordering::Relaxed);
        Some(WorkerSlot {
            accepts: index == 0,
            runtime: worker.runtime.clone(),
            n_connections: Arc::clone(&worker.n_connections),
        })
    }
}

/// Checks that every worker thread still runs.
pub struct Heartbeat(Vec<Handle>);

impl Heartbeat {
    /// Returns when every thread has run a task.
    pub async fn beat(&self) {
        for runtime in &self.0 {
            // A runtime ends with the process only.
            drop(runtime.spawn(std::future::ready(())).await);
        }
    }
}

impl WorkerThread {
    fn start(supervisor: &Supervisor) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .global_queue_interval(EVENT_INTERVAL)
            .build()?;
        let handle = runtime.handle().clone();
        // After a panic the runtime, its connections and the handle stay the same.
        let work = move || runtime.block_on(std::future::pending::<()>());
        runtime::priority::answers_first();
        drop(supervisor.spawn(Thread::Worker, work)?);
        Ok(Self { runtime: handle, n_connections: Arc::default() })
    }

    fn measure(&self) -> ThreadReading {
        // A current-thread runtime has one worker, with the number 0.
        ThreadReading {
            busy: self.runtime.metrics().worker_total_busy_duration(0),
            n_connections: self.n_connections.load(Ordering::Relaxed),
        }
    }
}

impl WorkerSlot {
    /// Whether it is on the thread that accepts connections.
    pub fn accepts(&self) -> bool {
        self.accepts
    }

    /// The runtime of the thread.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }
}

impl Drop for WorkerSlot {
    fn drop(&mut self) {
        self.n_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_back() {
        let workers = Workers::start(3, &Supervisor::default()).expect("threads can be started");
        let n_connections =
            || -> usize { workers.all().map(|worker| worker.measure().n_connections).sum() };
        let mut slots: Vec<_> = (0..7).filter_map(|_| workers.take_slot()).collect();
        assert_eq!(n_connections(), 7);
        let n_accepting = slots.iter().filter(|slot| slot.accepts()).count();
        assert_eq!(n_accepting, workers.first.measure().n_connections);
        assert!((1..7).contains(&n_accepting), "{n_accepting}");
        slots.remove(0);
        slots.remove(2);
        assert_eq!(n_connections(), 5);
        slots.clear();
        assert_eq!(n_connections(), 0);
    }
}
