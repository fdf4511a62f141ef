//! Computes the probability of each mirror to be the first of an answer.
//!
//! Only one tier or band decides as a rule: the first one with a mirror that may be first. Within it each
//! mirror has its share of the weights, because the first of a weighted draw has, and so has the first of
//! any part of it. Where the share of one is limited, [`front::chances`] computes what the answer draws
//! from. `tests/it/chances.rs` compares all this with what is drawn.

use super::criteria::{Criteria, SelectionOrder};
use super::explain::ExplainedTier;
use super::first_place::FirstPlace;
use super::front::{self, Eligible};
use model::ids::HostId;
use model::tier::Tier;
use snapshot::contains;
use snapshot::hosts::HostIndex;

/// A selection whose first mirror is asked for.
pub(super) struct Drawn<'a> {
    /// The mirrors of the snapshot.
    pub(super) index: &'a HostIndex,
    /// What mirrors were chosen by.
    pub(super) criteria: &'a Criteria<'a>,
    /// The tiers as they were taken.
    pub(super) tiers: &'a [ExplainedTier],
}

impl Drawn<'_> {
    /// The probability of each mirror to be the first that is not `skipped`, by its id. The sum is 1, or 0
    /// if there is none. In redirects whose first mirror changes with time, it is over all times.
    pub(super) fn chances(&self, skipped: &[HostId]) -> Vec<f64> {
        let mut settled = vec![0.0; self.index.len()];
        for (host, chance) in self.settled() {
            add(&mut settled, host, chance);
        }
        let is_accepted = |host: HostId| !skipped.contains(&host);
        let mut chances = vec![0.0; settled.len()];
        let mut others = 0.0;
        for (host, chance) in (0..).map(HostId).zip(settled) {
            match is_accepted(host) {
                true => add(&mut chances, host, chance),
                false => others += chance,
            }
        }
        if others > 0.0 {
            for (host, chance) in self.by_weight(is_accepted) {
                add(&mut chances, host, others * chance);
            }
        }
        chances
    }

    /// The chances of mirrors to be the first of the selection.
    fn settled(&self) -> Vec<(HostId, f64)> {
        let Self { index, criteria, tiers, .. } = *self;
        if matches!(criteria.order, SelectionOrder::Fixed(_)) {
            return self.by_weight(|_| true);
        }
        let eligible = Eligible::of(criteria, self.hosts());
        let may_be_first = |host: HostId| eligible.has(host);
        let Some(tier) =
            tiers.iter().find(|tier| tier.hosts.iter().any(|&host| may_be_first(host)))
        else {
            return Vec::new();
        };
        let is_limited = !is_own_network(tier.tier)
            && tier.hosts.iter().any(|&host| contains(index.capped(), host));
        if criteria.position.is_none() && !is_limited {
            return self.by_weight(may_be_first);
        }
        let hosts: Vec<HostId> = self.hosts().collect();
        let mut ends = Vec::new();
        let mut end = 0;
        for tier in tiers {
            end += tier.hosts.len();
            ends.push((tier.tier, end));
        }
        let mut first_place = FirstPlace::default();
        front::chances(index, criteria, (&hosts, &ends), eligible, &mut first_place);
        first_place.chances().collect()
    }

    /// The chances to be the first of those that are accepted, without any limit. Mirrors that are behind have
    /// none while there are others.
    fn by_weight(&self, is_accepted: impl Fn(HostId) -> bool) -> Vec<(HostId, f64)> {
        let behind = self.criteria.directory.behind;
        let is_current = |host: HostId| !contains(behind, host);
        let any_current = self.hosts().any(|host| is_accepted(host) && is_current(host));
        let is_accepted = |host| is_accepted(host) && (!any_current || is_current(host));
        let accepted = |tier: &ExplainedTier| -> Vec<HostId> {
            tier.hosts.iter().copied().filter(|&host| is_accepted(host)).collect()
        };
        let tiers = self.tiers.iter().map(|tier| (tier.tier, accepted(tier)));
        let Some((tier, mut hosts)) = tiers.into_iter().find(|(_, hosts)| !hosts.is_empty()) else {
            return Vec::new();
        };
        if matches!(self.criteria.order, SelectionOrder::Fixed(_)) {
            hosts.truncate(1);
        }
        let weight = |host: HostId| match is_own_network(tier) {
            true => 1.0,
            false => self.weight(host),
        };
        let all: f64 = hosts.iter().map(|&host| weight(host)).sum();
        hosts.iter().map(|&host| (host, weight(host) / all)).collect()
    }

    fn hosts(&self) -> impl Iterator<Item = HostId> + Clone {
        self.tiers.iter().flat_map(|tier| tier.hosts.iter().copied())
    }

    /// The share of the load that a mirror takes at present.
    fn weight(&self, host: HostId) -> f64 {
        f64::from(self.index.bandwidth(host)) * f64::from(self.index.load(host).max(1))
    }
}

/// Whether mirrors of a tier are shuffled, whatever their weights.
fn is_own_network(tier: Tier) -> bool {
    matches!(tier, Tier::Netblock | Tier::Asn)
}

fn add(chances: &mut [f64], host: HostId, chance: f64) {
    if let Some(sum) = chances.get_mut(host.index()) {
        *sum += chance;
    }
}
