//! The operator's window: health, readiness, metrics and a status page, beside the public listener.
//!
//! Everything runs on one thread with a runtime of its own, and only reads: atomics, the published
//! snapshot, and a record behind a short lock that no worker takes. So it answers when all workers
//! are busy or stuck, and when it is scraped too often no worker notices.
//!
//! Reading order: [`listener`] accepts, [`route`] says what is where, [`report`] collects
//! what there is to say, [`page`] and [`prometheus`] write it, [`rates`] and [`process`] help.
//!
//! It is for operators: it has no users and no passwords, and belongs on loopback or a unix socket.

pub mod listener;
pub mod route;
pub mod report;
pub mod page;
pub mod prometheus;
pub mod rates;
pub mod process;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::http::connection::Drain;
use crate::http::socket::{Address, Listener};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::reload::history::History;

use rates::Rates;

/// How often the counters are looked at for rates.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// What is looked at; all of it is shared with the parts that change it.
pub struct State {
    /// When the process started.
    pub started: Instant,
    /// The data; empty until the first load has been published.
    pub live: OnceLock<Arc<Live>>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// What became of loads.
    pub history: Arc<History>,
    /// Whether the server is stopping.
    pub drain: Arc<Drain>,
    rates: Mutex<Rates>,
}

impl State {
    /// The state of a process that starts now.
    pub fn new(metrics: Arc<Metrics>, history: Arc<History>, drain: Arc<Drain>) -> Self {
        Self {
            started: Instant::now(),
            live: OnceLock::new(),
            metrics,
            history,
            drain,
            rates: Mutex::default(),
        }
    }

    /// The rates of the last minute. Only the thread of this module locks them.
    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running thread. It ends when this is dropped.
pub struct Admin {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Starts the thread and waits until it has bound `address`.
    pub fn start(address: Address, state: Arc<State>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (report, bound) = mpsc::channel();
        let thread = thread::Builder::new().name("admin".into()).spawn(move || {
            let serving = serve(&address, state, stopped, || drop(report.send(Ok(()))));
            if let Err(error) = serving {
                drop(report.send(Err(error)));
            }
        })?;
        let admin = Self { stop: Some(stop), thread: Some(thread) };
        // The thread ends without a word only in a panic.
        bound.recv().unwrap_or_else(|_| Err(io::Error::other("the admin thread panicked")))?;
        Ok(admin)
    }
}

/// The thread. The runtime lives and dies here: dropped in a worker, it would panic.
fn serve(
    address: &Address,
    state: Arc<State>,
    stopped: oneshot::Receiver<()>,
    report_bound: impl FnOnce(),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = Listener::bind(address, None)?;
        tracing::info!("admin listener on {}", listener.address().url());
        report_bound();
        tokio::select! {
            () = listener::serve(listener, Arc::clone(&state)) => {}
            () = sample(&state) => {}
            _ = stopped => {}
        }
        // Requests that are under way are cut: the process ends.
        Ok(())
    })
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been logged by the hook.
            drop(thread.join());
        }
    }
}

async fn sample(state: &State) {
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        interval.tick().await;
        state.rates().sample(Instant::now(), &state.metrics);
    }
}
