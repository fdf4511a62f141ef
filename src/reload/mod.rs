//! Loading data: the first time, and again on every reload.
//!
//! Data is delivered file by file, by tools that do not write atomically, so a load looks at every
//! file before and after and refuses what changed in between. A reload also refuses data that has
//! shrunk implausibly: a generator that ran against half a database is likelier than a distribution
//! that lost half of its mirrors. A refused reload changes nothing that is served; it is logged in
//! one line and counted, and the next one starts from scratch.
//!
//! Reloads run on a thread of their own: compiling Fedora's data takes seconds. At most one runs and
//! one is pending; a request that comes while one is pending adds nothing, because the pending one
//! has not looked at any file yet. They are asked for by a signal, or by [`watch`] when the files have
//! changed.
//!
//! Reading a file can take for ever, on a network file system that hangs, and no thread can be made to
//! stop that. So each load has a thread of its own, and a time limit: past it the reload is refused
//! like any other, and the next one starts with another thread. What the old one brings after all is
//! dropped. Once [`MAX_HUNG`] of them hang, reloads are refused until one has come back, so that a
//! file system that stays away costs a bounded number of threads. None of them delays the end of the
//! process.

pub mod source;
pub mod watch;
pub mod history;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;

use crate::build;
use crate::live::{Live, step_behind_workers};
use crate::metrics::{Metrics, ReloadOutcome, ReloadTrigger};
use crate::model::date::Timestamp;
use crate::snapshot::{Snapshot, Stats, format};
use crate::sources::Revision;
use crate::supervise::{Supervisor, Thread};

use history::History;
pub use source::{Loaded, Source, StandIn};

/// So many loads may hang at a time; each holds what it has read so far.
pub const MAX_HUNG: usize = 4;

