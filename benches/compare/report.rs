//! The table of targets, and the raw figures behind it.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::Result;

/// A figure with a target, in the order of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    AgainstNginx,
    AgainstConstant,
    Metalink28Kb,
    AddressLookup,
    Allocations,
    MemoryInService,
    MemoryInReload,
    StartFromSnapshot,
    StartFromFiles,
    CompileCatalog,
    CompileCatalogMemory,
    Scan,
    ScanMemory,
    AbWorst,
    NewConnections,
    Accept,
    ReloadP99,
    QueuesP99,
    QueuesP99OfBusy,
    Change,
    Scale,
    Slowest,
}

impl Figure {
    /// Whether it is a time, or a ratio of times, which a busy machine spoils. Bytes and counts stay.
    fn drifts(self) -> bool {
        !matches!(
            self,
            Self::Allocations
                | Self::MemoryInService
                | Self::MemoryInReload
                | Self::CompileCatalogMemory
                | Self::ScanMemory
        )
    }
}

struct Target {
    figure: Figure,
    text: &'static str,
    /// At least this, instead of at most.
    at_least: bool,
    limit: f64,
    goal: Option<f64>,
    unit: &'static str,
}

const fn at_most(
    figure: Figure,
    text: &'static str,
    limit: f64,
    goal: Option<f64>,
    unit: &'static str,
) -> Target {
    Target { figure, text, at_least: false, limit, goal, unit }
}

/// The targets of the project.
const TARGETS: [Target; 22] = [
    Target {
        figure: Figure::AgainstNginx,
        text: "metalink requests/s against nginx with one static file of the same mean size (c=64)",
        at_least: true,
        limit: 0.90,
        goal: Some(1.0),
        unit: "×",
    },
    at_most(
        Figure::AgainstConstant,
        "server CPU per request against a constant hyper answer of the same size (c=64)",
        1.2,
        Some(1.1),
        "×",
    ),
    at_most(
        Figure::Metalink28Kb,
        "select + order + render of a 28 KB metalink",
        5.0,
        Some(3.0),
        "µs",
    ),
    at_most(
        Figure::AddressLookup,
        "address to (netblocks, ASN, country)",
        300.0,
        Some(200.0),
        "ns",
    ),
    at_most(
        Figure::Allocations,
        "heap allocations per metalink in our own code",
        3.0,
        Some(1.0),
        "",
    ),
    at_most(Figure::MemoryInService, "memory in service, Fedora's size", 120.0, Some(60.0), "MB"),
    at_most(
        Figure::MemoryInReload,
        "peak memory during a snapshot reload, against in service",
        2.2,
        None,
        "×",
    ),
    at_most(
        Figure::StartFromSnapshot,
        "start to first answer from a snapshot",
        0.25,
        Some(0.1),
        "s",
    ),
    at_most(
        Figure::StartFromFiles,
        "start to first answer from the 300 MB protobuf and its tables",
        2.5,
        Some(1.5),
        "s",
    ),
    at_most(
        Figure::CompileCatalog,
        "compiling a catalog of 2,000 mirrors and 100,000 directories with its tables",
        2.5,
        None,
        "s",
    ),
    at_most(Figure::CompileCatalogMemory, "memory of that", 400.0, None, "MB"),
    at_most(Figure::Scan, "scanning 1,000,000 files again, warm", 10.0, None, "s"),
    at_most(Figure::ScanMemory, "memory of that", 300.0, None, "MB"),
    at_most(Figure::AbWorst, "`ab -n 5000 -c 400`, worst request", 100.0, None, "ms"),
    Target {
        figure: Figure::NewConnections,
        text: "requests/s over new connections (ab, c=100) against nginx with one static file",
        at_least: true,
        limit: 0.85,
        goal: Some(1.0),
        unit: "×",
    },
    at_most(
        Figure::Accept,
        "CPU of accepting a connection (a request over a new one less one over a kept one) against nginx",
        1.15,
        None,
        "×",
    ),
    at_most(
        Figure::ReloadP99,
        "p99 with a reload every 200 ms, against none (c=64)",
        2.0,
        Some(1.2),
        "×",
    ),
    at_most(
        Figure::QueuesP99,
        "p99 while all queues of background work are full in the same process, against empty ones",
        1.2,
        None,
        "×",
    ),
    at_most(
        Figure::QueuesP99OfBusy,
        "the same against empty queues while another process keeps the cores busy at idle priority",
        1.2,
        None,
        "×",
    ),
    at_most(
        Figure::Change,
        "from a change of a tree of 100,000 directories to the answer that has it",
        15.0,
        None,
        "s",
    ),
    at_most(
        Figure::Scale,
        "CPU per request, 4× hosts and 4× directories, at equal answer size",
        1.1,
        None,
        "×",
    ),
    at_most(
        Figure::Slowest,
        "slowest valid 8 KB request, CPU against the usual one",
        5.0,
        None,
        "×",
    ),
];

