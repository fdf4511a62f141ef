//! `mirrorlistd inspect`: shows what a snapshot, an index or a geography file holds, and whether it is intact.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{FAILURE, USAGE, as_text, complain, date, fail, finish};
use super::{inspect_geography, inspect_index};
use crate::cli::InspectArgs;
use index::Index;
use model::families::{Families, Reach};
use model::geo::Country;
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use snapshot::mirrors::{MirrorPosition, MirrorView};
use snapshot::tables::Restriction;
use snapshot::{Snapshot, format};
use sources::geography::table_file::{Tables, is_table_file};

/// A file that is none of those that are shown.
const UNKNOWN: &str =
    "is no snapshot, no index of a tree and no file of `mirrorlistd geography build`";

/// The kind of a file by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileKind {
    /// A snapshot, or anything else.
    Snapshot,
    Index,
    Geography,
}

impl FileKind {
    fn of(path: &Path) -> Self {
        match () {
            () if index::format::is_index(path) => Self::Index,
            () if is_table_file(path) => Self::Geography,
            () => Self::Snapshot,
        }
    }

    /// Why the file has no list of what is asked for.
    fn lacks(self, args: &InspectArgs) -> Option<&'static str> {
        match self {
            Self::Index if args.mirrors => Some(
                "is the index of a tree, which has no mirrors: --repositories lists its repositories",
            ),
            Self::Geography if args.mirrors => {
                Some("holds tables of networks, and no mirrors: leave --mirrors out")
            }
            Self::Geography if args.repositories => {
                Some("holds tables of networks, and no repositories: leave --repositories out")
            }
            Self::Snapshot if args.repositories => {
                Some("is no index of a tree: --mirrors lists the mirrors of a snapshot")
            }
            _ => None,
        }
    }
}

pub(super) fn run(args: &InspectArgs) -> ExitCode {
    let kind = FileKind::of(&args.file);
    let file = args.file.display();
    if let Some(reason) = kind.lacks(args) {
        return fail(USAGE, format_args!("{file}: {reason}"));
    }
    let text = match kind {
        FileKind::Index => {
            Index::read(&args.file).map(|index| show_index(args, &index)).map_err(|e| e.to_string())
        }
        FileKind::Geography => match Tables::read(&args.file) {
            Some(read) => read
                .map(|tables| {
                    show(inspect_geography::describe(&args.file, &tables), None, args.json)
                })
                .map_err(|error| error.to_string()),
            // It has been replaced meanwhile.
            None => Err(format!("{file}: {UNKNOWN}")),
        },
        FileKind::Snapshot => format::read(&args.file)
            .map(|snapshot| show_snapshot(args, &snapshot))
            .map_err(|error| match error.is_of_other_kind() {
                true => format!("{file}: {UNKNOWN}"),
                false => error.to_string(),
            }),
    };
    match text {
        Ok(text) => finish(text),
        Err(error) if args.json => {
            complain(format_args!("mirrorlistd: {error}"));
            let verdict = json!({
                "file": args.file.to_string_lossy(),
                "intact": false,
                "reason": error,
            });
            // The file is broken even if the output cannot be written.
            finish(format_args!("{verdict:#}\n"));
            ExitCode::from(FAILURE)
        }
        Err(error) => fail(FAILURE, error),
    }
}

fn show_snapshot(args: &InspectArgs, snapshot: &Snapshot) -> String {
    match (args.mirrors, args.json) {
        (true, false) => mirrors_as_text(&snapshot.mirrors()),
        (is_long, is_json) => {
            let mirrors = || snapshot.mirrors().iter().map(describe_mirror).collect();
            let list = is_long.then(|| ("mirrors", mirrors()));
            show(describe(&args.file, snapshot), list, is_json)
        }
    }
}

fn show_index(args: &InspectArgs, index: &Index) -> String {
    match (args.repositories, args.json) {
        (true, false) => inspect_index::repositories_as_text(index),
        (is_long, is_json) => {
            let list =
                is_long.then(|| ("repositories", inspect_index::describe_repositories(index)));
            show(inspect_index::describe(&args.file, index), list, is_json)
        }
    }
}

/// What a file holds, with a list of one kind of it if that is asked for.
fn show(mut contents: Value, list: Option<(&str, Value)>, is_json: bool) -> String {
    if !is_json {
        return as_text(&contents);
    }
    if let (Some((name, list)), Value::Object(contents)) = (list, &mut contents) {
        contents.insert(name.to_owned(), list);
    }
    format!("{contents:#}\n")
}

fn describe(file: &Path, snapshot: &Snapshot) -> Value {
    let created = snapshot.created();
    json!({
        "file": file.to_string_lossy(),
        "kind": "snapshot",
        "intact": true,
        "bytes": std::fs::metadata(file).ok().map(|meta| meta.len()),
        "generation": snapshot.generation().to_string(),
        "created": created,
        "created_date": date(created),
        "holds": snapshot.stats(),
    })
}

