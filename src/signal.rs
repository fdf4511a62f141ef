//! Signals of the operating system, by their meaning.
//!
//! SIGPIPE needs nothing here: Rust's runtime ignores it, and writes report EPIPE.

use std::io;

use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_tokio::Signals;
use tokio_stream::StreamExt;

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
