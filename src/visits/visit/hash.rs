//! Hashes: the `repomd.xml` of each repository, over one connection to each host.

use std::collections::HashSet;

use checks::class::FailureClass;
use checks::observation::{Content, End, Failure, Outcome, RepositorySeen};

use super::legs::{self, Leg};
use super::session::{Session, Stop};
use super::work::Work;
use crate::plan::{Repository, Tree};
use crate::request::Ask;
use crate::target::Target;

pub(super) async fn run(work: &mut Work<'_>) -> Result<(), End> {
    let plan = work.plan;
    forget_etags(work);
    for tree in &plan.trees {
        if tree.repositories.is_empty() {
            continue;
        }
        for host in legs::by_host(tree, &plan.versions) {
            for leg in host {
                if read_tree(work, tree, leg).await? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Forgets the ETags of what is asked no more.
fn forget_etags(work: &mut Work<'_>) {
    let urls = work.plan.trees.iter().flat_map(|tree| {
        let of_url = |url| tree.repositories.iter().map(move |repository| (url, repository));
        tree.urls.iter().flat_map(of_url)
    });
    let targets = urls.filter_map(|(url, repository)| Target::below(url, &repository.path));
    let asked: HashSet<String> = targets.map(|target| target.to_string()).collect();
    work.hints.etags.retain(|url, _| asked.contains(url));
}

/// Reads the repositories of a tree over a leg. Says whether the host answered: then another leg would show
/// no more.
async fn read_tree(work: &mut Work<'_>, tree: &Tree, leg: Leg<'_>) -> Result<bool, End> {
    let Some(top) = Target::below(leg.url, "") else { return Ok(false) };
    let addresses = work.addresses(top.origin(), leg.version).await;
    if addresses.is_ok_and(|addresses| addresses.is_empty()) {
        return Ok(false);
    }
    let url = leg.url.as_str();
    work.step(&format!("hashes of {url} over IPv{}", leg.version.as_str()));
    let most = work.crawler.limits.failures_in_a_row.max(1);
    let (mut is_answered, mut in_a_row) = (false, 0);
    let mut session = Session::new(work, leg.version);
    let mut outcome = Outcome::Good;
    let mut end = None;
    for repository in &tree.repositories {
        let Some(target) = Target::below(leg.url, &repository.path) else { continue };
        let content = match read_repository(&mut session, &target).await {
            Ok(content) => {
                (is_answered, in_a_row) = (true, 0);
                content
            }
            Err(Stop::Failed(failed)) => {
                in_a_row = if failed.is_trouble() { in_a_row + 1 } else { 0 };
                if failed.is_silent() && !is_answered {
                    // Nothing is known of the repositories: the next leg may show it.
                    outcome = Outcome::Failed(failed.failure);
                    break;
                }
                is_answered = true;
                if in_a_row >= most {
                    outcome = Outcome::Failed(failed.failure.clone());
                }
                Content::Failed(failed.failure)
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
        };
        session.work.visit.repositories.push(seen(url, repository, content));
        if in_a_row >= most {
            session.work.step(&format!("{most} failures in a row: no more is asked"));
            break;
        }
    }
    let is_tried = is_answered || outcome != Outcome::Good;
    if is_tried {
        let seen = session.seen(url, outcome);
        work.visit.urls.push(seen);
    }
    end.map_or(Ok(is_answered), Err)
}

fn seen(url: &str, repository: &Repository, content: Content) -> RepositorySeen {
    RepositorySeen { url: url.to_owned(), directory: repository.directory.clone(), content }
}

/// The content of a repository at a target. What is there and is no `repomd.xml` is content as well.
async fn read_repository(session: &mut Session<'_, '_>, target: &Target) -> Result<Content, Stop> {
    let url = target.to_string();
    let ask = Ask::Whole { etag: session.work.hints.etags.get(&url).cloned() };
    let fetched = session.fetch(target, &ask).await;
    let etags = &mut session.work.hints.etags;
    let fetched = match fetched {
        Ok(fetched) if fetched.is_unchanged => return Ok(Content::Unchanged),
        Ok(fetched) => fetched,
        Err(stop) => {
            if matches!(&stop, Stop::Failed(failed) if !failed.is_trouble()) {
                etags.remove(&url);
            }
            return Err(stop);
        }
    };
    let failed = |class, detail: &str| Content::Failed(Failure::new(class, url.clone(), detail));
    let (content, etag) = if !fetched.is_whole {
        let most = session.work.crawler.limits.repomd_bytes;
        let detail = format!("a repomd.xml of more than {most} bytes");
        (failed(FailureClass::SizeMismatch, &detail), None)
    } else if fetched.is_page {
        (failed(FailureClass::Soft404, "a page instead of the file"), None)
    } else {
        (Content::Hash(fetched.sha256), fetched.etag)
    };
    let etags = &mut session.work.hints.etags;
    match etag {
        Some(etag) => drop(etags.insert(url, etag)),
        None => drop(etags.remove(&url)),
    }
    Ok(content)
}
