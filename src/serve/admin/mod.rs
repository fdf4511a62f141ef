//! The operator's window: health, readiness, metrics and a status page, beside the public listener.
//!
//! It runs on one thread with a runtime of its own, and a few threads that make pages, and only reads:
//! atomics, the published snapshot, and a record behind a short lock that no worker takes. So it
//! answers when all workers are busy or stuck, and when it is scraped too often no worker notices.
//!
//! Reading order: [`Options`] and [`State`] are what it is given, [`listener`] accepts into `slots`,
//! `dispatch` finds the route of a request in the table of `routes`, asks [`allowed_hosts`] whether it may be
//! answered, and hands what takes its time to `page_threads`. [`health`] and [`report`] collect what
//! there is to say, `status_page` and [`prometheus`] write it with the help of `display`, [`rates`] and
//! [`process`], and a `reply` carries it.
//!
//! Pages are HTML templates (`templates/`), checked by the compiler and escaped by askama; `layout`
//! is what they share. A new page is a row in `routes`, a template, and the type that fills it.
//!
//! It is for operators: it has no users and no passwords, and belongs on loopback or a unix socket.

mod options;
mod state;
pub mod listener;
mod slots;
pub mod allowed_hosts;
mod dispatch;
mod page_threads;
mod route_lookup;
mod routes;
mod reply;
pub mod health;
pub mod report;
mod display;
mod layout;
mod status_page;
pub mod prometheus;
pub mod rates;
pub mod process;

use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::http::socket::{Address, ListeningSocket};
use runtime::supervise::{Supervisor, Thread};

use page_threads::{MAX_PAGES, MAX_WAIT, PageThreads};
use routes::ROUTES;

pub use options::Options;
pub use state::State;

/// How often the counters are looked at for rates.
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
        state: Arc<State>,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        let (stop, mut stopped) = oneshot::channel();
        let (report, bound) = mpsc::channel();
        let mut is_first = true;
        let thread = supervisor.spawn(Thread::Admin, move || {
            let is_first = std::mem::take(&mut is_first);
            let asked_for = options.clone();
            let report_bound = |bound: &Address| {
                // A port that was chosen by the system stays what it is.
                options.address = bound.clone();
                drop(report.send(Ok(())));
            };
            match serve(asked_for, &state, &mut stopped, report_bound) {
                Ok(()) => {}
                Err(error) if is_first => drop(report.send(Err(error))),
                // The thread has panicked before: it is tried again, or given up.
                Err(error) => resume_unwind(Box::new(format!("cannot listen again: {error}"))),
            }
        })?;
        let admin = Self { stop: Some(stop), thread: Some(thread) };
        // The thread ends without a word only where it is given up.
        bound.recv().unwrap_or_else(|_| Err(io::Error::other("the admin thread panicked")))?;
        Ok(admin)
    }
}

/// Longer than any process: where the system gives no new thread, tokio makes do with those that there
/// are, and fails where there is none.
const PAGE_THREAD_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// The thread. The runtime lives and dies here: dropped in a worker, it would panic.
fn serve(
    options: Options,
    state: &Arc<State>,
    stopped: &mut oneshot::Receiver<()>,
    report_bound: impl FnOnce(&Address),
) -> io::Result<()> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().max_blocking_threads(MAX_PAGES).thread_name("admin-page");
    builder.thread_keep_alive(PAGE_THREAD_LIFE);
    let runtime = AdminRuntime(Some(builder.build()?));
    runtime.block_on(async {
        page_threads::start_one().await?;
        let listener = ListeningSocket::bind(&options.address, None)?;
        tracing::info!("admin listener on {}", listener.address().url());
        report_bound(listener.address());
        let page_threads = PageThreads::new(MAX_PAGES, MAX_WAIT);
        tokio::select! {
            () = listener::serve(listener, options, Arc::clone(state), ROUTES, page_threads) => {}
            () = sample(state) => {}
            _ = stopped => {}
        }
        // Requests that are under way are cut: the process ends.
        Ok(())
    })
}

/// A runtime whose end waits for no page: one that hangs would keep the process, or the next listener.
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
