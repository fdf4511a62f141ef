//! What the supervisor is told, and when.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

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
/// for a supervisor. Of a burst of requests the first reload that ends is taken for the end.
pub struct Reporter {
    notifier: Notifier,
    live: Arc<Live>,
    history: Arc<History>,
    /// When the load ended that was told last.
    told: Option<SystemTime>,
    /// Whether `READY=1` is still owed, for a reload or for the start.
    is_awaited: bool,
    next_look: Instant,
}

impl Reporter {
    /// Says that the server serves.
    pub fn begin(live: Arc<Live>, history: Arc<History>) -> Self {
        let mut reporter = Self {
            notifier: Notifier::default(),
            live,
            history,
            told: None,
            is_awaited: true,
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
            self.is_awaited = true;
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
            let interval = if self.is_awaited { IMPATIENT } else { PATIENT };
            self.next_look = Instant::now() + interval;
        }
    }

    /// Tells what has become of a load that has ended meanwhile.
    fn look(&mut self) {
        // The record is replaced as a whole, after the snapshot.
        let Some(Attempt { at, refused, .. }) = self.history.get().last else { return };
        if self.told == Some(at) {
            return;
        }
        let mut status = format!("serving generation {}", self.live.load().generation());
        if let Some(reason) = refused {
            status = status + "; the last reload was refused: " + &reason;
        }
        if !self.is_awaited {
            self.notifier.status(&status);
        } else if self.notifier.ready(&status) == Delivery::NoRoom {
            // Somebody waits for it: it is tried again at the next look.
            return;
        }
        self.is_awaited = false;
        self.told = Some(at);
    }
}
