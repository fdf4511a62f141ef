//! `mirrorlistd control`: background work without a server.

use std::process::ExitCode;
use std::time::Duration;

use super::control_move;
use super::output::{FAILURE, USAGE, fail};
use crate::cli::{ControlArgs, ControlCommand};
use crate::config::Config;
use crate::config::sections::control_error::ControlError;
use crate::config::written::Written;
use crate::daemon::{self, SupervisedThreads};
use runtime::log;

/// How long the process waits at its end until stderr is written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(args: &ControlArgs) -> ExitCode {
    match &args.command {
        None => work(args),
        Some(ControlCommand::Export(args)) => control_move::export(args),
        Some(ControlCommand::Import(args)) => control_move::import(args),
    }
}

fn work(args: &ControlArgs) -> ExitCode {
    let flags = Written {
        inputs: args.inputs.clone(),
        control: args.control.clone(),
        admin: args.admin.clone(),
        ..Written::default()
    };
    let config = match Config::resolve(&flags, args.file.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, error),
    };
    let Some(options) = config.control.clone() else {
        return fail(USAGE, ControlError::NoStore);
    };
    let threads = SupervisedThreads::default();
    let log = match log::start(config.log_level, config.log_queue_bytes, &threads.supervisor) {
        Ok(log) => log,
        Err(error) => return fail(FAILURE, format_args!("cannot start a thread: {error}")),
    };
    let site = options.site.clone();
    let announce = move || {
        tracing::info!("working on {}, publishing {}", site.inputs, site.snapshot.display());
    };
    let status = match daemon::control::run(config, options, threads, log.clone(), announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_of_configuration() => fail(USAGE, error),
        Err(error) => fail(FAILURE, error),
    };
    log.flush(FLUSH_PATIENCE);
    status
}
