//! Hashes: the `repomd.xml` of each repository, over one connection to each host.

use checks::class::FailureClass;
use checks::observation::{Content, End, Failure, Outcome, RepositorySeen};

use super::legs;
use super::session::{Session, Stop};
use super::work::Work;
use crate::plan::{KnownFile, Repository, Route, Tree};
use crate::request::Ask;
use crate::target::Target;

pub(super) async fn run(work: &mut Work<'_>) -> Result<(), End> {
    let plan = work.plan;
    for tree in &plan.trees {
        if tree.repositories.is_empty() {
            continue;
        }
        for host in legs::by_host(tree) {
            for leg in host {
                if read_tree(work, tree, leg).await? {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Reads the repositories of a tree over a leg. Says whether the host answered: then another leg would show
/// no more.
async fn read_tree(work: &mut Work<'_>, tree: &Tree, leg: &Route) -> Result<bool, End> {
    let most = work.crawler.limits.failures_in_a_row.max(1);
    let Some(mut session) = Session::begin(work, leg, "hashes").await else { return Ok(false) };
    let url = leg.url.as_str();
    let (mut is_answered, mut n_read, mut in_a_row) = (false, 0_u32, 0);
    for repository in &tree.repositories {
        let Some(target) = Target::below(&leg.url, &repository.path) else { continue };
        let content = match read_repository(&mut session, &target).await {
            Ok(content) => {
                (is_answered, in_a_row) = (true, 0);
                n_read += 1;
                session.record(Outcome::Good);
                content
            }
            Err(Stop::Failed(failed)) => {
                if failed.is_silent() && !is_answered {
                    // Nothing is known of the repositories: the next leg may show it.
                    session.record(Outcome::Failed(failed.failure));
                    break;
                }
                is_answered = true;
                in_a_row = if failed.is_trouble() { in_a_row + 1 } else { 0 };
                // Most visits ask for one or two repositories, so a mirror that fails for all of them has
                // failed, however few they are.
                if in_a_row >= most || (in_a_row > 0 && n_read == 0) {
                    session.record(Outcome::Failed(failed.failure.clone()));
                } else {
                    session.record(Outcome::Good);
                }
                Content::Failed(failed.failure)
            }
            Err(Stop::Busy(seconds, failure)) => {
                session.record(Outcome::Failed(failure));
                return Err(End::Busy(seconds));
            }
            Err(Stop::End(budget)) => return Err(budget),
        };
        session.work.visit.repositories.push(seen(url, repository, content));
        if in_a_row >= most {
            session.work.step(&format!("{most} failures in a row: no more is asked"));
            break;
        }
    }
    Ok(is_answered)
}

fn seen(url: &str, repository: &Repository, content: Content) -> RepositorySeen {
    RepositorySeen { url: url.to_owned(), directory: repository.directory.clone(), content }
}

/// The content of a repository at a target. What is there and is no `repomd.xml` is content as well.
async fn read_repository(session: &mut Session<'_, '_>, target: &Target) -> Result<Content, Stop> {
    let url = target.to_string();
    let known = session.work.hints.files.get(&url).cloned();
    let ask = Ask::Whole { etag: known.as_ref().map(|known| known.etag.clone()) };
    let fetched = session.fetch(target, &ask).await;
    let files = &mut session.work.hints.files;
    let fetched = match (fetched, known) {
        (Ok(fetched), Some(known)) if fetched.is_unchanged => {
            return Ok(Content::Hash(known.sha256));
        }
        (Ok(fetched), _) => fetched,
        (Err(stop), _) => {
            if matches!(&stop, Stop::Failed(failed) if !failed.is_trouble()) {
                files.remove(&url);
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
    let files = &mut session.work.hints.files;
    match (etag, &content) {
        (Some(etag), Content::Hash(sha256)) => {
            files.insert(url, KnownFile { etag, sha256: sha256.clone() });
        }
        _ => _ = files.remove(&url),
    }
    Ok(content)
}
