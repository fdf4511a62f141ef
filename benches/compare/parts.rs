//! What is measured, part by part.

mod change;
mod connections;
mod pinned;
mod queues;
mod scale;
mod split;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testdata::fedora::Shape;

use crate::ask::{Connection, measure_sizes};
use crate::load::{Load, Scripts, wrk};
use crate::process::{Core, command, run};
use crate::report::{Figure, Report, median};
use crate::servers::{self, Server, Source};
use crate::{Effort, Result, data, hostile, large_catalog, micro, scan};

/// Concurrent connections under load.
const CONNECTIONS: [usize; 3] = [1, 64, 400];
/// Where one concurrency must stand for all.
const USUAL_CONNECTIONS: usize = 64;
/// Time between reloads under load.
const RELOAD_INTERVAL: Duration = Duration::from_millis(200);
const MEGABYTE: f64 = 1e6;
/// Connections that are held at the same time to see what one costs; within the usual limit of 1,024
/// open files.
const HELD_CONNECTIONS: usize = 500;

/// What all parts need.
pub(crate) struct Bench<'a> {
    work: &'a Path,
    effort: &'a Effort,
    is_quick: bool,
    /// Full-size input files.
    folder: PathBuf,
    snapshot: PathBuf,
    requests: Vec<(String, String)>,
    scripts: Scripts,
    /// Mean size of a metalink, rounded.
    body_bytes: usize,
    /// Another mirrorlistd, which some parts measure in the same turns.
    against: Option<&'a Path>,
}

impl<'a> Bench<'a> {
    /// Makes the data and a snapshot, and measures how large answers are.
    pub(crate) fn prepare(
        work: &'a Path,
        effort: &'a Effort,
        is_quick: bool,
        against: Option<&'a Path>,
    ) -> Result<Self> {
        let folder = match std::env::var_os(data::VARIABLE) {
            Some(folder) => folder.into(),
            None => {
                eprintln!("data of Fedora's size …");
                data::prepare("fedora", &Shape::fedora())?
            }
        };
        let requests = data::requests(&folder)?;
        let scripts = Scripts::write(&folder, &work.join("wrk"))?;
        let snapshot = work.join("fedora.snapshot");
        compile(&folder, &snapshot)?;
        let bench = Self {
            work,
            effort,
            is_quick,
            folder,
            snapshot,
            requests,
            scripts,
            body_bytes: 0,
            against,
        };
        let ours = bench.start_ours()?;
        let sizes = measure_sizes(ours.address, "/metalink", &bench.requests)?;
        Ok(Self { body_bytes: sizes.mean.round() as usize, ..bench })
    }

    /// A target that every server answers.
    fn target(&self) -> &str {
        self.requests.first().map_or("/metalink", |(target, _)| target)
    }

    fn start_ours(&self) -> Result<Server> {
        Ok(servers::mirrorlistd(Source::Snapshot(&self.snapshot), self.work, self.target())?.0)
    }

    /// The other mirrorlistd.
    fn start_other(&self) -> Result<Option<Server>> {
        let Some(program) = self.against else { return Ok(None) };
        let source = Source::Snapshot(&self.snapshot);
        let start = servers::program_on(program, Core::Any, source, self.work, self.target());
        Ok(Some(start.map_err(|error| format!("{}: {error}", program.display()))?.0))
    }

    fn wrk(&self, server: &Server, script: &Path, connections: usize) -> Result<Load> {
        let load = wrk(server, script, connections, self.effort.run, &[])?;
        check(load)
    }

