//! The builder of the catalog, which takes records from sources in any order.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::bad_catalog::BadCatalog;
use super::checked::Checked;
use super::directories::Directories;
use super::entry::{Entry, Missing, Record};
use super::geography::Geography;
use super::mirrors::MirrorRecords;
use super::origin::Origin;
use super::records::{Catalog, File};
use super::report::Report;
use super::{areas, files, joins, locations, mirrors, networks, repositories, urls};
use model::base_url::BaseUrl;
use model::embedded::Nat64Prefix;
use model::families::Families;
use model::mirror_key::MirrorKey;
use routes::written::Stored;

/// The records read so far.
pub struct Builder {
    /// Directories and the mirrors that carry them.
    pub directories: Directories,
    missing: Missing,
    created: Option<(Origin, u64)>,
    says_created: bool,
    scanned: Option<u64>,
    fallback: Option<BaseUrl>,
    nat64: Vec<Nat64Prefix>,
    urls: Vec<Entry<i64, String>>,
    url_families: FxHashMap<i64, Families>,
    mirrors: MirrorRecords,
    netblocks: Vec<Entry<String, Vec<MirrorKey>>>,
    as_mirrors: Vec<Entry<i64, Vec<MirrorKey>>>,
    repositories: Vec<Entry<String, String>>,
    lacking: FxHashSet<String>,
    redirects: Vec<Entry<String, String>>,
    disabled: Vec<Entry<String, bool>>,
    disabled_pairs: Vec<Entry<String, ()>>,
    categories: Vec<Entry<String, Vec<String>>>,
    path_templates: Vec<Entry<String, String>>,
    routes: Stored,
    continents: Vec<Entry<String, String>>,
    network_countries: Vec<Entry<String, String>>,
    files: Vec<Entry<String, Vec<File>>>,
}

impl Builder {
    /// A builder without records.
    pub fn new(missing: Missing) -> Self {
        Self {
            directories: Directories::default(),
            missing,
            created: None,
            says_created: false,
            scanned: None,
            fallback: None,
            nat64: Vec::new(),
            urls: Vec::new(),
            url_families: FxHashMap::default(),
            mirrors: MirrorRecords::default(),
            netblocks: Vec::new(),
            as_mirrors: Vec::new(),
            repositories: Vec::new(),
            lacking: FxHashSet::default(),
            redirects: Vec::new(),
            disabled: Vec::new(),
            disabled_pairs: Vec::new(),
            categories: Vec::new(),
            path_templates: Vec::new(),
            routes: Stored::default(),
            continents: Vec::new(),
            network_countries: Vec::new(),
            files: Vec::new(),
        }
    }

    /// Adds a record that was read at `origin`.
    pub fn add(&mut self, origin: &Origin, record: Record) {
        match record {
            Record::Created(time) => {
                self.created = Some((origin.clone(), time));
                self.says_created = true;
            }
            Record::Modified(time) => self.created = Some((origin.clone(), time)),
            Record::Scanned(time) => self.scanned = Some(time),
            Record::Url(id, url) => push(&mut self.urls, origin, id, url),
            Record::MirrorCountry(mirror, country) => {
                push(&mut self.mirrors.countries, origin, mirror, country);
            }
            Record::Bandwidth(mirror, bandwidth) => {
                push(&mut self.mirrors.bandwidths, origin, mirror, bandwidth);
            }
            Record::MirrorPoint(mirror, point) => {
                push(&mut self.mirrors.points, origin, mirror, point);
            }
            Record::Load(mirror, load) => push(&mut self.mirrors.loads, origin, mirror, load),
            Record::MaxShare(mirror, share) => {
                push(&mut self.mirrors.max_shares, origin, mirror, share);
            }
            Record::UrlFamilies(id, families) => drop(self.url_families.insert(id, families)),
            Record::AllowedCountries(mirror, countries) => {
                push(&mut self.mirrors.allowed, origin, mirror, countries);
            }
            Record::Monopoly(mirror) => push(&mut self.mirrors.monopolies, origin, mirror, ()),
            Record::Netblock(prefix, mirrors) => {
                push(&mut self.netblocks, origin, prefix, mirrors);
            }
            Record::AsMirrors(number, mirrors) => {
                push(&mut self.as_mirrors, origin, number, mirrors)
            }
            Record::Repository(key, directory) => {
                push(&mut self.repositories, origin, key, directory);
            }
            Record::Lacking(directory) => drop(self.lacking.insert(directory)),
            Record::Redirect(from, to) => push(&mut self.redirects, origin, from, to),
            Record::Disabled(name, disabled) => push(&mut self.disabled, origin, name, disabled),
            Record::DisabledPair(key) => push(&mut self.disabled_pairs, origin, key, ()),
            Record::Continent(country, continent) => {
                push(&mut self.continents, origin, country, continent);
            }
            Record::NetworkCountry(prefix, country) => {
                push(&mut self.network_countries, origin, prefix, country);
            }
            Record::Fallback(url) => self.fallback = Some(url),
            Record::Nat64(prefix) => self.nat64.push(prefix),
            Record::Category(name, keys) => push(&mut self.categories, origin, name, keys),
            Record::PathTemplate(name, path) => push(&mut self.path_templates, origin, name, path),
            Record::Routes(routes) => self.routes = routes,
            Record::Files(directory, files) => push(&mut self.files, origin, directory, files),
        }
    }

