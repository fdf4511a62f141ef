//! Scans the primary tree, and replaces its index if anything has changed.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tasks::kind::{Output, Parameter, Plan, Policy, Work};
use tasks::{Args, Failure, Kind, Request, Run};
use tokio::time::{MissedTickBehavior, interval};

use super::compile;
use super::shared::{ALLOW_SHRINK, heavy, in_one_line, is_on, tag, told};
use crate::options::{PrimaryTree, kind};
use ::scan::{FormerError, Options, Progress, Scan, ScanError, Summary, read_former};
use index::Index;
use runtime::replace::NewFile;
use runtime::write_lock::WriteLock;

/// The name of the kind.
pub(crate) const NAME: &str = kind::SCAN;
/// How often the progress of the scan is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// `primary.scan`.
pub(crate) struct ScanTree {
    pub(crate) tree: Arc<PrimaryTree>,
    pub(crate) keep_versions: Duration,
    pub(crate) keep: Duration,
}

impl Kind for ScanTree {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "scan the primary tree into its index; a compile follows if anything has changed"
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
        let PrimaryTree { source, index, .. } = &*self.tree;
        let allowed = is_on(args, ALLOW_SHRINK.name);
        Ok(Plan {
            summary: format!("{} to {}", source.path().display(), index.display()),
            unique_key: Some(if allowed {
                format!("{NAME} {}", ALLOW_SHRINK.name)
            } else {
                NAME.into()
            }),
        })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(async move { told(NAME, self.scan(&args, &run).await) })
    }
}

/// A scan that is over.
struct Scanned {
    scan: Scan,
    /// The index, and the right to put it in place; `None` if nothing has changed.
    file: Option<(WriteLock, NewFile)>,
}

impl ScanTree {
    async fn scan(&self, args: &Args, run: &Run) -> Result<Output, Failure> {
        let tree = Arc::clone(&self.tree);
        let options = Options::usual(self.keep_versions, is_on(args, ALLOW_SHRINK.name));
        // Dropped, it stops the scan: this future is dropped when nobody waits for it any more.
        let progress = Watched(Arc::default());
        let of_thread = Arc::clone(&progress.0);
        run.stage("scan");
        let mut work = std::pin::pin!(
            run.on_thread(move |run| scan_and_write(&tree, &options, &of_thread, run))
        );
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before = 0;
        let Scanned { scan, file } = loop {
            tokio::select! {
                biased;
                done = &mut work => break done?,
                _ = run.until_stopped() => {
                    progress.0.stop();
                    break (&mut work).await?;
                }
                _ = looks.tick() => {
                    let (directories, files, read) = progress.0.counts();
                    // A scan that stands still must not look alive.
                    if directories + files + read != before {
                        before = directories + files + read;
                        run.progress(directories, None);
                    }
                }
            }
        };
        let has_changed = file.is_some();
        let mut not_synced = None;
        if let Some((lock, new)) = file {
            run.check_fence().await?;
            let index = self.tree.index.clone();
            let put = run.on_thread(move |_| {
                let not_synced = new.replace().map_err(|error| {
                    Failure::may_pass("not_written", format!("{}: {error}", index.display()))
                })?;
                drop(lock);
                Ok(not_synced.map(|error| error.to_string()))
            });
            not_synced = put.await?;
        }
        let mut then = Vec::new();
        if has_changed {
            let kind = compile::NAME.to_owned();
            then.push(Request { kind, actor: NAME.to_owned(), ..Request::default() });
        }
        Ok(Output { result: as_json(&self.tree, &scan, has_changed, not_synced), then })
    }
}

/// The progress of a scan, which stops when this is dropped.
struct Watched(Arc<Progress>);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Scans, and writes the index beside the one that it replaces. Blocks.
fn scan_and_write(
    tree: &PrimaryTree,
    options: &Options,
    progress: &Progress,
    run: &Run,
) -> Result<Scanned, Failure> {
    let path = &tree.index;
    let not_written = |error: &dyn std::fmt::Display| {
        Failure::may_pass("not_written", in_one_line(&format!("{}: {error}", path.display())))
    };
    // Earlier versions that another scan writes meanwhile would be lost.
    let lock = WriteLock::acquire(path).map_err(|error| not_written(&error))?;
    let former = read_former(path).map_err(|error| match error {
        FormerError::Read(error) => Failure::may_pass("bad_index", error.to_string()),
        error => Failure::lasting("bad_index", error.to_string()),
    })?;
    let scan = ::scan::scan(&tree.source, former.as_ref(), options, progress);
    let scan = scan.map_err(|error| of_scan(&error, run))?;
    run.checkpoint()?;
    if former.is_some_and(|former| holds_the_same(&former, &scan.index)) {
        return Ok(Scanned { scan, file: None });
    }
    run.stage("write");
    let bytes = scan.index.encode().map_err(|error| not_written(&error))?;
    let new =
        NewFile::write_tagged(path, &bytes, &tag(run)).map_err(|error| not_written(&error))?;
    run.stage("publish");
    Ok(Scanned { scan, file: Some((lock, new)) })
}

/// Whether two indexes differ in their time only.
fn holds_the_same(one: &Index, other: &Index) -> bool {
    one.directories() == other.directories() && one.aliases() == other.aliases()
}

fn of_scan(error: &ScanError, run: &Run) -> Failure {
    if let Some(stop) = run.stopped() {
        return Failure::Stopped(stop);
    }
    let message = in_one_line(&error.to_string());
    match error {
        ScanError::Shrunk { .. } => Failure::lasting("shrunk", as_a_task_says(&message)),
        ScanError::TooMany { .. } | ScanError::Fault(_) => Failure::lasting("bad_tree", message),
        _ => Failure::may_pass("bad_tree", message),
    }
}

/// The message of a scan that names an option of the command: tasks have an argument instead.
fn as_a_task_says(message: &str) -> String {
    message.replace(
        "--allow-shrink accepts it",
        "`mirrorlistd task run primary.scan allow_shrink` accepts it",
    )
}

fn as_json(
    tree: &PrimaryTree,
    scan: &Scan,
    has_changed: bool,
    not_synced: Option<String>,
) -> Value {
    let Summary { directories, files, listed, read, unchanged, earlier_versions, .. } =
        scan.summary;
    let problems = scan.findings.iter().map(|(problem, found)| {
        json!({
            "kind": problem.key(),
            "text": problem.text(),
            "count": found.count,
            "examples": found.examples,
        })
    });
    json!({
        "written": has_changed,
        "file": tree.index.to_string_lossy(),
        "directories": directories,
        "files": files,
        "with_checksums": listed,
        "read": read,
        "unchanged": unchanged,
        "earlier_versions": earlier_versions,
        "problems": problems.collect::<Vec<_>>(),
        "not_synced": not_synced,
    })
}
