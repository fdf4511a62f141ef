//! Supervised threads: one that panics is restarted, or the process shuts down and logs the reason.
//!
//! Every thread that lives as long as the process is started by [`Supervisor::spawn`]. When it
//! panics, the panic is logged (by the hook of the log) and counted, and its work is started again after
//! a short wait. A thread that panics [`MAX_IN_A_ROW`] times without running for [`STEADY`] in between
//! is given up, and the owner of the supervisor shuts the process down gracefully.
//!
//! | thread | its work | started by |
//! |---|---|---|
//! | `log` | writes what is logged to stderr | [`crate::log`] |
//! | `announce` | writes the addresses to stdout | `commands::serve` |
//! | `admin` | answers the operator | `serve::admin` |
//! | `worker` | answers clients; the first one accepts them | `serve::http::workers` |
//! | `access-log` | writes an access log | `serve::http::access_log` |
//! | `reload` | waits for loads and publishes them | `serve::reload` |
//! | `watch` | checks the data files for changes | `serve::reload::watch` |
//! | `reaper` | frees snapshots | `serve::live` |
//! | `store` | writes the store of tasks | `store::sqlite` |
//! | `store-reader` | reads it for pages | `store::sqlite` |
//! | `control` | runs tasks | `control` |
//! | `resolver` | looks up the names of mirrors | `visits::resolve` |
//!
//! A thread that lives for one job has an owner that waits for it, and a panic is a failure of that job:
//! `load` (a load of data; the start of the process or the thread `reload` waits for it), `tables` and
//! `read-ahead` (within a load). tokio catches panics of its tasks and of its blocking pool: `daemon`
//! awaits the accept loop, a panic in the task of a connection closes that connection, and one on a
//! thread `admin-page` fails a page of the admin listener.
//!
//! The supervisor does not detect threads that hang. Workers are checked by the heartbeat of the
//! service manager's watchdog, loads have a time limit (see `serve::reload`), and a metric shows the
//! time of the last check by `watch`.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many panics in a row make a thread be given up.
pub const MAX_IN_A_ROW: u32 = 5;
/// How long a thread must run to reset its count of panics.
pub const STEADY: Duration = Duration::from_secs(60);
/// The wait before the first restart; each further wait is four times as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The supervised threads: a closed set of labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the table above says it")]
pub enum Thread {
    Log,
    Announce,
    Admin,
    Worker,
    AccessLog,
    Reload,
    Watch,
    Reaper,
    Store,
    StoreReader,
    Control,
    Resolver,
    PublicPages,
}

impl Thread {
    /// All supervised threads.
    pub const ALL: [Self; 13] = [
        Self::Log,
        Self::Announce,
        Self::Admin,
        Self::Worker,
        Self::AccessLog,
        Self::Reload,
        Self::Watch,
        Self::Reaper,
        Self::Store,
        Self::StoreReader,
        Self::Control,
        Self::Resolver,
        Self::PublicPages,
    ];

    /// The name of the thread in the system and in the label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Announce => "announce",
            Self::Admin => "admin",
            Self::Worker => "worker",
            Self::AccessLog => "access-log",
            Self::Reload => "reload",
            Self::Watch => "watch",
            Self::Reaper => "reaper",
            Self::Store => "store",
            Self::StoreReader => "store-reader",
            Self::Control => "control",
            Self::Resolver => "resolver",
            Self::PublicPages => "public-pages",
        }
    }
}

/// Starts threads and keeps them running. Clones share their counts.
#[derive(Clone)]
pub struct Supervisor(Arc<Shared>);

struct Shared {
    restarts: [AtomicU64; Thread::ALL.len()],
    give_up: Box<dyn Fn(Thread) + Send + Sync>,
}

impl Default for Supervisor {
    /// A supervisor that does not report threads that are given up.
    fn default() -> Self {
        Self::new(drop)
    }
}

