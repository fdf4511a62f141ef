//! The log: messages to the operator on stderr, one line each.
//!
//! A server logs through a [`LineWriter`]: no failure of stderr (a full disk, a reader that is gone or
//! does not read, a terminal that has vanished) can block or end any of its threads. A command
//! (`compile`, `check`, …) writes synchronously, as users expect in a pipeline; lines that cannot be
//! written are lost, and do not change the exit status.
//!
//! Colours are used only on a terminal, and not if NO_COLOR forbids them; time stamps are left out if
//! the journal adds its own. The access log is separate; see `serve::http::access_log`.

pub mod writer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::supervise::{Supervisor, Thread};

use writer::{LineWriter, LogStream};

/// The writer of the server's log; not set while a command runs.
static SERVER_LOG: OnceLock<LineWriter> = OnceLock::new();

/// Sets up logging for a command. `level` (from the command line or the configuration) beats
/// `RUST_LOG`, which beats `info`. A second call changes nothing.
pub fn install(level: Option<LevelFilter>) {
    subscribe(level, || Lossy(io::stderr()));
}

/// Sets up logging for a server. At most `capacity` bytes wait for stderr, and as many are being
/// written; what does not fit is dropped and counted.
pub fn start(
    level: Option<LevelFilter>,
    capacity: usize,
    supervisor: &Supervisor,
) -> io::Result<LineWriter> {
    let stderr = LogStream::of(io::stderr())?;
    let writer = LineWriter::start(supervisor, Thread::Log, stderr, capacity)?;
    let writer = SERVER_LOG.get_or_init(|| writer);
    subscribe(level, || writer.clone());
    Ok(writer.clone())
}

/// Writes a line to the log, whatever the log level.
pub fn say(line: impl Display) {
    match SERVER_LOG.get() {
        Some(log) => log.write_lines(format!("{line}\n").as_bytes()),
        // A line that cannot be written to stderr is lost.
        None => drop(writeln!(io::stderr(), "{line}")),
    }
}

fn subscribe<W>(level: Option<LevelFilter>, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let filter = match level {
        Some(level) => EnvFilter::default().add_directive(level.into()),
        None => {
            EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy()
        }
    };
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // It would print its own errors to stderr, and panic if that fails.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal() && !no_color)
        .with_target(false);
    // Both fail only where a subscriber is installed already.
    let installed =
        if stderr_is_journal() { builder.without_time().try_init() } else { builder.try_init() };
    drop(installed);
    install_panic_hook();
}

/// Logs a panic as one line with its source location; with a backtrace if `RUST_BACKTRACE` asks for it.
fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let backtrace = Backtrace::capture();
        match backtrace.status() {
            BacktraceStatus::Captured => tracing::error!("{info}\n{backtrace}"),
            _ => tracing::error!("{info}"),
        }
    }));
}

/// Stderr for commands: write errors are ignored.
struct Lossy(io::Stderr);

impl Write for Lossy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        drop(self.0.write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether stderr is the socket that systemd names in `JOURNAL_STREAM` (`device:inode`). That the
/// variable is set is not enough: programs whose stderr goes elsewhere inherit it as well.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|meta| stream.to_str() == Some(&format!("{}:{}", meta.dev(), meta.ino())))
}