    pub(crate) fn micro(&self, report: &mut Report) -> Result<()> {
        let (figures, table) = micro::measure(self.effort.micro)?;
        let find = |name: &str| {
            figures.get(name).copied().ok_or_else(|| format!("there is no micro bench {name}"))
        };
        let metalink = find("respond/metalink")?;
        report
            .set(Figure::Metalink28Kb, find("render/select_order_render_28_kb")?.nanoseconds / 1e3);
        report.set(
            Figure::AddressLookup,
            find("lookup/address_to_netblocks_asn_country")?.nanoseconds,
        );
        report.set(Figure::Allocations, metalink.allocations + metalink.growths);
        let text = report.section("Micro benches");
        let _ =
            writeln!(text, "| bench | median | allocations | of them growths |\n|---|---|---|---|");
        for (name, figure) in &figures {
            let allocations = figure.allocations + figure.growths;
            let time = Duration::from_nanos(figure.nanoseconds.round() as u64);
            let time = if figure.nanoseconds < 1e3 {
                format!("{:.1} ns", figure.nanoseconds)
            } else {
                format!("{time:.2?}")
            };
            let _ =
                writeln!(text, "| {name} | {time} | {allocations:.2} | {:.2} |", figure.growths);
        }
        // The whole table is for the one who optimises; it is too long to keep.
        fs::write(data::cache_folder().join("micro.txt"), table)?;
        Ok(())
    }

    pub(crate) fn start(&self, report: &mut Report) -> Result<()> {
        let rounds = self.effort.rounds;
        let mut compiles = Vec::new();
        let mut from_snapshot = Vec::new();
        let mut from_files = Vec::new();
        for _ in 0..rounds.min(3) {
            compiles.push(compile(&self.folder, &self.snapshot)?.as_secs_f64());
            let source = Source::Files(&self.folder);
            let (_, time) = servers::mirrorlistd(source, self.work, self.target())?;
            from_files.push(time.as_secs_f64());
        }
        for _ in 0..2 * rounds {
            let source = Source::Snapshot(&self.snapshot);
            let (_, time) = servers::mirrorlistd(source, self.work, self.target())?;
            from_snapshot.push(time.as_secs_f64());
        }
        report.set(Figure::StartFromSnapshot, median(from_snapshot.iter().copied()));
        report.set(Figure::StartFromFiles, median(from_files.iter().copied()));
        let snapshot_bytes = fs::metadata(&self.snapshot)?.len() as f64;
        let text = report.section("Compile and start");
        let _ = writeln!(
            text,
            "Snapshot file: {:.1} MB. Files are in the page cache.\n",
            snapshot_bytes / MEGABYTE
        );
        for (name, values) in [
            ("`mirrorlistd compile`", &compiles),
            ("start to first answer from the snapshot", &from_snapshot),
            ("start to first answer from the raw files", &from_files),
        ] {
            let middle = median(values.iter().copied());
            let _ = writeln!(text, "- {name}: {middle:.3} s (rounds: {})", list(values, 3));
        }
        large_catalog::measure(self.work, &self.folder, rounds.min(3), report)
    }

    /// A quick run takes a tenth of the files, and gives no figure.
    pub(crate) fn scan(&self, report: &mut Report) -> Result<()> {
        let n_files = if self.is_quick { 100_000 } else { scan::N_FILES };
        scan::measure(self.work, n_files, self.effort.rounds.min(3), report)
    }

