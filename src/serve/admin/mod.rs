//! The admin listener: health, readiness, metrics and a status page for the operator, beside the public
//! listener.
//!
//! It runs on one thread with a runtime of its own, and a few threads that make pages. Its own routes
//! only read: atomics, the published snapshot, and a record behind a short lock that no worker takes. So it answers
//! even when all workers are busy or stuck, and scraping it too often does not slow the workers.
//!
//! Reading order: [`Options`] and [`AdminState`] are its inputs. [`listener`] accepts connections into
//! `slots`. `dispatch` asks [`allowed_hosts`] whether a request may be answered, finds its route in the
//! table of `routes`, and hands slow routes to [`page_threads`]. [`health`] and [`report`] collect the
//! data; `status_page` writes it with the help of `display`, [`rates`] and [`process`]. [`metric_table`]
//! has a row for each [`metric`], from which [`prometheus`] writes the exposition. `reply` builds the
//! response. [`part`] is how further parts of the process answer here, [`streamed`] a body
//! that they write as things happen.
//!
//! [`pages`](crate::pages) holds what pages share. A new page is a row in `routes`, a template, and the
//! type that fills it.
//!
//! It is for operators: it has no users and no passwords, and belongs on loopback or a unix socket. A second one
//! can show pages of some parts to everybody ([`Surface`]), and has nothing else.

mod options;
mod state;
pub mod listener;
mod slots;
mod waits;
pub mod allowed_hosts;
mod dispatch;
mod route_lookup;
mod routes;
mod reply;
pub mod health;
pub mod report;
mod display;
mod status_page;
pub mod rates;
pub mod process;
pub mod part;
pub mod streamed;
pub mod metric;
pub mod metric_table;
pub mod prometheus;
#[cfg(test)]
mod part_tests;

use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::http::socket::{Address, ListeningSocket};
use crate::pages::page_threads::{self, PageThreads};
use runtime::supervise::{Supervisor, Thread};

use routes::routes_of;

pub use options::Options;
pub use slots::MAX_CONNECTIONS;
pub use state::{AdminState, Surface};

/// The number of pages that can be made at the same time.
const MAX_PAGES: usize = 4;
/// How long a request waits for a thread: shorter than the ten seconds that Prometheus gives a scrape.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Interval between two samples of the counters, from which rates are computed.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The running thread. It ends when this is dropped.
pub struct Admin {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Starts the thread and waits until it has bound the address.
    pub fn start(
        mut options: Options,
        state: Arc<AdminState>,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        let (report, bound) = mpsc::channel();
        let mut is_first = true;
        let kind = match state.surface {
            Surface::OperatorOfServer | Surface::Operator => Thread::Admin,
            Surface::Everybody => Thread::PublicPages,
        };
        let thread = supervisor.spawn(kind, move || {
            let is_first = std::mem::take(&mut is_first);
            let asked_for = options.clone();
            let report_bound = |bound: &Address| {
                // A restart after a panic keeps the port that the system chose.
                options.address = bound.clone();
                drop(report.send(Ok(())));
            };
            match serve(asked_for, &state, &mut stopped, report_bound) {
                Ok(()) => {}
                Err(error) if is_first => drop(report.send(Err(error))),
                // The thread has panicked before: the supervisor starts it again, or gives it up.
                Err(error) => resume_unwind(Box::new(format!("cannot listen again: {error}"))),
            }
        })?;
        let admin = Self { stop: Some(stop), thread: Some(thread) };
        // The channel closes without a message only if the thread was given up.
        bound.recv().unwrap_or_else(|_| Err(io::Error::other("the admin thread panicked")))?;
        Ok(admin)
    }
}

/// How long an idle page thread is kept: longer than any process runs. If the system gives no new
/// thread, tokio uses the existing ones, and fails if there are none.
const PAGE_THREAD_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The body of the thread. The runtime is created and dropped here: dropped in a worker, it would panic.
fn serve(
    options: Options,
    state: &Arc<AdminState>,
    stopped: &mut oneshot::Receiver<()>,
    report_bound: impl FnOnce(&Address),
) -> io::Result<()> {
    // Whoever scrapes, or asks for many tasks, holds up no answer. The threads that make pages begin with the
    // priority of this one.
    runtime::priority::lower();
    let mut builder = Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(MAX_PAGES).thread_name("admin-page");
    builder.thread_keep_alive(PAGE_THREAD_LIFE);
    let runtime = AdminRuntime(Some(builder.build()?));
    runtime.block_on(async {
        page_threads::start_one().await?;
        let listener = ListeningSocket::bind(&options.address, None)?;
        let what = match state.surface {
            Surface::OperatorOfServer | Surface::Operator => "admin listener",
            Surface::Everybody => "listener of pages for everybody",
        };
        tracing::info!("{what} on {}", listener.address().url());
        report_bound(listener.address());
        let page_threads = PageThreads::new(MAX_PAGES, MAX_WAIT);
        tokio::select! {
            () = listener::serve(listener, options, Arc::clone(state), routes_of(state), page_threads) => {}
            () = sample(state) => {}
            _ = stopped => {}
        }
        // Requests in progress are cut off: the process is ending.
        Ok(())
    })
}

/// A runtime that is shut down without waiting for pages: one that hangs would delay the end of the
/// process, or the next listener.
struct AdminRuntime(Option<Runtime>);

impl AdminRuntime {
    fn block_on<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => Err(io::Error::other("the runtime has ended")),
        }
    }
}

impl Drop for AdminRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The panic hook has logged a panic.
            drop(thread.join());
        }
    }
}

async fn sample(state: &AdminState) {
    let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        interval.tick().await;
        state.rates().sample(Instant::now(), &state.metrics);
    }
}
