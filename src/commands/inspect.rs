//! `mirrorlistd inspect`: shows what a snapshot file holds, and whether it is intact.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::output::{FAILURE, as_text, complain, date, fail, finish};
use crate::cli::InspectArgs;
use model::geo::Country;
use model::mirror_key::MirrorKey;
use model::net::Prefix;
use snapshot::mirrors::MirrorView;
use snapshot::tables::Restriction;
use snapshot::{Snapshot, format};

pub(super) fn run(args: &InspectArgs) -> ExitCode {
    let snapshot = match format::read(&args.file) {
        Ok(snapshot) => snapshot,
        Err(error) if args.json => {
            complain(format_args!("mirrorlistd: {error}"));
            let verdict = json!({
                "file": args.file.to_string_lossy(),
                "intact": false,
                "reason": error.to_string(),
            });
            // The file is broken even if the output cannot be written.
            finish(format_args!("{verdict:#}\n"));
            return ExitCode::from(FAILURE);
        }
        Err(error) => return fail(FAILURE, error),
    };
    let mut contents = describe(&args.file, &snapshot);
    match (args.mirrors, args.json) {
        (false, false) => finish(as_text(&contents)),
        (true, false) => finish(mirrors_as_text(&snapshot.mirrors())),
        (is_long, true) => {
            if let (true, Value::Object(contents)) = (is_long, &mut contents) {
                let mirrors = snapshot.mirrors().iter().map(describe_mirror).collect();
                contents.insert("mirrors".into(), mirrors);
            }
            finish(format_args!("{contents:#}\n"))
        }
    }
}

fn describe(file: &Path, snapshot: &Snapshot) -> Value {
    let created = snapshot.created();
    json!({
        "file": file.to_string_lossy(),
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
        "weight": mirror.weight,
        "urls": mirror.urls,
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
    writeln!(text, "  weight: {}", mirror.weight)?;
    for url in &mirror.urls {
        writeln!(text, "  url: {url}")?;
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
        0 => "its own networks".to_owned(),
        n if n == mirror.directories => "everybody".to_owned(),
        n => format!("everybody in {n} of its directories, its own networks in the others"),
    };
    writeln!(text, "  listed for: {audience}")?;
    writeln!(text, "  directories: {}", mirror.directories)?;
    writeln!(text, "  repositories: {}", mirror.repositories)
}
