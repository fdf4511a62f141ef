//! Samples: the size of some files.

use checks::class::FailureClass;
use checks::observation::{DirectorySeen, End, Outcome};

use super::legs;
use super::session::{Fetched, Session, Stop};
use super::work::Work;
use crate::plan::{Route, Sample, Tree};
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
        for leg in legs::by_host(tree).into_iter().flatten() {
            if look(work, tree, leg).await? {
                break;
            }
        }
    }
    Ok(())
}

/// Looks for the files of a tree over a leg. Says whether the host answered.
async fn look(work: &mut Work<'_>, tree: &Tree, leg: &Route) -> Result<bool, End> {
    let most = work.crawler.limits.failures_in_a_row.max(1);
    let Some(mut session) = Session::begin(work, leg, "samples").await else { return Ok(false) };
    let (mut is_answered, mut n_read, mut in_a_row) = (false, 0_u32, 0);
    for sample in &tree.samples {
        let Some(target) = Target::below(&leg.url, &sample.path) else { continue };
        match look_at(&mut session, &target, sample.size).await {
            Ok(fetched) => {
                (is_answered, in_a_row) = (true, 0);
                n_read += 1;
                session.record(Outcome::Good);
                let is_other = fetched.size.is_some_and(|size| size != sample.size);
                let found = match is_other {
                    // Some servers have a page in place of what is not there.
                    _ if fetched.is_page && !is_named_as_page(&sample.path) => Found::Missing,
                    true => Found::OtherSize,
                    false => Found::Present,
                };
                count(session.work, sample, found);
            }
            Err(Stop::Failed(failed)) => {
                if failed.is_silent() && !is_answered {
                    session.record(Outcome::Failed(failed.failure));
                    break;
                }
                is_answered = true;
                in_a_row = if failed.is_trouble() { in_a_row + 1 } else { 0 };
                if matches!(
                    failed.failure.class,
                    FailureClass::Missing | FailureClass::RedirectRefused
                ) {
                    count(session.work, sample, Found::Missing);
                }
                // What is forbidden, or failed otherwise, is unknown. A mirror that fails for all files has
                // failed, however few they are.
                if in_a_row >= most || (in_a_row > 0 && n_read == 0) {
                    session.record(Outcome::Failed(failed.failure));
                } else {
                    session.record(Outcome::Good);
                }
                if in_a_row >= most {
                    session.work.step(&format!("{most} failures in a row: no more is asked"));
                    break;
                }
            }
            Err(Stop::Busy(seconds, failure)) => {
                session.record(Outcome::Failed(failure));
                return Err(End::Busy(seconds));
            }
            Err(Stop::End(budget)) => return Err(budget),
        }
    }
    Ok(is_answered)
}

/// Asks for the size of a file. If HEAD says that it is not there or has another size, GET is asked: it is what clients
/// use, and some servers answer HEAD otherwise.
async fn look_at(
    session: &mut Session<'_, '_>,
    target: &Target,
    expected: u64,
) -> Result<Fetched, Stop> {
    let looked = size(session, target).await;
    let is_in_doubt = match &looked {
        Ok(fetched) => fetched.size.is_some_and(|size| size != expected),
        Err(Stop::Failed(failed)) => failed.failure.class == FailureClass::Missing,
        Err(_) => false,
    };
    if is_in_doubt && !session.work.hints.head_is_refused {
        return session.fetch(target, &Ask::SizeByGet).await;
    }
    looked
}

/// Whether a file may well look like a page for people.
fn is_named_as_page(path: &str) -> bool {
    let end = path.rsplit('.').next().unwrap_or_default();
    ["html", "htm", "xhtml"].iter().any(|page| end.eq_ignore_ascii_case(page))
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
