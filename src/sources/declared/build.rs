//! Passes a declaration to the catalog's builder, with what a scan has found in the primary tree.
//!
//! Every repository is expanded (`expand`), and every directory gets the mirrors that
//! carry it (`listing`). A directory has the same name in the catalog and below a
//! mirror's base URL.
//!
//! A mirror without a bandwidth gets the median of those that have one: whoever does not know it should
//! neither get all clients nor none. Mirrors that are switched off are left out and counted.

use std::collections::{BTreeMap, BTreeSet};

use catalog::entry::Missing;
use catalog::{Builder, Origin, Record, Report};
use index::Index;
use model::base_url::{BaseUrl, authority};
use model::families::Families;
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use model::repository::fixed_arch;
use routes::written::{Stored, Value, WrittenRoute};

pub use super::expand::TooManyPairs;
use super::expand::{self, Pair, aliases};
pub use super::listing::OtherTree;
use super::listing::{Listed, Listing};
use super::placing::add_points;
use super::routing;
use super::{Audience, Declaration, Mirror, Url};

/// The reason why there are no records of a declaration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BuildError {
    /// The declaration is too large.
    #[error(transparent)]
    TooManyPairs(#[from] TooManyPairs),
    /// The index does not belong to it.
    #[error(transparent)]
    OtherTree(#[from] OtherTree),
}

/// Builds the records of a declaration, with the index of its primary tree and the name of that in
/// messages. `input` names the declaration, `made` is when it and the index were made, in seconds since
/// 1970.
pub fn build(
    declaration: &Declaration,
    tree: Option<(&Index, &str)>,
    input: &str,
    made: u64,
    report: &mut Report,
) -> Result<Builder, BuildError> {
    let pairs = expand::pairs(&declaration.repositories)?;
    let place = Origin::table(input, "mirrors");
    let mut builder = Builder::new(Missing {
        input: input.to_owned(),
        mirror_countries: place.clone(),
        bandwidths: place.clone(),
        url: "URL that is not there, skipped",
    });
    builder.add(&place, Record::Modified(made));
    if let Some((index, _)) = tree {
        builder.add(&place, Record::Scanned(index.scanned()));
    }
    add_distribution(declaration, &mut builder);
    add_names(declaration, &pairs, &mut builder);
    add_routes(declaration, &pairs, &mut builder, report);
    let mirrors = add_mirrors(declaration, &place, &mut builder, report);
    let mut listing = Listing::new(&pairs, &mirrors);
    match tree {
        Some(tree) => listing.add_tree(tree, &mut builder, report)?,
        None => listing.add_repositories(&mut builder, report),
    }
    Ok(builder)
}

fn add_distribution(declaration: &Declaration, builder: &mut Builder) {
    let Declaration { distribution, networks, nat64, .. } = declaration;
    let own = Origin::table("catalog", "distribution");
    let origin = distribution.origin.as_ref().unwrap_or(&own);
    if let Some(fallback) = &distribution.fallback {
        builder.add(origin, Record::Fallback(fallback.clone()));
    }
    for &prefix in nat64 {
        builder.add(origin, Record::Nat64(prefix));
    }
    for network in networks {
        if let Some(country) = network.country {
            let record = Record::NetworkCountry(network.prefix.to_string(), country.to_string());
            builder.add(&network.origin, record);
        }
    }
}

/// Adds the names of repositories: those that they have, those that they had, and whether they are
/// switched off.
fn add_names(declaration: &Declaration, pairs: &[Pair<'_>], builder: &mut Builder) {
    let is_on = |pair: &&Pair<'_>| !pair.is_disabled();
    let on: BTreeSet<&str> = pairs.iter().filter(is_on).map(|pair| &*pair.name).collect();
    let mut off = BTreeSet::new();
    for pair in pairs {
        let origin = &pair.repository.origin;
        builder.add(origin, Record::Repository(pair.key(), pair.written_path.clone()));
        if pair.is_disabled() && on.contains(&*pair.name) {
            builder.add(origin, Record::DisabledPair(pair.key()));
        } else if pair.is_disabled() && off.insert(&*pair.name) {
            builder.add(origin, Record::Disabled(pair.name.clone(), true));
        }
    }
    for repository in &declaration.repositories {
        for (old, new) in aliases(repository) {
            builder.add(&repository.origin, Record::Redirect(old, new));
        }
    }
    for redirect in &declaration.redirects {
        let record = Record::Redirect(redirect.from.clone(), redirect.to.clone());
        builder.add(&redirect.origin, record);
    }
}

/// Adds the routes, and what they can name besides repositories and directories: a category for each
/// group, with the repositories in it that are not switched off.
fn add_routes(
    declaration: &Declaration,
    pairs: &[Pair<'_>],
    builder: &mut Builder,
    report: &mut Report,
) {
    let Declaration { routes, maps, route_places, .. } = declaration;
    if routes.is_empty() {
        return;
    }
    let names = routing::names(declaration, pairs);
    routing::report_warnings(declaration, &names, report);
    if routes.iter().any(names_each_arch) {
        // Source packages have one architecture, whatever is asked for.
        let is_joined = |pair: &&Pair<'_>| {
            let is_one_of_several = !pair.is_disabled() && fixed_arch(&pair.name).is_none();
            is_one_of_several && !names.divided.contains(&pair.name)
        };
        let joined: BTreeMap<&str, &Pair<'_>> =
            pairs.iter().filter(is_joined).map(|pair| (&*pair.name, pair)).collect();
        for (name, pair) in joined {
            let record = Record::PathTemplate(name.to_owned(), pair.written_for_any_arch());
            builder.add(&pair.repository.origin, record);
        }
    }
    // Tests have been run.
    let untested = |route: &WrittenRoute| WrittenRoute { tests: Vec::new(), ..route.clone() };
    let routes = routes.iter().map(untested).collect();
    let stored = Stored { routes, maps: maps.clone(), arches: names.arches.into_iter().collect() };
    let own = Origin::table("catalog", "routes");
    let first = route_places.first().map_or(&own, |place| &place.origin);
    builder.add(first, Record::Routes(stored));
    let mut categories: BTreeMap<&str, (&Origin, Vec<String>)> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| !pair.is_disabled()) {
        for group in &pair.repository.groups {
            let (_, keys) =
                categories.entry(group).or_insert((&pair.repository.origin, Vec::new()));
            keys.push(pair.key());
        }
    }
    for (name, (origin, keys)) in categories {
        builder.add(origin, Record::Category(name.to_owned(), keys));
    }
}

/// Whether the target of a route can be a repository for each of its architectures.
fn names_each_arch(route: &WrittenRoute) -> bool {
    let names_it = |(key, value): &(String, Value)| {
        key == "arch" && matches!(value, Value::Text(text) if text.contains("literal:"))
    };
    route.target.iter().any(names_it)
}

/// Adds what is known of each mirror, and returns those that are listed. `place` stands for all mirrors in
/// messages.
fn add_mirrors<'d>(
    declaration: &'d Declaration,
    place: &Origin,
    builder: &mut Builder,
    report: &mut Report,
) -> Vec<Listed<'d>> {
    let fallback = declaration.distribution.fallback.as_ref();
    let is_on = |mirror: &&Mirror| match &mirror.disabled {
        None => true,
        Some(reason) => {
            let value = format_args!("{}: {reason}", mirror.key.as_str());
            report.skipped(&mirror.origin, "mirror that is disabled, left out", value);
            false
        }
    };
    let mirrors: Vec<&Mirror> = declaration.mirrors.iter().filter(is_on).collect();
    let median = median_bandwidth(&mirrors);
    let mut url_ids = 0..;
    let mut listed = Vec::with_capacity(mirrors.len());
    for &mirror in &mirrors {
        let key = MirrorKey::Name(mirror.key.clone());
        let origin = &mirror.origin;
        if let Some(place) = &mirror.place {
            builder.add(origin, Record::MirrorCountry(key.clone(), place.country.to_string()));
        }
        let bandwidth = mirror.bandwidth.unwrap_or(median);
        builder.add(origin, Record::Bandwidth(key.clone(), bandwidth.into()));
        builder.add(origin, Record::Load(key.clone(), mirror.load.percent()));
        builder.add(origin, Record::MaxShare(key.clone(), mirror.max_share.percent()));
        let codes: Option<Vec<String>> = match &mirror.audience {
            Audience::Everybody => None,
            Audience::Only(countries) => Some(countries.iter().map(ToString::to_string).collect()),
            Audience::NotIn(countries) => {
                Some(countries.iter().map(|country| format!("!{country}")).collect())
            }
        };
        if let Some(codes) = codes {
            builder.add(origin, Record::AllowedCountries(key.clone(), codes));
        }
        if mirror.monopoly {
            builder.add(origin, Record::Monopoly(key.clone()));
        }
        report_useless(mirror, fallback, report);
        let mut ids: Vec<i64> = Vec::with_capacity(mirror.urls.len());
        for (id, url) in (&mut url_ids).zip(&mirror.urls) {
            builder.add(&url.origin, Record::Url(id, url.url.as_str().to_owned()));
            if !mirror.ip_versions.is_empty() {
                let families = Families::only(mirror.ip_versions.iter().copied());
                builder.add(&url.origin, Record::UrlFamilies(id, families));
            }
            ids.push(id);
        }
        let host = builder.directories.mirror(&key);
        let urls = builder.directories.url_list(origin, &ids);
        listed.push(Listed { mirror, host, urls });
    }
    add_points(&mirrors, place, builder, report);
    add_networks(&mirrors, builder);
    listed
}

