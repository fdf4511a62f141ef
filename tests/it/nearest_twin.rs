//! Law: in the order of distance, answers have the mirrors that a slow, obvious twin has, and each for the
//! reason that the twin gives.
//!
//! The twin measures every distance anew from degrees and knows neither bit sets nor tables of bands. Where
//! several mirrors share a band it gives a set, because their order is chance.

pub(crate) mod globe;
mod random;

use std::collections::{BTreeMap, BTreeSet};

use answer::Options;
use answer::trace::{Cut, FoundVia, Reason, Verdict};
use model::ids::HostId;
use model::mirror_key::MirrorKey;
use model::tier::Tier;
use proptest::prelude::*;

use globe::{DIRECTORY, Degrees, Globe, client, country, host_of, networks};

/// The continents of the world's countries; nobody is on another one.
const CONTINENTS: [(&str, &str); 5] =
    [("DE", "EU"), ("FR", "EU"), ("ES", "EU"), ("US", "NA"), ("JP", "AS")];

/// A request, before it is written as one.
#[derive(Clone, Debug)]
struct Asked {
    network: u8,
    is_v6: bool,
    countries: Vec<&'static str>,
    minimum: usize,
    max: Option<usize>,
}

/// Mirrors of one tier or band, each with the rule that brings it there.
type Step = (Tier, BTreeMap<usize, FoundVia>);

/// The twin: everything it says is looked up anew.
struct Twin<'a> {
    globe: &'a Globe,
    asked: &'a Asked,
}

/// The distance between two points in km on a sphere, by the formula of the haversine.
fn km(one: Degrees, other: Degrees) -> f64 {
    let [north, east, other_north, other_east] =
        [one.0, one.1, other.0, other.1].map(|degrees| f64::from(degrees).to_radians());
    let haversine = |angle: f64| (1.0 - angle.cos()) / 2.0;
    let h = haversine(other_north - north)
        + north.cos() * other_north.cos() * haversine(other_east - east);
    2.0 * 6_371.0 * h.sqrt().atan2((1.0 - h).sqrt())
}

