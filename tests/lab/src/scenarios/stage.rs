//! What the scenarios share: a plan, a visit, and short words for what was seen.

use std::future::pending;
use std::time::{Duration, UNIX_EPOCH};

use checks::class::FailureClass;
use checks::observation::{Content, Outcome, Tier};
use model::base_url::BaseUrl;
use model::families::IpVersion;
use visits::limits::Limits;
use visits::plan::{Hints, Plan, Repository, Route, Sample, Tree};
use visits::redirect::RedirectPolicy;
use visits::{Crawler, Visited};

use crate::world::World;

/// When visits begin, in seconds since 1970.
pub(super) const NOW: u64 = 1_800_000_000;
/// A global address of each version of IP.
pub(super) const V4: &str = "8.8.8.8";
pub(super) const V6: &str = "2a00::1";
pub(super) const BOTH: &[&str] = &[V4, V6];

pub(super) const REPOMD: &[u8] =
    b"<?xml version=\"1.0\"?>\n<repomd><revision>1</revision></repomd>\n";
pub(super) const PROBE: &str = "9/os/repodata/repomd.xml";
pub(super) const FILES: &[(&str, &[u8])] = &[("/pub/9/os/repodata/repomd.xml", REPOMD)];

/// A plan for a tree at these base URLs, without anything to ask.
pub(super) fn plan(tier: Tier, urls: &[&str]) -> Plan {
    let tree = Tree { probes: vec![PROBE.into()], ..Tree::default() };
    let routes = urls.iter().flat_map(|url| routes(url, &IpVersion::ALL));
    Plan {
        mirror: "berlin".into(),
        tier,
        round: 7,
        started: NOW,
        trees: vec![Tree { routes: routes.collect(), ..tree }],
        versions: IpVersion::ALL.to_vec(),
        redirects: RedirectPolicy::Allow,
        hints: Hints::default(),
    }
}

/// A base URL over these versions of IP.
pub(super) fn routes(url: &str, versions: &[IpVersion]) -> Vec<Route> {
    let url = BaseUrl::parse(url).unwrap();
    versions.iter().map(|&version| Route { url: url.clone(), version }).collect()
}

/// The plan over these versions of IP alone, in this order, for each URL.
pub(super) fn over(versions: &[IpVersion], mut plan: Plan) -> Plan {
    for tree in &mut plan.trees {
        let mut urls: Vec<String> =
            tree.routes.iter().map(|route| route.url.as_str().to_owned()).collect();
        urls.dedup();
        tree.routes = urls.iter().flat_map(|url| routes(url, versions)).collect();
    }
    plan
}

/// A plan for the hashes of repositories: their names.
pub(super) fn hash_plan(urls: &[&str], names: &[&str]) -> Plan {
    let mut plan = plan(Tier::Hash, urls);
    let repositories = names.iter().map(|name| {
        let directory = format!("{name}/repodata");
        Repository { path: format!("{directory}/repomd.xml"), directory }
    });
    plan.trees[0].repositories = repositories.collect();
    plan
}

/// A plan for samples: paths with their sizes.
pub(super) fn sample_plan(urls: &[&str], files: &[(&str, u64)]) -> Plan {
    let mut plan = plan(Tier::Sample, urls);
    let samples = files.iter().map(|(path, size)| Sample {
        directory: path.rsplit_once('/').unwrap().0.to_owned(),
        path: (*path).to_owned(),
        size: *size,
    });
    plan.trees[0].samples = samples.collect();
    plan
}

/// Visits in a world with the usual limits.
pub(super) async fn visit(world: &World, plan: &Plan) -> (Visited, Vec<String>) {
    visit_by(&world.crawler(Limits::default()), plan).await
}

pub(super) async fn visit_by(crawler: &Crawler, plan: &Plan) -> (Visited, Vec<String>) {
    let mut lines = Vec::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let visited = crawler.visit(plan, &mut rng, &mut lines, pending()).await;
    (visited, lines)
}

/// The class of a failure.
pub(super) fn class(outcome: &Outcome) -> Option<FailureClass> {
    match outcome {
        Outcome::Failed(failure) => Some(failure.class),
        Outcome::Good | Outcome::NotTested | Outcome::NoAddress => None,
    }
}

/// What was seen of each URL: `https://m.example.org/pub 4 good`.
pub(super) fn urls(visited: &Visited) -> Vec<String> {
    let line = |seen: &checks::observation::UrlSeen| {
        let outcome = match &seen.outcome {
            Outcome::Good => "good".to_owned(),
            Outcome::NotTested => "not tested".to_owned(),
            Outcome::NoAddress => "no address".to_owned(),
            Outcome::Failed(failure) => failure.class.to_string(),
        };
        format!("{} {} {outcome}", seen.url, seen.version.as_str())
    };
    visited.visit.urls.iter().map(line).collect()
}

/// What was seen of each repository: `9/os good`.
pub(super) fn repositories(visited: &Visited) -> Vec<String> {
    let line = |seen: &checks::observation::RepositorySeen| {
        let content = match &seen.content {
            Content::Hash(hash) if *hash == sha256(REPOMD) => "good".to_owned(),
            Content::Hash(_) => "other".to_owned(),
            Content::Unchanged => "unchanged".to_owned(),
            Content::Failed(failure) => failure.class.to_string(),
        };
        format!("{} {content}", seen.directory.trim_end_matches("/repodata"))
    };
    visited.visit.repositories.iter().map(line).collect()
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Probes one mirror at `http://m.example.org/pub` over IPv4 alone; the class of its failure, and how long it
/// took in milliseconds.
pub(super) async fn probe_v4(world: &World) -> (Option<FailureClass>, u64) {
    let mut plan = plan(Tier::Probe, &["http://m.example.org/pub"]);
    plan.versions = vec![IpVersion::V4];
    let (visited, _) = visit(world, &plan).await;
    (class(&visited.visit.urls[0].outcome), visited.visit.millis)
}

pub(super) fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}
