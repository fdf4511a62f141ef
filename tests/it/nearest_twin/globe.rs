//! Worlds with places: mirrors at points, countries with centres, and clients of networks in areas.

use std::collections::BTreeSet;
use std::net::IpAddr;

use answer::Options;
use answer::policy::Policy;
use catalog::Report;
use checks::findings::{Findings, MirrorFindings, Standing};
use compile::findings;
use model::area::{Area, AreaId};
use model::families::Families;
use model::geo::Country;
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use model::point::Point;
use sources::Inputs;
use testdata::Message as _;
use testdata::mirrormanager::{IntRepeatedIntMap, StringRepeatedIntMap};

use crate::fixture::{Private, Public, Server, World, cause};

/// The directory that is asked for.
pub(crate) const DIRECTORY: &str = "pub/d";
/// Degrees north and east.
pub(crate) type Degrees = (i16, i16);

/// A mirror. Its number is its position.
#[derive(Clone, Debug)]
pub(crate) struct Mirror {
    /// Empty if unknown.
    pub(crate) country: &'static str,
    pub(crate) point: Option<Degrees>,
    pub(crate) bandwidth: i64,
    pub(crate) load: u8,
    pub(crate) max_share: u8,
    pub(crate) is_private: bool,
    /// Whether it carries the directory.
    pub(crate) carries: bool,
    /// The only countries that it serves; none if it serves all.
    pub(crate) serves: Vec<&'static str>,
    pub(crate) families: Families,
    /// Whether checks have found it behind.
    pub(crate) is_behind: bool,
    /// The mirror that is another record of the same server.
    pub(crate) twin_of: Option<usize>,
}

impl Mirror {
    /// A public mirror of a country.
    pub(crate) fn of(country: &'static str, bandwidth: i64) -> Self {
        Self {
            country,
            point: None,
            bandwidth,
            load: 100,
            max_share: 100,
            is_private: false,
            carries: true,
            serves: Vec::new(),
            families: Families::default(),
            is_behind: false,
            twin_of: None,
        }
    }
}

