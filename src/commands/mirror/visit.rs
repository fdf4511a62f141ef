//! `mirrorlistd mirror visit`: one visit now, with each step and what follows from it.

use std::process::ExitCode;
use std::time::SystemTime;

use crate::cli::{VisitArgs, VisitTier};
use crate::commands::meant::meant;
use crate::commands::output::{FAILURE, USAGE, complain, fail, finish};
use crate::config::resolved::{resolve_inputs, resolve_tree, resolve_visits};
use catalog::Report;
use checks::observation::{Content, End, Outcome, Tier, Visit};
use control::mirrors::expected::Expected;
use control::mirrors::one_visit::{Options, Shown, visit_now};
use encode::terminal::printable;
use model::families::IpVersion;
use runtime::log;
use scan::TreeSource;
use visits::trace::Trace;

pub(super) fn run(args: &VisitArgs) -> ExitCode {
    log::install(None);
    let (shown, json) = match visit(args) {
        Ok(shown) => (shown, args.json),
        Err((status, reason)) => return fail(status, reason),
    };
    let is_fine =
        shown.gates.iter().all(|gate| gate.is_passed != Some(false)) && shown.visits().all(is_good);
    let status = match json {
        true => match as_json(&shown) {
            Ok(lines) => finish(lines),
            Err(error) => return fail(FAILURE, error),
        },
        false => finish(as_text(&shown)),
    };
    match is_fine {
        true => status,
        false => ExitCode::from(FAILURE),
    }
}

fn visit(args: &VisitArgs) -> Result<Shown, (u8, String)> {
    let inputs = resolve_inputs(&args.inputs, args.file.config.as_deref())
        .map_err(|error| (USAGE, error.to_string()))?;
    let catalog =
        inputs.read(&mut Report::default()).map_err(|error| (FAILURE, error.to_string()))?;
    let expected = Expected::of(&catalog);
    if !expected.mirrors.contains_key(&args.key) {
        return Err((FAILURE, unknown(&args.key, &catalog, &expected)));
    }
    if let Some(n) = expected.left_out.get(&args.key) {
        complain(format_args!(
            "mirrorlistd: mirror `{}` has too many URLs: {n} of them are not visited",
            printable(&args.key)
        ));
    }
    let written = resolve_visits(args.file.config.as_deref());
    let written = written.map_err(|error| (USAGE, error.to_string()))?;
    let both = [(args.ipv4, IpVersion::V4), (args.ipv6, IpVersion::V6)];
    let options = Options {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        contact: args.contact.clone().or(written.contact),
        versions: both
            .into_iter()
            .filter_map(|(is_on, version)| is_on.then_some(version))
            .collect(),
        tiers: match args.tier {
            Some(VisitTier::Probe) => vec![Tier::Probe],
            Some(VisitTier::Hash) => vec![Tier::Hash],
            Some(VisitTier::Sample) => vec![Tier::Sample],
            Some(VisitTier::Listing) => vec![Tier::Listing],
            None => vec![Tier::Probe, Tier::Hash],
        },
        allow_private_targets: args.allow_private_targets || written.allow_private_targets,
        redirects: args.redirects.unwrap_or(written.redirects).into(),
        primary: primary(args)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| (FAILURE, format!("cannot start: {error}")))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    let mut steps = Steps;
    let shown = runtime.block_on(visit_now(&expected, &args.key, &options, now, &mut steps));
    shown.map_err(|error| {
        let status = if error.is_of_configuration() { USAGE } else { FAILURE };
        (status, error.to_string())
    })
}

/// The primary tree with which a listing is compared.
fn primary(args: &VisitArgs) -> Result<Option<TreeSource>, (u8, String)> {
    if args.tier != Some(VisitTier::Listing) {
        return Ok(None);
    }
    match (&args.tree, &args.rsync_listing) {
        (Some(tree), _) => Ok(Some(TreeSource::Tree(tree.clone()))),
        (None, Some(file)) => Ok(Some(TreeSource::RsyncListing(file.clone()))),
        (None, None) => {
            let named = resolve_tree(args.file.config.as_deref());
            let named = named.map_err(|error| (USAGE, error.to_string()))?;
            let missing = || {
                let text = "a listing is compared with the primary: name its tree (`--tree`), or a file with its \
                            listing (`--rsync-listing`)";
                (USAGE, text.to_owned())
            };
            named.map(Some).ok_or_else(missing)
        }
    }
}

/// Whether everything was asked, and everything worked that was tried.
fn is_good(visit: &Visit) -> bool {
    let urls = visit.urls.iter().all(|seen| !matches!(seen.outcome, Outcome::Failed(_)));
    let mut repositories = visit.repositories.iter();
    visit.end == End::Complete
        && urls
        && repositories.all(|seen| !matches!(seen.content, Content::Failed(_)))
}

/// Steps go to stderr as they are made, so that stdout has the outcome alone.
struct Steps;

impl Trace for Steps {
    fn line(&mut self, line: String) {
        complain(line);
    }
}

/// Why a mirror cannot be visited.
fn unknown(key: &str, catalog: &catalog::Catalog, expected: &Expected) -> String {
    let name = catalog.name.as_str();
    if catalog.mirrors.iter().any(|mirror| mirror.key.to_string() == key) {
        return format!(
            "{name}: mirror `{key}` has no directory for everybody over http or https: nothing of it can \
             be visited"
        );
    }
    let keys: Vec<&str> = expected.mirrors.keys().map(String::as_str).collect();
    format!("{name}: there is no mirror `{key}`; {}", meant(key, &keys))
}

fn as_text(shown: &Shown) -> String {
    let lines = shown.gates.iter().map(|gate| printable(&gate.to_string()) + "\n");
    lines.collect()
}

/// A line for each record, as a replay reads them.
fn as_json(shown: &Shown) -> serde_json::Result<String> {
    let mut lines = String::new();
    for record in &shown.records {
        lines += &serde_json::to_string(record)?;
        lines.push('\n');
    }
    Ok(lines)
}