/// Why data may not be published: one line that names the file or the figure.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Reason>);

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self(Box::new(reason))
    }
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}: changed while it was read; still being written?")]
    Changed(String),
    #[error("{0}")]
    Snapshot(#[from] format::Error),
    #[error("{0}")]
    Build(#[from] build::Error),
    #[error("{newest}; nor can the snapshot before it be served: {previous}")]
    Both { newest: Error, previous: Error },
    #[error("implausible shrink: {what} fell from {old} to {new} (--allow-shrink accepts it)")]
    Shrunk { what: &'static str, old: usize, new: usize },
    #[error("loading panicked; this is a bug in mirrorlistd")]
    Panicked,
    #[error("loading takes longer than {0:?} and is given up; does the file system hang?")]
    Hangs(Duration),
    #[error("{0} loads that were given up still hang; no other is started before one ends")]
    AllHang(usize),
    #[error("no thread can be started to load: {0}")]
    NoThread(io::Error),
}

impl Error {
    /// Whether the same files may load in a moment: the system could not read them, and not because
    /// of what they are.
    fn may_pass(&self) -> bool {
        let cause = match &*self.0 {
            Reason::Hangs(_) | Reason::AllHang(_) | Reason::NoThread(_) => return true,
            Reason::Snapshot(error) => error.io_error(),
            Reason::Build(error) => error.io_error(),
            _ => return false,
        };
        let errno = cause.and_then(Errno::from_io_error);
        // Which errors pass depends on the file system and the network behind it. These say what the
        // file is, and another file has another state.
        errno.is_some_and(|errno| {
            ![
                Errno::NOENT,
                Errno::ACCESS,
                Errno::PERM,
                Errno::ISDIR,
                Errno::NOTDIR,
                Errno::LOOP,
                Errno::NAMETOOLONG,
            ]
            .contains(&errno)
        })
    }
}

/// Whether data that has shrunk to less than half is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shrink {
    /// It is a mistake of whoever made the data.
    Refuse,
    /// The operator knows.
    Accept,
}

/// Refuses data of which more than half is gone.
pub fn check_shrink(old: &Stats, new: &Stats) -> Result<(), Error> {
    let figures = [
        ("hosts", old.hosts, new.hosts),
        ("directories", old.directories, new.directories),
        ("repositories", old.repositories, new.repositories),
    ];
    for (what, old, new) in figures {
        if new < old.div_ceil(2) {
            return Err(Reason::Shrunk { what, old, new }.into());
        }
    }
    Ok(())
}

/// Reloads on request, on a thread of its own. The thread ends, after the reload that is running,
/// when this and its clones are dropped; nobody waits for it, because the process may end in the
/// middle of a load.
#[derive(Clone)]
pub struct Reloader {
    /// Room for one request: the pending one.
    requests: SyncSender<ReloadTrigger>,
}

/// What reloads read, what they may do, and whom they tell.
pub struct Job {
    /// The data.
    pub source: Source,
    /// Whether data that has shrunk implausibly is accepted.
    pub shrink: Shrink,
    /// A load that takes longer is given up.
    pub timeout: Duration,
    /// Where data is published.
    pub live: Arc<Live>,
    /// Where reloads are counted.
    pub metrics: Arc<Metrics>,
    /// Where they are told of.
    pub history: Arc<History>,
}

impl Reloader {
    /// Starts the thread.
    pub fn start(job: Job, supervisor: &Supervisor) -> io::Result<Self> {
        let (requests, inbox) = mpsc::sync_channel(1);
        drop(supervisor.spawn(Thread::Reload, move || job.run(&inbox))?);
        Ok(Self { requests })
    }

    /// Asks for a reload that sees the data as it is now or later. Never waits.
    pub fn request(&self, trigger: ReloadTrigger) {
        // Full: one is pending, and will see the same data.
        let _ = self.requests.try_send(trigger);
    }
}

/// What a thread that loads says.
enum Progress {
    /// It begins, with this revision of the data.
    Found(Revision),
    /// It has ended.
    Done(Result<Loaded, Error>),
}

impl Job {
    fn run(&self, inbox: &Receiver<ReloadTrigger>) {
        step_behind_workers();
        while let Ok(trigger) = inbox.recv() {
            let start = Instant::now();
            self.history.begin();
            let outcome = catch_unwind(AssertUnwindSafe(|| self.reload(load)));
            let outcome = outcome.unwrap_or_else(|_| Err(Reason::Panicked.into()));
            let took = start.elapsed();
            self.metrics.reload_micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            match outcome {
                Ok(loaded) => {
                    // Counted last: who sees the count finds the rest.
                    self.history.publish(took, &loaded);
                    self.metrics.count_reload(trigger, ReloadOutcome::Published);
                }
                Err(error) => {
                    tracing::error!("reload refused, serving the old data: {error}");
                    self.history.refuse(took, error.to_string());
                    if error.may_pass() {
                        self.history.want_retry();
                    }
                    self.metrics.count_reload(trigger, ReloadOutcome::Refused);
                }
            }
        }
    }

    /// Publishes the data as they are now.
    fn reload(&self, load: fn(&Source, Arc<Snapshot>, &Sender<Progress>)) -> Result<Loaded, Error> {
        let start = Instant::now();
        // The thing itself and no guard: those are few.
        let before = Arc::clone(&self.live.load());
        let loaded = self.await_load(Arc::clone(&before), load)?;
        if self.shrink == Shrink::Refuse {
            check_shrink(before.stats(), loaded.snapshot.stats())?;
        }
        drop(before);
        self.live.swap(Arc::clone(&loaded.snapshot));
        log_loaded("reloaded", &loaded, start);
        Ok(loaded)
    }

    /// Loads on a thread that can be left behind.
    fn await_load(
        &self,
        before: Arc<Snapshot>,
        load: fn(&Source, Arc<Snapshot>, &Sender<Progress>),
    ) -> Result<Loaded, Error> {
        let n_hung = self.history.n_loading();
        if n_hung >= MAX_HUNG {
            return Err(Reason::AllHang(n_hung).into());
        }
        let (sender, progress) = mpsc::channel();
        let (source, loading) = (self.source.clone(), self.history.loading());
        thread::Builder::new()
            .name("load".into())
            .spawn(move || {
                // A variable is dropped before what the closure captures: whoever hears that this
                // thread has panicked finds it counted as ended.
                let loading = loading;
                load(&source, before, &sender);
                drop(loading);
            })
            .map_err(Reason::NoThread)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            match progress.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Progress::Found(revision)) => self.history.found(revision),
                Ok(Progress::Done(outcome)) => return outcome,
                Err(RecvTimeoutError::Timeout) => return Err(Reason::Hangs(self.timeout).into()),
                Err(RecvTimeoutError::Disconnected) => return Err(Reason::Panicked.into()),
            }
        }
    }
}

/// The thread that loads. What it says after it was given up is heard by nobody.
fn load(source: &Source, before: Arc<Snapshot>, progress: &Sender<Progress>) {
    drop(progress.send(Progress::Found(source.revision())));
    let outcome = source.load(Some(&before));
    drop(before);
    drop(progress.send(Progress::Done(outcome)));
}

/// Data that are younger than now by more seconds than this come from a clock that is wrong.
const CLOCK_TOLERANCE: u64 = 600;

/// What to say of data that were made after `now`; both in seconds since 1970. The age of such data
/// says nothing: they would look fresh for as long.
pub fn find_future(created: u64, now: u64) -> Option<String> {
    (created > now.saturating_add(CLOCK_TOLERANCE)).then(|| {
        let at = Timestamp { seconds: created };
        format!("the data say that they were made in the future, {at}: a clock is wrong")
    })
}

