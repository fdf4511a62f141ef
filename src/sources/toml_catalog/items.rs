//! Reads the items of a catalog out of its tables.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::file::File;
use super::keys;
use super::route_items::read_routes;
use super::table::{Entry, Located, TableReader, in_order, one_table, value};
use super::values;
use crate::declared::fault::{Fault, Faults, Problem, Shown};
use crate::declared::{
    Audience, Carried, Carries, Declaration, Disabled, Distribution, Mirror, MirrorPlace, Network,
    Redirect, Repository, Sponsor, Url,
};
use model::base_url::BaseUrl;
use model::mirror_key::MirrorName;
use model::repository;

/// Where the mirrors of a catalog are described.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mirrors {
    /// In the file that describes everything.
    Here,
    /// In files of their own.
    InFolder,
}

/// What could be read of a catalog.
#[derive(Default)]
pub(super) struct Items {
    pub(super) declaration: Declaration,
    /// Whether a repository or a redirect is missing or incomplete, so that what refers to them cannot
    /// be checked.
    pub(super) lacks_repositories: bool,
    /// Whether a route or a map is missing or incomplete, so that requests may find other routes than they
    /// should.
    pub(super) lacks_routes: bool,
}

/// Reads the top of a file. Items are added even if some of their keys are at fault, for the checks
/// between items.
pub(super) fn read_catalog(
    file: &File,
    top: &DeTable<'_>,
    mirrors: Mirrors,
    items: &mut Items,
    faults: &mut Faults,
) {
    let mut reader = TableReader::new(file, &keys::CATALOG, top, 0, faults);
    let declaration = &mut items.declaration;
    let write = "[distribution] and below it name = \"Example Linux\"";
    if let Some(table) = reader.required("distribution", write, one_table) {
        let Located { value, offset } = table;
        declaration.distribution =
            read_distribution(file, value, offset, declaration, reader.faults());
    }
    let n_faults = reader.faults().count();
    reader.require("repository", "[[repository]] and below it name = \"baseos\"");
    for table in reader.tables("repository") {
        let Located { value, offset } = table;
        let found = read_repository(file, value, offset, reader.faults());
        declaration.repositories.extend(found);
    }
    if let Some(table) = reader.optional(keys::REDIRECTS, one_table) {
        read_redirects(file, table.value, &mut declaration.redirects, reader.faults());
    }
    items.lacks_repositories |= reader.faults().count() > n_faults;
    match mirrors {
        Mirrors::Here => {
            reader.require("mirror", "[[mirror]] and below it key = \"berlin\"");
            for table in reader.tables("mirror") {
                let Located { value, offset } = table;
                let found = read_mirror(file, value, offset, None, reader.faults());
                declaration.mirrors.extend(found);
            }
        }
        Mirrors::InFolder => {
            if let Some(found) = reader.find("mirror") {
                reader.fault(found.offset, "mirror", Problem::MirrorInFolder);
            }
        }
    }
    for table in reader.tables("network") {
        let Located { value, offset } = table;
        declaration.networks.extend(read_network(file, value, offset, reader.faults()));
    }
    items.lacks_routes |= !read_routes(&mut reader, declaration);
}

fn read_distribution(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    declaration: &mut Declaration,
    faults: &mut Faults,
) -> Distribution {
    let mut reader = TableReader::new(file, &keys::DISTRIBUTION, table, offset, faults);
    let name = reader.required("name", "name = \"Example Linux\"", values::line);
    declaration.nat64 = reader.list("nat64", values::nat64);
    Distribution {
        origin: Some(reader.origin()),
        name: value(name).unwrap_or_default(),
        contact: value(reader.optional("contact", values::contact)),
        fallback: value(reader.optional("origin", values::base_url)),
    }
}

fn read_repository(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    faults: &mut Faults,
) -> Option<Repository> {
    let mut reader = TableReader::new(file, &keys::REPOSITORY, table, offset, faults);
    let name = reader.required("name", "name = \"baseos\"", values::repository_name);
    let versions = reader.list("versions", values::version);
    let has_versions = !versions.is_empty();
    let template = |value| values::name_template(value, has_versions);
    let template = value(reader.optional("name_template", template));
    reader.require("arches", "arches = [\"x86_64\"]");
    let arches = reader.list("arches", values::arch);
    let path = |value| values::path_template(value, has_versions);
    let path = reader.required("path", "path = \"{version}/{arch}/os\"", path);
    let aliases = reader.list("aliases", values::repository_name);
    let groups = reader.list("groups", values::repository_name);
    let disabled = read_disabled(&mut reader, &arches);
    let default = || Repository::default_name_template(has_versions).to_owned();
    let repository = Repository {
        origin: reader.origin(),
        name: value(name)?,
        name_template: template.unwrap_or_else(default),
        versions,
        arches,
        path: value(path).unwrap_or_default(),
        aliases,
        groups,
        disabled,
    };
    check_lengths(&repository, offset, &mut reader);
    if !repository.aliases.is_empty() && !repository.name_template.contains("{name}") {
        reader.fault(offset, "aliases", Problem::SameAliases);
    }
    Some(repository)
}

