//! `mirrorlistd quality`: measures how well clients are served.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ::quality::report::Report;
use ::quality::{Choice, Drawing, Plan, Policy, measure, text};

use super::output::{FAILURE, USAGE, complain, fail, finish};
use crate::cli::QualityArgs;
use crate::config::Config;
use crate::config::sections::answer::AnswerOptions;
use crate::config::sections::data::SourceOptions;
use crate::config::values;
use crate::config::written::Written;
use answer::shaping::Shaping;
use runtime::log;

/// A run shorter than this shows no progress.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often it is shown, at most.
const REFRESH: Duration = Duration::from_millis(200);

pub(super) fn run(args: &QualityArgs) -> ExitCode {
    log::install(None);
    let written = Written {
        inputs: args.inputs.clone(),
        source: SourceOptions { snapshot: args.snapshot.clone(), ..SourceOptions::default() },
        answer: args.answer.clone(),
        ..Written::default()
    };
    let config = match Config::resolve(&written, args.file.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, error),
    };
    if config.demo_stands_in {
        if !args.fail_if.is_empty() {
            // A CI that lost an option would pass for ever.
            return fail(
                USAGE,
                "no data are given for --fail-if (--demo takes the built-in demo data)",
            );
        }
        complain("mirrorlistd: warning: no data are given: these are the built-in demo data");
    }
    let loaded = match config.source.load(None) {
        Ok(loaded) => loaded,
        Err(error) => return fail(FAILURE, error),
    };
    // What was mended or skipped is told by `check`.
    loaded.harmful.iter().for_each(complain);
    let (policies, configured) = policies(&config.http.answer);
    let plan = Plan {
        drawing: Drawing {
            n_clients: args.clients as usize,
            ipv6_share: f64::from(args.ipv6) / 100.0,
            seed: args.seed,
            log: args.log.clone(),
        },
        choice: Choice { repo: args.repo.clone(), arch: args.arch.clone() },
        is_exact: args.exact,
        policies,
        configured,
        n_countries: usize::from(args.countries),
        n_threads: thread::available_parallelism().map_or(1, usize::from),
    };
    let progress = Progress::new(plan.drawing.n_clients * plan.policies.len());
    let measured = measure(&loaded.edition, &plan, &|n| progress.add(n));
    progress.end();
    let report = match measured {
        Ok(report) => report,
        Err(error) => return fail(FAILURE, error),
    };
    print(&report, args)
}

/// Prints the report, and which conditions hold.
fn print(report: &Report, args: &QualityArgs) -> ExitCode {
    let holding = report.check(&args.fail_if);
    let printed = match (args.json, serde_json::to_value(report)) {
        (false, _) => finish(text::of(report)),
        (true, Ok(mut json)) => {
            if let Some(json) = json.as_object_mut() {
                json.insert("failed".into(), holding.clone().into());
            }
            finish(format_args!("{json:#}\n"))
        }
        (true, Err(error)) => fail(FAILURE, error),
    };
    for line in &holding {
        complain(format_args!("mirrorlistd: {line}"));
    }
    match holding.is_empty() {
        true => printed,
        false => ExitCode::from(FAILURE),
    }
}

/// The policies to compare, and the name of the one that is configured, which may be one of the others.
///
/// What has one default, such as the fallback, is the same for all of them.
fn policies(configured: &answer::Options) -> (Vec<Policy>, &'static str) {
    let of = |profile, policy| {
        let answer = AnswerOptions { profile: Some(profile), policy, ..AnswerOptions::default() };
        let pure = answer.options();
        answer::Options {
            minimum: configured.minimum,
            nat64: configured.nat64.clone(),
            aliases: configured.aliases.clone(),
            max_parameters: configured.max_parameters,
            max_countries: configured.max_countries,
            max_protocols: configured.max_protocols,
            max_excluded: configured.max_excluded,
            redirect_links: configured.redirect_links,
            allow_ip: configured.allow_ip,
            private_for_ip: configured.private_for_ip,
            shaping: Shaping { fallback: configured.shaping.fallback.clone(), ..pure.shaping },
            ..pure
        }
    };
    let mut policies: Vec<Policy> = [
        ("compatible", values::Profile::Compatible, None),
        ("modern_tiers", values::Profile::Modern, Some(values::Policy::Tiers)),
        ("modern", values::Profile::Modern, None),
    ]
    .map(|(name, profile, policy)| Policy { name, options: of(profile, policy) })
    .into();
    let same = policies.iter().find(|policy| policy.options == *configured);
    let name = same.map_or("configured", |policy| policy.name);
    if same.is_none() {
        policies.push(Policy { name, options: configured.clone() });
    }
    (policies, name)
}

/// Shows on a terminal how far a long run is.
struct Progress {
    n_all: usize,
    n_done: AtomicUsize,
    begun: Instant,
    /// Milliseconds after the beginning at which it was shown last.
    shown: AtomicUsize,
    is_terminal: bool,
}

impl Progress {
    fn new(n_all: usize) -> Self {
        Self {
            n_all,
            n_done: AtomicUsize::new(0),
            begun: Instant::now(),
            shown: AtomicUsize::new(0),
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    fn add(&self, n: usize) {
        let n_done = self.n_done.fetch_add(n, Ordering::Relaxed) + n;
        let elapsed = self.begun.elapsed();
        if !self.is_terminal || elapsed < PATIENCE {
            return;
        }
        let now = usize::try_from(elapsed.as_millis()).unwrap_or(usize::MAX);
        let before = self.shown.load(Ordering::Relaxed);
        let is_due = now.saturating_sub(before) >= REFRESH.as_millis() as usize;
        let exchange = |now| {
            self.shown.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if is_due && exchange(now) {
            let percent = n_done * 100 / self.n_all.max(1);
            // Progress is of no use to somebody who cannot be told.
            let _ =
                write!(std::io::stderr(), "\r{:3} % of all clients asked for", percent.min(100));
        }
    }

    /// Removes what was shown.
    fn end(&self) {
        if self.shown.load(Ordering::Relaxed) > 0 {
            let _ = write!(std::io::stderr(), "\r{:40}\r", "");
        }
    }
}
