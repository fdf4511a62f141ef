//! Sends notifications to the supervisor: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` for keep-alive messages.
//!
//! | when | message |
//! |---|---|
//! | the sockets listen and data are served | `READY=1` |
//! | a reload was asked for | `RELOADING=1`, `MONOTONIC_USEC=…` |
//! | it has ended, published or refused | `READY=1` |
//! | the server stops | `STOPPING=1` |
//!
//! Each comes with a `STATUS=` for `systemctl status`, which names the generation that is served and, if
//! a reload was refused, the reason. So `systemctl reload` returns when the reload has ended, with
//! `Type=notify` and a signal as `ExecReload=` (systemd before 253) as well as with
//! `Type=notify-reload`.
//!
//! Sending never waits, because messages are sent from the thread that handles signals. If the
//! supervisor's socket is full, the message is dropped; only for `READY=1` the caller retries. If the
//! socket cannot be reached, or is not read, that is logged once.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// The variable that names the socket for messages.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Sends messages if there is a supervisor. Clones together log only the first failure.
#[derive(Clone, Default)]
pub struct Notifier {
    has_failed: Arc<AtomicBool>,
}

/// The outcome of sending a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Delivery {
    /// It was sent, or never will be.
    Over,
    /// The supervisor's socket is full; a later try may succeed.
    NoRoom,
}

impl Notifier {
    /// Returns whether a supervisor expects messages.
    pub fn is_wanted(&self) -> bool {
        env::var_os(NOTIFY_SOCKET).is_some()
    }

    /// Returns how often a keep-alive message is expected; `None` if none is.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|interval| self.is_wanted() && !interval.is_zero())
    }

    /// Reports that the server is ready, or that a reload has ended.
    pub fn ready(&self, status: &str) -> Delivery {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// Reports that a reload was requested.
    pub fn reloading(&self) {
        // Without the time, systemd from 253 on would treat the reload as failed.
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        let _ = self.send(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]);
    }

    /// Changes only the status text.
    pub fn status(&self, status: &str) {
        let _ = self.send(&[NotifyState::Status(&one_line(status))]);
    }

    /// The server stops.
    pub fn stopping(&self) {
        let _ = self.send(&[NotifyState::Stopping, NotifyState::Status("finishing requests")]);
    }

    /// Sends a keep-alive message.
    pub fn alive(&self) {
        let _ = self.send(&[NotifyState::Watchdog]);
    }

    fn send(&self, states: &[NotifyState<'_>]) -> Delivery {
        let Some(address) = env::var_os(NOTIFY_SOCKET) else { return Delivery::Over };
        let Err(error) = try_send(&address, states) else { return Delivery::Over };
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            tracing::warn!("cannot notify the supervisor at NOTIFY_SOCKET: {error}");
        }
        match error.kind() {
            ErrorKind::WouldBlock => Delivery::NoRoom,
            _ => Delivery::Over,
        }
    }
}

/// Sends a message like `sd_notify::notify`, but never waits, and supports abstract addresses.
fn try_send(address: &OsStr, states: &[NotifyState<'_>]) -> io::Result<()> {
    let address = match address.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(address)?,
    };
    let mut message = String::new();
    for state in states {
        // Writing to a string cannot fail.
        let _ = writeln!(message, "{state}");
    }
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    // A datagram is sent as a whole or not at all.
    socket.send_to_addr(message.as_bytes(), &address).map(drop)
}

/// Replaces line breaks, which would begin another message.
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

    #[test]
    fn a_name_that_begins_with_an_at_sign_is_no_path() {
        let name = format!("mirrorlistd-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a short name");
        let supervisor = UnixDatagram::bind_addr(&address).expect("a free name");
        try_send(OsStr::new(&format!("@{name}")), &[NotifyState::Ready]).expect("it is there");
        let mut buffer = [0; 20];
        let n = supervisor.recv(&mut buffer).expect("it was sent");
        assert_eq!(buffer.get(..n), Some(&b"READY=1\n"[..]));
    }
}
