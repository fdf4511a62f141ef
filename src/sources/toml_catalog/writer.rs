//! Writes a declaration as a catalog, in a stable order and without defaults.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::{DISTRIBUTION_FILE, MIRRORS_FOLDER, TooLarge, check_size};
use super::keys;
use super::toml_text::{Writer, value_text};
use super::write_routes::{write_map, write_route};
use crate::declared::{
    Audience, Carried, Carries, Declaration, Disabled, Load, MaxShare, Mirror, MirrorPlace,
    Network, Repository,
};

/// The reason why a folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something of its name.
    #[error("{}: is there already; it is not changed", .0.display())]
    Exists(PathBuf),
    /// The folder is a catalog.
    #[error("{}: is a catalog already; it is not changed", .0.display())]
    IsCatalog(PathBuf),
    /// What would be written could not be read.
    #[error("{}: {reason}", folder.display())]
    TooLarge {
        /// The folder.
        folder: PathBuf,
        /// The reason.
        reason: TooLarge,
    },
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

/// Writes a declaration as a catalog of one file.
pub fn write(declaration: &Declaration) -> String {
    let mut writer = Writer::default();
    write_distribution(declaration, &mut writer);
    for mirror in &declaration.mirrors {
        writer.head(&keys::MIRROR);
        writer.text("key", mirror.key.as_str());
        write_mirror(mirror, &mut writer);
    }
    writer.into_text()
}

/// Writes a declaration as a catalog in a new folder, a file for each mirror. The folder appears when it
/// is complete. Nothing is written that could not be read.
pub fn write_folder(declaration: &Declaration, folder: &Path) -> Result<(), WriteError> {
    if folder.symlink_metadata().is_ok() {
        return Err(WriteError::Exists(folder.to_owned()));
    }
    let sizes = files(declaration).map(|(name, text)| (name, text.len() as u64));
    check_size(declaration.mirrors.len(), sizes)
        .map_err(|reason| WriteError::TooLarge { folder: folder.to_owned(), reason })?;
    let mut name = std::ffi::OsString::from(".");
    name.push(folder.file_name().unwrap_or(folder.as_os_str()));
    name.push(format!(".{}.tmp", std::process::id()));
    let unfinished = folder.with_file_name(name);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| WriteError::Io { path, error }
    };
    let written = fill_folder(declaration, &unfinished)
        .and_then(|()| fs::rename(&unfinished, folder).map_err(at(folder)));
    if written.is_err() {
        // The error that is returned matters more than what is left behind.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}

fn fill_folder(declaration: &Declaration, folder: &Path) -> Result<(), WriteError> {
    let mirrors = folder.join(MIRRORS_FOLDER);
    fs::create_dir_all(&mirrors)
        .map_err(|error| WriteError::Io { path: mirrors.clone(), error })?;
    files(declaration).try_for_each(|(name, text)| create(&folder.join(name), &text))
}

/// The files of a folder, each with its name in the folder and its text.
fn files(declaration: &Declaration) -> impl Iterator<Item = (String, String)> {
    let mut writer = Writer::default();
    write_distribution(declaration, &mut writer);
    let distribution = (DISTRIBUTION_FILE.to_owned(), writer.into_text());
    let mirrors = declaration.mirrors.iter().map(|mirror| {
        let mut writer = Writer::default();
        write_mirror(mirror, &mut writer);
        (format!("{MIRRORS_FOLDER}/{}.toml", mirror.key.as_str()), writer.into_text())
    });
    std::iter::once(distribution).chain(mirrors)
}

/// Writes a file that does not exist yet.
fn create(path: &Path, text: &str) -> Result<(), WriteError> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
        _ => WriteError::Io { path: path.to_owned(), error },
    })
}

/// Writes everything but the mirrors.
fn write_distribution(declaration: &Declaration, writer: &mut Writer) {
    let distribution = &declaration.distribution;
    writer.comment("A catalog of mirrorlistd: a distribution, its repositories and its mirrors.");
    writer.comment("The handbook explains the keys in its chapter on the catalog.");
    writer.head(&keys::DISTRIBUTION);
    writer.text("name", &distribution.name);
    writer.optional("contact", distribution.contact.as_deref());
    writer.optional("origin", distribution.fallback.as_ref().map(|url| url.as_str()));
    writer.texts("nat64", declaration.nat64.iter().map(|nat64| nat64.to_string()));
    for repository in &declaration.repositories {
        write_repository(repository, writer);
    }
    if !declaration.redirects.is_empty() {
        writer.line(&format!("\n[{}]", keys::REDIRECTS));
        for redirect in &declaration.redirects {
            writer.text(&redirect.from, &redirect.to);
        }
    }
    for network in &declaration.networks {
        write_network(network, writer);
    }
    for route in &declaration.routes {
        write_route(route, writer);
    }
    for map in &declaration.maps {
        write_map(map, writer);
    }
}