/// Reports what a mirror says in vain.
fn report_useless(mirror: &Mirror, fallback: Option<&BaseUrl>, report: &mut Report) {
    let of_fallback = fallback.map(|fallback| authority(fallback.as_str()));
    let is_there = |url: &&Url| Some(authority(url.url.as_str())) == of_fallback;
    if let Some(url) = mirror.urls.iter().find(is_there) {
        let value = format_args!("{} at {}", mirror.key.as_str(), url.url.as_str());
        let problem = "mirror at the host of `origin`: listed last, as that";
        report.mended(&url.origin, problem, value);
    }
    if mirror.networks.is_empty() && mirror.asns.is_empty() {
        let key = mirror.key.as_str();
        if mirror.private {
            let problem = "private mirror without a network or an AS, nobody gets it";
            report.skipped(&mirror.origin, problem, key);
        }
        if mirror.monopoly {
            let problem = "monopoly without a network or an AS, without effect";
            report.skipped(&mirror.origin, problem, key);
        }
    }
}

/// Adds the networks and autonomous systems of mirrors, each once with all of its mirrors.
fn add_networks(mirrors: &[&Mirror], builder: &mut Builder) {
    let mut networks: BTreeMap<Prefix, (&Origin, Vec<MirrorKey>)> = BTreeMap::new();
    let mut as_mirrors: BTreeMap<u32, (&Origin, Vec<MirrorKey>)> = BTreeMap::new();
    for Mirror { origin, key, networks: own_networks, asns, .. } in mirrors {
        let key = MirrorKey::Name(key.clone());
        for &prefix in own_networks {
            networks.entry(prefix).or_insert((origin, Vec::new())).1.push(key.clone());
        }
        for &asn in asns {
            as_mirrors.entry(asn).or_insert((origin, Vec::new())).1.push(key.clone());
        }
    }
    for (prefix, (origin, mirrors)) in networks {
        builder.add(origin, Record::Netblock(prefix.to_string(), mirrors));
    }
    for (asn, (origin, mirrors)) in as_mirrors {
        builder.add(origin, Record::AsMirrors(asn.into(), mirrors));
    }
}

