//! The process of `mirrorlistd control`: background work and the listener of the operator, and no server.

use std::sync::Arc;

use super::error::{Error, failed_to};
use super::public_pages;
use super::threads::SupervisedThreads;
use crate::config::Config;
use control::Control;
use control::part::ControlPart;
use runtime::log::writer::LineWriter;
use serve::admin::{Admin, AdminState};
use serve::http::Drain;
use serve::signal::{Event, Events};
use serve::systemd::notify::{Delivery, Notifier};
use tokio::time::{Duration, Instant, interval_at};

/// How often the supervisor is told that the process is ready, until it has taken that up.
const READY_INTERVAL: Duration = Duration::from_millis(100);

/// Works until a stop signal. Calls `announce` once it has begun.
pub fn run(
    config: Config,
    options: control::Options,
    threads: SupervisedThreads,
    log: LineWriter,
    announce: impl FnOnce(),
) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed_to("start a runtime"))?;
    let outcome = runtime.block_on(work(config, options, threads, log, announce));
    runtime.shutdown_background();
    outcome
}

async fn work(
    config: Config,
    mut options: control::Options,
    mut threads: SupervisedThreads,
    log: LineWriter,
    announce: impl FnOnce(),
) -> Result<(), Error> {
    let mut events = Events::install().map_err(failed_to("install signal handlers"))?;
    let supervisor = threads.supervisor.clone();
    if let Some(pages) = &mut options.public_pages {
        public_pages::fit_connections(pages);
    }
    let control = Control::start(options, &supervisor)?;
    let drain = Arc::new(Drain::default());
    let state = AdminState::without_server(Arc::clone(&drain), supervisor.clone(), log);
    let hosts = config.admin.as_ref().and_then(|admin| admin.hosts.clone()).unwrap_or_default();
    let part = ControlPart::new(control.handle().clone(), hosts)?;
    let state = state.with_parts(vec![Arc::new(part)]);
    let pages = public_pages::start(control.handle(), &state, config.http.timeouts)?;
    let admin = match config.admin {
        Some(options) => {
            let address = options.address.clone();
            let started = Admin::start(options, Arc::new(state), &supervisor);
            Some(started.map_err(|error| Error::PublicAddress { address, error })?)
        }
        None => None,
    };
    control.begin();
    announce();
    let notifier = Notifier::default();
    let mut is_ready = false;
    let mut tell_ready = interval_at(Instant::now(), READY_INTERVAL);
    let alive = notifier.watchdog_interval().map_or(Duration::from_secs(86_400), |every| every / 2);
    let mut tell_alive = interval_at(Instant::now(), alive);
    let failed = loop {
        let event = tokio::select! {
            event = events.next() => event,
            thread = threads.next_given_up() => break Some(Error::GaveUp(thread)),
            () = control.ended() => break Some(ended(control.handle())),
            _ = tell_ready.tick(), if !is_ready => {
                is_ready = notifier.ready("works in the background") == Delivery::Over;
                continue;
            }
            _ = tell_alive.tick() => {
                notifier.alive();
                continue;
            }
        };
        match event {
            Event::Reload => {
                notifier.reloading();
                let handle = control.handle().clone();
                // It ends by itself: the store answers, or fails.
                tokio::spawn(async move { handle.refresh("signal HUP").await });
                is_ready = false;
            }
            Event::ReopenLogs => {}
            Event::Stop => break None,
        }
    };
    tracing::info!("stopping; tasks have {:?} to stop", control.handle().options.stop_deadline);
    notifier.stopping();
    drain.begin();
    // A second signal does not cut it short: the deadline is short already.
    control.stop().await;
    tracing::info!("stopped");
    drop((admin, pages));
    failed.map_or(Ok(()), Err)
}

/// Why the work has ended by itself.
fn ended(handle: &control::Handle) -> Error {
    match handle.trouble() {
        Some(reason) if handle.is_superseded() => Error::Superseded(reason),
        _ => Error::Ended("background work"),
    }
}
