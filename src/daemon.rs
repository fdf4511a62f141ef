//! The serving process: starts all parts, handles events, and shuts down gracefully.
//!
//! The order of the start: inherited sockets, while there is only one thread; signal handlers, so that
//! no signal kills the process any more; the admin listener, which reports the state from then on; the
//! first data, without which there is nothing to serve; the public sockets. Then it handles events until
//! a stop signal. The drain lets requests finish, and cuts the remaining connections at the end of the
//! grace period or at a second stop signal.

mod error;
mod threads;
mod background;
#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "control")]
mod public_pages;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::config::Config;
use crate::config::sections::listen::PublicAddress;
use runtime::log::writer::LineWriter;
use serve::admin::{self, Admin, AdminState};
use serve::http::Drain;
use serve::http::accepting::Accepting;
use serve::http::access_log::{AccessLog, AccessLogControl};
use serve::http::eviction::UnsentBudget;
use serve::http::explain_limits::ExplainLimits;
use serve::http::listener::{self, AcceptLoop, OtherFiles, PublicListener};
use serve::http::socket::{Address, ListeningSocket, Mode};
use serve::http::workers::{Heartbeat, Workers};
use serve::http::{self, Context};
use serve::live::Live;
use serve::metrics::client_check::{ClientCheck, ClientVerdict};
use serve::metrics::{Metrics, ReloadTrigger};
use serve::reload::history::History;
use serve::reload::watch::FileWatch;
use serve::reload::{Job, Loaded, Reloader, log_loaded};
use serve::signal::{Event, Events};
use serve::systemd::notify::Notifier;
use serve::systemd::report::StatusReporter;
use serve::systemd::sockets::{self, NamedSocket};

use background::Background;
use error::failed_to;

pub use error::Error;
pub use threads::SupervisedThreads;

/// How often the counters of client addresses are checked.
const CLIENT_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How long the process waits at its end for each access log.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// Serves until a stop signal. Calls `announce` with the real addresses once the sockets listen; the
/// first one is that of the options.
pub fn run(
    config: Config,
    threads: SupervisedThreads,
    log: LineWriter,
    announce: impl FnOnce(&[Address]),
) -> Result<(), Error> {
    let inherited = sockets::take()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed_to("start a runtime"))?;
    let outcome = runtime.block_on(serve(config, inherited, threads, log, announce));
    // Connections that outlived the grace period are cut when the process ends.
    runtime.shutdown_background();
    outcome
}

