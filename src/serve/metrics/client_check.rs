//! Whether the addresses of clients can be right: a proxy that is not trusted, or a port that something
//! forwards, makes all of them look alike, and everybody then gets the mirrors of the whole world.
//!
//! Counters say how many clients had an address that the internet has not ([`PrivateClient`]), and
//! [`ClientCheck`] looks at them now and then. It counts requests and no time, so a quiet server says
//! nothing, and it tells a change and no state, so a network that is private on purpose costs one line.

use super::all_counters::Metrics;
use super::labels::{PrivateClient, RequestKind};

/// Requests that are looked at together, at least.
pub const WINDOW: u64 = 1_000;

/// What is the matter with the addresses of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientVerdict {
    /// Nothing.
    Sound,
    /// More than half of the clients, so many per cent, have private addresses.
    Private {
        /// Per cent of the clients.
        percent: u64,
    },
    /// More than half of the requests, so many per cent, come from a trusted proxy that names nobody.
    Unnamed {
        /// Per cent of the requests.
        percent: u64,
    },
}

/// Looks for a change.
#[derive(Debug, Default)]
pub struct ClientCheck {
    last: Counts,
    /// Of the last window; `None` before the first.
    was: Option<Kind>,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    seen: u64,
    unnamed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Sound,
    Private,
    Unnamed,
}

impl ClientCheck {
    /// The verdict on what has happened since the last one, if that is enough to judge and the verdict
    /// is another one. A sound beginning is no news.
    pub fn look(&mut self, metrics: &Metrics) -> Option<ClientVerdict> {
        let kinds = [RequestKind::Mirrorlist, RequestKind::Metalink];
        self.judge(Counts {
            requests: kinds.iter().map(|&kind| metrics.requests_of(kind)).sum(),
            seen: metrics.private_clients(PrivateClient::Seen),
            unnamed: metrics.private_clients(PrivateClient::Unnamed),
        })
    }

    fn judge(&mut self, now: Counts) -> Option<ClientVerdict> {
        let requests = now.requests.saturating_sub(self.last.requests);
        if requests < WINDOW {
            return None;
        }
        let percent = |now: u64, last: u64| {
            // Counters are read one after another: one may be a request ahead.
            now.saturating_sub(last).min(requests).saturating_mul(100) / requests
        };
        let seen = percent(now.seen, self.last.seen);
        let unnamed = percent(now.unnamed, self.last.unnamed);
        self.last = now;
        let (kind, verdict) = match (seen + unnamed).min(100) {
            0..=50 => (Kind::Sound, ClientVerdict::Sound),
            percent if seen >= unnamed => (Kind::Private, ClientVerdict::Private { percent }),
            percent => (Kind::Unnamed, ClientVerdict::Unnamed { percent }),
        };
        let is_news = self.was.unwrap_or(Kind::Sound) != kind;
        self.was = Some(kind);
        is_news.then_some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_when_enough_has_happened() {
        let mut check = ClientCheck::default();
        let mut total = Counts::default();
        let mut judge = |requests: u64, seen: u64, unnamed: u64| {
            total.requests += requests;
            total.seen += seen;
            total.unnamed += unnamed;
            check.judge(total)
        };
        // Too few to judge; what they were counts with the next ones.
        assert_eq!(judge(999, 999, 0), None);
        assert_eq!(judge(1, 1, 0), Some(ClientVerdict::Private { percent: 100 }));
        assert_eq!(judge(100_000, 99_000, 500), None);
        assert_eq!(judge(1_000, 500, 0), Some(ClientVerdict::Sound));
        assert_eq!(judge(1_000, 500, 0), None);
        assert_eq!(judge(1_000, 200, 500), Some(ClientVerdict::Unnamed { percent: 70 }));
        assert_eq!(judge(1_000, 0, 1_000), None);
        assert_eq!(judge(1_000, 1_000, 0), Some(ClientVerdict::Private { percent: 100 }));
        assert_eq!(judge(0, 0, 0), None);
        assert_eq!(judge(2_000, 0, 0), Some(ClientVerdict::Sound));
    }

    #[test]
    fn a_sound_beginning_is_no_news_and_counters_ahead_do_no_harm() {
        let mut check = ClientCheck::default();
        assert_eq!(check.judge(Counts { requests: 5_000, seen: 2_500, unnamed: 0 }), None);
        let ahead = Counts { requests: 6_000, seen: 9_000, unnamed: 0 };
        assert_eq!(check.judge(ahead), Some(ClientVerdict::Private { percent: 100 }));
        let back = Counts { requests: 7_000, seen: 0, unnamed: 0 };
        assert_eq!(check.judge(back), Some(ClientVerdict::Sound));
    }
}
