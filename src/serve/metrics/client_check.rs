//! A check whether the addresses of clients are plausible. A proxy that is not trusted, or a port that
//! is forwarded, makes all clients appear to have the same address, and then every client gets mirrors
//! from the whole world.
//!
//! Counters record how many clients had an address that is not used on the internet ([`PrivateClient`]),
//! and [`ClientCheck`] evaluates them regularly. It needs a minimum of requests, not of time, so a quiet
//! server is not judged. It reports only changes of the verdict, so a network that is private on purpose
//! costs one log line.

use super::all_counters::Metrics;
use super::labels::{PrivateClient, RequestKind};

/// The minimum number of requests for one verdict.
pub const WINDOW: u64 = 1_000;

/// The verdict on the addresses of clients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientVerdict {
    /// The addresses are plausible.
    Sound,
    /// More than half of the clients have private addresses.
    Private {
        /// Per cent of the clients.
        percent: u64,
    },
    /// More than half of the requests come from a trusted proxy that names no client.
    Unnamed {
        /// Per cent of the requests.
        percent: u64,
    },
}

/// Watches the counters for a change of the verdict.
#[derive(Debug, Default)]
pub struct ClientCheck {
    last: Counts,
    /// The last verdict; `None` before the first.
    last_kind: Option<VerdictKind>,
}

/// The counters since the start.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    seen: u64,
    unnamed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum VerdictKind {
    Sound,
    Private,
    Unnamed,
}

impl ClientCheck {
    /// Judges the requests since the last verdict, if there are enough of them. Returns the verdict if
    /// it differs from the last one. A first verdict that is `Sound` is not returned.
    pub fn check(&mut self, metrics: &Metrics) -> Option<ClientVerdict> {
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
            // Counters are read one after another, so one may be a request ahead of another.
            now.saturating_sub(last).min(requests).saturating_mul(100) / requests
        };
        let seen = percent(now.seen, self.last.seen);
        let unnamed = percent(now.unnamed, self.last.unnamed);
        self.last = now;
        let (kind, verdict) = match (seen + unnamed).min(100) {
            0..=50 => (VerdictKind::Sound, ClientVerdict::Sound),
            percent if seen >= unnamed => {
                (VerdictKind::Private, ClientVerdict::Private { percent })
            }
            percent => (VerdictKind::Unnamed, ClientVerdict::Unnamed { percent }),
        };
        let is_news = self.last_kind.unwrap_or(VerdictKind::Sound) != kind;
        self.last_kind = Some(kind);
        is_news.then_some(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_reported_once_and_only_after_enough_requests() {
        let mut check = ClientCheck::default();
        let mut total = Counts::default();
        let mut judge = |requests: u64, seen: u64, unnamed: u64| {
            total.requests += requests;
            total.seen += seen;
            total.unnamed += unnamed;
            check.judge(total)
        };
        // Too few requests for a verdict; they are counted with the next ones.
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