/// The longest name and the longest directory that a repository makes have lengths that can be served.
fn check_lengths(repository: &Repository, offset: usize, reader: &mut TableReader<'_, '_>) {
    let longest = |texts: &[String]| texts.iter().max_by_key(|text| text.len()).cloned();
    let version = longest(&repository.versions);
    let arch = longest(&repository.arches).unwrap_or_default();
    let name = longest(&repository.aliases).filter(|alias| alias.len() > repository.name.len());
    let name = name.as_ref().unwrap_or(&repository.name);
    // The directory has `/repodata` behind it, the name `+` and the architecture.
    let directory = repository.directory(version.as_deref(), &arch).len() + "/repodata".len();
    let name = repository.alias_name(name, version.as_deref()).len() + 1 + arch.len();
    for (key, length) in [("path", directory), ("name_template", name)] {
        if length > model::MAX_NAME {
            let (n, max) = (length as u64, model::MAX_NAME as u64);
            let what = "bytes when its words are replaced";
            reader.fault(offset, key, Problem::TooMany { what, n, max });
        }
    }
}

fn read_disabled(reader: &mut TableReader<'_, '_>, arches: &[String]) -> Disabled {
    let key = "disabled";
    let Some(Located { value, offset }) = reader.find(key) else { return Disabled::No };
    match value {
        DeValue::Boolean(true) => Disabled::Yes,
        DeValue::Boolean(false) => Disabled::No,
        DeValue::Array(_) => {
            let known = |value| {
                let arch = values::arch(value)?;
                let list = "architectures";
                let is_known = arches.is_empty() || arches.contains(&arch);
                let problem = || Problem::NotAmong { value: Shown::text(&arch), list };
                if is_known { Ok(arch) } else { Err(problem()) }
            };
            Disabled::Arches(reader.list(key, known))
        }
        _ => {
            let write = "true, or architectures as in [\"i686\"]";
            let problem = values::not_a(value, "switch and no list", write);
            reader.fault(offset, key, problem);
            Disabled::No
        }
    }
}

/// Reads a mirror. In a folder, `file_key` is the name of its file.
pub(super) fn read_mirror(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    file_key: Option<&MirrorName>,
    faults: &mut Faults,
) -> Option<Mirror> {
    let mut reader = match file_key {
        None => TableReader::new(file, &keys::MIRROR, table, offset, faults),
        Some(_) => TableReader::of_mirror_file(file, table, faults),
    };
    let key = match (file_key, reader.find("key")) {
        (None, _) => value(reader.required("key", "key = \"berlin\"", values::mirror_name)),
        (Some(name), None) => Some(name.clone()),
        (Some(name), Some(written)) => {
            let problem = Problem::KeyInFolder(name.as_str().to_owned());
            reader.fault(written.offset, "key", problem);
            Some(name.clone())
        }
    };
    reader.require("urls", "urls = [\"https://mirror.example.org/pub\"]");
    let urls = reader.located_list("urls", values::base_url);
    let origin_of = |offset| reader.origin_at(offset);
    let url = |url: Located<BaseUrl>| Url { origin: origin_of(url.offset), url: url.value };
    let urls = urls.into_iter().map(|(located, _)| url(located)).collect();
    let ip_versions = reader.list("ip_versions", values::ip_version);
    let formerly = reader.list("formerly", values::mirror_name);
    let sponsor = read_sponsor(&mut reader);
    let place = read_place(&mut reader);
    let bandwidth = value(reader.optional("bandwidth", values::bandwidth));
    let load = value(reader.optional("load", values::load)).unwrap_or_default();
    let max_share = value(reader.optional("max_share", values::max_share)).unwrap_or_default();
    let asns = reader.list("asns", values::system);
    let networks = reader.list("networks", values::network);
    let disabled = value(reader.optional("disabled", values::line));
    let has_clients = reader.find("asns").is_some() || reader.find("networks").is_some();
    let mut switch = |key| {
        let Located { value, offset } = reader.switch(key);
        if value && !has_clients && disabled.is_none() {
            reader.fault(offset, key, Problem::Nobody);
        }
        value
    };
    let (private, monopoly) = (switch("private"), switch("monopoly"));
    let audience = read_audience(&mut reader);
    let carries = read_carries(file, &mut reader);
    let owner = value(reader.optional("owner", values::contact));
    // Everything was read before: a mirror without a key has its other faults reported as well.
    Some(Mirror {
        origin: reader.origin(),
        key: key?,
        formerly,
        sponsor,
        urls,
        ip_versions,
        place,
        bandwidth,
        load,
        max_share,
        asns,
        networks,
        private,
        monopoly,
        audience,
        carries,
        disabled,
        owner,
    })
}

