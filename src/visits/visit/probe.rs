//! Probes: each base URL over each version of IP, with one small file.

use checks::class::FailureClass;
use checks::observation::{End, Failure, Outcome, UrlSeen};
use model::base_url::BaseUrl;
use model::families::IpVersion;

use super::session::{Session, Stop};
use super::work::Work;
use crate::plan::Tree;
use crate::request::Ask;
use crate::target::Target;

pub(super) async fn run(work: &mut Work<'_>) -> Result<(), End> {
    let plan = work.plan;
    for tree in &plan.trees {
        for url in &tree.urls {
            let Some(target) = Target::below(url, tree.probe.as_deref().unwrap_or("")) else {
                continue;
            };
            for version in IpVersion::ALL {
                probe(work, tree, url, &target, version).await?;
            }
        }
    }
    Ok(())
}

async fn probe(
    work: &mut Work<'_>,
    tree: &Tree,
    url: &BaseUrl,
    target: &Target,
    version: IpVersion,
) -> Result<(), End> {
    let is_ours = work.plan.versions.contains(&version);
    work.step(&format!("probe of {} over IPv{}", url.as_str(), version.as_str()));
    if !is_ours {
        work.step("not tested: we have no such version of IP");
    }
    // A name that does not exist fails over both versions; one without an address of this version is fine.
    if !is_ours
        || work.addresses(target.origin(), version).await.is_ok_and(|found| found.is_empty())
    {
        work.visit.urls.push(UrlSeen {
            url: url.as_str().to_owned(),
            version,
            address: None,
            outcome: Outcome::NotTested,
            first_byte: None,
            redirected_to: None,
            certificate_expires: None,
        });
        return Ok(());
    }
    let ask = Ask::Beginning(work.crawler.limits.probe_bytes);
    let mut session = Session::new(work, version);
    let (outcome, end) = match session.fetch(target, &ask).await {
        // A directory is a page for people.
        Ok(fetched) if fetched.is_page && tree.probe.is_some() => {
            let detail = "a page instead of the file";
            let failure = Failure::new(FailureClass::Soft404, target.to_string(), detail);
            (Outcome::Failed(failure), None)
        }
        Ok(_) => (Outcome::Good, None),
        Err(Stop::Failed(failed)) => (Outcome::Failed(failed.failure), None),
        Err(Stop::Busy(seconds, failure)) => (Outcome::Failed(failure), Some(End::Busy(seconds))),
        Err(Stop::End(end)) => return Err(end),
    };
    let seen = session.seen(url.as_str(), outcome);
    work.visit.urls.push(seen);
    end.map_or(Ok(()), Err)
}
