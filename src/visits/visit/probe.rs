//! Probes: each route, with one small file.

use checks::class::FailureClass;
use checks::observation::{End, Failure, Outcome};

use super::session::{Session, Stop};
use super::work::Work;
use crate::plan::{Route, Tree};
use crate::request::Ask;
use crate::target::Target;

pub(super) async fn run(work: &mut Work<'_>) -> Result<(), End> {
    let plan = work.plan;
    for tree in &plan.trees {
        for route in &tree.routes {
            probe(work, tree, route).await?;
        }
    }
    Ok(())
}

async fn probe(work: &mut Work<'_>, tree: &Tree, route: &Route) -> Result<(), End> {
    let Some(mut session) = Session::begin(work, route, "probe").await else { return Ok(()) };
    let (outcome, end) = look(&mut session, tree, route).await?;
    session.record(outcome);
    end.map_or(Ok(()), Err)
}

/// Asks for the files of a tree until the mirror has one. A mirror that leaves out a repository, or does not
/// have a new one yet, works: it fails only if it has none of them.
async fn look(
    session: &mut Session<'_, '_>,
    tree: &Tree,
    route: &Route,
) -> Result<(Outcome, Option<End>), End> {
    let ask = Ask::Beginning(session.work.crawler.limits.probe_bytes);
    let top = [String::new()];
    let paths = if tree.probes.is_empty() { &top[..] } else { &tree.probes };
    let mut lacking = None;
    for path in paths {
        let Some(target) = Target::below(&route.url, path) else { continue };
        let failure = match session.fetch(&target, &ask).await {
            // A directory is a page for people.
            Ok(fetched) if fetched.is_page && !tree.probes.is_empty() => {
                let detail = "a page instead of the file";
                Failure::new(FailureClass::Soft404, target.to_string(), detail)
            }
            Ok(_) => return Ok((Outcome::Good, None)),
            Err(Stop::Failed(failed)) if failed.is_lacking() => failed.failure,
            Err(Stop::Failed(failed)) => return Ok((Outcome::Failed(failed.failure), None)),
            Err(Stop::Busy(seconds, failure)) => {
                return Ok((Outcome::Failed(failure), Some(End::Busy(seconds))));
            }
            Err(Stop::End(end)) => return Err(end),
        };
        lacking.get_or_insert(failure);
    }
    Ok((lacking.map_or(Outcome::Good, Outcome::Failed), None))
}