/// Cores that others may use before a time is worth nothing: a tenth of a small machine.
///
/// Medians and alternation remove a drift, not a compiler next door: with 1.9 of 2 cores taken, one
/// run gave 2.16 times nginx's requests/s and the next one 0.7.
const BUSY: f64 = 0.2;

/// Collects what was measured.
#[derive(Default)]
pub(crate) struct Report {
    figures: Vec<(Figure, f64)>,
    /// Cores that others used while each of `figures` was measured.
    disturbances: Vec<(Figure, f64)>,
    /// The same by part, in order.
    parts: Vec<(&'static str, f64)>,
    /// Markdown.
    sections: String,
    /// Parts that could not be measured, and why.
    failures: Vec<(&'static str, String)>,
}

impl Report {
    pub(crate) fn set(&mut self, figure: Figure, value: f64) {
        self.figures.push((figure, value));
    }

    /// Begins a section of raw figures.
    pub(crate) fn section(&mut self, title: &str) -> &mut String {
        // Writing into a string cannot fail, here and below.
        let _ = write!(self.sections, "\n## {title}\n\n");
        &mut self.sections
    }

    pub(crate) fn fail(&mut self, part: &'static str, reason: String) {
        self.failures.push((part, reason));
    }

    /// Says what others used of the machine during a part, which gave the figures from `first` on.
    pub(crate) fn note_disturbance(&mut self, part: &'static str, first: usize, cores: f64) {
        let figures = self.figures.iter().skip(first);
        self.disturbances.extend(figures.map(|&(figure, _)| (figure, cores)));
        self.parts.push((part, cores));
    }

    pub(crate) fn n_figures(&self) -> usize {
        self.figures.len()
    }

    /// Whether it may stand among the results: everything measured, on a quiet machine.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        let is_quiet = self.parts.iter().all(|&(_, cores)| cores <= BUSY);
        is_quiet && self.failures.is_empty() && self.figures.len() >= TARGETS.len()
    }

    /// The table of targets with what was measured.
    pub(crate) fn table(&self) -> String {
        let mut table =
            String::from("| figure | target (goal) | measured | |\n|---|---|---|---|\n");
        for target in &TARGETS {
            let found = self.figures.iter().rev().find(|(figure, _)| *figure == target.figure);
            let bound = if target.at_least { "≥" } else { "≤" };
            let goal = target.goal.map_or(String::new(), |goal| format!(" ({goal})"));
            let (measured, verdict) = match found {
                None => ("—".to_owned(), "not measured"),
                Some(&(_, value)) if target.figure.drifts() && self.was_busy(target.figure) => {
                    (format!("({})", show(value, target.unit)), "not judged: machine busy")
                }
                Some(&(_, value)) => (show(value, target.unit), target.judge(value)),
            };
            let limit = show_limit(target.limit, target.unit);
            let _ = writeln!(
                table,
                "| {} | {bound} {limit}{goal} | {measured} | {verdict} |",
                target.text
            );
        }
        let busy: Vec<_> = (self.parts.iter())
            .filter(|&&(_, cores)| cores > BUSY)
            .map(|(part, cores)| format!("{part} {cores:.2}"))
            .collect();
        if !busy.is_empty() {
            let busy = busy.join(", ");
            let _ = writeln!(table, "\nCores that others used, where more than {BUSY}: {busy}.");
        }
        for (part, reason) in &self.failures {
            let _ = writeln!(table, "\nNot measured: {part}: {reason}");
        }
        table
    }

    fn was_busy(&self, figure: Figure) -> bool {
        self.disturbances.iter().any(|&(other, cores)| other == figure && cores > BUSY)
    }

    /// The whole report.
    pub(crate) fn markdown(&self, setting: &Setting) -> String {
        format!("{}\n{}{}", setting.markdown(), self.table(), self.sections)
    }
}

impl Target {
    fn judge(&self, value: f64) -> &'static str {
        let meets = |limit: f64| if self.at_least { value >= limit } else { value <= limit };
        match self.goal {
            _ if !meets(self.limit) => "**missed**",
            Some(goal) if meets(goal) => "goal",
            _ => "met",
        }
    }
}