async fn serve(
    config: Config,
    inherited: Vec<NamedSocket>,
    mut threads: SupervisedThreads,
    log: LineWriter,
    announce: impl FnOnce(&[Address]),
) -> Result<(), Error> {
    let mut events = Events::install().map_err(failed_to("install signal handlers"))?;
    let metrics = Arc::new(Metrics::default());
    let history = Arc::new(History::default());
    let drain_state = Arc::new(Drain::default());
    let parts = (Arc::clone(&metrics), Arc::clone(&history), Arc::clone(&drain_state));
    let supervisor = threads.supervisor.clone();
    let answer = config.http.answer.clone();
    let state = AdminState::new(answer, parts.0, parts.1, parts.2, supervisor.clone(), log);
    let background = Background::start(&config, &supervisor)?;
    let state = Arc::new(state.with_parts(background.parts(&config)?));
    // Started before the data are loaded, so that it can report the load; it runs until the end.
    let admin = match config.admin.clone() {
        Some(options) => {
            let address = options.address.clone();
            let started = Admin::start(options, Arc::clone(&state), &supervisor);
            Some(started.map_err(|error| Error::PublicAddress { address, error })?)
        }
        None => None,
    };
    // It says soon that nothing is known yet.
    let _public_pages = background.start_pages(&state, config.http.timeouts)?;
    let start = Instant::now();
    let Some((loaded, wants_reload)) = load_first(&config, &history, &mut events).await? else {
        background.stop().await;
        return Ok(());
    };
    log_loaded("loaded", &loaded, start);
    for fault in config.http.answer.aliases.faults(loaded.edition.snapshot()) {
        tracing::warn!("{fault}");
    }
    history.publish(start.elapsed(), &loaded);

    let live = Live::new(loaded.edition, &supervisor).map_err(failed_to("start a thread"))?;
    let live = Arc::new(live);
    let job = Job {
        source: config.reload_source.clone(),
        shrink: config.shrink,
        timeout: config.reload_timeout,
        live: Arc::clone(&live),
        metrics: Arc::clone(&metrics),
        history: Arc::clone(&history),
    };
    let reloader = Reloader::start(job, &supervisor).map_err(failed_to("start a thread"))?;
    let _watch = config
        .watch
        .map(|quiet| {
            FileWatch::start(config.reload_source, quiet, reloader.clone(), history, &supervisor)
        })
        .transpose()
        .map_err(failed_to("start a thread"))?;
    let mut log_controls = Vec::new();
    let mut start_log = |path: Option<PathBuf>| -> Result<Option<AccessLog>, Error> {
        let Some(path) = path else { return Ok(None) };
        let (queue, counted) = (config.access_log_queue_bytes, Arc::clone(&metrics));
        let (log, log_control) = AccessLog::start(path, queue, counted, &supervisor)
            .map_err(failed_to("start a thread"))?;
        log_controls.push(log_control);
        Ok(Some(log))
    };
    let access_log = start_log(config.access_log)?;
    let combined_log = start_log(config.combined_log)?;
    let other_files = OtherFiles {
        n_workers: config.workers,
        n_listeners: inherited.len().max(1 + config.listen.1.len()),
        n_admin: if admin.is_some() { 1 + admin::MAX_CONNECTIONS } else { 0 }
            + background.n_pages(),
    };
    let max_connections =
        listener::connections_within_file_limit(config.http.max_connections, other_files);
    if max_connections < config.http.max_connections {
        tracing::warn!(
            "serving {max_connections} connections at a time instead of max_connections = {}: the \
             limit of open files is too low; raise it (LimitNOFILE=, ulimit -n)",
            config.http.max_connections
        );
    }
    let unsent = UnsentBudget::new(config.http.unsent_bytes);
    let context = Arc::new(Context {
        options: http::Options { max_connections, ..config.http },
        live,
        metrics: Arc::clone(&metrics),
        access_log,
        combined_log,
        drain: drain_state,
        unsent,
        explain: config.http.explains_per_second.map(ExplainLimits::new),
    });

    let workers =
        Workers::start(config.workers, &supervisor).map_err(failed_to("start worker threads"))?;
    let heartbeat = workers.heartbeat();
    let accept_loop = AcceptLoop::new(Arc::clone(&context), workers);
    let listeners = {
        let _accepting = accept_loop.enter();
        match inherited.is_empty() {
            true => bind(config.listen, config.socket_mode)?,
            false => adopt(inherited, &config.listen)?,
        }
    };
    let addresses: Vec<_> =
        listeners.iter().map(|public| public.listener.address().clone()).collect();
    let mut accepting = accept_loop.start(listeners);
    // Cannot fail: this is the only place that sets it.
    drop(state.live.set(Arc::clone(&context.live)));
    background.begin();
    announce(&addresses);
    let mut reporter = StatusReporter::begin(Arc::clone(&context.live), Arc::clone(&state.history));
    notify_watchdog(heartbeat, reporter.notifier().clone());
    if wants_reload == WantsReload::Yes {
        reporter.reload();
        reloader.request(ReloadTrigger::Signal);
    }

    let mut client_check = ClientCheck::default();
    let mut check_clients = tokio::time::interval(CLIENT_CHECK_INTERVAL);
    let given_up = loop {
        let event = tokio::select! {
            biased;
            // Before the end of the accept loop, which the first worker takes with it.
            thread = threads.next_given_up() => break Some(thread),
            event = events.next() => event,
            _ = check_clients.tick() => {
                client_check.check(&metrics).into_iter().for_each(log_client_verdict);
                continue;
            }
            () = accepting.ended() => return Err(Error::Ended("the accept loop")),
            () = reporter.follow() => continue,
        };
        match event {
            Event::Reload => {
                reporter.reload();
                reloader.request(ReloadTrigger::Signal);
                background.refresh();
            }
            Event::ReopenLogs => log_controls.iter().for_each(AccessLogControl::reopen),
            Event::Stop => break None,
        }
    };
    tracing::info!("stopping; requests have {:?} to finish", config.grace);
    reporter.stop();
    context.drain.begin();
    background.begin_stop();
    drain(accepting, &mut events, config.grace, &context.metrics).await;
    background.stop().await;
    for log_control in log_controls {
        log_control.stop(LOG_PATIENCE);
    }
    tracing::info!(
        "stopped after {} requests; access log: {} lines written, {} dropped",
        metrics.requests_total(),
        metrics.log_lines_written.get(),
        metrics.log_lines_dropped.get()
    );
    given_up.map_or(Ok(()), |thread| Err(Error::GaveUp(thread)))
}

/// Binds the public addresses, the first one first.
fn bind(
    (first, others): (PublicAddress, Vec<PublicAddress>),
    mode: Mode,
) -> Result<Vec<PublicListener>, Error> {
    let listens = std::iter::once(first).chain(others);
    let bind = |listen: PublicAddress| match ListeningSocket::bind(&listen.address, mode) {
        Ok(listener) => Ok(PublicListener { listener, source: listen.client_address }),
        Err(error) => Err(Error::PublicAddress { address: listen.address, error }),
    };
    listens.map(bind).collect()
}

