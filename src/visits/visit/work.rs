//! What the parts of a visit share: the plan, the record, and the addresses of hosts.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use checks::class::FailureClass;
use checks::observation::Visit;
use model::families::IpVersion;
use tokio::time::Instant;

use crate::crawler::Crawler;
use crate::plan::{Hints, Plan};
use crate::resolve::{Addresses, ResolveError};
use crate::target::{Host, Origin};
use crate::trace::{self, Trace};

/// Names whose addresses a visit remembers; a mirror that redirects to more of them is looked up again.
const MAX_RESOLVED: usize = 64;

/// What the parts of a visit share.
pub(super) struct Work<'v> {
    pub(super) crawler: &'v Crawler,
    pub(super) plan: &'v Plan,
    pub(super) visit: &'v mut Visit,
    pub(super) hints: &'v mut Hints,
    pub(super) rng: &'v mut fastrand::Rng,
    pub(super) trace: &'v mut dyn Trace,
    pub(super) start: Instant,
    /// A name has the same addresses for the whole visit.
    pub(super) resolved: HashMap<String, Result<Addresses, ResolveError>>,
}

impl Work<'_> {
    /// Takes one line down.
    pub(super) fn step(&mut self, text: &str) {
        trace::step(self.trace, self.start, text);
    }

    /// The addresses of a host that are of a version of IP and that may be connected to. None at all is no
    /// failure.
    pub(super) async fn addresses(
        &mut self,
        origin: &Origin,
        version: IpVersion,
    ) -> Result<Vec<SocketAddr>, (FailureClass, String)> {
        let found = match &origin.host {
            Host::Address(address) => Addresses::from([*address]),
            Host::Name(name) => self.resolve(name).await.map_err(|error| {
                let class = match error {
                    ResolveError::NoName => FailureClass::Dns,
                    ResolveError::TryAgain(_) | ResolveError::Slow(_) => FailureClass::OwnNetwork,
                };
                (class, error.to_string())
            })?,
        };
        let mut addresses = Vec::new();
        let mut blocked = None;
        let found = found.iter().map(IpAddr::to_canonical);
        for address in found.filter(|&address| IpVersion::of(address) == version) {
            match self.crawler.guard.vet(address, origin.port) {
                Ok(address) => addresses.push(address),
                Err(reason) => blocked = Some(reason),
            }
        }
        match blocked {
            Some(reason) if addresses.is_empty() => {
                Err((FailureClass::BlockedAddress, reason.to_string()))
            }
            _ => {
                addresses.truncate(self.crawler.limits.addresses);
                Ok(addresses)
            }
        }
    }

    async fn resolve(&mut self, name: &str) -> Result<Addresses, ResolveError> {
        if let Some(known) = self.resolved.get(name) {
            return known.clone();
        }
        let found = self.crawler.resolver.resolve(name).await;
        self.step(&match &found {
            Ok(addresses) => {
                let list: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
                format!("{name} has the addresses {}", list.join(", "))
            }
            Err(error) => format!("{name}: {error}"),
        });
        if self.resolved.len() >= MAX_RESOLVED {
            self.resolved.clear();
        }
        self.resolved.insert(name.to_owned(), found.clone());
        found
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.plan.started.saturating_add(self.start.elapsed().as_secs())
    }
}
