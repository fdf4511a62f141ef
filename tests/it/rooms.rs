//! What Cargo does not enforce about the rooms in `src/`, read from the sources: no circles inside a
//! room, outside crates behind the module that stands for them, files that can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};

/// Outside crates that one module stands for, and no other may use.
const BEHIND: &[(&str, &[&str])] = &[
    ("arc_swap", &["serve::live"]),
    ("bincode", &["snapshot::format", "index::format", "sources::geography::table_file"]),
    ("xxhash_rust", &["runtime::sealed", "snapshot::networks"]),
    ("ip_network_table", &["snapshot::trie"]),
    ("maxminddb", &["sources::geography::mmdb"]),
    ("toml", &["mirrorlistd::config", "sources::toml_catalog"]),
    ("toml_writer", &["sources::toml_catalog::toml_text"]),
    ("saphyr_parser", &["sources::almalinux::yaml"]),
    ("prometheus_client", &["serve::admin::prometheus"]),
    ("rusqlite", &["store::sqlite"]),
    ("signal_hook", &["serve::signal"]),
    ("listenfd", &["serve::systemd::sockets"]),
    ("sd_notify", &["serve::systemd::notify"]),
    ("askama", &["serve::admin", "serve::pages", "control::pages"]),
    ("quick_xml", &["scan::repomd", "checks::checkin"]),
    ("base64", &["checks::checkin"]),
    ("bzip2", &["checks::checkin"]),
    ("unicode_width", &["encode::terminal"]),
    ("md5", &["scan::digest"]),
    ("sha1", &["scan::digest"]),
    ("sha2", &["scan::digest", "visits::visit::session"]),
    ("dns_lookup", &["visits::resolve"]),
    ("psl", &["visits::redirect"]),
    ("ring", &["visits::post"]),
    ("tokio_rustls", &["visits::tls"]),
    ("rustls_native_certs", &["visits::tls"]),
    ("x509_cert", &["visits::tls"]),
];

/// Rooms that know no network, so they use neither tokio nor hyper: the two halves and what they stand on.
const NO_NETWORK: &[&str] = &[
    "encode", "model", "runtime", "catalog", "routes", "index", "scan", "checks", "sources",
    "snapshot", "compile", "answer", "explain", "quality",
];

/// A file, without its unit tests.
struct Module {
    /// The room and the modules within it, as in `serve::http::body`; a room's root is the room.
    path: Vec<String>,
    /// What it names: paths as written, `use` lists opened up.
    names: BTreeSet<Vec<String>>,
    n_lines: usize,
}

#[test]
fn no_modules_of_a_room_import_each_other_in_a_circle() {
    let modules = modules();
    let paths: BTreeSet<&[String]> = modules.iter().map(|module| &module.path[..]).collect();
    let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for module in &modules {
        let used = module.names.iter().filter_map(|name| find_module(&paths, &module.path, name));
        let used = used.filter(|&used| used != module.path);
        imports.insert(&module.path, used.collect());
    }
    let n_imports: usize = imports.values().map(BTreeSet::len).sum();
    assert!(n_imports > 150, "the search finds imports: {n_imports}");
    let circles: Vec<String> = imports
        .iter()
        .flat_map(|(&from, used)| used.iter().map(move |&to| (from, to)))
        .filter(|&(from, to)| reaches(&imports, to, from))
        .map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")))
        .collect();
    assert!(circles.is_empty(), "these lie on circles:\n{}", circles.join("\n"));
}

#[test]
fn outside_crates_stay_behind_the_module_that_stands_for_them() {
    let mut violations = Vec::new();
    let mut used = BTreeSet::new();
    for module in modules() {
        let path = module.path.join("::");
        for name in &module.names {
            let name = name[0].as_str();
            if let Some((name, allowed)) = BEHIND.iter().find(|(known, _)| *known == name) {
                used.insert(*name);
                if !allowed.iter().any(|allowed| is_within(&path, allowed)) {
                    violations.push(format!("{path} uses {name}"));
                }
            }
            if NO_NETWORK.contains(&module.path[0].as_str()) && ["tokio", "hyper"].contains(&name) {
                violations.push(format!("{path} uses {name}"));
            }
        }
    }
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let stale: Vec<_> = BEHIND.iter().filter(|(name, _)| !used.contains(name)).collect();
    assert!(stale.is_empty(), "nobody uses these any more: {stale:?}");
}

#[test]
fn no_file_has_more_than_500_lines() {
    for module in modules() {
        let (path, n_lines) = (module.path.join("::"), module.n_lines);
        assert!(n_lines <= 500, "{path} has {n_lines} lines without its tests: split it");
    }
}

fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether imports lead from one module to another.
fn reaches<'m>(
    imports: &BTreeMap<&'m [String], BTreeSet<&'m [String]>>,
    from: &'m [String],
    to: &[String],
) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        open.extend(imports[module].iter().copied().filter(|&next| seen.insert(next)));
    }
    false
}