    pub(crate) fn load(&self, report: &mut Report) -> Result<()> {
        let ours = self.start_ours()?;
        let nginx = servers::nginx(self.body_bytes, self.work)?;
        let constant = servers::constant(self.body_bytes)?;
        let metalinks = measure_sizes(ours.address, "/metalink", &self.requests)?;
        let lists = measure_sizes(ours.address, "/mirrorlist", &self.requests)?;

        let scripts = [self.scripts.metalink.clone(), self.scripts.mirrorlist.clone()];
        let [metalink, mirrorlist] = &scripts;
        let kinds: [(&str, &Server, &Path); 4] = [
            ("mirrorlistd, metalink", &ours, metalink),
            ("nginx, static file", &nginx, metalink),
            ("hyper, constant", &constant, metalink),
            ("mirrorlistd, mirrorlist", &ours, mirrorlist),
        ];
        for (_, server, script) in kinds {
            // Warm up: caches, connections, lazily made memory.
            wrk(server, script, USUAL_CONNECTIONS, Duration::from_secs(1), &[])?;
        }
        let mut runs: Vec<Vec<Load>> = Vec::new();
        for connections in CONNECTIONS {
            let mut of_kinds = vec![Vec::new(); kinds.len()];
            for _ in 0..self.effort.rounds {
                for (loads, (name, server, script)) in of_kinds.iter_mut().zip(kinds) {
                    let load = self.wrk(server, script, connections);
                    loads.push(load.map_err(|error| format!("{name}, c={connections}: {error}"))?);
                }
            }
            runs.extend(of_kinds);
        }

        let text = report.section("Load");
        let _ = writeln!(
            text,
            "wrk with one thread. Metalinks have {:.0} bytes at the mean ({} / {} / {} at p10 / p50 / \
             p90, {} at most), mirrorlists {:.0}; nginx and the constant server send {} bytes.\n",
            metalinks.mean,
            metalinks.p10,
            metalinks.p50,
            metalinks.p90,
            metalinks.largest,
            lists.mean,
            self.body_bytes
        );
        let _ = writeln!(
            text,
            "| | c | requests/s | p50 ms | p99 | p99.9 | worst | server CPU µs/request | wrk's core |\n\
             |---|---|---|---|---|---|---|---|---|"
        );
        for (index, loads) in runs.iter().enumerate() {
            let middle = |field: fn(&Load) -> f64| median(loads.iter().map(field));
            let connections = CONNECTIONS.get(index / kinds.len()).copied().unwrap_or(0);
            let name = kinds.get(index % kinds.len()).map_or("", |kind| kind.0);
            let _ = writeln!(
                text,
                "| {name} | {connections} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.2} | {:.0} % |",
                middle(|load| load.per_second),
                middle(|load| load.p50),
                middle(|load| load.p99),
                middle(|load| load.p999),
                middle(|load| load.worst),
                middle(|load| load.server_cpu),
                middle(|load| load.client_share) * 100.0,
            );
        }
        let _ = writeln!(text, "\nRounds, requests/s and (server CPU µs/request):\n");
        for (index, loads) in runs.iter().enumerate() {
            let connections = CONNECTIONS.get(index / kinds.len()).copied().unwrap_or(0);
            let name = kinds.get(index % kinds.len()).map_or("", |kind| kind.0);
            let rounds: Vec<_> = loads
                .iter()
                .map(|load| format!("{:.0} ({:.2})", load.per_second, load.server_cpu))
                .collect();
            let _ = writeln!(text, "- {name}, c={connections}: {}", rounds.join(", "));
        }
        let _ = writeln!(
            text,
            "\nRatios, medians over rounds of ours to the other in the same round:\n"
        );
        let ratio = |group: &[Vec<Load>], other: usize, field: fn(&Load) -> f64| {
            let pairs =
                group.first().into_iter().flatten().zip(group.get(other).into_iter().flatten());
            median(pairs.map(|(ours, other)| field(ours) / field(other)))
        };
        let mut usual = (f64::NAN, f64::NAN);
        for (connections, group) in CONNECTIONS.iter().zip(runs.chunks(kinds.len())) {
            let nginx_speed = ratio(group, 1, |load| load.per_second);
            let nginx_cpu = ratio(group, 1, |load| load.server_cpu);
            let constant_speed = ratio(group, 2, |load| load.per_second);
            let constant_cpu = ratio(group, 2, |load| load.server_cpu);
            let _ = writeln!(
                text,
                "- c={connections}: requests/s {nginx_speed:.2} of nginx, {constant_speed:.2} of the \
                 constant server; CPU per request {nginx_cpu:.2} of nginx, {constant_cpu:.2} of the \
                 constant server"
            );
            if *connections == USUAL_CONNECTIONS {
                usual = (nginx_speed, constant_cpu);
            }
        }
        report.set(Figure::AgainstNginx, usual.0);
        report.set(Figure::AgainstConstant, usual.1);
        Ok(())
    }

