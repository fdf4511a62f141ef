//! Decides which notifications the supervisor gets, and when.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::notify::{Delivery, Notifier};
use crate::live::Live;
use crate::reload::history::{Attempt, History};

/// Interval between checks for a finished load while the supervisor waits for one.
const AWAITED_INTERVAL: Duration = Duration::from_millis(20);
/// Interval between checks otherwise: it only updates the status line.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// Follows reloads and notifies the supervisor of their outcome. Does nothing without a supervisor.
///
/// It polls the history of loads, so that a reload never waits for a supervisor. A request for a reload
/// ends with a load that began after it: a load that was already running has read the files as they were
/// before.
pub struct StatusReporter {
    notifier: Notifier,
    live: Arc<Live>,
    history: Arc<History>,
    /// The number of the load that was last reported.
    last_reported: u64,
    /// The lowest number of a load that must be answered with `READY=1`, for a reload or for the start;
    /// `None` if nothing waits for one.
    awaited: Option<u64>,
    next_check: Instant,
}

impl StatusReporter {
    /// Reports that the server is ready, and starts following reloads.
    pub fn begin(live: Arc<Live>, history: Arc<History>) -> Self {
        let mut reporter = Self {
            notifier: Notifier::default(),
            live,
            history,
            last_reported: 0,
            awaited: Some(0),
            next_check: Instant::now(),
        };
        if reporter.notifier.is_wanted() {
            reporter.check();
        }
        reporter
    }

    /// Reports that a reload begins. To be called before the reload is requested.
    pub fn reload(&mut self) {
        if self.notifier.is_wanted() {
            self.check();
            self.notifier.reloading();
            self.awaited = Some(self.history.n_begun() + 1);
            self.next_check = Instant::now();
        }
    }

    /// Returns the notifier.
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Reports that the server stops.
    pub fn stop(&self) {
        self.notifier.stopping();
    }

    /// Follows reloads; never returns. May be dropped at any point and called again.
    pub async fn follow(&mut self) {
        if !self.notifier.is_wanted() {
            pending::<()>().await;
        }
        loop {
            sleep_until(self.next_check).await;
            self.check();
            let interval = if self.awaited.is_some() { AWAITED_INTERVAL } else { IDLE_INTERVAL };
            self.next_check = Instant::now() + interval;
        }
    }

    /// Reports the outcome of the last load, if it has ended since the last check.
    fn check(&mut self) {
        // The record is replaced as a whole, after the snapshot.
        let Some(Attempt { number, refused, .. }) = self.history.get().last else { return };
        if self.last_reported == number {
            return;
        }
        let mut status = format!("serving generation {}", self.live.load().snapshot().generation());
        if let Some(reason) = refused {
            status = status + "; the last reload was refused: " + &reason;
        }
        if !ends_wait(number, self.awaited) {
            self.notifier.status(&status);
        } else if self.notifier.ready(&status) == Delivery::NoRoom {
            // The supervisor waits for this message: the next check retries it.
            return;
        } else {
            self.awaited = None;
        }
        self.last_reported = number;
    }
}

/// Returns whether a load with this number ends the wait for the load `awaited`.
fn ends_wait(number: u64, awaited: Option<u64>) -> bool {
    awaited.is_some_and(|awaited| number >= awaited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_that_began_before_the_request_is_not_its_end() {
        let history = History::default();
        let load = || {
            history.refuse(Duration::ZERO, String::new());
            history.get().last.expect("a load has ended").number
        };
        history.begin();
        assert!(ends_wait(load(), Some(0)));
        history.begin();
        let awaited = Some(history.n_begun() + 1);
        assert!(!ends_wait(load(), awaited));
        history.begin();
        assert!(ends_wait(load(), awaited));
        assert!(!ends_wait(load(), None));
    }
}
