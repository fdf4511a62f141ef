//! Converts a catalog to a declaration, so that MirrorManager's data can be written as text.
//!
//! What is kept are the answers to `repo=` and `arch=`: who is listed, where, for whom, and in which tier.
//!
//! - A mirror of MirrorManager has URLs for each category of directories. A declared one has URLs for
//!   everything that it carries, so it becomes several where its URLs differ: `NAME`, `NAME-2` and so on.
//! - Mirrors that carry the same repositories are the rule. So repositories with the same carriers make
//!   a group (`set-1` and so on), and mirrors carry groups.
//! - A directory is named by its path below a mirror's URL, and not by its name in the tree of all
//!   categories.
//!
//! What cannot be said is reported, each kind with a number and an example.

use std::collections::{BTreeMap, BTreeSet};

use catalog::records::{self, Slot};
use catalog::{Catalog, Origin, Report};
use model::area::Area;
use model::base_url::{BaseUrl, authority};
use model::families::{IpVersion, Reach};
use model::geo::Country;
use model::host_set::members;
use model::ids::HostId;
use model::mirror_key::{MirrorKey, MirrorName};
use model::net::Prefix;
use model::repository::{fixed_arch, is_arch, is_name, split_key};

use crate::geography::country_continent::is_country;

use super::{
    Audience, Carried, Carries, Declaration, Disabled, Distribution, Load, MaxShare, Mirror,
    MirrorPlace, Network, Redirect, Repository, Url,
};

/// A mirror with one of the ways in which it serves: the key of a declared mirror.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    host: HostId,
    urls: u32,
    countries: u32,
    public: bool,
}

/// Declares what a catalog holds. `name` is that of the distribution.
pub fn declare(catalog: &Catalog, name: &str, report: &mut Report) -> Declaration {
    let origin = Origin::table(&catalog.name, "catalog");
    let (repositories, carried) = declare_repositories(catalog, report);
    let mirrors = declare_mirrors(catalog, &carried, &origin, report);
    let redirects = declare_redirects(catalog, &repositories, &origin, report);
    report_rest(catalog, &origin, report);
    let distribution = Distribution {
        origin: Some(origin.clone()),
        name: name.to_owned(),
        fallback: catalog.fallback.clone(),
        ..Distribution::default()
    };
    Declaration {
        distribution,
        repositories,
        mirrors,
        redirects,
        networks: declare_networks(catalog, &origin, report),
        nat64: catalog.nat64.clone(),
        ..Declaration::default()
    }
}

/// The groups that each part of a mirror carries.
type CarriedGroups = BTreeMap<Part, BTreeSet<String>>;

/// Repositories that differ in their architectures only.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Alike<'c> {
    name: &'c str,
    path: String,
    group: usize,
}

fn declare_repositories(
    catalog: &Catalog,
    report: &mut Report,
) -> (Vec<Repository>, CarriedGroups) {
    let mut groups: BTreeMap<Vec<Part>, usize> = BTreeMap::new();
    let mut alike: BTreeMap<Alike<'_>, Vec<(&str, &records::Repository)>> = BTreeMap::new();
    let mut places: BTreeMap<&str, (&str, u32, u32)> = BTreeMap::new();
    for repository in &catalog.repositories {
        let origin = &repository.origin;
        let skip = |report: &mut Report, problem| report.skipped(origin, problem, &repository.key);
        let Some((name, arch)) = split_key(&repository.key) else { continue };
        if !is_name(name) || !is_arch(arch) {
            skip(report, "repository whose name a catalog cannot hold, left out");
            continue;
        }
        if fixed_arch(name).is_some_and(|fixed| fixed != arch) {
            skip(report, "repository of sources that no request finds, left out");
            continue;
        }
        let directory = repository.directory.or(repository.repodata);
        let directory = directory.and_then(|id| catalog.directories.get(id.index()));
        let Some(directory) = directory else {
            skip(report, "repository whose directory no mirror carries, left out");
            continue;
        };
        let path = match repository.directory {
            Some(_) => &*directory.subpath,
            None => directory.subpath.strip_suffix("repodata").unwrap_or(&directory.subpath),
        };
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            skip(report, "repository at the URL of its mirrors itself, left out");
            continue;
        }
        if path.contains(['{', '}', '$']) {
            skip(report, "repository whose path a template cannot hold, left out");
            continue;
        }
        let place = (&*directory.name, directory.layout, directory.carriers);
        let kept = places.entry(path).or_insert(place);
        if *kept != place {
            skip(report, "repository at the same path as another of other mirrors, left out");
            continue;
        }
        let parts = parts_of(catalog, directory);
        let n_groups = groups.len() + 1;
        let group = *groups.entry(parts).or_insert(n_groups);
        let path = template(path, arch);
        alike.entry(Alike { name, path, group }).or_default().push((arch, repository));
    }
    let mut carried = CarriedGroups::new();
    for (parts, group) in &groups {
        for part in parts {
            carried.entry(*part).or_default().insert(name_of_group(*group));
        }
    }
    let disabled: BTreeSet<&str> = catalog.disabled.iter().map(String::as_str).collect();
    let declared = alike.into_iter().filter_map(|(Alike { name, path, group }, pairs)| {
        let (_, first) = pairs.first()?;
        let is_off = |repository: &records::Repository| repository.is_disabled;
        let off = pairs.iter().filter(|(_, repository)| is_off(repository));
        let off: Vec<String> = off.map(|(arch, _)| (*arch).to_owned()).collect();
        let disabled = match (disabled.contains(name), off.is_empty()) {
            (true, _) => Disabled::Yes,
            (false, true) => Disabled::No,
            (false, false) => Disabled::Arches(off),
        };
        Some(Repository {
            origin: first.origin.clone(),
            name: name.to_owned(),
            name_template: "{name}".to_owned(),
            versions: Vec::new(),
            arches: pairs.iter().map(|(arch, _)| (*arch).to_owned()).collect(),
            path,
            aliases: Vec::new(),
            groups: vec![name_of_group(group)],
            disabled,
        })
    });
    (declared.collect(), carried)
}

