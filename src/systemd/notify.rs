//! Telling the supervisor how things are: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` for signs of life.
//!
//! | when | message |
//! |---|---|
//! | the sockets listen and data are served | `READY=1` |
//! | a reload was asked for | `RELOADING=1`, `MONOTONIC_USEC=…` |
//! | it has ended, published or refused | `READY=1` |
//! | the server stops | `STOPPING=1` |
//!
//! Each comes with a `STATUS=` for `systemctl status`, which names the generation that is served, and
//! why a reload was refused. So `systemctl reload` ends when the reload has, with `Type=notify` and a
//! signal as `ExecReload=` (systemd before 253) as well as with `Type=notify-reload`.
//!
//! A supervisor that cannot be reached costs a line in the log, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// Sends messages, if there is somebody to send them to.
#[derive(Default)]
pub struct Notifier {
    has_failed: AtomicBool,
}

impl Notifier {
    /// Whether anybody wants to be notified.
    pub fn is_wanted(&self) -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// How often a sign of life is expected; `None` where it is not.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|interval| self.is_wanted() && !interval.is_zero())
    }

    /// The server serves; after a reload, it has ended.
    pub fn ready(&self, status: &str) {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// A reload was asked for.
    pub fn reloading(&self) {
        // Without the time, systemd from 253 on would take the reload for a failure.
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        self.send(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]);
    }

    /// Something has changed that concerns nobody but the reader of the status.
    pub fn status(&self, status: &str) {
        self.send(&[NotifyState::Status(&one_line(status))]);
    }

    /// The server stops.
    pub fn stopping(&self) {
        self.send(&[NotifyState::Stopping, NotifyState::Status("finishing requests")]);
    }

    /// A sign of life.
    pub fn alive(&self) {
        self.send(&[NotifyState::Watchdog]);
    }

    fn send(&self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states)
            && !self.has_failed.swap(true, Ordering::Relaxed)
        {
            tracing::warn!("cannot notify the supervisor at NOTIFY_SOCKET: {error}");
        }
    }
}

/// A line break in a status would begin another message.
fn one_line(status: &str) -> String {
    status.replace(|c: char| c.is_control(), " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("a\nSTOPPING=1\r\tb"), "a STOPPING=1  b");
    }
}
