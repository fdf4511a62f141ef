//! What full queues of background work in the same process cost answers.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Bench, check};
use crate::Result;
use crate::load::{Load, Scripts, wrk_on};
use crate::process::{BusyLoops, Core};
use crate::queues::Site;
use crate::report::{Figure, Report, median};
use crate::servers::{self, Source};

/// Where the server and the load run, and how many connections there are.
struct Case {
    name: &'static str,
    server: Core,
    load: Core,
    connections: usize,
}

const fn case(name: &'static str, server: Core, load: Core, connections: usize) -> Case {
    Case { name, server, load, connections }
}

/// With a core each, all work of the server competes for one; unpinned, it goes where there is room.
const CASES: [Case; 4] = [
    case("a core each, c=64", Core::Only(0), Core::Only(1), 64),
    case("a core each, c=4", Core::Only(0), Core::Only(1), 4),
    case("unpinned, c=64", Core::Any, Core::Any, 64),
    case("unpinned, c=4", Core::Any, Core::Any, 4),
];
/// By how much later each further turn begins in the work of the queues.
const AHEAD: Duration = Duration::from_millis(230);
/// How many rounds there are for each of other parts: ratios of adjacent turns differ by a factor of two and more
/// on a machine that others use as well.
const ROUNDS: usize = 2;

impl Bench<'_> {
    /// p99 in turns: with empty queues, with cores that are busy with something else, and with full queues.
    pub(crate) fn queues(&self, report: &mut Report) -> Result<()> {
        let site = Site::make(self.work, &self.folder, &self.requests)?;
        let scripts = Scripts::write(&site.requests, &self.work.join("wrk-queues"))?;
        let mut rows = String::new();
        let (mut worst, mut worst_of_busy) = (0_f64, 0_f64);
        for Case { name, server: core, load, connections } in CASES {
            let source = Source::Config(&site.config);
            let (server, _) = servers::mirrorlistd_on(core, source, self.work, &site.target)?;
            let turn = || {
                let script = &scripts.metalink;
                check(wrk_on(load, &server, script, connections, self.effort.run, &[])?)
            };
            turn()?;
            let mut rounds: Vec<[Load; 3]> = Vec::new();
            let before = site.completed()?;
            for round in 0..self.effort.rounds * ROUNDS {
                site.empty()?;
                let calm = turn()?;
                let loops = BusyLoops::start(core)?;
                let busy = turn()?;
                drop(loops);
                let ahead = AHEAD * u32::try_from(round)?;
                rounds.push([calm, busy, site.full_during(ahead, turn)?]);
            }
            let done = site.completed()?;
            let done = done.iter().zip(before).map(|(after, before)| (after - before).to_string());
            let done = done.collect::<Vec<_>>().join(" / ");
            let middle = |at: usize, field: fn(&Load) -> f64| {
                median(rounds.iter().filter_map(|round| round.get(at)).map(field))
            };
            for (at, what) in ["empty", "empty, busy cores", "full"].into_iter().enumerate() {
                let _ = writeln!(
                    rows,
                    "| {name} | {what} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {} |",
                    middle(at, |load| load.per_second),
                    middle(at, |load| load.p50),
                    middle(at, |load| load.p99),
                    middle(at, |load| load.p999),
                    middle(at, |load| load.worst),
                    if what == "full" { &done } else { "" },
                );
            }
            for (what, before, after) in
                [("full to empty", 0, 2), ("busy to empty", 0, 1), ("full to busy", 1, 2)]
            {
                let ratios = |field: fn(&Load) -> f64| -> Vec<f64> {
                    let pairs = rounds.iter().map(|round| (round.get(before), round.get(after)));
                    let pairs = pairs.filter_map(|(before, after)| Some((before?, after?)));
                    pairs.map(|(before, after)| field(after) / field(before)).collect()
                };
                let ratio = |field| median(ratios(field));
                let mut of_rounds = ratios(|load| load.p99);
                of_rounds.sort_by(f64::total_cmp);
                let of_rounds: Vec<_> =
                    of_rounds.iter().map(|ratio| format!("{ratio:.2}")).collect();
                let p99 = ratio(|load| load.p99);
                let _ = writeln!(
                    rows,
                    "| | {what} | {:.2} | {:.2} | **{p99:.2}** ({}) | {:.2} | {:.2} | |",
                    ratio(|load| load.per_second),
                    ratio(|load| load.p50),
                    of_rounds.join(", "),
                    ratio(|load| load.p999),
                    ratio(|load| load.worst),
                );
                match (before, after) {
                    (0, 2) => worst = worst.max(p99),
                    (1, 2) => worst_of_busy = worst_of_busy.max(p99),
                    _ => {}
                }
            }
        }
        report.set(Figure::QueuesP99, worst);
        report.set(Figure::QueuesP99OfBusy, worst_of_busy);
        let text = report.section("Full queues in the process that serves");
        let _ = writeln!(
            text,
            "Compiles of 2,000 mirrors and 100,000 directories, scans of that tree and clean-ups, one after \
             the other, with 200 further tasks waiting; against empty queues, in turns; and against empty ones \
             while another process keeps the cores busy at idle priority (chrt --idle), which costs nothing but \
             what busy cores cost. Ratios are medians of ratios of adjacent turns. Done are compiles / scans / clean-ups.\n\n\
             | | queues | requests/s | p50 ms | p99 | p99.9 | worst | done |\n\
             |---|---|---|---|---|---|---|---|\n{rows}"
        );
        Ok(())
    }
}
