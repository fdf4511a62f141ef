//! `mirrorlistd check`: checks whether a configuration and its data can be served, without serving them.
//!
//! A problem that would make the start fail is a fault, and so are data with which some client fails
//! (`catalog::Severity::Harmful`). A lesser problem, such as a log that cannot be written, is a warning.
//! Data that were mended or skipped are listed. The check writes nothing and disturbs no other process:
//! addresses are bound for a moment at most, and never listened on. So it can run beside the server that
//! is to be reloaded.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::environment::{self, Findings};
use super::output::{FAILURE, USAGE, as_text, complain, date, finish};
use crate::cli::CheckArgs;
use crate::config::Config;
use runtime::log;
use serve::http::socket::Address;
use serve::reload::{Loaded, Shrink, Source, check_shrink, find_future};
use snapshot::{format, replace};
use sources::{Inputs, TextCatalog};

/// The findings, in the order in which they are printed.
#[derive(Default)]
struct Outcome {
    configuration: Value,
    data: Value,
    findings: Findings,
    /// The reason why the data cannot be served, or the data with which some client fails.
    data_faults: Vec<String>,
}

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let mut outcome = Outcome::default();
    match Config::resolve(&args.serve.options, args.serve.file.config.as_deref()) {
        Ok(config) => {
            log::install(config.log_level);
            outcome.check(&config, args.serve.file.config.as_deref(), args.previous.as_deref());
        }
        Err(error) => outcome.findings.faults.push(error.to_string()),
    }
    let status = outcome.print_findings(args.json);
    match print_report(&outcome, status, args.json) {
        // Standard output cannot be written: that was reported instead of the verdict.
        code if code != ExitCode::SUCCESS => code,
        _ => ExitCode::from(status),
    }
}

impl Outcome {
    fn check(&mut self, config: &Config, file: Option<&Path>, previous: Option<&Path>) {
        let in_use = environment::check(config, &mut self.findings);
        let path = |path: &PathBuf| path.display().to_string();
        let url = |address: &Address| address.url().to_string();
        self.configuration = json!({
            "config": file.map(|file| file.display().to_string()),
            "listen": config.public_addresses().map(url).collect::<Vec<_>>(),
            "admin": config.admin.as_ref().map(|admin| url(&admin.address)),
            "in_use": in_use,
            "access_log": config.access_log.as_ref().map(path),
            "combined_log": config.combined_log.as_ref().map(path),
            "workers": config.workers,
            "watch_quiet_seconds": config.watch.map(|quiet| quiet.as_secs()),
            "source": config.source.to_string(),
        });
        if config.source == Source::Inputs(Inputs::Demo) {
            self.warn("no data are given: the built-in demo data would be served".into());
        }
        if config.watch.is_some() && config.source.revision().is_constant() {
            self.warn("there is no file to watch".into());
        }
        match config.source.load(None) {
            Ok(loaded) => self.check_data(&loaded, config, previous),
            Err(error) => {
                self.data_faults.extend(error.to_string().lines().map(str::to_owned));
            }
        }
        if let Source::Snapshot(path) = &config.source {
            self.check_stand_in(path);
        }
        #[cfg(feature = "control")]
        if let Some(control) = &config.control {
            self.check_background(control, &config.source);
        }
    }

    /// Checks what background work would compile and write.
    #[cfg(feature = "control")]
    fn check_background(&mut self, options: &control::Options, served: &Source) {
        let site = &options.site;
        let inputs = Source::Inputs(site.inputs.clone());
        let is_first = site.made_by_tasks().any(|(file, _)| !file.exists());
        // Otherwise they are what would be served; and tasks have yet to make some of them.
        if matches!(served, Source::Snapshot(_)) && !is_first {
            match inputs.load(None) {
                Ok(loaded) => self.data_faults.extend(loaded.harmful),
                Err(error) => {
                    self.data_faults.extend(error.to_string().lines().map(str::to_owned));
                }
            }
        }
        let tree = site.tree.as_ref().map(|tree| (tree.source.path(), &tree.index));
        if let Some((source, _)) = tree
            && !source.exists()
        {
            self.warn(format!("{}: there is no tree to scan", source.display()));
        }
        let state = match &options.store {
            control::options::StoreLocation::Folder(folder) => Some(folder),
            control::options::StoreLocation::Postgres(_) => None,
        };
        if let Some(folder) = state.filter(|folder| folder.exists() && !folder.is_dir()) {
            let fault =
                format!("{}: is no folder, so no tasks can be kept there", folder.display());
            self.findings.faults.push(fault);
        }
        if let Some(file) = &options.token_file
            && let Err(error) = control::access::token_file::try_file(file)
        {
            match error.is_for_every_user() {
                true => self.findings.faults.push(error.to_string()),
                // It may belong to the user of the service.
                false => self.warn(format!("{error} (for the user of this command)")),
            }
        }
        let checks = options.checks.as_ref();
        let webhook = checks.and_then(|checks| checks.webhook.as_ref());
        if let Some(file) = webhook.and_then(|webhook| webhook.secret_file.as_ref())
            && let Err(error) = control::access::secret_file::read(file)
        {
            let text = format!("`control.webhook_secret_file`: {error}");
            match error.is_for_every_user() {
                true => self.findings.faults.push(text),
                // It may belong to the user of the service.
                false => self.warn(format!("{text} (for the user of this command)")),
            }
        }
        if checks.is_some_and(|checks| checks.rsync_listings)
            && let Some(problem) = control::mirrors::listing::find_problem()
        {
            self.warn(format!(
                "`control.rsync_listings` is set, and no mirror can be listed on this machine: {problem}"
            ));
        }
        // The folder of the store is made at the start.
        let snapshot =
            Some(&site.snapshot).filter(|path| path.parent() != state.map(|path| &**path));
        let index = tree.map(|(_, index)| index);
        let geography = site.geography.as_ref().map(|geography| &geography.output);
        for path in [state, snapshot, index, geography].into_iter().flatten() {
            if let Some(reason) = environment::find_folder_fault(path) {
                self.warn(format!("{}: {reason}", path.display()));
            }
        }
        if let Some(configuration) = self.configuration.as_object_mut() {
            configuration.insert("publishes".into(), site.snapshot.to_string_lossy().into());
            configuration.insert("compiles".into(), inputs.to_string().into());
            configuration.insert("node".into(), options.node.clone().into());
        }
    }

