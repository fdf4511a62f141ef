//! How sweeps visit mirrors.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checks::observation::Visit;
use model::families::IpVersion;
use runtime::supervise::Supervisor;
use visits::Crawler;
use visits::guard::Guard;
use visits::limits::Limits;
use visits::network::Tcp;
use visits::own_versions::{self, WELL_KNOWN};
use visits::plan::Plan;
use visits::politeness::Politeness;
use visits::redirect::RedirectPolicy;
use visits::request::{BadContact, UserAgent};
use visits::resolve::{Resolver, SystemLookup};
use visits::tls::{Roots, Tls, TlsSetupError};

use super::hints::VisitHints;
use crate::options::Checks;

/// The longest visit of a sweep. Others wait for the end of the sweep to be judged with it, and what was seen
/// until then counts: the next visit asks for the rest.
const LONGEST_VISIT: Duration = Duration::from_secs(240);
/// For how many seconds it is believed which versions of IP this machine has.
const BELIEVED: u64 = 600;

/// Why there is no crawler.
#[derive(Debug, thiserror::Error)]
pub enum NoCrawler {
    /// The User-Agent cannot hold the contact.
    #[error(transparent)]
    Contact(#[from] BadContact),
    /// TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// A thread cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// How sweeps visit mirrors.
pub(crate) struct Crawling {
    pub(super) crawler: Crawler,
    /// The versions of IP to visit over; empty tries which of them this machine has.
    pub(super) over: Vec<IpVersion>,
    /// Which redirects mirrors may send.
    pub(super) redirects: RedirectPolicy,
    pub(super) hints: VisitHints,
    /// Those that it has, and when that was found out, in seconds since 1970.
    found: Mutex<Option<(u64, Vec<IpVersion>)>>,
}

impl Crawling {
    /// With a crawler that is there.
    pub(crate) fn new(crawler: Crawler, over: Vec<IpVersion>) -> Self {
        Self {
            crawler,
            over,
            redirects: RedirectPolicy::default(),
            hints: VisitHints::default(),
            found: Mutex::default(),
        }
    }

    /// Over the real network.
    pub(crate) fn start(
        checks: &Checks,
        version: &str,
        supervisor: &Supervisor,
    ) -> Result<Self, NoCrawler> {
        let limits = Limits { visit: LONGEST_VISIT, ..Limits::default() };
        let guard = Guard { allow_private_targets: checks.allow_private_targets };
        let agent = UserAgent::new(version, checks.contact.as_deref())?;
        let crawler = crawler(supervisor, limits, guard, agent)?;
        Ok(Self { redirects: checks.redirects, ..Self::new(crawler, checks.over.clone()) })
    }

    /// Makes a visit. Later ones use what it hands on, but not if somebody has asked for it, who wants to see all: then
    /// it does not know what earlier ones have handed on.
    pub(super) async fn visit(&self, plan: &Plan, is_asked: bool) -> Visit {
        let mut rng = fastrand::Rng::new();
        let visited = self.crawler.visit(plan, &mut rng, &mut (), std::future::pending()).await;
        if !is_asked {
            self.hints.remember(&plan.mirror, visited.hints, plan.started);
        }
        Visit { is_asked, ..visited.visit }
    }

    /// The versions of IP to visit over, of which there may be none.
    pub(super) async fn versions(&self, now: u64) -> Vec<IpVersion> {
        if !self.over.is_empty() {
            return self.over.clone();
        }
        let is_recent = |at: u64| (at..at.saturating_add(BELIEVED)).contains(&now);
        if let Some((at, found)) = &*self.found.lock().unwrap_or_else(PoisonError::into_inner)
            && is_recent(*at)
        {
            return found.clone();
        }
        let found = own_versions::find(&self.crawler, WELL_KNOWN, &mut ()).await;
        if !found.is_empty() {
            let mut known = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some((now, found.clone()));
        }
        found
    }
}

/// A crawler over the real network.
pub(super) fn crawler(
    supervisor: &Supervisor,
    limits: Limits,
    guard: Guard,
    agent: UserAgent,
) -> Result<Crawler, NoCrawler> {
    Ok(Crawler {
        guard,
        resolver: Arc::new(Resolver::start(supervisor, SystemLookup, &limits)?),
        network: Arc::new(Tcp::default()),
        tls: Tls::new(Roots::System)?,
        politeness: Politeness::new(&limits),
        agent,
        limits,
    })
}
