//! Output and exit status of commands.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use runtime::log;

/// Exit status when the data or the system is at fault.
pub(super) const FAILURE: u8 = 1;
/// Exit status when the command line or the configuration is at fault.
pub(super) const USAGE: u8 = 2;

/// Writes to stdout, and flushes it.
fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints the result of a command. A reader that has closed the pipe (`| head`) is no failure.
pub(super) fn finish(text: impl Display) -> ExitCode {
    match print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(FAILURE, format_args!("cannot write to standard output: {error}")),
    }
}

/// Writes the reason for a failure to stderr, a line as a rule, and returns the exit status.
pub(super) fn fail(code: u8, reason: impl Display) -> ExitCode {
    for line in reason.to_string().lines() {
        complain(format_args!("mirrorlistd: {line}"));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr.
pub(super) fn complain(line: impl Display) {
    log::say(line);
}
