//! One visit to one mirror, made now, and the verdict that would follow from it alone.

use std::collections::{BTreeMap, BTreeSet};

use checks::disclosure::Disclosure;
use checks::distrust::Distrusted;
use checks::explain::{Gate, explain};
use checks::inventory::Entry;
use checks::listing::Scope;
use checks::observation::{Tier, Visit};
use checks::replay::{Checks, Record};
use model::families::IpVersion;
use runtime::supervise::Supervisor;
use scan::TreeSource;
use visits::Crawler;
use visits::guard::Guard;
use visits::limits::Limits;
use visits::own_versions::{self, WELL_KNOWN};
use visits::plan::{self, Hints, Plan};
use visits::redirect::RedirectPolicy;
use visits::request::{BadContact, UserAgent};
use visits::rsync::plan::ListingPlan;
use visits::rsync::{self, Rsync};
use visits::trace::Trace;

use super::crawling::crawler;
use super::expected::{Expected, FileLooks};
use super::listing::primary::made_now;
use super::no_checks::NoChecks;
use super::samples::NEW;

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
    /// The primary tree, by which a listing is judged; `None` if none is made.
    pub primary: Option<TreeSource>,
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
    /// The User-Agent cannot hold the contact.
    #[error(transparent)]
    Contact(#[from] BadContact),
    /// There is no crawler.
    #[error(transparent)]
    NoCrawler(#[from] NoChecks),
    /// We have neither IPv4 nor IPv6.
    #[error(
        "none of {} can be connected to over IPv4 or IPv6: this machine seems to have no network; \
         `-4` or `-6` visits all the same",
        names_of_well_known()
    )]
    NoNetwork,
    /// It cannot be listed.
    #[error("{0}")]
    NoListing(String),
}

impl Error {
    /// Whether what was given is at fault, by arguments or by the environment, and no part of the system.
    pub fn is_of_configuration(&self) -> bool {
        match self {
            Self::Contact(_) => true,
            Self::NoCrawler(error) => error.is_of_configuration(),
            Self::NoNetwork | Self::NoListing(_) => false,
        }
    }
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
    let agent = UserAgent::new(&options.version, options.contact.as_deref())?;
    let crawler = crawler(&Supervisor::default(), Limits::default(), guard, agent)
        .map_err(|error| NoChecks::of_crawler(error, options.contact.as_deref()))?;
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
        if tier == Tier::Listing {
            let trees = trees.iter().flat_map(|tree| tree.listed.clone()).collect();
            let plan = ListingPlan {
                mirror: key.to_owned(),
                round: 1,
                started: now,
                is_asked: true,
                trees,
                doubted: BTreeMap::new(),
                redirects: options.redirects,
                versions: versions.clone(),
                settled: now.saturating_sub(NEW),
            };
            let listed = list(&crawler, options.primary.as_ref(), &plan, &expected.scope, trace);
            visits.push(listed.await.map_err(Error::NoListing)?);
            continue;
        }
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

/// Lists a mirror, from an empty folder that is removed again.
async fn list(
    crawler: &Crawler,
    primary: Option<&TreeSource>,
    plan: &ListingPlan,
    scope: &Scope,
    trace: &mut dyn Trace,
) -> Result<Visit, String> {
    let primary = primary.ok_or("no primary is named to compare a listing with")?;
    if plan.trees.is_empty() {
        let mirror = &plan.mirror;
        return Err(format!(
            "mirror `{mirror}` has no URL of rsync, or no directory that is in no repository: there is nothing to \
             list"
        ));
    }
    let folder = std::env::temp_dir().join(format!("mirrorlistd-listing-{}", std::process::id()));
    std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let options = rsync::Options { folder: folder.clone(), ..rsync::Options::default() };
    let listed = async {
        let rsync = Rsync::find(options).await.map_err(|error| error.to_string())?;
        let manifest = made_now(primary, &rsync, scope, plan.started).await?;
        Ok(crawler.list(&rsync, plan, (&manifest, scope), trace).await)
    };
    let listed = listed.await;
    // It is empty; if it cannot be removed, it stays.
    drop(std::fs::remove_dir(&folder));
    listed
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
    let mut inventory = expected.inventory(FileLooks { is_sampling: true, is_listing: false });
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

#[cfg(test)]
mod tests {
    use visits::tls::TlsSetupError;

    use super::super::crawling::NoCrawler;
    use super::*;

    #[test]
    fn what_was_given_is_at_fault_or_the_system_is() {
        let is_of_configuration = |error: Error| error.is_of_configuration();
        let no_roots = || TlsSetupError::NoRoots(Vec::new());
        let named = vec![("SSL_CERT_FILE", "/etc/none.pem".into())];
        assert!(is_of_configuration(NoChecks::Authorities { named, error: no_roots() }.into()));
        assert!(is_of_configuration(BadContact.into()));
        assert!(!is_of_configuration(NoChecks::Crawler(NoCrawler::Tls(no_roots())).into()));
        assert!(!is_of_configuration(Error::NoNetwork));
    }
}