/// A world. Its networks are `11.0.N.0/24` and `2001:db8:N::/48`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Globe {
    pub(crate) mirrors: Vec<Mirror>,
    pub(crate) centres: Vec<(&'static str, Degrees)>,
    /// The country of each network, and where its clients are there; those beyond are unknown.
    pub(crate) areas: Vec<(&'static str, Option<Degrees>)>,
    /// Networks with the mirrors that their clients prefer.
    pub(crate) netblocks: Vec<(u8, Vec<usize>)>,
    /// Networks that are an autonomous system, with its mirrors.
    pub(crate) systems: Vec<(u8, Vec<usize>)>,
}

/// The networks with a number, of IPv4 and IPv6.
pub(crate) fn networks(number: u8) -> [Prefix; 2] {
    [format!("11.0.{number}.0/24"), format!("2001:db8:{number:x}::/48")]
        .map(|text| Prefix::parse(&text).unwrap().0)
}

/// A client in a network.
pub(crate) fn client(network: u8, is_v6: bool) -> IpAddr {
    let text = if is_v6 { format!("2001:db8:{network:x}::1") } else { format!("11.0.{network}.1") };
    text.parse().unwrap()
}

pub(crate) fn country(code: &str) -> Option<Country> {
    Country::parse(code)
}

fn point((north, east): Degrees) -> Point {
    Point::new(north.into(), east.into()).unwrap()
}

/// MirrorManager's number of a mirror: its position in the world, as numbers begin at 1.
fn number(mirror: usize) -> i64 {
    mirror as i64 + 1
}

impl Globe {
    /// Compiles the world. Mirrors are listed in order of distance unless `options` say otherwise.
    pub(crate) fn serve(&self, options: Options) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let world = self.as_world();
        let files = world.write(folder.path(), &world.list.encode_to_vec());
        let mut report = Report::default();
        let mut catalog = Inputs::MirrorManager(files).read(&mut report).unwrap();
        for mirror in &mut catalog.mirrors {
            let MirrorKey::Number(number) = mirror.key else { panic!("{:?}", mirror.key) };
            let known = &self.mirrors[number as usize - 1];
            mirror.point = known.point.map(point);
            mirror.load = known.load;
            mirror.max_share = known.max_share;
        }
        for (url, families) in catalog.urls.iter().zip(&mut catalog.url_families) {
            *families = self.mirrors[host_of(url)].families;
        }
        catalog.centres =
            self.centres.iter().map(|&(code, at)| (country(code).unwrap(), point(at))).collect();
        catalog.centres.sort();
        let areas: Vec<Area> = self.areas.iter().map(|&area| area_of(area)).collect();
        let whole = areas.iter().map(|area| Area::whole(area.location));
        let all: BTreeSet<Area> = areas.iter().copied().chain(whole).collect();
        catalog.areas = all.into_iter().collect();
        let id = |area: &Area| AreaId::new(catalog.areas.binary_search(area).unwrap()).unwrap();
        let numbered = (0_u8..).zip(&areas);
        let located = numbered.flat_map(|(n, area)| networks(n).map(|prefix| (prefix, id(area))));
        catalog.locations = located.collect();
        catalog.locations.sort();
        let name = "findings.json";
        findings::apply(&self.findings(), name, &mut catalog, &mut report).unwrap();
        let compiled = compile::compile(catalog, report, None).unwrap();
        Server::new(compiled, &Options { policy: Policy::Nearest, ..options })
    }

    /// Whether a mirror is listed after others, as it is behind and some of those for everybody are not.
    pub(crate) fn is_last(&self, mirror: usize) -> bool {
        let is_listed = |known: &&Mirror| known.carries && !known.is_private && known.load > 0;
        let mut listed = self.mirrors.iter().filter(is_listed).peekable();
        let is_order = listed.peek().is_none() || listed.any(|known| !known.is_behind);
        is_order && self.mirrors[mirror].is_behind
    }

    /// What checks have found out of the mirrors.
    fn findings(&self) -> Findings {
        let behind = || Standing::Behind(cause("old"));
        let found = |at: usize| {
            let directories = [(DIRECTORY.to_owned(), behind())].into();
            (number(at).to_string(), MirrorFindings { directories, ..MirrorFindings::default() })
        };
        let behind = (0..self.mirrors.len()).filter(|&at| self.mirrors[at].is_behind);
        Findings { made: 1, mirrors: behind.map(found).collect() }
    }

    fn as_world(&self) -> World {
        let mut world = World::empty();
        for (at, mirror) in self.mirrors.iter().enumerate() {
            let audience = if mirror.is_private { Private } else { Public };
            let (country, bandwidth) = (mirror.country, mirror.bandwidth);
            world.mirror(
                number(at),
                country,
                bandwidth,
                audience,
                &["https"],
                &format!("h{}", mirror.twin_of.unwrap_or(at)),
            );
            if !mirror.serves.is_empty() {
                world.restrict(number(at), &mirror.serves);
            }
        }
        let all: Vec<i64> = (0..self.mirrors.len()).map(number).collect();
        let carries = |number: &&i64| self.mirrors[**number as usize - 1].carries;
        let carriers: Vec<i64> = all.iter().filter(carries).copied().collect();
        world.directory(DIRECTORY, "d", &carriers);
        world.directory("pub/e", "e", &all);
        let numbers = |mirrors: &[usize]| mirrors.iter().copied().map(number).collect::<Vec<_>>();
        for (network, mirrors) in &self.netblocks {
            for prefix in networks(*network) {
                let entry = StringRepeatedIntMap::new(prefix.to_string(), numbers(mirrors));
                world.list.host_netblock_cache.push(entry);
            }
        }
        world.netblocks = "203.0.113.0/24 9\n".into();
        for (asn, (network, mirrors)) in (1..).zip(&self.systems) {
            for prefix in networks(*network) {
                world.netblocks += &format!("{prefix} {asn}\n");
            }
            world.list.host_asn_cache.push(IntRepeatedIntMap::new(asn, numbers(mirrors)));
        }
        world
    }
}

fn area_of((code, at): (&str, Option<Degrees>)) -> Area {
    Area { location: country(code).unwrap().into(), point: at.map(point) }
}

/// The position of the mirror with this URL.
pub(crate) fn host_of(url: &str) -> usize {
    let name = url.strip_prefix("https://h").and_then(|rest| rest.split_once('.'));
    name.unwrap_or_else(|| panic!("{url}")).0.parse().unwrap()
}
