//! Signals of the operating system, mapped to events.
//!
//! SIGPIPE needs nothing here: Rust's runtime ignores it, and writes report EPIPE.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use signal_hook_tokio::Signals;
use tokio_stream::StreamExt;

/// Makes a write beyond the file size limit (RLIMIT_FSIZE) fail with EFBIG instead of ending the
/// process. Every command calls it as early as possible.
pub fn ignore_file_size_limit() {
    // Ignoring a signal takes `unsafe`, so this installs a handler that sets an unused flag. If the
    // system refuses it, nothing changes.
    let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// A flag that SIGINT sets, for a command that waits. A second SIGINT ends the process at once, with the
/// status of a process that was interrupted.
pub fn note_interrupt() -> io::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    // In this order: the first signal finds the flag unset.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED, Arc::clone(&interrupted))?;
    flag::register(SIGINT, Arc::clone(&interrupted))?;
    Ok(interrupted)
}

/// The exit status of a process that SIGINT has ended, as shells tell it.
pub const INTERRUPTED: i32 = 130;

/// The action that a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Publish the data as it is now (HUP).
    Reload,
    /// Reopen the log files (USR1).
    ReopenLogs,
    /// Drain and end (TERM, INT).
    Stop,
}

/// The stream of events. Signals of one kind may merge, as they do in the kernel.
pub struct Events(Signals);

impl Events {
    /// Installs the handlers; from then on none of these signals ends the process. Needs a tokio
    /// runtime.
    pub fn install() -> io::Result<Self> {
        Signals::new([SIGHUP, SIGUSR1, SIGTERM, SIGINT]).map(Self)
    }

    /// The next event.
    pub async fn next(&mut self) -> Event {
        match self.0.next().await {
            Some(SIGHUP) => Event::Reload,
            Some(SIGUSR1) => Event::ReopenLogs,
            // If the stream ended, no signal could stop the process any more.
            Some(_) | None => Event::Stop,
        }
    }
}
