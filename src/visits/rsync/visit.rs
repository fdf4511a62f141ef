//! A visit that lists a mirror by rsync, and compares what it has with a manifest of the primary.
//!
//! What is not there is asked for over HTTP at the end (`confirm`). The record names URLs of rsync
//! alone, which no verdict on routes is about. One connection is open at a time, and it counts among those that all
//! visits may have to a host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use checks::class::FailureClass;
use checks::listing::{Comparison, Extent, Manifest, Scope};
use checks::observation::{DirectorySeen, End, Failure, Outcome, Tier, UrlSeen, Visit};
use checks::state::MAX_DIRECTORIES;
use model::base_url::BaseUrl;
use model::families::IpVersion;
use tokio::time::Instant;

use super::confirm::{self, Confirmed, Found};
use super::plan::{ListedTree, ListingPlan};
use super::{ListingEnd, Rsync, Target};
use crate::crawler::Crawler;
use crate::resolve::{Addresses, ResolveError};
use crate::target::{Host, host_and_port};
use crate::trace::{self, Trace};

/// So many base URLs of a tree are tried, until one can be listed.
const MAX_URLS: usize = 2;
/// So many addresses of a host are tried, until one can be connected to.
const MAX_ADDRESSES: usize = 2;
/// So many directories that lack something are named for those who read along, and so many files of each.
const MAX_NAMED: usize = 10;

/// What has come of trying one URL.
enum Tried {
    /// It was listed, at least in part.
    Listed(End),
    /// It was not.
    Failed,
    /// The mirror wants to be left alone.
    Busy,
}

impl Crawler {
    /// Lists a mirror as planned. If the future is dropped, rsync is killed. The thread that polls it must live as
    /// long as it does.
    pub async fn list(
        &self,
        rsync: &Rsync,
        plan: &ListingPlan,
        (manifest, scope): (&Manifest, &Scope),
        trace: &mut dyn Trace,
    ) -> Visit {
        let start = Instant::now();
        let visit = Visit {
            mirror: plan.mirror.clone(),
            tier: Tier::Listing,
            round: plan.round,
            started: plan.started,
            millis: 0,
            is_asked: plan.is_asked,
            requests: 0,
            bytes: 0,
            end: End::Complete,
            urls: Vec::new(),
            repositories: Vec::new(),
            directories: Vec::new(),
        };
        let (found, listed) = (BTreeMap::new(), Vec::new());
        let mut lister = Lister {
            crawler: self,
            rsync,
            plan,
            manifest,
            scope,
            trace,
            start,
            visit,
            found,
            listed,
        };
        lister.visit.end = lister.run().await;
        let found = std::mem::take(&mut lister.found).into_values();
        let (lacking, mut whole): (Vec<_>, Vec<_>) = found.partition(|one| is_lacking(&one.seen));
        whole.retain(|one| plan.doubted.contains_key(&one.seen.directory));
        let open = still_open(plan, &lister.listed, &lacking);
        let mut visit = lister.visit;
        let Confirmed { directories, requests, bytes, end } =
            confirm::confirm(self, plan, lacking, lister.trace, start).await;
        visit.directories = directories;
        visit.requests = visit.requests.saturating_add(requests);
        visit.bytes = visit.bytes.saturating_add(bytes);
        if let End::Busy(_) = end {
            visit.end = end;
        }
        visit.directories.extend(whole.into_iter().map(|one| one.seen));
        let told: BTreeSet<&str> = visit.directories.iter().map(|seen| &*seen.directory).collect();
        let open: Vec<&String> = open.into_iter().filter(|name| !told.contains(&***name)).collect();
        visit.directories.extend(open.into_iter().map(|name| unseen(name)));
        visit.directories.truncate(MAX_DIRECTORIES);
        visit.millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        visit
    }
}

/// A visit under way.
struct Lister<'v> {
    crawler: &'v Crawler,
    rsync: &'v Rsync,
    plan: &'v ListingPlan,
    manifest: &'v Manifest,
    scope: &'v Scope,
    trace: &'v mut dyn Trace,
    start: Instant,
    visit: Visit,
    /// What was seen of directories, by name: those that lack something, and those that were in doubt; all where
    /// several trees may have them.
    found: BTreeMap<String, Found>,
    /// The places of the trees that were listed to their end.
    listed: Vec<usize>,
}

/// The directories in doubt on which this visit decides nothing by itself: they lack something, or their tree was not
/// listed.
fn still_open<'p>(
    plan: &'p ListingPlan,
    listed: &[usize],
    lacking: &[Found],
) -> BTreeSet<&'p String> {
    let lacking: BTreeSet<&str> = lacking.iter().map(|one| &*one.seen.directory).collect();
    let is_listed = |name: &str| {
        let mut trees = listed.iter().filter_map(|&number| plan.trees.get(number));
        trees.any(|tree| tree.serves(name))
    };
    let is_open = |name: &&String| lacking.contains(&***name) || !is_listed(name);
    plan.doubted.keys().filter(is_open).collect()
}

