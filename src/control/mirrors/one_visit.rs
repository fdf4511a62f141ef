//! One visit to one mirror, made now, and the verdict that would follow from it alone.

use std::collections::BTreeSet;

use checks::disclosure::Disclosure;
use checks::distrust::Distrusted;
use checks::explain::{Gate, explain};
use checks::inventory::Entry;
use checks::observation::{Tier, Visit};
use checks::replay::{Checks, Record};
use model::families::IpVersion;
use runtime::supervise::Supervisor;
use visits::guard::Guard;
use visits::limits::Limits;
use visits::own_versions::{self, WELL_KNOWN};
use visits::plan::{self, Hints, Plan};
use visits::redirect::RedirectPolicy;
use visits::request::UserAgent;
use visits::trace::Trace;

use super::crawling::{NoCrawler, crawler};
use super::expected::Expected;

/// How a visit is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// The version of the program.
    pub version: String,
    /// Where owners of mirrors reach the operator; `None` leaves it out of the User-Agent.
    pub contact: Option<String>,
    /// The versions of IP to visit over; empty tries which of them we have.
    pub versions: Vec<IpVersion>,
    /// What is looked for, in this order.
    pub tiers: Vec<Tier>,
    /// Whether addresses may be visited that are not global.
    pub allow_private_targets: bool,
    /// Which redirects the mirror may send.
    pub redirects: RedirectPolicy,
}

/// What a visit has shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// What the gates follow from: what is expected of the mirror, what the primary has of it, and the visits,
    /// one of each tier.
    pub records: Vec<Record>,
    /// What keeps the mirror in the lists or out of them, judged by these visits alone.
    pub gates: Vec<Gate>,
}

/// Why no visit could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no crawler.
    #[error(transparent)]
    NoCrawler(#[from] NoCrawler),
    /// We have neither IPv4 nor IPv6.
    #[error(
        "none of {} can be connected to over IPv4 or IPv6: this machine seems to have no network; \
         `-4` or `-6` visits all the same",
        names_of_well_known()
    )]
    NoNetwork,
}

fn names_of_well_known() -> String {
    WELL_KNOWN.map(|(name, _)| name).join(", ")
}

/// Visits the mirror of that key, which is one of those expected. Needs a runtime with time and I/O. `now` is
/// in seconds since 1970.
pub async fn visit_now(
    expected: &Expected,
    key: &str,
    options: &Options,
    now: u64,
    trace: &mut dyn Trace,
) -> Result<Shown, Error> {
    let guard = Guard { allow_private_targets: options.allow_private_targets };
    let agent =
        UserAgent::new(&options.version, options.contact.as_deref()).map_err(NoCrawler::from)?;
    let crawler = crawler(&Supervisor::default(), Limits::default(), guard, agent)?;
    let mut versions = options.versions.clone();
    if versions.is_empty() {
        versions = own_versions::find(&crawler, WELL_KNOWN, trace).await;
    }
    if versions.is_empty() {
        return Err(Error::NoNetwork);
    }
    let trees = expected.mirrors.get(key).map_or(&[][..], Vec::as_slice);
    let mut hints = Hints::default();
    let mut visits = Vec::new();
    let mut rng = fastrand::Rng::new();
    for &tier in &options.tiers {
        let samples = match tier {
            Tier::Sample => expected.draw(trees, |_| false, &mut rng),
            Tier::Probe | Tier::Hash | Tier::Listing => vec![Vec::new(); trees.len()],
        };
        if tier == Tier::Sample && samples.iter().all(Vec::is_empty) {
            continue;
        }
        let with_samples = trees
            .iter()
            .zip(samples)
            .map(|(tree, samples)| plan::Tree { samples, ..tree.to_plan(&versions) });
        let plan = Plan {
            mirror: key.to_owned(),
            tier,
            round: 1,
            started: now,
            trees: with_samples.collect(),
            versions: versions.clone(),
            redirects: options.redirects,
            hints: std::mem::take(&mut hints),
        };
        let visited = crawler.visit(&plan, &mut rng, trace, std::future::pending()).await;
        hints = visited.hints;
        visits.push(visited.visit);
    }
    let mut records = basis(expected, key);
    records.extend(visits.into_iter().map(Record::Visit));
    let gates = judge(&records, key);
    Ok(Shown { records, gates })
}

impl Shown {
    /// The visits.
    pub fn visits(&self) -> impl Iterator<Item = &Visit> {
        self.records.iter().filter_map(|record| match record {
            Record::Visit(visit) => Some(visit),
            _ => None,
        })
    }
}

/// What visits to a mirror are judged with: what is expected of it, and what the primary has of that.
fn basis(expected: &Expected, key: &str) -> Vec<Record> {
    let mut inventory = expected.inventory(true);
    inventory.mirrors.retain(|known, _| known == key);
    let mut primary = expected.primary.clone();
    if let Some(repositories) = &mut primary.repositories {
        let wanted: BTreeSet<&String> =
            inventory.mirrors.values().flat_map(Entry::repositories).collect();
        repositories.retain(|directory, _| wanted.contains(directory));
    }
    vec![Record::Inventory(inventory), Record::Primary(primary)]
}

/// The gates of a mirror of which nothing is known but these records.
fn judge(records: &[Record], key: &str) -> Vec<Gate> {
    let mut checks = Checks::default();
    for record in records {
        checks.apply(record.clone());
    }
    checks.end_round();
    let state = checks.register.mirrors.get(key).cloned().unwrap_or_default();
    let entry = checks.inventory.mirrors.get(key).cloned().unwrap_or_default();
    // Other mirrors are not looked at.
    explain(&state, &entry, &checks.view(), &Distrusted::default(), Disclosure::Full)
}