    fn check_data(&mut self, loaded: &Loaded, config: &Config, previous: Option<&Path>) {
        let snapshot = loaded.edition.snapshot();
        let (stats, created) = (snapshot.stats(), snapshot.created());
        self.data = json!({
            "generation": snapshot.generation().to_string(),
            "bytes": loaded.bytes,
            "created": created,
            "created_date": date(created),
            "holds": stats,
            "diagnostics": loaded.diagnostics().count(),
            "diagnostic_lines": loaded.warnings,
        });
        self.data_faults.extend(loaded.harmful.iter().cloned());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        if let Some(warning) = find_future(created, now) {
            self.warn(warning);
        }
        if stats.repositories == 0 {
            self.warn("the data hold no repository: repo= is answered with 404".into());
        }
        if let Source::Inputs(Inputs::Catalog(TextCatalog { index: None, .. })) = &config.source {
            self.warn(
                "no index of the primary tree is given, so there are no checksums, and metalinks are \
                 answered with 404: make one with `mirrorlistd scan`, and name it with --index"
                    .into(),
            );
        } else if stats.files == 0 {
            self.warn(
                "the data hold no file with checksums: metalinks are answered with 404".into(),
            );
        }
        let aliases = &config.http.answer.aliases;
        for fault in aliases.faults(snapshot) {
            self.warn(fault);
        }
        let Some(previous) = previous else { return };
        match format::read(previous) {
            Ok(old) if config.shrink == Shrink::Refuse => {
                let plausible = check_shrink(old.stats(), stats);
                self.data_faults.extend(plausible.err().map(|error| error.to_string()));
            }
            Ok(_) => {}
            Err(error) => self.warn(format!("there is nothing to compare the data with: {error}")),
        }
    }

    /// Checks the previous snapshot, which a start serves in the place of a broken one.
    fn check_stand_in(&mut self, path: &Path) {
        let previous = replace::previous_of(path);
        let stand_in = match format::read(&previous) {
            Ok(snapshot) => snapshot.generation().to_string(),
            Err(_) if !previous.exists() => return,
            Err(error) => return self.warn(error.to_string()),
        };
        if self.data_faults.is_empty() {
            if let Some(data) = self.data.as_object_mut() {
                data.insert("previous_generation".into(), stand_in.into());
            }
        } else {
            self.warn(format!(
                "a server that starts would serve generation {stand_in}, from {}",
                previous.display()
            ));
        }
    }

    fn warn(&mut self, warning: String) {
        self.findings.warnings.push(warning);
    }

    /// Prints diagnostics, warnings and faults to stderr, and returns the exit status.
    fn print_findings(&self, as_json: bool) -> u8 {
        if !as_json {
            let lines =
                self.data.get("diagnostic_lines").and_then(Value::as_array).into_iter().flatten();
            lines.filter_map(Value::as_str).for_each(complain);
        }
        for warning in &self.findings.warnings {
            complain(format_args!("mirrorlistd: warning: {warning}"));
        }
        for fault in self.findings.faults.iter().chain(&self.data_faults) {
            complain(format_args!("mirrorlistd: {fault}"));
        }
        match (self.findings.faults.is_empty(), self.data_faults.is_empty()) {
            (false, _) => USAGE,
            (true, false) => FAILURE,
            (true, true) => 0,
        }
    }
}

fn print_report(outcome: &Outcome, status: u8, as_json: bool) -> ExitCode {
    let verdict = match status {
        USAGE => "the configuration is at fault",
        FAILURE => "the data are at fault",
        _ => "fine",
    };
    let Outcome { configuration, data, findings, data_faults } = outcome;
    if as_json {
        let report = json!({
            "verdict": verdict,
            "exit_status": status,
            "configuration_faults": findings.faults,
            "data_faults": data_faults,
            "warnings": findings.warnings,
            "configuration": configuration,
            "data": data,
        });
        return finish(format_args!("{report:#}\n"));
    }
    let mut data = data.clone();
    if let Some(data) = data.as_object_mut() {
        // They were printed to stderr.
        data.remove("diagnostic_lines");
    }
    let warnings = match findings.warnings.len() {
        0 => String::new(),
        1 => ", 1 warning".into(),
        n => format!(", {n} warnings"),
    };
    finish(format_args!(
        "{}{}verdict: {verdict}{warnings}\n",
        as_text(configuration),
        as_text(&data)
    ))
}