/// Of a directory nothing was seen, and what was in doubt stays so.
fn unseen(directory: &str) -> DirectorySeen {
    let directory = directory.to_owned();
    DirectorySeen { directory, present: 0, missing: 0, other_size: 0, is_whole: false }
}

fn is_lacking(seen: &DirectorySeen) -> bool {
    seen.n_lacking() > 0
}

impl Lister<'_> {
    async fn run(&mut self) -> End {
        let plan = self.plan;
        let mut end = End::Complete;
        for (number, tree) in plan.trees.iter().enumerate() {
            for url in tree.urls.iter().take(MAX_URLS) {
                match self.url((number, tree), url).await {
                    Tried::Listed(End::Complete) => {}
                    Tried::Listed(other) => end = other,
                    Tried::Failed => continue,
                    Tried::Busy => return End::Busy(None),
                }
                break;
            }
        }
        end
    }

    fn step(&mut self, text: &str) {
        trace::step(self.trace, self.start, text);
    }

    fn seen(&mut self, url: &BaseUrl, address: Option<SocketAddr>, outcome: Outcome) {
        let first = self.plan.versions.first().copied().unwrap_or(IpVersion::V4);
        let address = address.map(|address| address.ip());
        self.visit.urls.push(UrlSeen {
            url: url.as_str().to_owned(),
            version: address.map_or(first, IpVersion::of),
            address,
            outcome,
            first_byte: None,
            redirected_to: None,
            certificate_expires: None,
        });
    }

    fn failed(
        &mut self,
        url: &BaseUrl,
        address: Option<SocketAddr>,
        class: FailureClass,
        detail: &str,
    ) {
        self.step(&format!("{}: {class}: {detail}", url.as_str()));
        let failure = Failure::new(class, url.as_str(), detail);
        self.seen(url, address, Outcome::Failed(failure));
    }

    async fn url(&mut self, (number, tree): (usize, &ListedTree), url: &BaseUrl) -> Tried {
        let Some((host, port)) = host_and_port(url) else { return Tried::Failed };
        let addresses = match self.addresses(&host, port).await {
            Ok(addresses) => addresses,
            Err((class, detail)) => {
                self.failed(url, None, class, &detail);
                return Tried::Failed;
            }
        };
        if addresses.is_empty() {
            self.step(&format!("{}: no address over a version of IP that we have", url.as_str()));
            self.seen(url, None, Outcome::NotTested);
            return Tried::Failed;
        }
        let n = addresses.len();
        for (nth, address) in addresses.into_iter().enumerate() {
            let target = match Target::new(url, &tree.path, address) {
                Ok(target) => target,
                Err(error) => {
                    self.step(&format!("{} {error}: it is not listed", url.as_str()));
                    self.seen(url, None, Outcome::NotTested);
                    return Tried::Failed;
                }
            };
            match self.target((number, tree), url, &host, address, &target).await {
                Err(FailureClass::ConnectRefused | FailureClass::ConnectTimeout) if nth + 1 < n => {
                }
                Err(FailureClass::Busy) => return Tried::Busy,
                Err(_) => return Tried::Failed,
                Ok(end) => return Tried::Listed(end),
            }
        }
        Tried::Failed
    }

    async fn addresses(
        &mut self,
        host: &Host,
        port: u16,
    ) -> Result<Vec<SocketAddr>, (FailureClass, String)> {
        let found = match host {
            Host::Address(address) => Addresses::from([*address]),
            Host::Name(name) => self.crawler.resolver.resolve(name).await.map_err(|error| {
                let class = match error {
                    ResolveError::NoName => FailureClass::Dns,
                    ResolveError::TryAgain(_) | ResolveError::Slow(_) => FailureClass::OwnNetwork,
                };
                (class, error.to_string())
            })?,
        };
        let mut addresses = Vec::new();
        let mut blocked = None;
        for &version in &self.plan.versions {
            let canonical = found.iter().map(IpAddr::to_canonical);
            for address in canonical.filter(|&address| IpVersion::of(address) == version) {
                match self.crawler.guard.vet(address, port) {
                    Ok(address) => addresses.push(address),
                    Err(reason) => blocked = Some(reason),
                }
            }
        }
        match blocked {
            Some(reason) if addresses.is_empty() => {
                Err((FailureClass::BlockedAddress, reason.to_string()))
            }
            _ => {
                addresses.truncate(MAX_ADDRESSES);
                Ok(addresses)
            }
        }
    }

    /// Lists it at one address.
    async fn target(
        &mut self,
        (number, tree): (usize, &ListedTree),
        url: &BaseUrl,
        host: &Host,
        address: SocketAddr,
        target: &Target,
    ) -> Result<End, FailureClass> {
        let left = self.rsync.whole().saturating_sub(self.start.elapsed());
        if left < Duration::from_secs(1) {
            self.failed(url, None, FailureClass::Budget, "the time is over");
            return Err(FailureClass::Budget);
        }
        let Some(_listing) = self.crawler.politeness.try_listing(address.ip()) else {
            self.step(&format!("another mirror at {} is being listed", address.ip()));
            return Err(FailureClass::Busy);
        };
        let _permit = self.crawler.politeness.connection(host, address.ip()).await;
        self.step(&self.rsync.command_line(target));
        self.visit.requests = self.visit.requests.saturating_add(1);
        let mut comparison = Comparison::new(self.manifest, &tree.top);
        let rsync = self.rsync.clone().within(left);
        let listing = rsync.list(target, &mut |entry| comparison.add(entry)).await;
        self.visit.bytes = self.visit.bytes.saturating_add(listing.bytes);
        let end = match &listing.end {
            ListingEnd::Whole | ListingEnd::Gaps => End::Complete,
            ListingEnd::Budget(which) => End::Budget((*which).to_owned()),
            ListingEnd::Failed { class, detail } => {
                self.failed(url, Some(address), *class, detail);
                return Err(*class);
            }
        };
        let extent = match listing.end.extent() {
            // Nothing of it may be told as missing.
            None => return Err(FailureClass::RsyncProtocol),
            Some(extent) => extent,
        };
        self.step(&format!(
            "{} entries, {} of which the primary does not have: {}",
            listing.entries,
            comparison.n_extra(),
            match &listing.end {
                ListingEnd::Whole => "all is listed".to_owned(),
                ListingEnd::Gaps => "some directories could not be read".to_owned(),
                end => format!("{end:?}"),
            }
        ));
        self.seen(url, Some(address), Outcome::Good);
        let settled = self.plan.settled;
        if extent != Extent::Cut {
            self.listed.push(number);
        }
        let is_wanted = |seen: &DirectorySeen| {
            self.scope.covers(&seen.directory) && tree.serves(&seen.directory)
        };
        let mut n_seen = 0_u64;
        for mut seen in comparison.report(extent, settled).filter(is_wanted) {
            n_seen += 1;
            let name = &*seen.directory;
            let (is_there, has_below) = (comparison.is_there(name), comparison.has_below(name));
            // What holds for a directory holds below it, so its files decide only where nothing is.
            let is_good = is_there && (has_below || !is_lacking(&seen));
            // Others may rightly have what is below.
            let is_left_out = !is_there && tree.leaves_out_below(name);
            let is_told = !is_good || self.plan.doubted.contains_key(name);
            if is_left_out || (!is_told && self.plan.trees.len() == 1) {
                continue;
            }
            if is_good {
                let present = seen.present.max(1);
                seen = DirectorySeen { present, missing: 0, other_size: 0, is_whole: true, ..seen };
                self.note(Found { tree: number, seen, files: Vec::new(), is_missing: false });
                continue;
            }
            let files = match is_there {
                true => comparison
                    .lacking(name, settled)
                    .find_map(|(file, size)| confirm::sample(tree, name, (name, file, size)))
                    .into_iter()
                    .collect(),
                false => {
                    let files = comparison.lacking_within(name, settled);
                    confirm::spread(files.filter_map(|file| confirm::sample(tree, name, file)))
                }
            };
            self.note(Found { tree: number, seen, files, is_missing: !is_there });
        }
        self.tell(number, n_seen, &comparison);
        Ok(end)
    }

    /// Of a directory that two trees have, the one counts that has more of it.
    fn note(&mut self, one: Found) {
        let known = self.found.get(&one.seen.directory);
        if known.is_none_or(|known| one.seen.n_lacking() < known.seen.n_lacking()) {
            self.found.insert(one.seen.directory.clone(), one);
        }
    }

    /// Names what is missing for those who read along.
    fn tell(&mut self, tree: usize, n_seen: u64, comparison: &Comparison<'_>) {
        let found = self.found.values().filter(|one| one.tree == tree && is_lacking(&one.seen));
        let lacking: Vec<DirectorySeen> = found.map(|one| one.seen.clone()).collect();
        for seen in lacking.iter().take(MAX_NAMED) {
            let DirectorySeen { directory, present, missing, other_size, .. } = seen;
            self.step(&format!(
                "{directory}: {missing} files are missing, {other_size} have another size, {present} are there"
            ));
            for (name, _) in comparison.lacking(directory, self.plan.settled).take(MAX_NAMED) {
                self.step(&format!("  {directory}/{}", String::from_utf8_lossy(name)));
            }
        }
        self.step(&format!("{} of {n_seen} directories lack something", lacking.len()));
    }
}