fn describe_mirror(mirror: &MirrorView<'_>) -> Value {
    let codes = |countries: &[Country]| countries.iter().map(ToString::to_string).collect();
    let (only, not): (Option<Vec<String>>, Option<Vec<String>>) = match mirror.restriction {
        Some(Restriction::Only(countries)) => (Some(codes(countries)), None),
        Some(Restriction::NotIn(countries)) => (None, Some(codes(countries))),
        None => (None, None),
    };
    json!({
        "key": match mirror.key {
            MirrorKey::Number(number) => json!(number),
            MirrorKey::Name(name) => json!(name.as_str()),
        },
        "country": mirror.country.as_ref().map(Country::as_str),
        "place": mirror.place.map(describe_place),
        "weight": mirror.weight,
        "load_percent": mirror.load,
        "max_share_percent": mirror.max_share,
        "urls": mirror.urls.iter().map(|&(url, _)| url).collect::<Vec<_>>(),
        "ip_versions": describe_versions(mirror),
        "netblocks": mirror.netblocks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "asns": mirror.asns,
        "serves_only": only,
        "serves_not": not,
        "monopoly": mirror.monopoly,
        "directories": mirror.directories,
        "public_directories": mirror.public_directories,
        "repositories": mirror.repositories,
    })
}

fn describe_place(place: MirrorPosition) -> Value {
    let of = match place {
        MirrorPosition::Own(_) => "mirror",
        MirrorPosition::CentreOfCountry(_) => "country",
    };
    json!({ "north": place.point().north(), "east": place.point().east(), "of": of })
}

/// For each URL whether it works over IPv4 and over IPv6; nothing if that is not known of any.
fn describe_versions(mirror: &MirrorView<'_>) -> Option<Value> {
    let works = |reach| match reach {
        Reach::Works => Some(true),
        Reach::Fails => Some(false),
        Reach::Unknown => None,
    };
    let is_known = mirror.urls.iter().any(|&(_, families)| families != Families::default());
    let of_url =
        |&(_, Families { v4, v6 }): &(&str, Families)| json!({ "4": works(v4), "6": works(v6) });
    is_known.then(|| mirror.urls.iter().map(of_url).collect())
}

/// What is known of the versions of IP of a URL, behind it.
fn versions_text(families: Families) -> &'static str {
    match (families.v4, families.v6) {
        (Reach::Unknown, Reach::Unknown) => "",
        (Reach::Works, Reach::Works) => " (IPv4 and IPv6)",
        (Reach::Works, Reach::Fails) => " (IPv4 only)",
        (Reach::Fails, Reach::Works) => " (IPv6 only)",
        (Reach::Works, Reach::Unknown) => " (IPv4; IPv6 is not known)",
        (Reach::Unknown, Reach::Works) => " (IPv6; IPv4 is not known)",
        (Reach::Fails, Reach::Unknown) => " (not over IPv4; IPv6 is not known)",
        (Reach::Unknown, Reach::Fails) => " (not over IPv6; IPv4 is not known)",
        (Reach::Fails, Reach::Fails) => " (neither over IPv4 nor over IPv6)",
    }
}

/// A paragraph for each mirror.
fn mirrors_as_text(mirrors: &[MirrorView<'_>]) -> String {
    let mut text = String::new();
    for mirror in mirrors {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = push_mirror(mirror, &mut text);
    }
    text
}

fn push_mirror(mirror: &MirrorView<'_>, text: &mut String) -> std::fmt::Result {
    let joined = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(", ");
    let countries = |countries: &[Country]| joined(&mut countries.iter().map(Country::to_string));
    let country = mirror.country.map_or_else(|| "unknown".into(), |country| country.to_string());
    writeln!(text, "mirror {}", mirror.key)?;
    writeln!(text, "  country: {country}")?;
    match mirror.place {
        Some(MirrorPosition::Own(point)) => writeln!(text, "  place: {point}")?,
        Some(MirrorPosition::CentreOfCountry(point)) => {
            writeln!(text, "  place: {point}, the centre of its country")?;
        }
        None => writeln!(text, "  place: unknown")?,
    }
    writeln!(text, "  weight: {}", mirror.weight)?;
    match mirror.load {
        100 => {}
        percent => writeln!(text, "  load: {percent} % of its weight")?,
    }
    if mirror.max_share < 100 {
        let percent = mirror.max_share;
        writeln!(
            text,
            "  max share: the first mirror of {percent} % of the clients near it at most"
        )?;
    }
    for &(url, families) in &mirror.urls {
        writeln!(text, "  url: {url}{}", versions_text(families))?;
    }
    let netblocks = mirror.netblocks.iter().map(Prefix::to_string);
    let networks = joined(&mut netblocks.chain(mirror.asns.iter().map(|asn| format!("AS{asn}"))));
    if !networks.is_empty() {
        writeln!(text, "  networks: {networks}")?;
    }
    match mirror.restriction {
        Some(Restriction::Only(only)) if only.is_empty() => writeln!(text, "  serves: nobody")?,
        Some(Restriction::Only(only)) => writeln!(text, "  serves only: {}", countries(only))?,
        Some(Restriction::NotIn(not)) => writeln!(text, "  serves all but: {}", countries(not))?,
        None => {}
    }
    if mirror.monopoly {
        writeln!(text, "  monopoly: clients of its networks get no other mirror")?;
    }
    let audience = match mirror.public_directories {
        _ if mirror.directories == 0 => "nobody".to_owned(),
        _ if mirror.load == 0 => "nobody, as it rests".to_owned(),
        0 => "its own networks".to_owned(),
        n if n == mirror.directories => "everybody".to_owned(),
        n => format!("everybody in {n} of its directories, its own networks in the others"),
    };
    writeln!(text, "  listed for: {audience}")?;
    writeln!(text, "  directories: {}", mirror.directories)?;
    writeln!(text, "  repositories: {}", mirror.repositories)
}