fn write_repository(repository: &Repository, writer: &mut Writer) {
    let Repository { origin: _, name, name_template, versions, arches, path, .. } = repository;
    let Repository { aliases, groups, disabled, .. } = repository;
    writer.head(&keys::REPOSITORY);
    writer.text("name", name);
    if name_template != Repository::default_name_template(!versions.is_empty()) {
        writer.text("name_template", name_template);
    }
    writer.texts("versions", versions.iter().cloned());
    writer.texts("arches", arches.iter().cloned());
    writer.text("path", path);
    writer.texts("aliases", aliases.iter().cloned());
    writer.texts("groups", groups.iter().cloned());
    match disabled {
        Disabled::No => {}
        Disabled::Yes => writer.value("disabled", "true"),
        Disabled::Arches(arches) => writer.texts("disabled", arches.iter().cloned()),
    }
}

fn write_network(network: &Network, writer: &mut Writer) {
    writer.head(&keys::NETWORK);
    writer.text("prefix", &network.prefix.to_string());
    writer.optional("country", network.country.map(|country| country.to_string()).as_deref());
    writer.optional("name", network.name.as_deref());
}

/// Writes the keys of a mirror behind its name.
fn write_mirror(mirror: &Mirror, writer: &mut Writer) {
    writer.texts("formerly", mirror.formerly.iter().map(|name| name.as_str().to_owned()));
    writer.texts("urls", mirror.urls.iter().map(|url| url.url.as_str().to_owned()));
    writer.list("ip_versions", mirror.ip_versions.iter().map(|ip| ip.as_str().to_owned()));
    if let Some(sponsor) = &mirror.sponsor {
        writer.text("sponsor", &sponsor.name);
        writer.optional("sponsor_url", sponsor.url.as_deref());
    }
    writer.optional("owner", mirror.owner.as_deref());
    if let Some(MirrorPlace { country, state, city, coordinates }) = &mirror.place {
        writer.text("country", country.as_str());
        writer.optional("state", state.as_deref());
        writer.optional("city", city.as_deref());
        if let Some((north, east)) = coordinates {
            writer.value("coordinates", &value_text(&[*north, *east]));
        }
    }
    if let Some(bandwidth) = mirror.bandwidth {
        writer.text("bandwidth", &bandwidth_text(bandwidth));
    }
    if mirror.load != Load::default() {
        writer.value("load", &part_text(mirror.load.percent()));
    }
    if mirror.max_share != MaxShare::default() {
        writer.value("max_share", &part_text(mirror.max_share.percent()));
    }
    writer.list("asns", mirror.asns.iter().map(u32::to_string));
    writer.texts("networks", mirror.networks.iter().map(|network| network.to_string()));
    for (key, is_on) in [("private", mirror.private), ("monopoly", mirror.monopoly)] {
        if is_on {
            writer.value(key, "true");
        }
    }
    match &mirror.audience {
        Audience::Everybody => {}
        Audience::Only(only) => writer.texts("countries", only.iter().map(|c| c.to_string())),
        Audience::NotIn(not) => writer.texts("not_countries", not.iter().map(|c| c.to_string())),
    }
    if let Carries::Only(list) = &mirror.carries {
        writer.list("carries", list.iter().map(carried_text));
    }
    writer.optional("disabled", mirror.disabled.as_deref());
}

fn bandwidth_text(mbits: u32) -> String {
    match (mbits % 1_000, mbits / 1_000) {
        (0, gbits) => format!("{gbits} Gbit/s"),
        _ => format!("{mbits} Mbit/s"),
    }
}

/// Percent as a part of 1.
fn part_text(percent: u8) -> String {
    value_text(&(f64::from(percent) / 100.0))
}

fn carried_text(carried: &Carried) -> String {
    let Carried { origin: _, what, versions, arches } = carried;
    if let (Some(what), true, true) = (what, versions.is_empty(), arches.is_empty()) {
        return value_text(what);
    }
    let what = what.as_ref().map(|what| format!("what = {}", value_text(what)));
    let list = |key: &str, values: &[String]| {
        (!values.is_empty()).then(|| format!("{key} = {}", value_text(values)))
    };
    let keys = [what, list("versions", versions), list("arches", arches)];
    format!("{{ {} }}", keys.into_iter().flatten().collect::<Vec<_>>().join(", "))
}