impl Supervisor {
    /// A supervisor that calls `give_up`, on the thread that panicked, when it is given up.
    pub fn new(give_up: impl Fn(Thread) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { restarts: Default::default(), give_up: Box::new(give_up) }))
    }

    /// Starts a thread that runs `work` until it returns. After a panic `work` is called again, so it
    /// must own only state that a panic cannot leave inconsistent: channels, atomics, and values that
    /// are replaced as a whole.
    pub fn spawn(
        &self,
        name: Thread,
        work: impl FnMut() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name(name.as_str().into()).spawn(move || shared.run(name, work))
    }

    /// How often threads of this name were restarted.
    pub fn n_restarts(&self, name: Thread) -> u64 {
        self.0.counter(name).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn counter(&self, name: Thread) -> Option<&AtomicU64> {
        self.restarts.get(name as usize)
    }

    fn run(&self, thread: Thread, mut work: impl FnMut()) {
        let name = thread.as_str();
        let mut streak = Streak::default();
        loop {
            let begin = Instant::now();
            let Err(panic) = catch_unwind(AssertUnwindSafe(&mut work)) else { return };
            let reason = message_of(&*panic);
            let Some(wait) = streak.next_wait(begin.elapsed()) else {
                tracing::error!("the thread `{name}` panics again and again ({reason}): giving up");
                (self.give_up)(thread);
                return;
            };
            if let Some(counter) = self.counter(thread) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            tracing::error!("the thread `{name}` panicked ({reason}) and is started again");
            thread::sleep(wait);
        }
    }
}

/// The message of a panic.
pub fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Counts panics in a row.
#[derive(Default)]
struct Streak(u32);

impl Streak {
    /// How long to wait before the next start; `None` if the thread is given up. `ran` is how long it
    /// has run since it was started.
    fn next_wait(&mut self, ran: Duration) -> Option<Duration> {
        if ran >= STEADY {
            self.0 = 0;
        }
        self.0 += 1;
        (self.0 < MAX_IN_A_ROW).then(|| FIRST_WAIT * 4_u32.pow(self.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_that_panics_is_started_again_with_what_it_owns() {
        let supervisor = Supervisor::default();
        let (sender, receiver) = mpsc::channel();
        let mut n_runs = 0;
        let work = move || {
            n_runs += 1;
            sender.send(n_runs).expect("the test listens");
            assert!(n_runs == 3, "run {n_runs} fails");
        };
        let thread = supervisor.spawn(Thread::Watch, work).expect("a thread");
        thread.join().expect("its panics are caught");
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(supervisor.n_restarts(Thread::Watch), 2);
        assert_eq!(supervisor.n_restarts(Thread::Reload), 0);
    }

    #[test]
    fn a_thread_that_always_panics_is_given_up_and_its_owner_told() {
        let (sender, given_up) = mpsc::channel();
        let supervisor = Supervisor::new(move |thread| {
            sender.send(thread).expect("the test listens");
        });
        let work = || panic!("as always");
        supervisor.spawn(Thread::Reaper, work).expect("a thread").join().expect("no panic");
        assert_eq!(given_up.recv(), Ok(Thread::Reaper));
        assert_eq!(supervisor.n_restarts(Thread::Reaper), u64::from(MAX_IN_A_ROW) - 1);
    }

    #[test]
    fn a_steady_run_ends_a_streak() {
        let mut streak = Streak::default();
        let waits = |streak: &mut Streak, ran| {
            let millis = |wait: Option<Duration>| wait.map(|wait| wait.as_millis());
            (0..5).map(|_| millis(streak.next_wait(ran))).collect::<Vec<_>>()
        };
        let expected = [Some(10), Some(40), Some(160), Some(640), None];
        assert_eq!(waits(&mut streak, Duration::ZERO), expected);
        assert_eq!(waits(&mut streak, STEADY), [Some(10); 5]);
    }

    #[test]
    fn names_are_in_the_order_of_their_discriminants() {
        for (at, thread) in Thread::ALL.into_iter().enumerate() {
            assert_eq!(thread as usize, at, "{}", thread.as_str());
        }
    }
}