impl Twin<'_> {
    fn client_area(&self) -> Option<(&'static str, Option<Degrees>)> {
        self.globe.areas.get(usize::from(self.asked.network)).copied()
    }

    fn centre(&self, code: &str) -> Option<Degrees> {
        self.globe.centres.iter().find(|(known, _)| *known == code).map(|&(_, at)| at)
    }

    fn place(&self, mirror: usize) -> Option<Degrees> {
        let mirror = &self.globe.mirrors[mirror];
        mirror.point.or_else(|| self.centre(mirror.country))
    }

    /// Whether its own networks may take a mirror.
    fn is_usable(&self, mirror: usize) -> bool {
        let mirror = &self.globe.mirrors[mirror];
        mirror.carries && mirror.load > 0
    }

    fn refuses(&self, mirror: usize) -> bool {
        let serves = &self.globe.mirrors[mirror].serves;
        let client = self.client_area().map(|(code, _)| code);
        !serves.is_empty() && !client.is_some_and(|code| serves.contains(&code))
    }

    fn is_open(&self, mirror: usize) -> bool {
        self.is_usable(mirror) && !self.globe.mirrors[mirror].is_private && !self.refuses(mirror)
    }

    fn open(&self) -> impl Iterator<Item = usize> {
        (0..self.globe.mirrors.len()).filter(|&mirror| self.is_open(mirror))
    }

    fn reason(&self, mirror: usize) -> Reason {
        match &self.globe.mirrors[mirror] {
            mirror if !mirror.carries => Reason::NotCarried,
            mirror if mirror.load == 0 => Reason::Rests,
            mirror if mirror.is_private => Reason::Private,
            _ if self.refuses(mirror) => Reason::RefusesCountry,
            _ => Reason::NotReached,
        }
    }

    /// The bands of all mirrors around an area, whoever of them can be listed.
    fn bands(&self, (code, at): (&str, Option<Degrees>)) -> Vec<(bool, FoundVia, BTreeSet<usize>)> {
        let is_own = |mirror: &usize| self.globe.mirrors[*mirror].country == code;
        let all = || 0..self.globe.mirrors.len();
        let mut bands = Vec::new();
        let mut rest: Vec<usize> = all().filter(|&mirror| self.place(mirror).is_some()).collect();
        if at.is_none() {
            bands.push((true, FoundVia::Distance((0, 0)), all().filter(is_own).collect()));
            rest.retain(|mirror| !is_own(mirror));
        }
        let Some(centre) = at.or_else(|| self.centre(code)) else { return bands };
        let km_of = |mirror: &usize| km(centre, self.place(*mirror).unwrap());
        while let Some(nearest) = rest.iter().map(km_of).min_by(f64::total_cmp) {
            let end = nearest + f64::max(300.0, nearest / 4.0);
            let (near, far): (Vec<usize>, _) = rest.iter().partition(|mirror| km_of(mirror) <= end);
            rest = far;
            for own in [true, false] {
                let members: BTreeSet<usize> =
                    near.iter().copied().filter(|mirror| is_own(mirror) == own).collect();
                let whole_km: Vec<u16> =
                    members.iter().map(|mirror| km_of(mirror).round() as u16).collect();
                if let (Some(&from), Some(&to)) = (whole_km.iter().min(), whole_km.iter().max()) {
                    bands.push((own, FoundVia::Distance((from, to)), members));
                }
            }
        }
        bands
    }

    /// The mirrors of the client's networks.
    fn near(&self) -> [Step; 2] {
        let of_network = |listed: &[(u8, Vec<usize>)]| -> Vec<usize> {
            let entries = listed.iter().filter(|(network, _)| *network == self.asked.network);
            let mirrors = entries.flat_map(|(_, mirrors)| mirrors.iter().copied());
            mirrors.filter(|&mirror| self.is_usable(mirror)).collect()
        };
        let prefix = networks(self.asked.network)[usize::from(self.asked.is_v6)];
        let netblock = of_network(&self.globe.netblocks).into_iter();
        let mut systems = (1..).zip(&self.globe.systems);
        let system = systems.find(|(_, (network, _))| *network == self.asked.network);
        let asn = system.into_iter().flat_map(|(asn, (_, mirrors))| {
            let usable = mirrors.iter().filter(|&&mirror| self.is_usable(mirror));
            usable.map(move |&mirror| (mirror, FoundVia::Asn(asn)))
        });
        [
            (Tier::Netblock, netblock.map(|mirror| (mirror, FoundVia::Netblock(prefix))).collect()),
            (Tier::Asn, asn.collect()),
        ]
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Steps::default();
        let asked = &self.asked.countries;
        let (area, continent) = if asked.is_empty() {
            self.near().into_iter().for_each(|step| steps.add(step));
            (self.client_area(), None)
        } else {
            let there = self.in_countries(|code| asked.contains(&code));
            let everywhere = self.open().filter(|_| asked.contains(&"global"));
            let mut mirrors: BTreeMap<_, _> =
                everywhere.map(|mirror| (mirror, FoundVia::Global)).collect();
            mirrors.extend(there);
            if !mirrors.is_empty() {
                steps.add((Tier::Country, mirrors));
                return steps.list;
            }
            let is_area = |code: &&str| self.globe.areas.iter().any(|(known, _)| known == code);
            let is_known = |code: &&str| is_area(code) || continent_of(code).is_some();
            match asked.iter().copied().filter(|&code| code != "global").filter(is_known).min() {
                Some(first) => {
                    (Some(first).filter(is_area).map(|code| (code, None)), continent_of(first))
                }
                // As if nothing was asked for, but for the client's networks.
                None => (self.client_area(), None),
            }
        };
        let enough = self.asked.max.unwrap_or(usize::MAX).max(self.asked.minimum);
        for (is_own, via, mirrors) in area.into_iter().flat_map(|area| self.bands(area)) {
            if self.n_current(&steps) < enough {
                let open = mirrors.into_iter().filter(|&mirror| self.is_open(mirror));
                let tier = if is_own { Tier::Geoip } else { Tier::Nearest };
                steps.add((tier, open.map(|mirror| (mirror, via)).collect()));
            }
        }
        if steps.list.is_empty() && continent.is_some() {
            let there = self.in_countries(|code| continent_of(code) == continent);
            steps.add((Tier::Continent, there.collect()));
        }
        if self.n_current(&steps) < enough {
            steps.add((Tier::Global, self.open().map(|m| (m, FoundVia::Global)).collect()));
        }
        steps.list
    }

    /// The number of mirrors that are not behind, which alone count where there must be enough.
    fn n_current(&self, steps: &Steps) -> usize {
        let mirrors = steps.list.iter().flat_map(|(_, mirrors)| mirrors.keys());
        mirrors.filter(|&&mirror| !self.globe.is_last(mirror)).count()
    }

    /// The open mirrors of some countries.
    fn in_countries(
        &self,
        is_meant: impl Fn(&'static str) -> bool,
    ) -> impl Iterator<Item = (usize, FoundVia)> {
        self.open().filter_map(move |mirror| {
            let code = self.globe.mirrors[mirror].country;
            Some((mirror, FoundVia::Country(country(code).filter(|_| is_meant(code))?)))
        })
    }
}

