//! What a command prints, and the status that it exits with.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use runtime::log;

/// The data or the system is at fault.
pub(super) const FAILURE: u8 = 1;
/// The command line or the configuration is.
pub(super) const USAGE: u8 = 2;

/// Writes to stdout, at once.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints the result of a command. A reader that has seen enough (`| head`) is no failure.
pub(super) fn finish(text: impl Display) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILURE, format_args!("cannot write to standard output: {error}")),
    }
}

/// Says in one line why the command failed.
pub(super) fn fail(code: u8, reason: impl Display) -> ExitCode {
    complain(format_args!("mirrorlistd: {reason}"));
    ExitCode::from(code)
}

/// Writes a line to stderr.
pub(super) fn complain(line: impl Display) {
    log::say(line);
}