/// The parts of mirrors that carry a directory.
fn parts_of(catalog: &Catalog, directory: &records::Directory) -> Vec<Part> {
    let set = catalog.carriers.get(directory.carriers as usize);
    let slots = catalog.layouts.get(directory.layout as usize).map_or(&[][..], |l| &l.slots);
    let part = |host: HostId| {
        let Slot { urls, countries, public } = (*slots.get(host.index())?)?;
        Some(Part { host, urls, countries, public })
    };
    let mut parts: Vec<Part> = members(set.map_or(&[], |set| set)).filter_map(part).collect();
    parts.sort_unstable();
    parts
}

fn name_of_group(number: usize) -> String {
    format!("set-{number}")
}

/// A path with `{arch}` for the segments that are the architecture.
fn template(path: &str, arch: &str) -> String {
    let segments = path.split('/').map(|segment| if segment == arch { "{arch}" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

fn declare_mirrors(
    catalog: &Catalog,
    carried: &CarriedGroups,
    origin: &Origin,
    report: &mut Report,
) -> Vec<Mirror> {
    let mut networks: BTreeMap<HostId, Vec<Prefix>> = BTreeMap::new();
    for (prefix, hosts) in &catalog.netblocks {
        hosts.iter().for_each(|&host| networks.entry(host).or_default().push(*prefix));
    }
    let mut asns: BTreeMap<HostId, Vec<u32>> = BTreeMap::new();
    for hosted in &catalog.as_mirrors {
        hosted.mirrors.iter().for_each(|&host| asns.entry(host).or_default().push(hosted.number));
    }
    let audiences: BTreeMap<HostId, &records::Audience> =
        catalog.audiences.iter().map(|(host, audience)| (*host, audience)).collect();
    let mut keys: BTreeSet<String> = BTreeSet::new();
    let mut known_urls: BTreeSet<&str> = BTreeSet::new();
    let mut mirrors = Vec::new();
    for (part, groups) in carried {
        let Some(record) = catalog.mirrors.get(part.host.index()) else { continue };
        let urls = declare_urls(catalog, *part, &mut known_urls, origin, report);
        if urls.is_empty() {
            report.skipped(origin, "mirror without a URL of its own, left out", &record.key);
            continue;
        }
        let Some(key) = new_key(&urls, record, &mut keys) else { continue };
        let asns = asns.get(&part.host).cloned().unwrap_or_default();
        let networks = networks.get(&part.host).cloned().unwrap_or_default();
        let is_for_nobody = !part.public && asns.is_empty() && networks.is_empty();
        let audience = audiences.get(&part.host).copied();
        let audience = declare_audience(audience, &record.key, origin, report);
        let disabled = match (is_for_nobody, &audience) {
            (true, _) => Some("private, without networks and ASNs"),
            (false, None) => Some("serves no country that exists"),
            (false, Some(_)) => None,
        };
        mirrors.push(Mirror {
            origin: origin.clone(),
            key,
            formerly: Vec::new(),
            sponsor: None,
            ip_versions: declare_versions(catalog, *part),
            urls,
            place: declare_place(catalog, *part, record, origin, report),
            bandwidth: Some(record.weight),
            load: Load::new(record.load).unwrap_or_default(),
            max_share: MaxShare::new(record.max_share).unwrap_or_default(),
            private: !part.public,
            monopoly: catalog.monopolies.contains(&part.host) && !is_for_nobody,
            asns,
            networks,
            audience: audience.unwrap_or_default(),
            carries: carry(groups),
            disabled: disabled.map(str::to_owned),
            owner: None,
        });
    }
    mirrors
}

/// The countries whose clients a mirror serves; `None` if there are none.
fn declare_audience(
    audience: Option<&records::Audience>,
    key: &MirrorKey,
    origin: &Origin,
    report: &mut Report,
) -> Option<Audience> {
    let mut existing = |countries: &[Country]| -> Vec<Country> {
        let (existing, others): (Vec<_>, Vec<_>) =
            countries.iter().copied().partition(|&country| is_country(country));
        for country in others {
            let value = format_args!("{country} of mirror {key}");
            report.skipped(origin, "country of clients that does not exist, left out", value);
        }
        existing
    };
    match audience {
        None => Some(Audience::Everybody),
        Some(records::Audience::Only(countries)) => {
            Some(existing(countries)).filter(|only| !only.is_empty()).map(Audience::Only)
        }
        Some(records::Audience::NotIn(countries)) => match existing(countries) {
            not if not.is_empty() => Some(Audience::Everybody),
            not => Some(Audience::NotIn(not)),
        },
    }
}

fn carry(groups: &BTreeSet<String>) -> Carries {
    let groups =
        groups.iter().map(|group| Carried { what: Some(group.clone()), ..Default::default() });
    Carries::Only(groups.collect())
}

/// The URLs of a part that no other has: a catalog lists each once.
fn declare_urls<'c>(
    catalog: &'c Catalog,
    part: Part,
    known: &mut BTreeSet<&'c str>,
    origin: &Origin,
    report: &mut Report,
) -> Vec<Url> {
    let list = catalog.url_lists.get(part.urls as usize).map_or(&[][..], |list| list);
    let mut urls = Vec::new();
    for text in list.iter().filter_map(|&url| catalog.urls.get(url as usize)) {
        if !known.insert(text) {
            report.skipped(origin, "URL that another mirror has, left out", text);
        } else if let Ok(url) = BaseUrl::parse(text) {
            urls.push(Url { origin: origin.clone(), url });
        }
    }
    urls
}

/// The versions of IP over which the URLs of a part work; empty if that is not known of each, or not the same.
fn declare_versions(catalog: &Catalog, part: Part) -> Vec<IpVersion> {
    let list = catalog.url_lists.get(part.urls as usize).map_or(&[][..], |list| list);
    let mut families = list.iter().filter_map(|&url| catalog.url_families.get(url as usize));
    let Some(&first) = families.next() else { return Vec::new() };
    let is_known = IpVersion::ALL.iter().all(|&version| first.over(version) != Reach::Unknown);
    match is_known && families.all(|&other| other == first) {
        true => first.working().collect(),
        false => Vec::new(),
    }
}

/// A key that no mirror has yet: the host of its first URL, and a number if that is taken.
fn new_key(
    urls: &[Url],
    record: &records::Mirror,
    keys: &mut BTreeSet<String>,
) -> Option<MirrorName> {
    let host = urls.first().map_or("", |url| authority(url.url.as_str()));
    let host = host.split(':').next().unwrap_or("");
    let usual = MirrorName::parse(host).filter(|name| name.as_str().len() <= 50);
    let own = format!("mirror-{}", record.key);
    let start = usual.as_ref().map_or(own.as_str(), |name| name.as_str());
    let numbered = (2..).map(|number: u32| format!("{start}-{number}"));
    let mut names = std::iter::once(start.to_owned()).chain(numbered);
    let name = names.find(|name| !keys.contains(name))?;
    let key = MirrorName::parse(&name)?;
    keys.insert(name);
    Some(key)
}

/// The place of a mirror: where directories list it, which decides its tier, or else where it stands.
fn declare_place(
    catalog: &Catalog,
    part: Part,
    record: &records::Mirror,
    origin: &Origin,
    report: &mut Report,
) -> Option<MirrorPlace> {
    let listed = catalog.country_sets.get(part.countries as usize);
    let listed = listed.into_iter().flatten().copied();
    let (listed, others): (Vec<_>, Vec<_>) = listed.partition(|&country| is_country(country));
    for country in others {
        let value = format_args!("{} listed in {country}", record.key);
        report.skipped(origin, "mirror listed in a country that does not exist, left out", value);
    }
    let country = match (&listed[..], record.country) {
        ([], Some(own)) => {
            let value = format_args!("{} of {own}", record.key);
            report.mended(origin, "mirror that is listed in no country: it has no place", value);
            return None;
        }
        ([], None) => return None,
        ([one], own) => {
            if own.is_some_and(|own| own != *one) {
                let value = format_args!("{} listed in {one}", record.key);
                report.mended(origin, "mirror listed in another country: that is its place", value);
            }
            *one
        }
        ([first, ..], own) => {
            let country = own.filter(|own| listed.contains(own)).unwrap_or(*first);
            let value = format_args!("{} in {country}", record.key);
            report.skipped(origin, "mirror listed in several countries, one kept", value);
            country
        }
    };
    let coordinates = record.point.map(|point| (point.north(), point.east()));
    Some(MirrorPlace { country, state: None, city: None, coordinates })
}

fn declare_redirects(
    catalog: &Catalog,
    repositories: &[Repository],
    origin: &Origin,
    report: &mut Report,
) -> Vec<Redirect> {
    let names: BTreeSet<&str> = repositories.iter().map(|repository| &*repository.name).collect();
    // A name of sources is asked for with one architecture only.
    let is_found = |from: &str, to: &str| {
        let mut found = repositories.iter().filter(|repository| repository.name == to);
        fixed_arch(from)
            .is_none_or(|arch| found.any(|found| found.arches.iter().any(|own| own == arch)))
    };
    let mut redirects = Vec::new();
    for (from, to) in &catalog.redirects {
        let is_of_names = names.contains(&**to) && !names.contains(&**from) && is_name(from);
        if is_of_names && is_found(from, to) {
            let (origin, from, to) = (origin.clone(), from.clone(), to.clone());
            redirects.push(Redirect { origin, from, to });
        } else {
            let value = format_args!("{from} to {to}");
            report.skipped(origin, "redirect that leads from or to nothing, left out", value);
        }
    }
    redirects
}

fn declare_networks(catalog: &Catalog, origin: &Origin, report: &mut Report) -> Vec<Network> {
    let mut networks = Vec::new();
    for (prefix, area) in &catalog.locations_by_hand {
        let Some(&Area { location, .. }) = catalog.areas.get(area.index()) else { continue };
        match location.country() {
            Some(country) if is_country(country) => networks.push(Network {
                origin: origin.clone(),
                prefix: *prefix,
                country: Some(country),
                name: None,
            }),
            Some(country) => {
                let value = format_args!("{prefix} in {country}");
                report.skipped(origin, "network in a country that does not exist, left out", value);
            }
            None => {
                let value = format_args!("{prefix} {location:?}");
                report.skipped(origin, "network with a continent only, left out", value);
            }
        }
    }
    networks
}

/// Reports what no declaration says.
fn report_rest(catalog: &Catalog, origin: &Origin, report: &mut Report) {
    let ids = catalog.repositories.iter().flat_map(|r| [r.directory, r.repodata]).flatten();
    let known: BTreeSet<usize> = ids.map(|id| id.index()).collect();
    let others = catalog.directories.iter().enumerate().filter(|(at, _)| !known.contains(at));
    for (_, directory) in others {
        let problem =
            "directory of no repository: requests for it by path= need an index of the tree";
        report.skipped(origin, problem, &directory.name);
    }
    let renamed = catalog.directories.iter().enumerate().filter(|(at, _)| known.contains(at));
    for (_, directory) in renamed.filter(|(_, directory)| directory.name != directory.subpath) {
        let problem = "directory that path= finds by another name now";
        report.mended(origin, problem, format_args!("{} as {}", directory.name, directory.subpath));
    }
    for directory in catalog.directories.iter().filter(|directory| !directory.files.is_empty()) {
        let problem = "checksums are no part of a catalog: make an index of the tree for metalinks";
        report.skipped(origin, problem, &directory.name);
    }
}
