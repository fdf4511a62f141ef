//! The whole program under load, next to nginx with a static file and a constant hyper server.
//!
//! `benches/run` starts this. Everything is measured side by side and alternating, in rounds (A B C
//! A B C …), and reported as the median of rounds, because machines are small and drift. All load is
//! on loopback, from one thread of wrk or from ab, and bounded in time. What has a target is shown
//! in one table; all figures go into one file under `benches/results/`.
//!
//! Client and server share the cores in the same way for every server that is compared. Only in the part `pinned`, and in
//! one half of what full queues cost, each has a core.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is its purpose")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

mod ask;
mod constant;
mod hostile;
mod large_catalog;
mod load;
mod micro;
mod parts;
mod process;
mod queues;
mod report;
mod scan;
mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use support::data;

use parts::Bench;
use process::Disturbance;
use report::{Report, Setting};

support::runs_the_program!();

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Measures mirrorlistd next to nginx and a constant hyper server.
#[derive(Parser)]
#[command(name = "benches/run")]
struct Options {
    /// Take about two minutes instead of ten; the report is not kept.
    #[arg(long)]
    quick: bool,
    /// Measure only these parts; the report is not kept.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Measure this mirrorlistd in the same turns, where a request's time is split: one from before a change.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Said by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Be the constant server.
    #[command(hide = true)]
    Constant {
        port: u16,
        size: usize,
        /// A file with sizes that the answers have in turn, one a line
        #[arg(long)]
        sizes: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The micro benches.
    Micro,
    /// Compile time, and start to first answer.
    Start,
    /// Scans of a tree of a million files; takes 700 MB of disk meanwhile, and one to six
    /// minutes, most of which is making and removing it.
    Scan,
    /// Requests per second, latency, CPU per request.
    Load,
    /// The same with a core for the client and one for the server.
    Pinned,
    /// Where the time of a request goes: user and kernel, faults, huge pages, system calls.
    Split,
    /// New connections: the worst request, what it costs to accept one, bursts.
    Connections,
    /// Memory in service and while reloading.
    Memory,
    /// Latency under reloads.
    Reload,
    /// Latency while background work in the same process has full queues.
    Queues,
    /// The time from a change of the primary tree to the answer.
    Change,
    /// Requests that try to be expensive.
    Hostile,
    /// Four times the hosts and directories.
    Scale,
}

/// How long and how often.
struct Effort {
    rounds: usize,
    /// Of one run of wrk.
    run: Duration,
    /// Of a run that only compares CPU time.
    short_run: Duration,
    /// Of one micro bench, in seconds.
    micro: f64,
}

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Whether somebody wants this to stop; whatever waits looks here, so that children are ended.
fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(Role::Constant { port, size, sizes: None }) => constant::serve(port, &[size]),
        Some(Role::Constant { port, sizes: Some(file), .. }) => serve_sizes(port, &file),
        // `cargo test --benches` runs benches without it, and must not take ten minutes.
        None if !options.bench => Ok(()),
        None => measure(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("benches/run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_sizes(port: u16, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let sizes: std::result::Result<Vec<usize>, _> = text.lines().map(str::parse).collect();
    constant::serve(port, &sizes?)
}

type Measure<'a> = fn(&Bench<'a>, &mut Report) -> Result<()>;

fn measure(options: &Options) -> Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    let effort = if options.quick {
        let run = Duration::from_secs(1);
        Effort { rounds: 2, run, short_run: run, micro: 0.2 }
    } else {
        Effort {
            rounds: 5,
            run: Duration::from_secs(3),
            short_run: Duration::from_secs(2),
            micro: 1.0,
        }
    };
    let shown: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let setting = Setting::find(shown.join(" "))?;
    let work = tempfile::Builder::new().prefix("compare.").tempdir()?;
    let mut report = Report::default();
    let bench = Bench::prepare(work.path(), &effort, options.quick, options.against.as_deref())?;

    let parts: [(Part, &'static str, Measure<'_>); 13] = [
        (Part::Micro, "micro benches", Bench::micro),
        (Part::Start, "compile and start", Bench::start),
        (Part::Scan, "scan", Bench::scan),
        (Part::Load, "load", Bench::load),
        (Part::Pinned, "pinned", Bench::pinned),
        (Part::Split, "split", Bench::split),
        (Part::Connections, "connections", Bench::connections),
        (Part::Memory, "memory", Bench::memory),
        (Part::Reload, "reload", Bench::reload),
        (Part::Queues, "queues", Bench::queues),
        (Part::Change, "change", Bench::change),
        (Part::Hostile, "slowest request", Bench::hostile),
        (Part::Scale, "scale", Bench::scale),
    ];
    for (part, name, measure) in parts {
        if !options.only.is_empty() && !options.only.contains(&part) {
            continue;
        }
        let start = Instant::now();
        eprint!("{name} … ");
        let first = report.n_figures();
        let disturbance = Disturbance::begin()?;
        match measure(&bench, &mut report) {
            Ok(()) => eprintln!("{:.0} s", start.elapsed().as_secs_f64()),
            Err(error) => {
                eprintln!("{error}");
                report.fail(name, error.to_string());
            }
        }
        if is_interrupted() {
            return Err("interrupted".into());
        }
        report.note_disturbance(name, first, disturbance.end()?);
    }
    println!("{}", report.table());
    let file = keep(options, &setting, &report)?;
    eprintln!("all figures: {}", file.display());
    Ok(())
}

/// Writes the report: a full one from a quiet machine beside the others of the project, any other
/// into the cache.
fn keep(options: &Options, setting: &Setting, report: &Report) -> Result<PathBuf> {
    let file = if options.quick || !report.is_worth_keeping() {
        data::cache_folder().join("last.md")
    } else {
        let results = Path::new("benches/results");
        fs::create_dir_all(results)?;
        results.join(format!("{}-{}.md", setting.date, setting.commit))
    };
    fs::write(&file, report.markdown(setting))?;
    Ok(file)
}
