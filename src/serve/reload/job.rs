//! The thread that reloads, and the threads that load for it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::error::{Error, Reason};
use super::history::History;
use super::load::{Loaded, Source};
use super::plausible::{Shrink, check_shrink, find_future};
use crate::live::Live;
use crate::metrics::{Metrics, ReloadOutcome, ReloadTrigger};
use answer::Edition;
use runtime::supervise::{Supervisor, Thread};
use snapshot::Stats;
use sources::Revision;

/// The number of hanging loads beyond which no load is started; each holds what it has read so far.
pub const MAX_HUNG: usize = 4;

/// Reloads on request, on a thread of its own. The thread ends, after the current reload, when this and
/// its clones are dropped. It is not joined, because the process may end in the middle of a load.
#[derive(Clone)]
pub struct Reloader {
    /// A channel with capacity for one request: the pending one.
    requests: SyncSender<ReloadTrigger>,
}

/// The inputs of a reload, its limits, and the places where it reports.
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
    /// Where the outcomes of loads are recorded.
    pub history: Arc<History>,
}

impl Reloader {
    /// Starts the thread.
    pub fn start(job: Job, supervisor: &Supervisor) -> io::Result<Self> {
        let (requests, inbox) = mpsc::sync_channel(1);
        drop(supervisor.spawn(Thread::Reload, move || job.run(&inbox))?);
        Ok(Self { requests })
    }

    /// Requests a reload that sees the data as it is now or later. Never waits.
    pub fn request(&self, trigger: ReloadTrigger) {
        // If the channel is full, a request is pending, and its load will see the same data.
        let _ = self.requests.try_send(trigger);
    }
}

/// A message from a thread that loads.
enum Progress {
    /// The load begins, with this revision of the data.
    Found(Revision),
    /// The load has ended.
    Done(Result<Loaded, Error>),
}

impl Job {
    fn run(&self, inbox: &Receiver<ReloadTrigger>) {
        runtime::priority::lower();
        while let Ok(trigger) = inbox.recv() {
            let start = Instant::now();
            self.history.begin();
            let outcome = catch_unwind(AssertUnwindSafe(|| self.reload(load)));
            let outcome = outcome.unwrap_or_else(|_| Err(Reason::Panicked.into()));
            let took = start.elapsed();
            self.metrics.reload_micros.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            match outcome {
                Ok(loaded) => {
                    // Counted last: whoever sees the count also sees the record.
                    self.history.publish(took, &loaded);
                    self.metrics.count_reload(trigger, ReloadOutcome::Published);
                }
                Err(error) => {
                    let (text, summary) = (error.to_string(), error.summary());
                    if text != summary {
                        text.lines().for_each(|line| tracing::error!("{line}"));
                    }
                    tracing::error!("reload refused, serving the old data: {summary}");
                    self.history.refuse(took, summary);
                    if error.may_pass() {
                        self.history.want_retry();
                    }
                    self.metrics.count_reload(trigger, ReloadOutcome::Refused);
                }
            }
        }
    }

    /// Loads the data as they are now and publishes them.
    fn reload(&self, load: fn(&Source, Arc<Edition>, &Sender<Progress>)) -> Result<Loaded, Error> {
        let start = Instant::now();
        // An `Arc` instead of a guard, because a thread has few slots for guards.
        let before = Arc::clone(&self.live.load());
        let loaded = self.await_load(Arc::clone(&before), load)?;
        if self.shrink == Shrink::Refuse {
            check_shrink(before.snapshot().stats(), loaded.edition.snapshot().stats())?;
        }
        drop(before);
        self.live.swap(Arc::clone(&loaded.edition));
        log_loaded("reloaded", &loaded, start);
        Ok(loaded)
    }

    /// Loads on another thread, which is abandoned at the time limit.
    fn await_load(
        &self,
        before: Arc<Edition>,
        load: fn(&Source, Arc<Edition>, &Sender<Progress>),
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
                // A local variable is dropped before the captures of the closure. So when the channel
                // reports that this thread has panicked, the thread no longer counts as loading.
                let loading = loading;
                load(&source, before, &sender);
                drop(loading);
            })
            .map_err(Reason::NoThread)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            match progress.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Progress::Found(revision)) => self.history.set_revision(revision),
                Ok(Progress::Done(outcome)) => return outcome,
                Err(RecvTimeoutError::Timeout) => return Err(Reason::Hangs(self.timeout).into()),
                Err(RecvTimeoutError::Disconnected) => return Err(Reason::Panicked.into()),
            }
        }
    }
}

/// The body of a thread that loads. Its messages are ignored after it was given up.
fn load(source: &Source, before: Arc<Edition>, progress: &Sender<Progress>) {
    drop(progress.send(Progress::Found(source.revision())));
    let outcome = source.load(Some(before.snapshot()));
    drop(before);
    drop(progress.send(Progress::Done(outcome)));
}

/// Logs what was published.
pub fn log_loaded(what: &str, loaded: &Loaded, start: Instant) {
    for fault in &loaded.harmful {
        tracing::error!("{fault}");
    }
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    if let Some(warning) = find_future(loaded.edition.snapshot().created(), now) {
        tracing::warn!("{warning}");
    }
    if let Some(stand_in) = &loaded.stand_in {
        tracing::warn!("{stand_in}");
    }
    let Stats { hosts, directories, repositories, .. } = loaded.edition.snapshot().stats();
    let generation = loaded.edition.snapshot().generation();
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(
        "{what} generation {generation}: {hosts} hosts, {directories} directories, \
         {repositories} repositories in {seconds:.2} s"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use sources::Inputs;

    #[test]
    fn a_broken_file_keeps_the_old_snapshot() {
        let job = job(demo());
        let served = Arc::clone(&job.live.load());
        assert!(job.reload(load).is_err());
        assert!(Arc::ptr_eq(&served, &job.live.load()));
    }

    /// A job whose file does not exist and whose time limit is never reached.
    fn job(first: Arc<Edition>) -> Job {
        Job {
            source: Source::Snapshot("/nonexistent/snapshot".into()),
            shrink: Shrink::Refuse,
            timeout: Duration::from_secs(60),
            live: Arc::new(Live::new(first, &Supervisor::default()).expect("a thread")),
            metrics: Arc::default(),
            history: Arc::default(),
        }
    }

    fn demo() -> Arc<Edition> {
        Source::Inputs(Inputs::Demo).load(None).expect("the demo data compiles").edition
    }

    #[test]
    fn a_load_that_panics_costs_one_reload() {
        fn panics(_: &Source, _: Arc<Edition>, _: &Sender<Progress>) {
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
        let hangs = |source: &Source, before: Arc<Edition>, progress: &Sender<Progress>| {
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
        // A thread ends a moment after its last message.
        while job.history.n_loading() > 0 {
            thread::yield_now();
        }
        let job = Job { timeout: Duration::from_secs(60), ..job };
        let error = job.reload(load).err().expect("it is refused");
        assert!(error.to_string().contains("No such file"), "{error}");
    }
}
