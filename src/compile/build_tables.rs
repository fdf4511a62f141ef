//! Converts the catalog's records into the tables of a snapshot.

use super::{as_networks, bands};
use catalog::Report;
use catalog::checked;
use catalog::records::{self, Audience, Catalog};
use model::ids::LayoutId;
use model::net::Prefix;
use rustc_hash::FxHashMap;
use snapshot::tables::{
    Checked, CheckedDirectory, Directory, Fault, FaultScope, File, Host, HostSets, Layout, Names,
    Prefixes, Repository, Restriction, Slot, Subpath, Tables, Texts, Version,
};

/// Converts all records; leaves out networks of autonomous systems that cannot change an answer. `None` if
/// a table would have more entries than it can number.
pub(super) fn lay_out(catalog: Catalog, report: &mut Report) -> Option<Tables> {
    let n_hosts = catalog.mirrors.len();
    let mut tables = Tables {
        created: catalog.created,
        fallback: catalog.fallback.map(|url| url.as_str().to_owned()),
        nat64: catalog.nat64.iter().map(ToString::to_string).collect(),
        continents: catalog.continents,
        carriers: HostSets::new(n_hosts),
        ..Tables::default()
    };
    tables.hosts.extend(catalog.mirrors.into_iter().map(|mirror| {
        let records::Mirror { key, country, point, weight, load, max_share } = mirror;
        Host { key, country, point, weight, load, max_share }
    }));
    for url in catalog.urls {
        tables.urls.push(&url)?;
    }
    tables.url_families = catalog.url_families;
    for list in catalog.url_lists {
        tables.url_lists.push(list)?;
    }
    for countries in catalog.country_sets {
        tables.country_sets.push(countries)?;
    }
    for layout in catalog.layouts {
        let slot = |slot: records::Slot| {
            let records::Slot { urls, countries, public } = slot;
            Slot { urls, countries, public }
        };
        let mut slots: Vec<_> = layout.slots.into_iter().map(|own| own.map(slot)).collect();
        slots.resize(n_hosts, None);
        tables.layouts.push(Layout { slots });
    }
    for set in catalog.carriers {
        tables.carriers.push(&set)?;
    }
    lay_out_directories(catalog.directories, &mut tables)?;
    let keys = catalog.repositories.iter().map(|repository| &*repository.key);
    tables.repository_names = Names::from_sorted(keys)?;
    for repository in catalog.repositories {
        let records::Repository { path, directory, repodata, is_disabled, .. } = repository;
        tables.repositories.push(Repository { path, directory, repodata, is_disabled });
    }
    tables.redirect_names = Names::from_sorted(catalog.redirects.iter().map(|(old, _)| &**old))?;
    for (_, new) in &catalog.redirects {
        tables.redirect_targets.push(new)?;
    }
    tables.disabled = Names::from_sorted(catalog.disabled.iter().map(|name| &**name))?;
    tables.category_names = Names::from_sorted(catalog.categories.iter().map(|(name, _)| &**name))?;
    for (_, directories) in catalog.categories {
        tables.category_directories.push(directories)?;
    }
    let names = catalog.path_templates.iter().map(|(name, _)| &**name);
    tables.path_template_names = Names::from_sorted(names)?;
    for (_, template) in &catalog.path_templates {
        tables.path_templates.push(template)?;
    }
    tables.routes = catalog.routes;
    tables.restrictions = catalog
        .audiences
        .into_iter()
        .map(|(host, audience)| match audience {
            Audience::Only(countries) => (host, Restriction::Only(countries)),
            Audience::NotIn(countries) => (host, Restriction::NotIn(countries)),
        })
        .collect();
    tables.monopolies = catalog.monopolies;
    tables.areas = catalog.areas;
    tables.centres = catalog.centres;
    bands::lay_out(&mut tables)?;
    tables.location_prefixes = prefixes(catalog.locations);
    tables.location_overrides = prefixes(catalog.locations_by_hand);
    for (prefix, mirrors) in catalog.netblocks {
        tables.netblocks.push(prefix, tables.netblock_hosts.push(mirrors)?);
    }
    tables.checked = lay_out_checked(catalog.checked, n_hosts)?;
    as_networks::lay_out(catalog.as_mirrors, catalog.as_networks, &mut tables, report)?;
    Some(tables)
}

fn lay_out_directories(directories: Vec<records::Directory>, tables: &mut Tables) -> Option<()> {
    tables.directory_names = Names::from_sorted(directories.iter().map(|record| &*record.name))?;
    for record in directories {
        let subpath = match u32::try_from(record.subpath.len()) {
            Ok(length) if record.name.ends_with(&*record.subpath) => Subpath::Suffix(length),
            _ => Subpath::Other(tables.subpaths.push(&record.subpath)?),
        };
        let from = tables.files.len();
        for records::File { name, versions, .. } in record.files {
            let first = tables.versions.len();
            tables.versions.extend(versions.into_iter().map(|version| {
                let records::Version { timestamp, size, checksums } = version;
                Version { timestamp, size, checksums }
            }));
            let versions = range(first, tables.versions.len())?;
            tables.files.push(File { name, versions });
        }
        let files = range(from, tables.files.len())?;
        let layout = LayoutId(record.layout);
        tables.directories.push(Directory { layout, carriers: record.carriers, subpath, files });
    }
    Some(())
}

fn lay_out_checked(found: checked::Checked, n_hosts: usize) -> Option<Checked> {
    let mut checked = Checked { sets: HostSets::new(n_hosts), ..Checked::default() };
    for set in &found.sets {
        checked.sets.push(set)?;
    }
    let directory = |checked::CheckedDirectory { behind, outdated, left_out }| CheckedDirectory {
        behind,
        outdated,
        left_out,
    };
    checked.directories = found.directories.into_iter().map(directory).collect();
    // Few texts are much repeated: a reason for many directories, a directory for many mirrors.
    let mut known = FxHashMap::default();
    let mut text = |text: String, texts: &mut Texts| match known.get(&text) {
        Some(&index) => Some(index),
        None => {
            let index = texts.push(&text)?;
            known.insert(text, index);
            Some(index)
        }
    };
    for (host, checked::Fault { scope, reason, since }) in found.faults {
        let texts = &mut checked.texts;
        let scope = match scope {
            checked::FaultScope::Mirror => FaultScope::Mirror,
            checked::FaultScope::Url(url) => FaultScope::Url(text(url, texts)?),
            checked::FaultScope::LeftOut(name) => FaultScope::LeftOut(text(name, texts)?),
            checked::FaultScope::Behind(name) => FaultScope::Behind(text(name, texts)?),
        };
        let reason = text(reason, texts)?;
        checked.faults.push(Fault { host, scope, reason, since });
    }
    Some(checked)
}

fn prefixes<T: Copy>(networks: Vec<(Prefix, T)>) -> Prefixes<T> {
    let mut prefixes = Prefixes::default();
    networks.into_iter().for_each(|(prefix, value)| prefixes.push(prefix, value));
    prefixes
}

fn range(from: usize, to: usize) -> Option<(u32, u32)> {
    Some((u32::try_from(from).ok()?, u32::try_from(to).ok()?))
}