    /// Checks all records together. Faults are reported by kind of record, in an order that does not
    /// depend on that of the records.
    pub fn finish(self, geography: Geography, report: &mut Report) -> Result<Catalog, BadCatalog> {
        let Self { mut directories, missing, created, fallback, nat64, routes, files, .. } = self;
        let name = &*missing.input;
        let created = match created {
            Some((origin, 0)) => {
                let problem = "when the data were made is not said, so nobody can tell their age";
                report.mended(&origin, problem, 0);
                0
            }
            Some((_, created)) => created,
            None => 0,
        };

        let url_ids = urls::check(&self.urls, &self.url_families, report);
        let url_lists = urls::check_lists(&missing, &directories, &url_ids.by_id, report)?;
        let (mirrors, hosts) = mirrors::check(&missing, &directories, &self.mirrors, report);
        let paths = repositories::read_paths(&self.repositories, report);
        if directories.is_too_large() {
            return Err(BadCatalog::Contradictory(name.into()));
        }
        if hosts.is_empty() {
            return Err(BadCatalog::NoDirectories(name.into()));
        }
        let mut records = std::mem::take(&mut directories.records);
        records.sort_by(|a, b| a.name.cmp(&b.name));
        repositories::add_parents(&paths, &mut records, report);
        files::collect(files, created, &mut records, report);
        let mut repositories = repositories::resolve(name, paths, &self.lacking, &records, report)?;
        repositories::switch_off(&self.disabled_pairs, &mut repositories, report);
        let (redirects, disabled) =
            repositories::resolve_names(&repositories, &self.redirects, &self.disabled, report);
        let categories = repositories::resolve_categories(&self.categories, &repositories, report);
        let path_templates =
            repositories::resolve_templates(&self.path_templates, &repositories, report);

        let mut catalog = Catalog {
            created,
            says_created: self.says_created,
            scanned: self.scanned,
            fallback,
            nat64,
            mirrors,
            urls: url_ids.urls,
            url_families: url_ids.families,
            url_lists,
            country_sets: std::mem::take(&mut directories.country_sets),
            layouts: std::mem::take(&mut directories.layouts),
            carriers: std::mem::take(&mut directories.sets),
            directories: records,
            repositories,
            redirects,
            disabled,
            categories,
            path_templates,
            routes,
            continents: Vec::new(),
            audiences: Vec::new(),
            monopolies: Vec::new(),
            netblocks: Vec::new(),
            as_mirrors: Vec::new(),
            as_networks: geography.as_networks,
            locations: Vec::new(),
            locations_by_hand: Vec::new(),
            areas: Vec::new(),
            centres: Vec::new(),
            checked: Checked::default(),
            name: missing.input,
        };
        joins::report(&self.urls, &directories, &self.lacking, &catalog, report);
        catalog.continents =
            locations::resolve_continents(geography.continents, &self.continents, report);
        let known = locations::KnownCountries(&catalog.continents);
        let database = locations::resolve_database(
            &geography.countries_origin,
            &geography.countries,
            &known,
            report,
        );
        drop(geography.countries);
        let by_hand = locations::resolve_by_hand(&self.network_countries, &known, report);
        catalog.centres =
            geography.centres.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect();
        let areas = areas::Areas::new(&database, &by_hand);
        catalog.locations = areas.number_database(database);
        catalog.locations_by_hand = areas.number(by_hand);
        catalog.areas = areas.into_list();
        locations::report_lonely_mirrors(
            &self.mirrors.countries,
            &hosts,
            &directories,
            &catalog.country_sets,
            &known,
            report,
        );
        catalog.audiences =
            mirrors::resolve_audiences(&self.mirrors.allowed, &hosts, &known, report);
        catalog.monopolies = mirrors::resolve_monopolies(&self.mirrors.monopolies, &hosts, report);
        joins::report_mirrors(
            &self.mirrors.countries,
            &self.mirrors.bandwidths,
            &hosts,
            &catalog,
            report,
        );
        catalog.netblocks = networks::resolve_netblocks(&self.netblocks, &hosts, report);
        catalog.as_mirrors = networks::resolve_as_mirrors(&self.as_mirrors, &hosts, report);
        Ok(catalog)
    }
}

fn push<K, V>(entries: &mut Vec<Entry<K, V>>, origin: &Origin, key: K, value: V) {
    entries.push(Entry { origin: origin.clone(), key, value });
}

#[cfg(test)]
mod tests {
    use super::super::geography::{AsNetworks, CountryNetworks};
    use super::*;
    use model::geo::{Continent, Country};
    use model::mirror_key::{MirrorKey, MirrorName};

