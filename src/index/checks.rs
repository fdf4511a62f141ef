//! Checks that the records of an index are in order and refer to one another rightly.

use super::fault::{Fault, Kind};
use super::records::{Alias, Directory, File, MAX_DIRECTORIES, MAX_VERSIONS};
use model::{MAX_NAME, path};

/// The directory of that name, among directories in order.
pub(super) fn find<'d>(directories: &'d [Directory], name: &str) -> Option<&'d Directory> {
    let found = directories.binary_search_by(|directory| (*directory.name).cmp(name));
    directories.get(found.ok()?)
}

pub(super) fn check(directories: &[Directory], aliases: &[Alias]) -> Result<(), Fault> {
    if directories.len() > MAX_DIRECTORIES {
        return Err(Fault::TooMany(directories.len()));
    }
    if directories.first().is_none_or(|top| !top.name.is_empty()) {
        return Err(Fault::NoTop);
    }
    let names = || directories.iter().map(|directory| &*directory.name);
    check_order(Kind::Directory, names())?;
    for name in names() {
        check_name(Kind::Directory, name)?;
        check_parent(directories, Kind::Directory, name)?;
    }
    for directory in directories {
        check_order(Kind::File, directory.files.iter().map(|file| &*file.name))?;
        directory.files.iter().try_for_each(check_file)?;
    }
    check_order(Kind::Alias, aliases.iter().map(|alias| &*alias.name))?;
    aliases.iter().try_for_each(|alias| check_alias(directories, alias))
}

fn check_order<'a>(kind: Kind, names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut before: Option<&str> = None;
    for name in names {
        if before.is_some_and(|before| before >= name) {
            return Err(Fault::Order { kind, name: name.to_owned() });
        }
        before = Some(name);
    }
    Ok(())
}

/// Checks the name of a directory or of an alias.
fn check_name(kind: Kind, name: &str) -> Result<(), Fault> {
    let problem = if name.len() > MAX_NAME {
        "is longer than 500 bytes"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else if *path::canonical(name) != *name {
        "is not in canonical form"
    } else {
        return Ok(());
    };
    Err(Fault::Name { kind, problem, name: name.to_owned() })
}

/// Checks that the directory above is there as well.
fn check_parent(directories: &[Directory], kind: Kind, name: &str) -> Result<(), Fault> {
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    match find(directories, parent).is_some() {
        true => Ok(()),
        false => Err(Fault::Parent { kind, name: name.to_owned() }),
    }
}

fn check_file(file: &File) -> Result<(), Fault> {
    check_name(Kind::File, &file.name)?;
    if file.name.is_empty() || file.name.contains('/') {
        let problem = "is no name within a directory";
        return Err(Fault::Name { kind: Kind::File, problem, name: file.name.to_string() });
    }
    let n = file.versions.len();
    let earlier = match file.versions.split_first() {
        Some((first, earlier)) if first.replaced.is_none() => earlier,
        _ => &file.versions,
    };
    let is_sound = earlier.iter().all(|version| version.replaced.is_some())
        && earlier.is_sorted_by(|one, other| one.replaced >= other.replaced);
    match is_sound && (1..=MAX_VERSIONS).contains(&n) {
        true => Ok(()),
        false => Err(Fault::Versions { name: file.name.to_string(), n }),
    }
}

fn check_alias(directories: &[Directory], alias: &Alias) -> Result<(), Fault> {
    check_name(Kind::Alias, &alias.name)?;
    if alias.name.is_empty() {
        let problem = "is empty";
        return Err(Fault::Name { kind: Kind::Alias, problem, name: String::new() });
    }
    check_parent(directories, Kind::Alias, &alias.name)?;
    let (name, target) = (alias.name.to_string(), alias.target.to_string());
    if find(directories, &target).is_none() {
        return Err(Fault::Target { name, target });
    }
    match find(directories, &name).is_some() {
        true => Err(Fault::Hidden { name }),
        false => Ok(()),
    }
}
