//! The subcommands: each takes its arguments, prints its output, and returns the exit status.

pub mod serve;
pub mod compile;
pub mod import;
pub mod inspect;
mod inspect_geography;
mod inspect_index;
pub mod check;
pub mod explain;
pub mod quality;
pub mod init;
pub mod geography;
mod output;
mod admin_client;
mod explain_running;
mod environment;
#[cfg(feature = "scan")]
pub mod scan;
#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "control")]
mod control_move;
#[cfg(feature = "control")]
mod meant;
#[cfg(feature = "control")]
mod mirror;
#[cfg(feature = "control")]
mod task;
#[cfg(feature = "generate")]
pub mod generate;

use std::process::ExitCode;

use crate::cli::{Cli, Command, Geography};
use ::serve::signal;

/// Runs the command of the command line.
pub fn run(cli: Cli) -> ExitCode {
    signal::ignore_file_size_limit();
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Compile(args)) => compile::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Quality(args)) => quality::run(&args),
        Some(Command::Init(args)) => init::run(&args),
        #[cfg(feature = "scan")]
        Some(Command::Scan(args)) => scan::run(&args),
        #[cfg(feature = "control")]
        Some(Command::Control(args)) => control::run(&args),
        #[cfg(feature = "control")]
        Some(Command::Mirror(args)) => mirror::run(&args),
        #[cfg(feature = "control")]
        Some(Command::Task(args)) => task::run(&args),
        Some(Command::Geography(Geography::Build(args))) => geography::run(&args),
        #[cfg(feature = "generate")]
        Some(Command::Generate(what)) => generate::run(what),
    }
}