    pub(crate) fn memory(&self, report: &mut Report) -> Result<()> {
        let script = self.scripts.metalink.clone();
        let mut rows = Vec::new();
        let mut per_connection = Vec::new();
        for _ in 0..self.effort.rounds.min(3) {
            let ours = self.start_ours()?;
            let started = ours.process.memory()?;
            self.wrk(&ours, &script, 400)?;
            let in_service = ours.process.memory()?.resident;
            ours.process.reset_peak()?;
            ours.reload()?;
            let in_reload = ours.process.memory()?.peak;
            for _ in 0..4 {
                ours.reload()?;
            }
            let in_reloads = ours.process.memory()?.peak;
            self.wrk(&ours, &script, 400)?;
            let afterwards = ours.process.memory()?.resident;
            rows.push(
                [started.resident, started.peak, in_service, in_reload, in_reloads, afterwards]
                    .map(|bytes| bytes as f64 / MEGABYTE),
            );
            per_connection.push(self.hold_connections()?);
        }
        let column = |index: usize| rows.iter().filter_map(move |row| row.get(index).copied());
        report.set(Figure::MemoryInService, median(column(2)));
        let ratios = rows.iter().map(|[_, _, in_service, in_reload, ..]| in_reload / in_service);
        report.set(Figure::MemoryInReload, median(ratios));
        let text = report.section("Memory, MB");
        for (index, name) in [
            "after the first answer",
            "peak of the start",
            "in service, after load from 400 connections",
            "peak of one reload",
            "peak of five reloads",
            "in service afterwards",
        ]
        .into_iter()
        .enumerate()
        {
            let values: Vec<f64> = column(index).collect();
            let _ = writeln!(
                text,
                "- {name}: {:.1} (rounds: {})",
                median(values.iter().copied()),
                list(&values, 1)
            );
        }
        let _ = writeln!(
            text,
            "- each kept connection, kB: {:.1} (rounds: {})",
            median(per_connection.iter().copied()),
            list(&per_connection, 1)
        );
        Ok(())
    }

    /// Kilobytes that the process takes for a connection that has had an answer and is kept.
    ///
    /// The allocator gives back what the start took within a second or so; only then does the
    /// resident size show connections and not that.
    fn hold_connections(&self) -> Result<f64> {
        let ours = self.start_ours()?;
        let mut held = Vec::with_capacity(HELD_CONNECTIONS);
        let settle = Instant::now() + Duration::from_secs(2);
        let mut first = Connection::open(ours.address)?;
        for (target, client) in self.requests.iter().cycle() {
            first.ask(target, client)?;
            if Instant::now() > settle {
                break;
            }
        }
        let before = ours.process.memory()?.resident as f64;
        for (target, client) in self.requests.iter().cycle().take(HELD_CONNECTIONS) {
            let mut connection = Connection::open(ours.address)?;
            connection.ask(target, client)?;
            held.push(connection);
        }
        let after = ours.process.memory()?.resident as f64;
        Ok((after - before) / 1e3 / HELD_CONNECTIONS as f64)
    }

