//! Signals of the operating system, by their meaning.
//!
//! SIGPIPE needs nothing here: Rust's runtime ignores it, and writes report EPIPE.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGXFSZ};
use signal_hook::flag;
use signal_hook_tokio::Signals;
use tokio_stream::StreamExt;

/// Makes a write beyond the limit of file sizes (RLIMIT_FSIZE) an error, EFBIG, instead of the end of
/// the process. For every command, as early as possible.
pub fn ignore_file_size_limit() {
    // Ignoring takes `unsafe`, and so there is a handler: it sets a flag that nobody reads. A system
    // that refuses it leaves everything as it was.
    let _ = flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// What the operator wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Publish the data as it is now (HUP).
    Reload,
    /// Open the log files anew (USR1).
    ReopenLogs,
    /// Drain and end (TERM, INT).
    Stop,
}

/// The events as they come. Signals of one kind may merge, as they do in the kernel.
pub struct Events(Signals);

impl Events {
    /// Installs the handlers; from now on none of these signals ends the process. Needs a tokio
    /// runtime around it.
    pub fn install() -> io::Result<Self> {
        Signals::new([SIGHUP, SIGUSR1, SIGTERM, SIGINT]).map(Self)
    }

    /// The next event.
    pub async fn next(&mut self) -> Event {
        match self.0.next().await {
            Some(SIGHUP) => Event::Reload,
            Some(SIGUSR1) => Event::ReopenLogs,
            // A stream that ended would leave the process without any way to stop it.
            Some(_) | None => Event::Stop,
        }
    }
}