/// Steps in which no mirror occurs twice.
#[derive(Default)]
struct Steps {
    list: Vec<Step>,
}

impl Steps {
    fn add(&mut self, (tier, mut mirrors): Step) {
        let is_new =
            |mirror: &usize| !self.list.iter().any(|(_, known)| known.contains_key(mirror));
        mirrors.retain(|mirror, _| is_new(mirror));
        if !mirrors.is_empty() {
            self.list.push((tier, mirrors));
        }
    }
}

fn continent_of(code: &str) -> Option<&'static str> {
    CONTINENTS.iter().find(|(known, _)| *known == code).map(|&(_, continent)| continent)
}

impl Asked {
    fn as_request(&self) -> String {
        let countries = self.countries.join(",");
        let client = client(self.network, self.is_v6);
        format!("/mirrorlist?path={DIRECTORY}&country={countries} from {client}")
    }
}

/// Compares the answer to a request, and the verdict about each mirror, with the twin.
fn compare(twin: &Twin<'_>, server: &crate::fixture::Server, seed: u64) {
    let request = twin.asked.as_request();
    let answer = server.get_seeded(&request, seed);
    assert_eq!(answer.status, 200, "{}", answer.body);
    crate::lint_law::check(&answer);
    let listed: Vec<usize> = answer.urls().iter().map(|url| host_of(url)).collect();
    let explanation = server.explain_seeded(&request, seed).unwrap();
    let steps = twin.steps();
    let n_all: usize = steps.iter().map(|(_, mirrors)| mirrors.len()).sum();
    assert_eq!(
        listed.len(),
        n_all.min(twin.asked.max.unwrap_or(usize::MAX)),
        "{steps:?} {listed:?}"
    );

    // Those that are behind come last, and are cut first.
    let is_behind = |mirror: usize| twin.globe.is_last(mirror);
    assert!(listed.iter().is_sorted_by_key(|&mirror| is_behind(mirror)), "{listed:?}");
    let all = steps.iter().flat_map(|(_, mirrors)| mirrors.keys().copied());
    let mut cut = all.filter(|mirror| !listed.contains(mirror));
    assert!(
        cut.all(is_behind) || !listed.iter().any(|&mirror| is_behind(mirror)),
        "{steps:?} {listed:?}"
    );

    let mut drawn = BTreeMap::new();
    for (host, &verdict) in (0..).map(HostId).zip(&explanation.verdicts) {
        let Some(MirrorKey::Number(number)) = server.snapshot().hosts().key(host) else {
            panic!("mirrors have numbers")
        };
        let mirror = *number as usize - 1;
        let step = steps.iter().position(|(_, mirrors)| mirrors.contains_key(&mirror));
        let selected = match (verdict, step) {
            (Verdict::Out(reason), None) => {
                assert_eq!(reason, twin.reason(mirror), "{mirror}");
                continue;
            }
            (Verdict::Listed { selected, place }, Some(_)) => {
                assert_eq!(listed[place], mirror, "tracing changes nothing");
                selected
            }
            (Verdict::Cut { selected, cut }, Some(_)) => {
                assert_eq!(cut, Cut::BeyondMax);
                assert!(!listed.contains(&mirror));
                selected
            }
            (verdict, _) => panic!("mirror {mirror}: {verdict:?}, the twin has {steps:?}"),
        };
        let (tier, mirrors) = &steps[step.unwrap()];
        assert_eq!((selected.tier, selected.via, selected.moved), (*tier, mirrors[&mirror], None));
        assert_eq!(drawn.insert(selected.drawn, step.unwrap()), None, "one place, one mirror");
    }
    // Step by step, without gaps.
    assert_eq!(drawn.keys().copied().collect::<Vec<_>>(), (0..n_all).collect::<Vec<_>>());
    assert!(drawn.values().is_sorted(), "{steps:?} {drawn:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_somebody_who_measures_every_distance(
        globe in random::globe(),
        requests in prop::collection::vec(random::asked(), 1..12),
        seed: u64,
    ) {
        let mut server = globe.serve(Options::default());
        for asked in &requests {
            server.options.minimum = asked.minimum;
            server.options.shaping.max_mirrors = asked.max;
            compare(&Twin { globe: &globe, asked }, &server, seed);
        }
    }
}