/// The module of the same room that `name` leads to, as `own` writes it.
fn find_module<'m>(
    paths: &BTreeSet<&'m [String]>,
    own: &[String],
    name: &[String],
) -> Option<&'m [String]> {
    let mut base = own.to_vec();
    let mut rest = name;
    match name[0].as_str() {
        "crate" => (base, rest) = (own[..1].to_vec(), &name[1..]),
        "self" => rest = &name[1..],
        "super" => {
            while let Some((first, others)) =
                rest.split_first().filter(|(first, _)| *first == "super")
            {
                debug_assert_eq!(first, "super");
                base.pop();
                rest = others;
            }
        }
        // A child; everything else comes from outside, or from the file itself.
        child => {
            let child = [own, &[child.to_owned()]].concat();
            paths.get(&child[..])?;
        }
    }
    base.extend_from_slice(rest);
    while base.len() > 1 {
        if let Some(&module) = paths.get(&base[..]) {
            return Some(module);
        }
        base.pop();
    }
    // What a room's root defines is found by its own name.
    (base.len() == 1).then(|| paths.get(&base[..]).copied()).flatten()
}

/// All files of all rooms.
fn modules() -> Vec<Module> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = Vec::new();
    collect(&src, &["mirrorlistd".to_owned()], &mut modules);
    assert!(modules.len() > 100, "the sources are found: {}", modules.len());
    modules
}

fn collect(folder: &Path, path: &[String], modules: &mut Vec<Module>) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        if file.is_dir() {
            // What stands in for a crate of others follows its own rules.
            if name == "patches" {
                continue;
            }
            let is_room = file.join("Cargo.toml").exists();
            let below = if is_room { vec![name] } else { [path, &[name]].concat() };
            collect(&file, &below, modules);
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let path = match name.as_str() {
                "mod" | "lib" => path.to_vec(),
                _ => [path, &[name]].concat(),
            };
            modules.push(read(&file, path));
        }
    }
}

fn read(file: &PathBuf, path: Vec<String>) -> Module {
    let text = fs::read_to_string(file).unwrap();
    let n_lines = text.split("#[cfg(test)]\nmod ").next().unwrap().lines().count();
    let mut names = Names::default();
    names.visit_file(&syn::parse_file(&text).unwrap_or_else(|error| panic!("{file:?}: {error}")));
    Module { path, names: names.0, n_lines }
}

/// Collects every path that code names.
#[derive(Default)]
struct Names(BTreeSet<Vec<String>>);

impl Names {
    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => drop(self.0.insert(with(&name.ident))),
            syn::UseTree::Rename(name) => drop(self.0.insert(with(&name.ident))),
            syn::UseTree::Glob(_) => drop(self.0.insert(before.to_vec())),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(before, tree));
            }
        }
    }

    /// Adds the paths among the tokens of a macro: `a::b`, and those of `a::{b, c::d}`. `before` is the
    /// path in front of a group.
    fn add_tokens(&mut self, before: &[String], mut tokens: Cursor<'_>) {
        while !tokens.eof() {
            let Some((first, mut rest)) = tokens.ident() else {
                if let Some((inner, _, _, rest)) = tokens.any_group() {
                    self.add_tokens(before, inner);
                    tokens = rest;
                } else if let Some((_, rest)) = tokens.token_tree() {
                    tokens = rest;
                }
                continue;
            };
            let mut path = [before, &[first.to_string()]].concat();
            let mut group = None;
            while let Some(behind) = skip_colons(rest) {
                rest = behind;
                if let Some((name, behind)) = rest.ident() {
                    path.push(name.to_string());
                    rest = behind;
                } else {
                    group = rest.any_group();
                    break;
                }
            }
            if let Some((inner, _, _, behind)) = group {
                self.add_tokens(&path, inner);
                rest = behind;
            } else if path.len() > 1 {
                self.0.insert(path);
            }
            tokens = rest;
        }
    }
}

/// What follows `::`, if that comes next.
fn skip_colons(tokens: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, rest) = tokens.punct()?;
    let (second, rest) = rest.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(rest)
}

impl Visit<'_> for Names {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1 {
            self.0.insert(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        visit::visit_macro(self, call);
        let tokens = TokenBuffer::new2(call.tokens.clone());
        self.add_tokens(&[], tokens.begin());
    }
}

#[test]
fn paths_within_macros_are_names_as_well() {
    let code = r#"
        fn call() {
            assert!(super::a::b(1) > crate::c::<u8>(), "text::of::message");
            tracing::info!("{}", x::y);
            section! { use crate::{d::e, f::{self, g}}; (h::*: i) }
        }
        macro_rules! define { ($Name:ident) => { impl $crate::j::K for $Name {} } }
    "#;
    let mut names = Names::default();
    names.visit_file(&syn::parse_file(code).unwrap());
    let names: Vec<_> = names.0.iter().map(|name| name.join("::")).collect();
    let expected = [
        "crate::c",
        "crate::d::e",
        "crate::f::g",
        "crate::f::self",
        "crate::j::K",
        "super::a::b",
        "tracing::info",
        "x::y",
    ];
    assert_eq!(names, expected);
}
