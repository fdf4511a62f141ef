//! Law: what a traced selection says of each mirror is what the twin says, and tracing changes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use answer::explain::Explanation;
use answer::trace::{Cut, FoundVia, Reason, Selected, Verdict};
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use snapshot::Snapshot;
use snapshot::checked::FaultEffect;

use super::network::{Network, ways};
use super::{ExpectedTier, Place, Twin, host_of};
use crate::fixture::Answer;

impl Twin<'_> {
    /// Why a mirror is in no tier.
    fn reason(&self, host: i64) -> Reason {
        let is_out = self.checked.out.contains(&host);
        if is_out || !self.directory.by_host_id.iter().any(|entry| entry.key == host) {
            Reason::NotCarried
        } else if self.usable_urls(host).is_empty() {
            Reason::NoProtocol
        } else if self.alone().is_some() && self.would_be_usable(host) {
            Reason::Monopoly
        } else if !self.directory.global.contains(&host) {
            Reason::Private
        } else if self.open([host]).is_empty() {
            Reason::RefusesCountry
        } else {
            Reason::NotReached
        }
    }

    /// Whether a mirror is open to the client, or of its networks.
    fn would_be_usable(&self, host: i64) -> bool {
        let near = self.near();
        !self.open([host]).is_empty() || near.tiers.iter().any(|(_, hosts)| hosts.contains(&host))
    }

    /// Whether that prefix is a network of the mirror and contains the client.
    fn is_netblock_of(&self, host: i64, prefix: Prefix) -> bool {
        let prefix = Network::parse(&prefix.to_string()).unwrap();
        let is_own =
            self.list().host_netblock_cache.iter().any(|entry| {
                Network::parse(&entry.key) == Some(prefix) && entry.value.contains(&host)
            });
        let has_client = |&(address, min_length): &(_, u32)| {
            prefix.length >= min_length && prefix.contains(address)
        };
        is_own && ways(self.asked.client).iter().any(has_client)
    }

    /// The mirror is in this tier by what the verdict says.
    fn check_via(&self, host: i64, via: FoundVia, (named, all): &ExpectedTier) {
        assert!(all.contains(&host));
        let name = match via {
            FoundVia::Netblock(prefix) => {
                assert!(self.is_netblock_of(host, prefix), "{host} {prefix}");
                return;
            }
            FoundVia::Continent(continent) => {
                let countries = self.known_countries();
                let mut there = countries
                    .filter(|country| self.continent(country) == Some(continent.to_string()));
                assert!(there.any(|country| self.in_country(country).contains(&host)));
                return;
            }
            FoundVia::Distance(_) => panic!("tiers know no distance"),
            FoundVia::Asn(asn) => format!("Using ASN {asn}"),
            FoundVia::Country(country) => format!("country = {country}"),
            FoundVia::Global => "country = global".to_owned(),
        };
        assert!(named.get(&name).is_some_and(|of| of.contains(&host)), "{host} {name} {named:?}");
    }
}

/// MirrorManager's number of a mirror.
fn number_of(snapshot: &Snapshot, host: HostId) -> i64 {
    match snapshot.hosts().key(host) {
        Some(MirrorKey::Number(number)) => *number,
        other => panic!("{host:?} has the key {other:?}"),
    }
}

/// Compares an explanation with the twin, and with the answer to the same request with the same luck.
pub(super) fn compare(
    twin: &Twin<'_>,
    snapshot: &Snapshot,
    answer: &Answer,
    explanation: &Explanation<'_>,
) {
    let verdicts: BTreeMap<i64, Verdict> = (0..)
        .map(HostId)
        .zip(&explanation.verdicts)
        .map(|(host, &verdict)| (number_of(snapshot, host), verdict))
        .collect();
    assert_eq!(verdicts.len(), snapshot.hosts().len(), "each mirror has one verdict");

    let mut listed = answer.urls().iter().map(|url| host_of(url)).collect::<Vec<_>>();
    listed.dedup();
    let mut places = BTreeMap::new();
    let mut drawn = BTreeMap::new();
    let expected = twin.expected();
    for (&host, &verdict) in &verdicts {
        let id = (0..).map(HostId).find(|&id| number_of(snapshot, id) == host).unwrap();
        let is_out = twin.checked.out.contains(&host);
        let effect = match () {
            () if is_out => Some(FaultEffect::LeftOut),
            () if twin.checked.is_behind(host) => Some(FaultEffect::Last),
            () if twin.checked.outdated.contains(&host) => Some(FaultEffect::None),
            () => None,
        };
        let fault = explanation.faults[id.index()].map(|fault| fault.effect);
        assert_eq!(fault, effect, "{host}");
        let tier = expected.tiers.iter().find(|(_, hosts)| hosts.contains(&host));
        match (verdict, tier) {
            (Verdict::Out(reason), None) => assert_eq!(reason, twin.reason(host), "{host}"),
            (Verdict::Listed { selected, place }, Some(tier)) => {
                assert_eq!(places.insert(place, host), None);
                check_selected(twin, host, selected, tier, &mut drawn);
            }
            (Verdict::Cut { selected, cut }, Some(tier)) => {
                assert_eq!(cut, Cut::BeyondMax, "no two mirrors of this world share a URL");
                let is_behind = twin.checked.is_behind(host);
                assert!(is_behind || selected.drawn >= twin.asked.max.unwrap_or(usize::MAX));
                check_selected(twin, host, selected, tier, &mut drawn);
            }
            (verdict, tier) => panic!("mirror {host}: {verdict:?}, the twin has {tier:?}"),
        }
    }
    assert_eq!(places.into_values().collect::<Vec<_>>(), listed, "tracing changes nothing");
    let n_selected = drawn.len();
    assert_eq!(drawn.into_keys().collect::<Vec<_>>(), (0..n_selected).collect::<Vec<_>>());
    let all: BTreeSet<_> = expected.tiers.iter().flat_map(|(_, hosts)| hosts).collect();
    assert_eq!(n_selected, all.len());

    let place = explanation.area.map(|found| match found.value.location.country() {
        Some(country) => Place::Country(country.to_string()),
        None => Place::Continent(found.value.location.continent().unwrap().to_string()),
    });
    assert!(place == twin.client_place(), "{:?}", explanation.area);
}

fn check_selected(
    twin: &Twin<'_>,
    host: i64,
    selected: Selected,
    tier: &ExpectedTier,
    drawn: &mut BTreeMap<usize, i64>,
) {
    twin.check_via(host, selected.via, tier);
    assert_eq!(drawn.insert(selected.drawn, host), None, "one place, one mirror");
}