    /// Records of an imaginary source, in which mirrors have names and each record has a line.
    fn builder() -> Builder {
        Builder::new(Missing {
            input: "mirrors.toml".into(),
            mirror_countries: line(1),
            bandwidths: line(1),
            url: "URL that is not there, skipped",
        })
    }

    fn line(line: u64) -> Origin {
        Origin::line("mirrors.toml", line)
    }

    fn key(name: &str) -> MirrorKey {
        MirrorKey::Name(MirrorName::parse(name).expect("a valid literal"))
    }

    fn geography() -> Geography {
        let germany = Country::parse("DE").zip(Continent::parse("EU"));
        Geography {
            as_networks: AsNetworks::default(),
            continents: germany.into_iter().collect(),
            centres: Vec::new(),
            countries: CountryNetworks::default(),
            countries_origin: line(0),
        }
    }

    fn records() -> Vec<(u64, Record)> {
        vec![
            (2, Record::Created(1_700_000_000)),
            (10, Record::MirrorCountry(key("berlin"), "DE".into())),
            (11, Record::Bandwidth(key("berlin"), 1_000)),
            (12, Record::Url(7, "https://berlin.example/pub/".into())),
            (20, Record::MirrorCountry(key("paris"), "France".into())),
            (21, Record::Bandwidth(key("paris"), -3)),
            (22, Record::Url(8, "gopher://paris.example/".into())),
            (30, Record::Netblock("192.0.2.0/24".into(), vec![key("paris"), key("rome")])),
            (40, Record::Repository("main+x86_64".into(), "os".into())),
        ]
    }

    fn finish(records: Vec<(u64, Record)>) -> (Catalog, Vec<String>) {
        let (mut builder, mut report) = (builder(), Report::default());
        for (at, record) in records {
            builder.add(&line(at), record);
        }
        let directories = &mut builder.directories;
        for (name, url) in [("berlin", 7), ("paris", 8)] {
            let host = directories.mirror(&key(name));
            let urls = directories.url_list(&line(50), &[url]);
            directories.carry(&line(50), host, urls, &mut report);
            directories.set_public(host);
        }
        directories.end(&line(50), b"os/repodata/", b"repodata", &mut report);
        let catalog = builder.finish(geography(), &mut report).expect("a catalog");
        (catalog, report.lines())
    }

    #[test]
    fn what_is_wrong_is_told_with_the_line_of_its_record() {
        let (catalog, lines) = finish(records());
        assert_eq!(
            lines,
            [
                "mirrors.toml:50: directory name with odd slashes or dots, mended: \
                 os/repodata/ to os/repodata",
                "mirrors.toml:12: URL in an odd form, mended: 7 https://berlin.example/pub/ to \
                 https://berlin.example/pub",
                "mirrors.toml:22: URL that cannot be listed, skipped: 8 gopher://paris.example/ \
                 has no scheme out of https, http, ftp, rsync",
                "mirrors.toml:20: not a country code, skipped: mirror paris in France",
                "mirrors.toml:21: bandwidth missing or out of range, taken as 1: mirror paris: -3",
                "mirrors.toml:50: directory of a repository is missing, taken from that of its \
                 index: os",
                "mirrors.toml:40: repository without details of repomd.xml, it has no metalink: \
                 main+x86_64 in os",
                "mirrors.toml:30: mirror carries nothing, skipped: 192.0.2.0/24 of mirror rome",
            ]
        );
        let keys: Vec<_> = catalog.mirrors.iter().map(|mirror| mirror.key.to_string()).collect();
        assert_eq!(keys, ["berlin", "paris"]);
        let names: Vec<_> = catalog.directories.iter().map(|record| &*record.name).collect();
        assert_eq!(names, ["os", "os/repodata"]);
        assert_eq!(catalog.repositories[0].directory.map(|id| id.index()), Some(0));
        assert_eq!(catalog.netblocks[0].1, [model::ids::HostId(1)]);
    }

    #[test]
    fn a_category_has_the_directories_of_its_repositories() {
        let mut all = records();
        let category = |name: &str, keys: &[&str]| {
            Record::Category(name.into(), keys.iter().map(|&key| key.into()).collect())
        };
        all.push((60, category("main", &["main+x86_64", "other+x86_64"])));
        all.push((61, category("empty", &["other+x86_64"])));
        let (catalog, lines) = finish(all);
        let ids = |list: &[model::ids::DirectoryId]| -> Vec<_> {
            list.iter().map(|id| id.index()).collect()
        };
        let categories: Vec<_> =
            catalog.categories.iter().map(|(name, list)| (&**name, ids(list))).collect();
        assert_eq!(categories, [("main", vec![0])]);
        let line = "mirrors.toml:61: category without a directory, skipped: empty";
        assert!(lines.iter().any(|other| other == line), "{lines:#?}");
    }

    #[test]
    fn records_may_come_in_any_order() {
        let mut backwards = records();
        backwards.reverse();
        let [forwards, backwards] = [records(), backwards].map(|records| {
            let mut lines = finish(records).1;
            lines.sort();
            lines
        });
        assert_eq!(forwards, backwards);
    }
}
