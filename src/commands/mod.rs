//! The subcommands: each takes its arguments, prints, and says how the process exits.

pub mod serve;
pub mod compile;
pub mod inspect;
pub mod check;
mod surroundings;
pub mod generate;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::log;
use crate::signal;

/// The data or the system is at fault.
const FAILURE: u8 = 1;
/// The command line or the configuration is.
const USAGE: u8 = 2;

/// Does what the command line says.
pub fn run(cli: Cli) -> ExitCode {
    signal::ignore_file_size_limit();
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args),
        Some(Command::Compile(args)) => compile::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Generate(what)) => generate::run(what),
    }
}

/// Writes to stdout, at once.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints the result of a command. A reader that has seen enough (`| head`) is no failure.
fn finish(text: impl Display) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILURE, format_args!("cannot write to standard output: {error}")),
    }
}

/// Says in one line why the command failed.
fn fail(code: u8, reason: impl Display) -> ExitCode {
    complain(format_args!("mirrorlistd: {reason}"));
    ExitCode::from(code)
}

/// Writes a line to stderr.
fn complain(line: impl Display) {
    log::say(line);
}
