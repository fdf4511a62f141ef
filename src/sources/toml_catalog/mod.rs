//! Catalogs that people write: a distribution, its repositories and its mirrors, as TOML.
//!
//! A catalog is one file, or a folder. In a folder, `distribution.toml` holds everything but the mirrors,
//! and each `mirrors/KEY.toml` holds the keys of one mirror, without a head. Nothing else in a folder is
//! read: in `mirrors/`, names that begin with a dot or end with `~` are skipped, and other names are
//! refused, so that no mirror is missing because of a typing error. So is any other `*.toml` beside
//! `distribution.toml`, and any other folder that holds one. Links to files are followed; FIFOs, sockets
//! and devices are refused.
//!
//! Reading collects faults and goes on: all faults of all files are returned together, each with its
//! line ([`Faults`]). Only the faults between items, such as a mirror that carries an unknown repository,
//! wait until every file is valid TOML and every repository is complete. Sizes are bounded: 4 MiB for
//! each file, 128 MiB and 10,000 files in all; the parser refuses more than 80 nested values.
//!
//! The tables and keys are in [`keys`]. The writer leaves out defaults, and what it writes is read as the
//! same declaration.

pub mod keys;
pub mod route_keys;
mod file;
mod values;
mod table;
mod route_items;
mod items;
mod folder;
mod toml_text;
mod write_routes;
mod writer;
pub mod starter;

use std::path::{Path, PathBuf};

use file::{File, name_of, parse as parse_toml};
use folder::{Budget, DISTRIBUTION_FILE};
use items::{Items, Mirrors, read_catalog, read_mirror};

use crate::declared::Declaration;
use crate::declared::check::{Scope, check};
use crate::declared::fault::{Fault, Faults, Problem};

pub use folder::{TooLarge, files};
pub use values::is_line;
pub use writer::{WriteError, write, write_folder};

/// Reads a catalog: one file, or a folder. Returns it with the paths that were read, or all its faults.
pub fn read(path: &Path) -> Result<(Declaration, Vec<PathBuf>), Faults> {
    let mut faults = Faults::default();
    let mut items = Items::default();
    let mut budget = Budget::default();
    let mut is_whole = true;
    let mut paths = Vec::new();
    if !path.is_dir() {
        paths.push(path.to_owned());
        is_whole = with_text(path, &mut budget, &mut faults, |file, text, faults| {
            read_text(file, text, Mirrors::Here, &mut items, faults)
        });
        return finish(items, is_whole, faults).map(|declaration| (declaration, paths));
    }
    let mirrors = folder::list(path, &mut faults);
    let distribution = path.join(DISTRIBUTION_FILE);
    is_whole &= with_text(&distribution, &mut budget, &mut faults, |file, text, faults| {
        read_text(file, text, Mirrors::InFolder, &mut items, faults)
    });
    paths.push(distribution);
    for (key, path) in mirrors {
        is_whole &= with_text(&path, &mut budget, &mut faults, |file, text, faults| {
            let Some(table) = parse_toml(file, text, faults) else { return false };
            if table.contains_key("mirror") {
                faults.push(Fault::new(&file.origin(0), "", Problem::MirrorHead));
                return true;
            }
            let mirror = read_mirror(file, &table, 0, Some(&key), faults);
            items.declaration.mirrors.extend(mirror);
            true
        });
        paths.push(path);
    }
    finish(items, is_whole, faults).map(|declaration| (declaration, paths))
}

/// Parses a catalog of one file. `name` is for messages.
pub fn parse(name: &str, text: &str) -> Result<Declaration, Faults> {
    let mut faults = Faults::default();
    let mut items = Items::default();
    let file = File::new(name, text);
    let is_whole = read_text(&file, text, Mirrors::Here, &mut items, &mut faults);
    finish(items, is_whole, faults)
}

/// Reads a file and passes its text on. Returns whether that could be read.
fn with_text(
    path: &Path,
    budget: &mut Budget,
    faults: &mut Faults,
    use_text: impl FnOnce(&File, &str, &mut Faults) -> bool,
) -> bool {
    let name = name_of(path);
    let bytes = match budget.read(path) {
        Ok(bytes) => bytes,
        Err(problem) => {
            faults.push(Fault::of_file(name, problem));
            return false;
        }
    };
    match std::str::from_utf8(&bytes) {
        Ok(text) => use_text(&File::new(&name, text), text, faults),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let file = File::new(&name, &String::from_utf8_lossy(valid));
            let problem = Problem::Syntax("a byte that is not UTF-8".into());
            faults.push(Fault::new(&file.origin(valid.len()), "", problem));
            false
        }
    }
}

fn read_text(
    file: &File,
    text: &str,
    mirrors: Mirrors,
    items: &mut Items,
    faults: &mut Faults,
) -> bool {
    let Some(table) = parse_toml(file, text, faults) else { return false };
    read_catalog(file, &table, mirrors, items, faults);
    true
}

fn finish(items: Items, is_whole: bool, mut faults: Faults) -> Result<Declaration, Faults> {
    let Items { mut declaration, lacks_repositories, lacks_routes } = items;
    if is_whole {
        let scope = Scope { repositories: !lacks_repositories, routes: !lacks_routes };
        faults.append(check(&mut declaration, scope));
    }
    faults.or(declaration)
}

#[cfg(test)]
mod tests;
