//! A visit: what is asked of one mirror, one request after another.
//!
//! - [`probe`]: each route, with one small file.
//! - [`hash`]: the `repomd.xml` of each repository, over one connection to each host.
//! - [`sample`]: the size of some files.
//!
//! What was seen is written into the record at once, so whatever ends the visit, the rest is simply missing. A
//! route is recorded before it is asked: one that takes all of the time must not be the one to ask next.

mod work;
mod session;
mod legs;
mod probe;
mod hash;
mod sample;

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use checks::class::FailureClass;
use checks::observation::{End, Outcome, Tier, UrlSeen, Visit};
use tokio::time::{Instant, sleep};

use super::crawler::{Crawler, Visited};
use super::plan::{Hints, Plan};
use super::trace::{self, Trace};
use work::Work;

impl Crawler {
    /// Visits a mirror as planned, until everything is asked, a budget is used up, the mirror wants to be left
    /// alone, or `cancelled` is ready. Waits first until few enough mirrors are visited.
    pub async fn visit(
        &self,
        plan: &Plan,
        rng: &mut fastrand::Rng,
        trace: &mut dyn Trace,
        cancelled: impl Future<Output = ()> + Send,
    ) -> Visited {
        let mut visit = Visit {
            mirror: plan.mirror.clone(),
            tier: plan.tier,
            round: plan.round,
            started: plan.started,
            millis: 0,
            is_asked: false,
            requests: 0,
            bytes: 0,
            end: End::Cancelled,
            urls: Vec::new(),
            repositories: Vec::new(),
            directories: Vec::new(),
        };
        let mut hints = plan.hints.clone();
        let asked = Instant::now();
        let mut start = asked;
        let limited = async {
            let _permit = self.politeness.mirror().await;
            start = Instant::now();
            let n_routes = plan.trees.iter().map(|tree| tree.routes.len()).sum();
            let wall = self.limits.wall(plan.tier, n_routes);
            tokio::select! {
                // What is ready at once is kept even if the time is over.
                biased;
                end = self.ask(plan, &mut visit, &mut hints, rng, trace, asked) => end,
                () = sleep(wall) => End::Budget("wall".into()),
            }
        };
        let end = tokio::select! {
            biased;
            () = cancelled => End::Cancelled,
            end = limited => end,
        };
        visit.millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        trace::step(trace, asked, &ending(&end, visit.requests, visit.bytes));
        if end == End::Cancelled {
            let is_unfinished = |seen: &&mut UrlSeen| matches!(&seen.outcome, Outcome::Failed(failure) if failure.class == FailureClass::Budget);
            for seen in visit.urls.iter_mut().filter(is_unfinished) {
                seen.outcome = session::unfinished(&seen.url, FailureClass::Cancelled);
            }
        }
        visit.end = end;
        Visited { visit, hints }
    }

    async fn ask(
        &self,
        plan: &Plan,
        visit: &mut Visit,
        hints: &mut Hints,
        rng: &mut fastrand::Rng,
        trace: &mut dyn Trace,
        start: Instant,
    ) -> End {
        let resolved = HashMap::new();
        let mut work = Work { crawler: self, plan, visit, hints, rng, trace, start, resolved };
        let asked = match plan.tier {
            Tier::Probe => probe::run(&mut work).await,
            Tier::Hash => hash::run(&mut work).await,
            Tier::Sample => sample::run(&mut work).await,
            Tier::Listing => Ok(()),
        };
        asked.err().unwrap_or(End::Complete)
    }
}

fn ending(end: &End, requests: u32, bytes: u64) -> String {
    let how = match end {
        End::Complete => "complete".to_owned(),
        End::Budget(which) => format!("the budget is used up: {which}"),
        End::Busy(None) => "the mirror asks to be left alone".to_owned(),
        End::Busy(Some(seconds)) => {
            format!(
                "the mirror asks to be left alone for {:?}",
                Duration::from_secs((*seconds).into())
            )
        }
        End::Cancelled => "cancelled".to_owned(),
    };
    format!("end: {how}; {requests} requests, {bytes} bytes of bodies")
}
