//! Compiles the inputs, and publishes the snapshot file.
//!
//! Of two runs, one publishes at a time, and an earlier one never after a later one: the lock on the file is
//! taken first, then the store is asked whether the run still has its task, then the file is renamed. A
//! process that is stopped in between keeps the lock, and so keeps later ones out.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tasks::kind::{Output, Parameter, Plan, Policy, Work};
use tasks::{Args, Failure, Kind, Run};

use super::shared::{ALLOW_SHRINK, heavy, in_one_line, is_on, of_input, tag, told};
use crate::freshness::Freshness;
use crate::options::Site;
use compile::Compiled;
use runtime::write_lock::{LockError, WriteLock};
use serve::build_snapshot;
use serve::reload::{Shrink, check_shrink};
use snapshot::replace::{Keep, Prepared};
use snapshot::{Snapshot, format};
use sources::Report;

/// The name of the kind.
pub(crate) const NAME: &str = "snapshot.compile";
/// What the result says of the generation that is published.
pub(crate) const GENERATION: &str = "generation";
/// How many diagnostics the result holds.
const MAX_WARNINGS: usize = 100;

/// `snapshot.compile`.
pub(crate) struct Compile {
    pub(crate) site: Arc<Site>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) keep: Duration,
}

impl Kind for Compile {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "compile the inputs and publish the snapshot, which servers take up"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[ALLOW_SHRINK]
    }

    fn policy(&self) -> Policy {
        heavy(self.keep)
    }

    fn is_bound_to_site(&self) -> bool {
        true
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        let Site { inputs, snapshot, .. } = &*self.site;
        let allowed = is_on(args, ALLOW_SHRINK.name);
        Ok(Plan {
            summary: format!("{inputs} to {}", snapshot.display()),
            // One that may accept a loss is not the same as one that may not.
            unique_key: Some(if allowed {
                format!("{NAME} {}", ALLOW_SHRINK.name)
            } else {
                NAME.into()
            }),
        })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(async move { told(NAME, self.compile(&args, &run).await) })
    }
}

/// What was compiled, and what is to be done with it.
struct Ready {
    compiled: Compiled,
    /// `None` if the same is published already.
    file: Option<(WriteLock, Prepared)>,
}

impl Compile {
    async fn compile(&self, args: &Args, run: &Run) -> Result<Output, Failure> {
        let (site, freshness) = (Arc::clone(&self.site), Arc::clone(&self.freshness));
        let shrink = if is_on(args, ALLOW_SHRINK.name) { Shrink::Accept } else { site.shrink };
        let ready = run
            .on_thread(move |run| {
                let begun = site.inputs.revision();
                freshness.set_compiled(Some(begun.clone()));
                let made = make(&site, shrink, run);
                if matches!(
                    &made,
                    Err(Failure::Stopped(_) | Failure::Failed { may_pass: true, .. })
                ) {
                    freshness.set_compiled(None);
                }
                // A file that is cut in the middle of a copy fails to be read: the cause goes first.
                match begun.find_changed(&site.inputs.revision()) {
                    Some(changed) => {
                        freshness.set_compiled(None);
                        let reason = format!("{changed}: changed while it was read");
                        Err(Failure::may_pass("inputs_changed", reason))
                    }
                    None => made,
                }
            })
            .await?;
        let Ready { compiled: Compiled { snapshot, bytes, report }, file } = ready;
        let is_written = file.is_some();
        // What publishing says goes first: only so many lines are kept.
        let mut warnings = Vec::new();
        if let Some((lock, prepared)) = file {
            run.check_fence().await?;
            let put = run.on_thread(move |_| {
                let outcome = prepared.publish(Keep::Previous).map_err(not_written)?;
                store::fail_at::reached("effect", "renamed");
                drop(lock);
                Ok(outcome)
            });
            let outcome = put.await?;
            let not_kept = outcome.not_kept;
            warnings
                .extend(not_kept.map(|error| format!("the snapshot before is not kept: {error}")));
            warnings.extend(
                outcome.not_synced.map(|error| {
                    format!("a power cut may bring the snapshot before back: {error}")
                }),
            );
        }
        warnings.extend(report.lines());
        let n_warnings = warnings.len();
        warnings.truncate(MAX_WARNINGS);
        let stats = snapshot.stats();
        let result = json!({
            "written": is_written,
            "file": self.site.snapshot.to_string_lossy(),
            GENERATION: snapshot.generation().to_string(),
            "bytes": bytes.len(),
            "hosts": stats.hosts,
            "directories": stats.directories,
            "repositories": stats.repositories,
            "diagnostics": n_warnings,
            "diagnostic_lines": warnings,
        });
        if is_written {
            let generation = snapshot.generation();
            tracing::info!("published {}: generation {generation}", self.site.snapshot.display());
        }
        Ok(Output { result, then: Vec::new() })
    }
}

/// Compiles, and writes the file beside the one that it replaces. Blocks.
fn make(site: &Site, shrink: Shrink, run: &Run) -> Result<Ready, Failure> {
    run.stage("read");
    let before = published(site);
    let before = before.as_ref();
    let mut report = Report::default();
    let catalog = build_snapshot::read(&site.inputs, &mut report);
    let catalog =
        catalog.map_err(|error| of_input("bad_inputs", &error.to_string(), error.io_error()))?;
    run.checkpoint()?;
    run.stage("compile");
    let compiled = compile::compile(catalog, report, before)
        .map_err(|error| Failure::lasting("bad_inputs", in_one_line(&error.to_string())))?;
    run.checkpoint()?;
    if before.is_some_and(|before| before.generation() == compiled.snapshot.generation()) {
        return Ok(Ready { compiled, file: None });
    }
    if let (Shrink::Refuse, Some(before)) = (shrink, before) {
        check_shrink(before.stats(), compiled.snapshot.stats())
            .map_err(|error| Failure::lasting("shrunk", error.to_string()))?;
    }
    run.stage("write");
    let lock = WriteLock::acquire(&site.snapshot).map_err(|error| locked(site, &error))?;
    let prepared =
        Prepared::write(&site.snapshot, &compiled.bytes, &tag(run)).map_err(not_written)?;
    run.stage("publish");
    Ok(Ready { compiled, file: Some((lock, prepared)) })
}

/// What is published now; `None` if nothing is, or nothing that can be read, which is replaced.
fn published(site: &Site) -> Option<Snapshot> {
    match format::read(&site.snapshot) {
        Ok(snapshot) => Some(snapshot),
        Err(_) if !site.snapshot.exists() => None,
        Err(error) => {
            tracing::warn!("{error}: it is replaced");
            None
        }
    }
}

fn locked(site: &Site, error: &LockError) -> Failure {
    Failure::may_pass("not_written", format!("{}: {error}", site.snapshot.display()))
}

fn not_written(error: format::Error) -> Failure {
    Failure::may_pass("not_written", error.to_string())
}
