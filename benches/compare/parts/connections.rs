//! What new connections cost: each request over one of its own, and bursts of them from one client.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{Bench, list};
use crate::ask::{Connection, sizes_of};
use crate::load::{Ab, Connections, ab};
use crate::report::{Figure, Report, median};
use crate::servers::{self, Server};
use crate::{Result, is_interrupted};

/// Requests of a run of ab whose worst one is wanted.
const N_WORST: usize = 5_000;
/// Requests of a run of ab whose cost is wanted: a second or two, as processor time is counted in hundredths.
const N_COST: usize = 30_000;
/// How many of them are on their way at the same time.
const CONCURRENCY: usize = 100;
/// How many metalinks a client asks for at the same time, each over a connection of its own: dnf5 does so.
const BURST: std::ops::RangeInclusive<usize> = 3..=8;
/// How many bursts are measured in a round: 500 of each size.
const N_BURSTS: usize = 3_000;

/// What bursts have cost.
struct Bursts {
    /// Milliseconds until the last answer of a burst is there.
    p50: f64,
    p99: f64,
    /// Microseconds of CPU that a connection with its answer cost the server.
    server_cpu: f64,
}

impl Bench<'_> {
    /// The worst request over new connections, the cost of a new connection, and bursts.
    pub(crate) fn connections(&self, report: &mut Report) -> Result<()> {
        let ours = self.start_ours()?;
        let nginx = servers::nginx(self.body_bytes, self.work)?;
        let constant = servers::constant(self.body_bytes)?;
        let sizes = sizes_of(ours.address, "/metalink", self.requests.iter().take(1_000))?;
        let near = |(_, size): &(&(String, String), &usize)| size.abs_diff(self.body_bytes);
        let request = self.requests.iter().zip(&sizes).min_by_key(near);
        let (request, _) = request.ok_or("there are no requests")?;
        let kinds = [
            ("mirrorlistd", &ours),
            ("nginx, static file", &nginx),
            ("hyper, constant", &constant),
        ];
        self.worst(report, &kinds, request)?;
        self.cost(report, &kinds, request)?;
        self.bursts(report, &kinds)
    }

    fn worst(
        &self,
        report: &mut Report,
        kinds: &[(&str, &Server)],
        request: &(String, String),
    ) -> Result<()> {
        let text = report.section("ab -n 5000, new connections, worst request in ms");
        let _ = writeln!(text, "| | c=10 | c=100 | c=200 | c=400 |\n|---|---|---|---|---|");
        let mut cells = vec![Vec::new(); kinds.len()];
        let mut worst_of_ours = f64::NAN;
        for concurrency in [10, 100, 200, 400] {
            let mut worst = vec![Vec::new(); kinds.len()];
            for _ in 0..self.effort.rounds.min(3) {
                for (values, (_, server)) in worst.iter_mut().zip(kinds) {
                    values.push(ab(server, request, N_WORST, concurrency, Connections::New)?.worst);
                }
            }
            for (cells, values) in cells.iter_mut().zip(&worst) {
                let middle = median(values.iter().copied());
                cells.push(format!("{middle:.0} ({})", list(values, 0)));
            }
            worst_of_ours = median(worst.first().into_iter().flatten().copied());
        }
        for ((name, _), cells) in kinds.iter().zip(cells) {
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        report.set(Figure::AbWorst, worst_of_ours);
        Ok(())
    }

    /// What a request costs over a new connection and over a kept one: the difference is what it costs to accept.
    fn cost(
        &self,
        report: &mut Report,
        kinds: &[(&str, &Server)],
        request: &(String, String),
    ) -> Result<()> {
        let mut rounds: Vec<Vec<(Ab, Ab)>> = kinds.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.effort.rounds {
            for (rounds, (_, server)) in rounds.iter_mut().zip(kinds) {
                let of = |connections| ab(server, request, N_COST, CONCURRENCY, connections);
                rounds.push((of(Connections::New)?, of(Connections::Kept)?));
            }
        }
        let text = report.section("ab -c 100, with new connections and with kept ones");
        let _ = writeln!(
            text,
            "| | requests/s, new | server CPU µs/request, new | kept | to accept (rounds) |\n\
             |---|---|---|---|---|"
        );
        let accept = |(new, kept): &(Ab, Ab)| new.server_cpu - kept.server_cpu;
        for (rounds, (name, _)) in rounds.iter().zip(kinds) {
            let middle = |field: fn(&(Ab, Ab)) -> f64| median(rounds.iter().map(field));
            let accepts: Vec<f64> = rounds.iter().map(accept).collect();
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.2} | {:.2} | {:.2} ({}) |",
                middle(|(new, _)| new.per_second),
                middle(|(new, _)| new.server_cpu),
                middle(|(_, kept)| kept.server_cpu),
                median(accepts.iter().copied()),
                list(&accepts, 2),
            );
        }
        let ratio = |field: &dyn Fn(&(Ab, Ab)) -> f64| {
            let mut of_kinds = rounds.iter();
            let pairs =
                of_kinds.next().into_iter().flatten().zip(of_kinds.next().into_iter().flatten());
            median(pairs.map(|(ours, nginx)| field(ours) / field(nginx)))
        };
        let (speed, accepting) = (ratio(&|(new, _)| new.per_second), ratio(&accept));
        let _ = writeln!(
            text,
            "\nMedians of ratios of adjacent turns: requests/s over new connections {speed:.2} of nginx, to accept \
             {accepting:.2} of nginx's CPU."
        );
        report.set(Figure::NewConnections, speed);
        report.set(Figure::Accept, accepting);
        Ok(())
    }

    fn bursts(&self, report: &mut Report, kinds: &[(&str, &Server)]) -> Result<()> {
        let mut rounds: Vec<Vec<Bursts>> = kinds.iter().map(|_| Vec::new()).collect();
        for _ in 0..self.effort.rounds {
            for (rounds, (_, server)) in rounds.iter_mut().zip(kinds) {
                rounds.push(self.bursts_of(server)?);
            }
        }
        let text = report.section(
            "Bursts: one client, 3 to 8 metalinks at the same time, each over a new connection",
        );
        let _ = writeln!(
            text,
            "| | p50 ms | p99 | server CPU µs/connection (rounds) |\n|---|---|---|---|"
        );
        for (rounds, (name, _)) in rounds.iter().zip(kinds) {
            let middle = |field: fn(&Bursts) -> f64| median(rounds.iter().map(field));
            let cpu: Vec<f64> = rounds.iter().map(|of| of.server_cpu).collect();
            let _ = writeln!(
                text,
                "| {name} | {:.3} | {:.3} | {:.2} ({}) |",
                middle(|of| of.p50),
                middle(|of| of.p99),
                median(cpu.iter().copied()),
                list(&cpu, 2),
            );
        }
        Ok(())
    }

    fn bursts_of(&self, server: &Server) -> Result<Bursts> {
        let mut requests = self.requests.iter().cycle();
        let mut times = Vec::new();
        let mut n_connections = 0;
        let before = server.process.cpu()?;
        for n in BURST.cycle().take(N_BURSTS) {
            if is_interrupted() {
                return Err("interrupted".into());
            }
            let start = Instant::now();
            let asked: Result<Vec<Connection>> = requests
                .by_ref()
                .take(n)
                .map(|(target, client)| {
                    let mut connection = Connection::open(server.address)?;
                    connection.send(target, client)?;
                    Ok(connection)
                })
                .collect();
            for mut connection in asked? {
                let answer = connection.receive()?;
                if answer.status != 200 {
                    return Err(format!("an answer has status {}", answer.status).into());
                }
                n_connections += 1;
            }
            times.push(start.elapsed());
        }
        let cpu = server.process.cpu()? - before;
        times.sort_unstable();
        let at = |share: usize| {
            let time = times.get(times.len() * share / 100).copied().unwrap_or(Duration::MAX);
            time.as_secs_f64() * 1e3
        };
        let server_cpu = cpu.as_secs_f64() * 1e6 / f64::from(n_connections);
        Ok(Bursts { p50: at(50), p99: at(99), server_cpu })
    }
}
