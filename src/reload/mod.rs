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

pub mod source;
pub mod watch;
pub mod history;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Instant;

use rustix::io::Errno;

use crate::compile;
use crate::live::{Live, step_behind_workers};
use crate::metrics::{Metrics, ReloadOutcome, ReloadTrigger};
use crate::snapshot::{Stats, format};

use history::History;
pub use source::{Loaded, Source, StandIn};

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
    #[error("{}: changed while it was read; still being written?", .0.display())]
    Changed(PathBuf),
    #[error("{0}")]
    Snapshot(#[from] format::Error),
    #[error("{0}")]
    Compile(#[from] compile::Error),
    #[error("{newest}; nor can the snapshot before it be served: {previous}")]
    Both { newest: Error, previous: Error },
    #[error("implausible shrink: {what} fell from {old} to {new} (--allow-shrink accepts it)")]
    Shrunk { what: &'static str, old: usize, new: usize },
    #[error("loading panicked; this is a bug in mirrorlistd")]
    Panicked,
}

impl Error {
    /// Whether the same files may load in a moment: the system could not read them, and not because
    /// of what they are.
    fn may_pass(&self) -> bool {
        let cause = match &*self.0 {
            Reason::Snapshot(error) => error.io_error(),
            Reason::Compile(compile::Error::Read { source, .. }) => Some(source),
            _ => None,
        };
        let errno = cause.and_then(Errno::from_io_error);
        errno.is_some_and(|errno| {
            // The last two: files on a network.
            [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO, Errno::STALE, Errno::TIMEDOUT]
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

impl Reloader {
    /// Starts the thread.
    pub fn start(
        source: Source,
        shrink: Shrink,
        live: Arc<Live>,
        metrics: Arc<Metrics>,
        history: Arc<History>,
    ) -> io::Result<Self> {
        let (requests, inbox) = mpsc::sync_channel(1);
        let task = Task { source, shrink, live, metrics, history };
        thread::Builder::new().name("reload".into()).spawn(move || task.run(&inbox))?;
        Ok(Self { requests })
    }

    /// Asks for a reload that sees the data as it is now or later. Never waits.
    pub fn request(&self, trigger: ReloadTrigger) {
        // Full: one is pending, and will see the same data.
        let _ = self.requests.try_send(trigger);
    }
}

struct Task {
    source: Source,
    shrink: Shrink,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    history: Arc<History>,
}

impl Task {
    fn run(&self, inbox: &Receiver<ReloadTrigger>) {
        step_behind_workers();
        while let Ok(trigger) = inbox.recv() {
            let start = Instant::now();
            self.history.begin(self.source.look());
            let outcome = self.reload();
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
    fn reload(&self) -> Result<Loaded, Error> {
        let start = Instant::now();
        // The thing itself and no guard: those are few.
        let before = Arc::clone(&self.live.load());
        let loaded = self.source.load(Some(&before))?;
        if self.shrink == Shrink::Refuse {
            check_shrink(before.stats(), loaded.snapshot.stats())?;
        }
        drop(before);
        self.live.swap(Arc::clone(&loaded.snapshot));
        log_loaded("reloaded", &loaded, start);
        Ok(loaded)
    }
}

/// Says what has been published.
pub fn log_loaded(what: &str, loaded: &Loaded, start: Instant) {
    for fault in &loaded.harmful {
        tracing::error!("{fault}");
    }
    for warning in &loaded.warnings {
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
    use crate::compile::Inputs;

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
    fn a_broken_file_keeps_the_old_snapshot() {
        let first = Source::Inputs(Inputs::Demo).load(None).expect("the demo data compiles");
        let live = Arc::new(Live::new(first.snapshot).expect("a thread"));
        let served = Arc::clone(&live.load());
        let task = Task {
            source: Source::Snapshot("/nonexistent/snapshot".into()),
            shrink: Shrink::Refuse,
            live: Arc::clone(&live),
            metrics: Arc::default(),
            history: Arc::default(),
        };
        assert!(task.reload().is_err());
        assert!(Arc::ptr_eq(&served, &live.load()));
    }
}