/// Says what has been published.
pub fn log_loaded(what: &str, loaded: &Loaded, start: Instant) {
    for fault in &loaded.harmful {
        tracing::error!("{fault}");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    if let Some(warning) = find_future(loaded.snapshot.created(), now) {
        tracing::warn!("{warning}");
    }
    if let Some(stand_in) = &loaded.stand_in {
        tracing::warn!("{stand_in}");
    }
    let Stats { hosts, directories, repositories, .. } = loaded.snapshot.stats();
    let generation = loaded.snapshot.generation();
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        "{what} generation {generation}: {hosts} hosts, {directories} directories, \
         {repositories} repositories in {seconds:.2} s"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Inputs;

    fn stats(hosts: usize, directories: usize, repositories: usize) -> Stats {
        let mut stats = Stats::default();
        (stats.hosts, stats.directories, stats.repositories) = (hosts, directories, repositories);
        stats
    }

    #[test]
    fn half_of_the_data_is_plausible_and_less_is_not() {
        let old = stats(500, 1_001, 10);
        assert!(check_shrink(&old, &stats(250, 501, 5)).is_ok());
        let refused = check_shrink(&old, &stats(500, 500, 10)).expect_err("less than half");
        assert_eq!(
            refused.to_string(),
            "implausible shrink: directories fell from 1001 to 500 (--allow-shrink accepts it)"
        );
        assert!(check_shrink(&stats(0, 0, 0), &old).is_ok());
        assert!(check_shrink(&old, &stats(0, 0, 0)).is_err());
    }

    #[test]
    fn data_from_the_future_are_told_of() {
        assert_eq!(find_future(1_600, 1_000), None);
        let expected = "the data say that they were made in the future, 1970-01-01T00:26:41Z: a clock is wrong";
        assert_eq!(find_future(1_601, 1_000).as_deref(), Some(expected));
        assert!(find_future(u64::MAX, u64::MAX).is_none());
    }

    #[test]
    fn a_broken_file_keeps_the_old_snapshot() {
        let job = job(demo());
        let served = Arc::clone(&job.live.load());
        assert!(job.reload(load).is_err());
        assert!(Arc::ptr_eq(&served, &job.live.load()));
    }

    /// A job whose file does not exist, and which waits for a load as long as it takes.
    fn job(first: Arc<Snapshot>) -> Job {
        Job {
            source: Source::Snapshot("/nonexistent/snapshot".into()),
            shrink: Shrink::Refuse,
            timeout: Duration::from_secs(60),
            live: Arc::new(Live::new(first, &Supervisor::default()).expect("a thread")),
            metrics: Arc::default(),
            history: Arc::default(),
        }
    }

    fn demo() -> Arc<Snapshot> {
        Source::Inputs(Inputs::Demo).load(None).expect("the demo data compiles").snapshot
    }

    #[test]
    fn a_load_that_panics_costs_one_reload() {
        fn panics(_: &Source, _: Arc<Snapshot>, _: &Sender<Progress>) {
            panic!("as the test asks")
        }
        let job = job(demo());
        let error = job.reload(panics).err().expect("it is refused").to_string();
        assert_eq!(error, "loading panicked; this is a bug in mirrorlistd");
        assert_eq!(job.history.n_loading(), 0);
    }

    #[test]
    fn loads_that_hang_are_given_up_and_only_so_many_are_started() {
        use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
        // Held by the test: no load ends before it is dropped.
        static GATE: Mutex<()> = Mutex::new(());
        static ENDED: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());
        fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
            mutex.lock().unwrap_or_else(PoisonError::into_inner)
        }
        let hangs = |source: &Source, before: Arc<Snapshot>, progress: &Sender<Progress>| {
            drop(lock(&GATE));
            load(source, before, progress);
            *lock(&ENDED.0) += 1;
            ENDED.1.notify_all();
        };
        let job = Job { timeout: Duration::ZERO, ..job(demo()) };
        let closed = lock(&GATE);
        for n in 1..=MAX_HUNG {
            let error = job.reload(hangs).err().expect("it is refused");
            assert!(error.may_pass());
            let expected =
                "loading takes longer than 0ns and is given up; does the file system hang?";
            assert_eq!(error.to_string(), expected);
            assert_eq!(job.history.n_loading(), n);
        }
        let error = job.reload(hangs).err().expect("it is refused");
        assert!(error.may_pass());
        assert_eq!(
            error.to_string(),
            "4 loads that were given up still hang; no other is started before one ends"
        );
        drop(closed);
        let ended = lock(&ENDED.0);
        drop(ENDED.1.wait_while(ended, |n| *n < MAX_HUNG));
        // A thread is gone a moment after its last word.
        while job.history.n_loading() > 0 {
            thread::yield_now();
        }
        let job = Job { timeout: Duration::from_secs(60), ..job };
        let error = job.reload(load).err().expect("it is refused");
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
