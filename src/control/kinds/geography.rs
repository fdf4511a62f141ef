//! Builds the geography file from its tables.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tasks::kind::{Output, Parameter, Plan, Policy, Work};
use tasks::{Args, Failure, Kind, Request, Run};

use super::compile;
use super::shared::{ALLOW_SHRINK, heavy, in_one_line, is_on, of_input, tag, told};
use crate::options::{GeographyTables, kind};
use runtime::replace::NewFile;
use runtime::write_lock::WriteLock;
use sources::Report;
use sources::geography::prepare::{Refused, prepare};
use sources::geography::table_file::Tables;

/// The name of the kind.
pub(crate) const NAME: &str = kind::GEOGRAPHY;
/// How many diagnostics the result holds.
const MAX_WARNINGS: usize = 100;

/// `geography.refresh`.
pub(crate) struct Refresh {
    pub(crate) tables: Arc<GeographyTables>,
    pub(crate) keep: Duration,
}

impl Kind for Refresh {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "build the geography file from its tables; a compile follows if it has changed"
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
        let GeographyTables { countries, systems, output } = &*self.tables;
        let allowed = is_on(args, ALLOW_SHRINK.name);
        Ok(Plan {
            summary: format!("{} tables to {}", countries.len() + systems.len(), output.display()),
            unique_key: Some(if allowed {
                format!("{NAME} {}", ALLOW_SHRINK.name)
            } else {
                NAME.into()
            }),
        })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(async move { told(NAME, self.refresh(&args, &run).await) })
    }
}

/// What was built.
struct Ready {
    n_countries: usize,
    n_systems: usize,
    n_bytes: usize,
    warnings: Vec<String>,
    /// `None` if the file is as it was.
    file: Option<(WriteLock, NewFile)>,
}

impl Refresh {
    async fn refresh(&self, args: &Args, run: &Run) -> Result<Output, Failure> {
        let tables = Arc::clone(&self.tables);
        let allow_shrink = is_on(args, ALLOW_SHRINK.name);
        let ready = run.on_thread(move |run| build(&tables, allow_shrink, run)).await?;
        let Ready { n_countries, n_systems, n_bytes, mut warnings, file } = ready;
        let has_changed = file.is_some();
        if let Some((lock, new)) = file {
            run.check_fence().await?;
            let output = self.tables.output.clone();
            let put = run.on_thread(move |_| {
                let not_synced = new.replace().map_err(|error| {
                    Failure::may_pass("not_written", format!("{}: {error}", output.display()))
                })?;
                drop(lock);
                Ok(not_synced.map(|error| error.to_string()))
            });
            warnings.extend(put.await?);
        }
        let n_warnings = warnings.len();
        warnings.truncate(MAX_WARNINGS);
        let result = json!({
            "written": has_changed,
            "file": self.tables.output.to_string_lossy(),
            "bytes": n_bytes,
            "countries": n_countries,
            "systems": n_systems,
            "diagnostics": n_warnings,
            "diagnostic_lines": warnings,
        });
        let mut then = Vec::new();
        if has_changed {
            let kind = compile::NAME.to_owned();
            then.push(Request { kind, actor: NAME.to_owned(), ..Request::default() });
        }
        Ok(Output { result, then })
    }
}

/// Builds, and writes the file beside the one that it replaces. Blocks.
fn build(tables: &GeographyTables, allow_shrink: bool, run: &Run) -> Result<Ready, Failure> {
    let GeographyTables { countries, systems, output } = tables;
    let not_written = |error: &dyn std::fmt::Display| {
        Failure::may_pass("not_written", in_one_line(&format!("{}: {error}", output.display())))
    };
    run.stage("build");
    let lock = WriteLock::acquire(output).map_err(|error| not_written(&error))?;
    let mut report = Report::default();
    let prepared = prepare(countries, systems, output, allow_shrink, &mut report);
    let (built, mut warnings) = prepared.map_err(|refused| match refused {
        Refused::Tables(error) => of_input("bad_tables", &error.to_string(), error.io_error()),
        Refused::Shrunk { .. } => Failure::lasting("shrunk", refused.to_string()),
    })?;
    run.checkpoint()?;
    warnings.extend(report.lines());
    let (n_countries, n_systems) = built.tables.n_named();
    Tables::check_target(output)
        .map_err(|error| Failure::lasting("not_written", error.to_string()))?;
    let bytes = built.tables.encode().map_err(|error| not_written(&error))?;
    let n_bytes = bytes.len();
    let ready = Ready { n_countries, n_systems, n_bytes, warnings, file: None };
    let is_same = fs::metadata(output).is_ok_and(|meta| meta.len() == n_bytes as u64)
        && fs::read(output).is_ok_and(|before| before == bytes);
    if is_same {
        return Ok(ready);
    }
    run.stage("write");
    let new =
        NewFile::write_tagged(output, &bytes, &tag(run)).map_err(|error| not_written(&error))?;
    run.stage("publish");
    Ok(Ready { file: Some((lock, new)), ..ready })
}