fn show(value: f64, unit: &str) -> String {
    let digits = if value < 10.0 { 2 } else { 1 };
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

fn show_limit(value: f64, unit: &str) -> String {
    format!("{value} {unit}").trim_end().to_owned()
}

/// Where, when and of what.
pub(crate) struct Setting {
    pub(crate) date: String,
    pub(crate) commit: String,
    machine: String,
    load_before: String,
    versions: String,
    pub(crate) options: String,
}

impl Setting {
    pub(crate) fn find(options: String) -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
        let meminfo = fs::read_to_string("/proc/meminfo")?;
        let memory: u64 = meminfo
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.split_ascii_whitespace().next())
            .unwrap_or("0")
            .parse()?;
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let cores = std::thread::available_parallelism()?;
        let dirty = match output("git", &["status", "--porcelain", "--untracked-files=no"]).as_str()
        {
            "" => "",
            _ => "-dirty",
        };
        Ok(Self {
            date: output("date", &["-u", "+%Y-%m-%d"]),
            commit: format!("{}{dirty}", output("git", &["rev-parse", "--short", "HEAD"])),
            machine: format!(
                "{} × {cores}, {} GB of memory, Linux {}",
                model.unwrap_or("unknown processor"),
                memory.div_ceil(1 << 20),
                kernel.trim()
            ),
            load_before: fs::read_to_string("/proc/loadavg")?,
            versions: [
                output("rustc", &["--version"]),
                output("sh", &["-c", "(/usr/sbin/nginx -v || nginx -v) 2>&1 | head -1"]),
                output("sh", &["-c", "wrk -v 2>&1 | head -1 | cut -d' ' -f1-2"]),
                output("sh", &["-c", "ab -V | head -1 | cut -d' ' -f4-5"]),
            ]
            .join("; "),
            options,
        })
    }

    fn markdown(&self) -> String {
        let Self { date, commit, machine, load_before, versions, options } = self;
        let load = load_before.split(' ').next().unwrap_or_default();
        format!(
            "# {date}, commit {commit}\n\n`benches/run {options}` on {machine}; load average before: {load}.\n{versions}.\n"
        )
        .replace("run `", "run`")
    }
}

/// What a command prints; nothing if it fails.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}

/// The middle one; of an even number, the mean of both.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.get(half), values.get(half.wrapping_sub(1))) {
        (Some(&upper), Some(&lower)) if values.len().is_multiple_of(2) => (lower + upper) / 2.0,
        (Some(&middle), _) => middle,
        (None, _) => f64::NAN,
    }
}
