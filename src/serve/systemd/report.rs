//! What the supervisor is told, and when.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::notify::{Delivery, Notifier};
use crate::live::Live;
use crate::reload::history::{Attempt, History};

/// How often to look whether a reload has ended while somebody waits for it.
const IMPATIENT: Duration = Duration::from_millis(20);
/// How often otherwise: for the status line.
const PATIENT: Duration = Duration::from_secs(1);

/// Follows what becomes of reloads, and tells it. Without anybody to tell it to, it does nothing.
///
/// It looks at what the reloads leave behind instead of being told by them: a reload is not to wait
/// for a supervisor. The reload that ends a request is one that began after it: another one that was
/// running has read the files as they were before.
pub struct Reporter {
    notifier: Notifier,
    live: Arc<Live>,
    history: Arc<History>,
    /// The number of the load that was told last.
    told: u64,
    /// The number from which on a load is owed `READY=1`, for a reload or for the start.
    awaited: Option<u64>,
    next_look: Instant,
}

impl Reporter {
    /// Says that the server serves.
    pub fn begin(live: Arc<Live>, history: Arc<History>) -> Self {
        let mut reporter = Self {
            notifier: Notifier::default(),
            live,
            history,
            told: 0,
            awaited: Some(0),
            next_look: Instant::now(),
        };
        if reporter.notifier.is_wanted() {
            reporter.look();
        }
        reporter
    }

    /// Says that a reload begins. To be called before it is asked for.
    pub fn reload(&mut self) {
        if self.notifier.is_wanted() {
            self.look();
            self.notifier.reloading();
            self.awaited = Some(self.history.n_begun() + 1);
            self.next_look = Instant::now();
        }
    }

    /// What the supervisor is told with.
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Says that the server stops.
    pub fn stop(&self) {
        self.notifier.stopping();
    }

    /// Looks after reloads, for ever. May be dropped at any point and called again.
    pub async fn follow(&mut self) {
        if !self.notifier.is_wanted() {
            pending::<()>().await;
        }
        loop {
            sleep_until(self.next_look).await;
            self.look();
            let interval = if self.awaited.is_some() { IMPATIENT } else { PATIENT };
            self.next_look = Instant::now() + interval;
        }
    }

    /// Tells what has become of a load that has ended meanwhile.
    fn look(&mut self) {
        // The record is replaced as a whole, after the snapshot.
        let Some(Attempt { number, refused, .. }) = self.history.get().last else { return };
        if self.told == number {
            return;
        }
        let mut status = format!("serving generation {}", self.live.load().snapshot().generation());
        if let Some(reason) = refused {
            status = status + "; the last reload was refused: " + &reason;
        }
        if !is_the_end(number, self.awaited) {
            self.notifier.status(&status);
        } else if self.notifier.ready(&status) == Delivery::NoRoom {
            // Somebody waits for it: it is tried again at the next look.
            return;
        } else {
            self.awaited = None;
        }
        self.told = number;
    }
}

/// Whether a load with this number is the end of what somebody waits for.
fn is_the_end(number: u64, awaited: Option<u64>) -> bool {
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
        assert!(is_the_end(load(), Some(0)));
        history.begin();
        let awaited = Some(history.n_begun() + 1);
        assert!(!is_the_end(load(), awaited));
        history.begin();
        assert!(is_the_end(load(), awaited));
        assert!(!is_the_end(load(), None));
    }
}
