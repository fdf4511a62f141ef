//! When a mirror that is down is asked whether it is back, and over which routes.

use std::collections::BTreeSet;

use model::families::IpVersion;

use super::{NextVisit, Scheduling, TOGETHER};
use crate::allowance::Allowance;
use crate::observation::Tier;
use crate::state::{RouteState, RouteVerdict};

/// So many routes are tried at once of a mirror that owes much: errors of these, asked a second time, are paid for until the
/// next try. A mirror comes back as a whole, as a rule.
const SCARCE: usize = 2;

/// What is down of a mirror.
type Down<'a> = (&'a String, IpVersion, &'a RouteState);

impl<'a> Scheduling<'a> {
    /// The first visit after something of it has worked for the first time since it is down, and still did when that
    /// was tried last.
    pub(super) fn return_visit(&self) -> Option<NextVisit> {
        let returned = self.state.returned?.clock;
        let mut routes = self.routes().filter_map(|(_, _, _, route)| route);
        let is_returning = self.state.down_since.is_some() && routes.any(RouteState::is_returning);
        let last = returned.saturating_add(self.settings.confirm_interval + TOGETHER);
        self.comeback().filter(|next| is_returning && next.at <= last)
    }

    /// Probes of a mirror that is down: half of its routes in turn, as it is down as a whole, and so it comes back, but each
    /// URL and each version of IP every time, unless much is owed: one may be dead for longer, or fail by our own fault.
    /// Once one works, all of them.
    pub(super) fn comeback(&self) -> Option<NextVisit> {
        self.state.down_since?;
        let mut down: Vec<Down<'a>> = self
            .routes()
            .filter_map(|(_, url, version, route)| Some((url, version, route?)))
            .filter(|(_, _, route)| route.verdict == RouteVerdict::Down)
            .collect();
        let newest = |is_wanted: fn(&RouteState) -> bool| {
            let routes = down.iter().map(|&(_, _, route)| route);
            routes.filter(|route| is_wanted(route)).max_by_key(|route| route.tried)
        };
        let at = if let Some(route) = newest(RouteState::is_returning) {
            let at = self.after(route.tried.clock, self.settings.confirm_interval);
            down.retain(|(_, _, route)| !self.is_spent || route.is_returning());
            at
        } else {
            let route = newest(|_| true)?;
            let most = match self.state.switches.disabled {
                Some(_) => self.settings.retry_max_disabled,
                None => self.settings.retry_max,
            };
            let n_retries = down.iter().map(|(_, _, route)| route.n_retries).max();
            let wait = match self.is_spent {
                true => most,
                false => self.retry(n_retries.unwrap_or(0), most),
            };
            down = self.half(down);
            self.after(route.tried.clock, self.interval(wait, route))
        };
        let routes = down.into_iter().map(|(url, version, _)| (url.clone(), version));
        Some(NextVisit {
            at,
            tier: Tier::Probe,
            routes: routes.collect(),
            repositories: Vec::new(),
        })
    }

    /// Half of some routes, the ones that were tried the longest time ago, but at least one of each URL and version of IP,
    /// unless there are many and much is owed; of the versions of IP about as many.
    fn half(&self, mut routes: Vec<Down<'a>>) -> Vec<Down<'a>> {
        let urls: BTreeSet<&String> = routes.iter().map(|&(url, ..)| url).collect();
        let has = |wanted| routes.iter().any(|&(_, version, _)| version == wanted);
        let n_versions = IpVersion::ALL.into_iter().filter(|&version| has(version)).count();
        let most = routes.len().div_ceil(2).max(urls.len()).max(n_versions);
        let allowance = Allowance::new(self.entry, self.settings);
        let is_scarce = allowance.is_scarce(self.state.debt, self.now);
        let most = if is_scarce { most.min(SCARCE) } else { most };
        let mut chosen: Vec<Down<'a>> = Vec::new();
        loop {
            let n_with =
                |is_it: &dyn Fn(&Down<'_>) -> bool| chosen.iter().filter(|of| is_it(of)).count();
            let next = routes.iter().enumerate().map(|(n, &(url, version, route))| {
                let n_of_url = n_with(&|of| of.0 == url);
                (n_of_url, n_with(&|of| of.1 == version), self.past(route.tried.clock), n)
            });
            match next.min() {
                Some((.., n)) if chosen.len() < most => chosen.push(routes.remove(n)),
                _ => return chosen,
            }
        }
    }
}