/// Uses inherited sockets in place of the configured addresses.
fn adopt(
    inherited: Vec<NamedSocket>,
    (first, others): &(PublicAddress, Vec<PublicAddress>),
) -> Result<Vec<PublicListener>, Error> {
    let find_rules = |name: &str| {
        let namesake = others.iter().find(|listen| listen.name.as_deref() == Some(name));
        namesake.unwrap_or(first)
    };
    let known: Vec<_> = others.iter().filter_map(|listen| listen.name.as_deref()).collect();
    let is_unknown = |name: &&str| !known.contains(name) && !is_default_name(name);
    let names: Vec<_> = inherited.iter().map(|socket| socket.name.clone()).collect();
    if !known.is_empty()
        && let Some(name) = names.iter().map(String::as_str).find(is_unknown)
    {
        return Err(Error::UnknownName { name: name.into(), known: known.join(", ") });
    }
    tracing::info!("{} inherited sockets replace the configured addresses", inherited.len());
    for listen in std::iter::once(first).chain(others) {
        if !names.iter().any(|name| std::ptr::eq(find_rules(name), listen)) {
            tracing::warn!("no inherited socket replaces {}: it is not served", listen.address);
        }
    }
    let adopt = |NamedSocket { name, socket }: NamedSocket| {
        let rules = find_rules(&name);
        let listener =
            ListeningSocket::adopt(socket).map_err(failed_to("use an inherited socket"))?;
        let (address, replaced) = (listener.address(), &rules.address);
        tracing::info!("inherited socket `{name}` at {address} has the rules of {replaced}");
        Ok(PublicListener { listener, source: rules.client_address })
    };
    inherited.into_iter().map(adopt).collect()
}

/// Whether a socket has this name because none was configured: systemd then uses the name of the unit,
/// or `unknown` if it no longer knows the unit.
fn is_default_name(name: &str) -> bool {
    name.is_empty() || name == "unknown" || name.ends_with(".socket")
}

/// Logs a problem with the addresses of clients, or that it is over.
fn log_client_verdict(verdict: ClientVerdict) {
    match verdict {
        ClientVerdict::Sound => tracing::info!("most clients have public addresses again"),
        ClientVerdict::Private { percent } => tracing::warn!(
            "{percent} % of clients have private addresses: is a proxy missing from trusted_proxy?"
        ),
        ClientVerdict::Unnamed { percent } => tracing::warn!(
            "{percent} % of requests come from a trusted proxy that names no client: does it send the \
             header that client_address says? If it is no proxy but forwards ports, as for rootless \
             containers, anybody can claim any address: set trusted_proxy = [\"none\"]"
        ),
    }
}

/// Sends watchdog notifications to systemd while all workers and this thread respond.
fn notify_watchdog(heartbeat: Heartbeat, notifier: Notifier) {
    let Some(interval) = notifier.watchdog_interval() else { return };
    // Runs until the process ends, also through the drain.
    tokio::spawn(async move {
        loop {
            heartbeat.beat().await;
            notifier.alive();
            // Twice as often as required, as systemd recommends.
            tokio::time::sleep(interval / 2).await;
        }
    });
}

/// Whether a reload was asked for while the first data was being loaded.
#[derive(PartialEq, Eq)]
enum WantsReload {
    Yes,
    No,
}

/// Loads the first data on a thread of its own, so that signals are handled meanwhile; `None` after a
/// stop signal.
async fn load_first(
    config: &Config,
    history: &Arc<History>,
    events: &mut Events,
) -> Result<Option<(Loaded, WantsReload)>, Error> {
    let (sender, mut receiver) = oneshot::channel();
    let (source, history) = (config.source.clone(), Arc::clone(history));
    let watched = config.reload_source.clone();
    thread::Builder::new()
        .name("load".into())
        .spawn(move || {
            let _loading = history.loading();
            history.begin();
            history.set_revision(watched.revision());
            // Fails only when the process ends and the receiver is gone.
            drop(sender.send(source.load_first()));
        })
        .map_err(failed_to("start a thread"))?;
    let mut wants_reload = WantsReload::No;
    loop {
        tokio::select! {
            loaded = &mut receiver => {
                let loaded = loaded.map_err(|_| Error::Ended("the first load"))??;
                return Ok(Some((loaded, wants_reload)));
            }
            event = events.next() => match event {
                Event::Reload => wants_reload = WantsReload::Yes,
                Event::ReopenLogs => {}
                Event::Stop => return Ok(None),
            },
        }
    }
}

/// Waits until all connections are closed, but no longer than `grace` or until a second stop signal.
async fn drain(accepting: Accepting, events: &mut Events, grace: Duration, metrics: &Metrics) {
    let second_stop = async { while events.next().await != Event::Stop {} };
    let cut = tokio::select! {
        () = accepting.drained() => None,
        () = second_stop => Some("a second signal"),
        () = tokio::time::sleep(grace) => Some("the end of the grace period"),
    };
    if let Some(cut) = cut {
        tracing::warn!("{} connections cut by {cut}", metrics.connections_open.get());
    }
}