fn read_sponsor(reader: &mut TableReader<'_, '_>) -> Option<Sponsor> {
    let name = reader.optional("sponsor", values::line);
    let url = reader.optional("sponsor_url", values::link);
    if let (Some(url), None) = (&url, reader.find("sponsor")) {
        reader.fault(url.offset, "sponsor_url", Problem::Needs { other: "sponsor" });
    }
    Some(Sponsor { name: value(name)?, url: value(url) })
}

fn read_place(reader: &mut TableReader<'_, '_>) -> Option<MirrorPlace> {
    let country = reader.optional("country", values::country);
    let state = reader.optional("state", values::line);
    let city = reader.optional("city", values::line);
    let coordinates = reader.optional("coordinates", values::coordinates);
    if reader.find("country").is_none() {
        for key in ["state", "city", "coordinates"] {
            if let Some(found) = reader.find(key) {
                reader.fault(found.offset, key, Problem::Needs { other: "country" });
            }
        }
    }
    Some(MirrorPlace {
        country: value(country)?,
        state: value(state),
        city: value(city),
        coordinates: value(coordinates),
    })
}

fn read_audience(reader: &mut TableReader<'_, '_>) -> Audience {
    let only = reader.list("countries", values::country);
    let not_in = reader.list("not_countries", values::country);
    if let (Some(_), Some(found)) = (reader.find("countries"), reader.find("not_countries")) {
        reader.fault(found.offset, "not_countries", Problem::Excludes { other: "countries" });
    }
    match (only.is_empty(), not_in.is_empty()) {
        (false, _) => Audience::Only(only),
        (true, false) => Audience::NotIn(not_in),
        (true, true) => Audience::Everybody,
    }
}

fn read_carries(file: &File, reader: &mut TableReader<'_, '_>) -> Carries {
    let mut list: Vec<Carried> = Vec::new();
    let mut seen = BTreeSet::new();
    for (Located { value, offset }, written) in reader.located_list("carries", Part::read) {
        let origin = Some(file.origin(offset));
        let carried = match value {
            Part::What(what) => Carried { origin, what: Some(what), ..Carried::default() },
            Part::Table(table) => {
                if table.is_empty() {
                    let write = "leave `carries` out for a mirror that carries everything";
                    reader.fault(offset, "carries", Problem::Empty { write });
                }
                read_carried(file, table, offset, reader.faults())
            }
        };
        let Carried { what, versions, arches, .. } = carried.clone();
        match seen.insert((what, versions, arches)) {
            true => list.push(carried),
            false => {
                let problem = Problem::Twice { value: values::shown(written) };
                reader.fault(offset, "carries", problem);
            }
        }
    }
    if list.is_empty() { Carries::Everything } else { Carries::Only(list) }
}

/// An element of `carries`.
enum Part<'a> {
    What(String),
    Table(&'a DeTable<'a>),
}

impl<'a> Part<'a> {
    fn read(value: &'a DeValue<'a>) -> Result<Self, Problem> {
        match value {
            DeValue::Table(table) => Ok(Self::Table(table)),
            DeValue::String(_) => values::repository_name(value).map(Self::What),
            _ => {
                let write = "the name of a repository or a group, or a table";
                Err(values::not_a(value, "part of a catalog", write))
            }
        }
    }
}

fn read_carried(file: &File, table: &DeTable<'_>, offset: usize, faults: &mut Faults) -> Carried {
    let mut reader = TableReader::new(file, &keys::CARRIED, table, offset, faults);
    Carried {
        origin: Some(reader.origin()),
        what: value(reader.optional("what", values::repository_name)),
        versions: reader.list("versions", values::version),
        arches: reader.list("arches", values::arch),
    }
}

fn read_network(
    file: &File,
    table: &DeTable<'_>,
    offset: usize,
    faults: &mut Faults,
) -> Option<Network> {
    let mut reader = TableReader::new(file, &keys::NETWORK, table, offset, faults);
    let prefix = reader.required("prefix", "prefix = \"192.0.2.0/24\"", values::network);
    let country = value(reader.optional("country", values::country));
    let name = value(reader.optional("name", values::line));
    if reader.find("country").is_none() && reader.find("name").is_none() {
        reader.fault(offset, "prefix", Problem::NothingSaid);
    }
    Some(Network { origin: reader.origin(), prefix: value(prefix)?, country, name })
}

/// Reads the table whose keys are old names. They are put into the order of the file.
fn read_redirects(
    file: &File,
    table: &DeTable<'_>,
    redirects: &mut Vec<Redirect>,
    faults: &mut Faults,
) {
    for Entry { key: from, offset, value: to } in in_order(table) {
        let origin = file.origin(offset);
        let key = format!("{}.{from}", keys::REDIRECTS);
        if !repository::is_name(from) {
            let (what, value) = ("name of a repository", Shown::text(from));
            let write = "the old name in `repo=`, in quotes if it holds a dot";
            faults.push(Fault::new(&origin, &key, Problem::NotA { value, what, write }));
        }
        match values::repository_name(to) {
            Ok(to) => redirects.push(Redirect { origin, from: from.to_owned(), to }),
            Err(problem) => faults.push(Fault::new(&origin, &key, problem)),
        }
    }
}