    pub(crate) fn reload(&self, report: &mut Report) -> Result<()> {
        let ours = self.start_ours()?;
        let script = self.scripts.metalink.clone();
        self.wrk(&ours, &script, USUAL_CONNECTIONS)?;
        let mut rounds = Vec::new();
        for _ in 0..self.effort.rounds {
            let calm = self.wrk(&ours, &script, USUAL_CONNECTIONS)?;
            let (reloading, n_reloads) = ours
                .reload_during(RELOAD_INTERVAL, || self.wrk(&ours, &script, USUAL_CONNECTIONS))?;
            rounds.push((calm, reloading, n_reloads));
        }
        report.set(
            Figure::ReloadP99,
            median(rounds.iter().map(|(calm, reloading, _)| reloading.p99 / calm.p99)),
        );
        let text = report.section("SIGHUP every 200 ms, c=64");
        let _ = writeln!(
            text,
            "| round | | requests/s | p50 ms | p99 | p99.9 | worst | reloads |\n\
             |---|---|---|---|---|---|---|---|"
        );
        for (round, (calm, reloading, n_reloads)) in (1..).zip(&rounds) {
            for (name, load, n) in [("without", calm, 0), ("with", reloading, *n_reloads)] {
                let Load { per_second, p50, p99, p999, worst, .. } = load;
                let _ = writeln!(
                    text,
                    "| {round} | {name} | {per_second:.0} | {p50:.2} | {p99:.2} | {p999:.2} | \
                     {worst:.1} | {n} |"
                );
            }
        }
        Ok(())
    }

    pub(crate) fn hostile(&self, report: &mut Report) -> Result<()> {
        let ours = self.start_ours()?;
        let candidates = hostile::candidates(ours.address, &self.requests)?;
        let script = self.scripts.metalink.clone();
        let duration = self.effort.short_run;
        let mut usual = Vec::new();
        let mut costs = vec![Vec::new(); candidates.len()];
        for _ in 0..self.effort.rounds.min(3) {
            let load = wrk(&ours, &script, USUAL_CONNECTIONS, duration, &[])?;
            usual.push(check(load)?.server_cpu);
            for (costs, candidate) in costs.iter_mut().zip(&candidates) {
                let mut extra = candidate.headers.clone();
                extra.push(candidate.target.clone());
                let load = wrk(&ours, &self.scripts.fixed, USUAL_CONNECTIONS, duration, &extra)
                    .map_err(|error| format!("{}: {error}", candidate.name))?;
                costs.push(load.server_cpu);
            }
        }
        let base = median(usual.iter().copied());
        let mut connection = Connection::open(ours.address)?;
        let mut rows = Vec::new();
        for (candidate, costs) in candidates.iter().zip(&costs) {
            let forwarded =
                |line: &String| Some(line.strip_prefix("X-Forwarded-For: ")?.to_owned());
            let client = candidate.headers.iter().find_map(forwarded);
            let answer = connection.ask(&candidate.target, &client.unwrap_or_default())?;
            let cost = median(costs.iter().copied());
            rows.push((cost / base, cost, answer, candidate.name));
        }
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        let worst = rows.first().map_or(f64::NAN, |row| row.0);
        let text = report.section("Expensive requests, server CPU, c=64");
        let _ = writeln!(
            text,
            "The usual mix of metalinks costs {base:.2} µs each.\n\n\
             | request | µs | against the usual | status | body bytes |\n|---|---|---|---|---|"
        );
        for (ratio, cost, answer, name) in rows {
            let _ = writeln!(
                text,
                "| {name} | {cost:.1} | {ratio:.2} | {} | {} |",
                answer.status, answer.body_bytes
            );
        }
        report.set(Figure::Slowest, worst);
        Ok(())
    }
}

/// The load, unless something in it failed.
fn check(load: Load) -> Result<Load> {
    if load.failed > 0.0 || load.refused > 0.0 {
        return Err(format!("{} failures, {} refusals", load.failed, load.refused).into());
    }
    Ok(load)
}

/// Compiles a folder with the program under test; says how long it took.
fn compile(folder: &Path, snapshot: &Path) -> Result<Duration> {
    let mut ours = command(env!("CARGO_BIN_EXE_mirrorlistd"));
    ours.arg("compile").args(servers::arguments(folder)).arg("-o").arg(snapshot);
    let start = Instant::now();
    run(&mut ours, Duration::from_secs(300))?;
    Ok(start.elapsed())
}

fn list(values: &[f64], digits: usize) -> String {
    values.iter().map(|value| format!("{value:.digits$}")).collect::<Vec<_>>().join(", ")
}