/// The median of the bandwidths that are given, the lower one of two; 1 if there is none.
fn median_bandwidth(mirrors: &[&Mirror]) -> u32 {
    let mut given: Vec<u32> = mirrors.iter().filter_map(|mirror| mirror.bandwidth).collect();
    given.sort_unstable();
    given.len().checked_sub(1).and_then(|last| given.get(last / 2)).copied().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::super::{Carries, Distribution, Load, MaxShare, MirrorPlace};
    use super::*;
    use model::geo::Country;
    use model::mirror_key::MirrorName;

    fn mirror(key: &str, bandwidth: Option<u32>) -> Mirror {
        let origin = Origin::line("m.yml", 1);
        let url = BaseUrl::parse("https://m.example/pub").expect("a valid literal");
        let country = Country::parse("DE").expect("a valid literal");
        Mirror {
            origin: origin.clone(),
            key: MirrorName::parse(key).expect("a valid literal"),
            formerly: Vec::new(),
            sponsor: None,
            urls: vec![Url { origin, url }],
            ip_versions: Vec::new(),
            place: Some(MirrorPlace { country, state: None, city: None, coordinates: None }),
            bandwidth,
            load: Load::default(),
            max_share: MaxShare::default(),
            asns: Vec::new(),
            networks: Vec::new(),
            private: false,
            monopoly: false,
            audience: Audience::default(),
            carries: Carries::default(),
            disabled: None,
            owner: None,
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        for (given, expected) in [
            (&[][..], 1),
            (&[None, None], 1),
            (&[Some(7)], 7),
            (&[Some(9), None, Some(1)], 1),
            (&[Some(9), Some(5), None, Some(1)], 5),
        ] {
            let mirrors: Vec<_> = given.iter().map(|&given| mirror("m", given)).collect();
            assert_eq!(
                median_bandwidth(&mirrors.iter().collect::<Vec<_>>()),
                expected,
                "{given:?}"
            );
        }
    }

    #[test]
    fn a_mirror_at_the_host_of_the_origin_is_reported() {
        let declaration = |origin: &str| Declaration {
            distribution: Distribution {
                fallback: BaseUrl::parse(origin).ok(),
                ..Distribution::default()
            },
            mirrors: vec![mirror("twin", None)],
            ..Declaration::default()
        };
        let lines = |origin: &str| {
            let mut report = Report::default();
            assert!(build(&declaration(origin), None, "m.yml", 1, &mut report).is_ok());
            report.lines()
        };
        let expected = "m.yml:1: mirror at the host of `origin`: listed last, as that: twin at \
                        https://m.example/pub";
        assert_eq!(lines("http://m.example/other"), [expected]);
        assert_eq!(lines("http://dl.example/pub"), [""; 0]);
        assert_eq!(lines("http://m.example:8080/pub"), [""; 0]);
    }

    /// Readers of TOML refuse them; other sources do not.
    #[test]
    fn mirrors_that_say_something_in_vain_are_reported() {
        let hidden = Mirror { private: true, ..mirror("hidden", None) };
        let alone = Mirror { monopoly: true, ..mirror("alone", None) };
        let sound = Mirror { asns: vec![64_500], ..hidden.clone() };
        let declaration =
            Declaration { mirrors: vec![hidden, alone, sound], ..Declaration::default() };
        let mut report = Report::default();
        assert!(build(&declaration, None, "m.yml", 1, &mut report).is_ok());
        assert_eq!(
            report.lines(),
            [
                "m.yml:1: private mirror without a network or an AS, nobody gets it: hidden",
                "m.yml:1: monopoly without a network or an AS, without effect: alone",
            ]
        );
    }
}
