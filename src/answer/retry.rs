//! Who is first in redirects, by client, file and time: a client that asks again gets another mirror, and
//! nothing is stored.
//!
//! A client whose download fails asks for the same file again, often minutes later. If its mirror is down for
//! it alone, a new draw by weight gives it the same mirror as often as any client. So the first mirror is not
//! drawn but found at a position on a line, on which each mirror takes as much room as it has chances. The
//! position begins anywhere, by client and file, and moves on every so many seconds: by half of the line, then
//! to the quarters between. A mirror with at most a quarter of the chances is left by each step, one with at
//! most half within two steps, and one with three quarters, which is the most, within four.
//!
//! Each position is as likely as any other at any time, so shares of mirrors are those of a draw, except for
//! a mirror that would get more than three quarters of the clients: the rest goes to the next ones. That is the
//! price. If only the nearest mirror of a country is near, a quarter of the redirects is to another country.
//! A rotation through the first four in the order of a draw, which suggests itself, costs far more: each of
//! them would get a quarter of the redirects, whatever its bandwidth.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU64;

use fastrand::Rng;
use rustc_hash::FxHasher;

/// The positions of a cycle, as shares of the line.
const STEPS: [f64; 4] = [0.0, 0.5, 0.25, 0.75];
/// After so many seconds a cycle begins anywhere again, so that a client gets to know further mirrors. It may be
/// the same one once more then. Four steps have to fit, so 900 seconds are the most that options allow for one.
const CYCLES_LAST: u64 = 3_600;

/// The position of the first mirror for a client and a file at a time in seconds, which moves on `every` so
/// many seconds; from 0 to 1.
pub(super) fn position(client: IpAddr, file: (&str, &str), now: u64, every: NonZeroU64) -> f64 {
    let client = match client {
        // A host may change the rest of its address whenever it likes.
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    };
    // Clients do not move on all at once.
    let now = now.saturating_add(hash(client) % CYCLES_LAST);
    let begin = Rng::with_seed(hash((client, file, now / CYCLES_LAST))).f64();
    let step = usize::try_from(now / every % 4).unwrap_or(0);
    (begin + STEPS.get(step).copied().unwrap_or(0.0)).fract()
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: NonZeroU64 = NonZeroU64::new(60).expect("not 0");
    const FILE: (&str, &str) = ("pub/9/os", "repodata/repomd.xml");
    const NOON: u64 = 1_795_258_800;

    fn clients() -> impl Iterator<Item = IpAddr> {
        (0..2_000_u32).map(|n| IpAddr::from((0x0b00_0000 + n * 7).to_be_bytes()))
    }

    /// The mirrors that a client gets in the minutes from noon on, where mirrors have these chances.
    fn mirrors(client: IpAddr, chances: &[f64], minutes: u64) -> Vec<usize> {
        let at = |minute| {
            let mut ahead = position(client, FILE, NOON + 60 * minute, MINUTE);
            let found = chances.iter().position(|chance| {
                ahead -= chance;
                ahead < 0.0
            });
            found.expect("chances are 1 together")
        };
        (0..minutes).map(at).collect()
    }

    /// Within how many minutes each client is rid of any mirror. The hour begins anew for one client in ten in
    /// this time; these do not count.
    fn minutes_to_another(chances: &[f64]) -> usize {
        let begins = |client| (NOON + hash(client) % CYCLES_LAST) % CYCLES_LAST;
        let clients = clients().filter(|&client| begins(client) < CYCLES_LAST - 480);
        let longest_run = |client| {
            let mirrors = mirrors(client, chances, 8);
            mirrors.chunk_by(PartialEq::eq).map(<[usize]>::len).max().expect("eight minutes")
        };
        clients.map(longest_run).max().expect("there are clients")
    }

    #[test]
    fn a_client_that_asks_again_is_rid_of_any_mirror_in_minutes() {
        assert_eq!(minutes_to_another(&[0.25; 4]), 1, "another one each minute");
        assert_eq!(minutes_to_another(&[0.5, 0.5]), 2);
        assert_eq!(minutes_to_another(&[0.1, 0.5, 0.4]), 2);
        assert_eq!(minutes_to_another(&[0.75, 0.25]), 3);
        assert_eq!(minutes_to_another(&[0.2, 0.75, 0.05]), 3);
        assert!(minutes_to_another(&[0.8, 0.2]) > 3, "that is why 3/4 is the most");
    }

    #[test]
    fn shares_are_those_of_a_draw_at_any_time() {
        let chances = [0.05, 0.15, 0.3, 0.5];
        for now in [0, 59, 60, 240, 3_599] {
            let mut counts = [0_u32; 4];
            for client in clients() {
                let mut ahead = position(client, FILE, NOON + now, MINUTE);
                let host = chances.iter().position(|chance| {
                    ahead -= chance;
                    ahead < 0.0
                });
                counts[host.expect("chances are 1 together")] += 1;
            }
            for (count, chance) in counts.into_iter().zip(chances) {
                let expected = 2_000.0 * chance;
                let allowed = 5.0 * (expected * (1.0 - chance)).sqrt();
                assert!((f64::from(count) - expected).abs() <= allowed, "{now}: {counts:?}");
            }
        }
    }

    #[test]
    fn within_a_minute_nothing_changes_and_clients_move_on_at_different_times() {
        let at = |client, now| position(client, FILE, now, MINUTE).to_bits();
        let moves = |now: &u64, client| at(client, *now) != at(client, now + 1);
        for client in clients().take(100) {
            assert_eq!((NOON..NOON + 60).filter(|now| moves(now, client)).count(), 1);
        }
        let at_noon = clients().filter(|&client| moves(&NOON, client)).count();
        assert!((10..=70).contains(&at_noon), "a sixtieth of 2,000: {at_noon}");
    }

    #[test]
    fn hosts_of_an_ipv6_network_are_one_client_and_files_have_their_own_position() {
        let at = |client: &str, file| {
            let client = client.parse().expect("a literal address");
            position(client, ("pub/9/os", file), NOON, MINUTE).to_bits()
        };
        assert_eq!(at("2001:db8::1", "f"), at("2001:db8::2:3", "f"));
        assert_ne!(at("2001:db8::1", "f"), at("2001:db8:0:1::1", "f"));
        assert_ne!(at("2001:db8::1", "f"), at("2001:db8::1", "g"));
    }
}
