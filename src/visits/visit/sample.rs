//! Samples: the size of some files.

use checks::observation::{DirectorySeen, End, Outcome};

use super::legs::{self, Leg};
use super::session::{Fetched, Session, Stop};
use super::work::Work;
use crate::plan::{Sample, Tree};
use crate::request::Ask;
use crate::response;
use crate::target::Target;

/// What was seen of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// It is there, with the right size as far as one was said.
    Present,
    /// It is not there.
    Missing,
    /// It is there, with another size.
    OtherSize,
}

pub(super) async fn run(work: &mut Work<'_>) -> Result<(), End> {
    let plan = work.plan;
    for tree in &plan.trees {
        if tree.samples.is_empty() {
            continue;
        }
        // Files are counted for the mirror, so the first leg that answers is the one.
        for leg in legs::by_host(tree, &plan.versions).into_iter().flatten() {
            if look(work, tree, leg).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Looks for the files of a tree over a leg. Says whether the host answered.
async fn look(work: &mut Work<'_>, tree: &Tree, leg: Leg<'_>) -> Result<bool, End> {
    let Some(top) = Target::below(leg.url, "") else { return Ok(false) };
    let addresses = work.addresses(top.origin(), leg.version).await;
    if addresses.is_ok_and(|addresses| addresses.is_empty()) {
        return Ok(false);
    }
    let url = leg.url.as_str();
    work.step(&format!("samples of {url} over IPv{}", leg.version.as_str()));
    let most = work.crawler.limits.failures_in_a_row.max(1);
    let (mut is_answered, mut in_a_row) = (false, 0);
    let mut session = Session::new(work, leg.version);
    let mut outcome = Outcome::Good;
    let mut end = None;
    for sample in &tree.samples {
        let Some(target) = Target::below(leg.url, &sample.path) else { continue };
        match size(&mut session, &target).await {
            Ok(fetched) => {
                (is_answered, in_a_row) = (true, 0);
                let is_other = fetched.size.is_some_and(|size| size != sample.size);
                let found = if is_other { Found::OtherSize } else { Found::Present };
                count(session.work, sample, found);
            }
            Err(Stop::Failed(failed)) => {
                if failed.is_silent() && !is_answered {
                    outcome = Outcome::Failed(failed.failure);
                    break;
                }
                is_answered = true;
                in_a_row = if failed.is_trouble() { in_a_row + 1 } else { 0 };
                if failed.failure.class == checks::class::FailureClass::Missing {
                    count(session.work, sample, Found::Missing);
                }
                // What is forbidden, or failed otherwise, is unknown.
                if in_a_row >= most {
                    session.work.step(&format!("{most} failures in a row: no more is asked"));
                    outcome = Outcome::Failed(failed.failure);
                    break;
                }
            }
            Err(Stop::Busy(seconds, failure)) => {
                outcome = Outcome::Failed(failure);
                end = Some(End::Busy(seconds));
                break;
            }
            Err(Stop::End(budget)) => {
                end = Some(budget);
                break;
            }
        }
    }
    if is_answered || outcome != Outcome::Good {
        let seen = session.seen(url, outcome);
        work.visit.urls.push(seen);
    }
    end.map_or(Ok(is_answered), Err)
}

/// Asks for the size of a file: by HEAD, or by its first byte where HEAD is refused.
async fn size(session: &mut Session<'_, '_>, target: &Target) -> Result<Fetched, Stop> {
    if session.work.hints.head_is_refused {
        return session.fetch(target, &Ask::SizeByGet).await;
    }
    match session.fetch(target, &Ask::Size).await {
        Err(Stop::Failed(failed)) if failed.status.is_some_and(response::is_head_refused) => {
            let fetched = session.fetch(target, &Ask::SizeByGet).await?;
            session.work.step("HEAD is refused and GET is answered: remembered");
            session.work.hints.head_is_refused = true;
            Ok(fetched)
        }
        other => other,
    }
}

fn count(work: &mut Work<'_>, sample: &Sample, found: Found) {
    let directories = &mut work.visit.directories;
    let at = directories.iter().position(|seen| seen.directory == sample.directory);
    let at = at.unwrap_or_else(|| {
        directories.push(DirectorySeen {
            directory: sample.directory.clone(),
            present: 0,
            missing: 0,
            other_size: 0,
            is_whole: false,
        });
        directories.len() - 1
    });
    let Some(seen) = directories.get_mut(at) else { return };
    match found {
        Found::Present => seen.present += 1,
        Found::Missing => seen.missing += 1,
        Found::OtherSize => seen.other_size += 1,
    }
}
