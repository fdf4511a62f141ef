//! The usual load with a core for the client and one for the server: nothing waits for the other's time slice, so
//! latencies are those of the server.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Bench, CONNECTIONS, check, list};
use crate::Result;
use crate::load::{Load, wrk_on};
use crate::process::Core;
use crate::report::{Report, median};
use crate::servers::{self, Server, Source};

const OF_SERVER: Core = Core::Only(0);
const OF_CLIENT: Core = Core::Only(1);

impl Bench<'_> {
    /// Requests per second and latency, in turns.
    pub(crate) fn pinned(&self, report: &mut Report) -> Result<()> {
        let source = Source::Snapshot(&self.snapshot);
        let (ours, _) = servers::mirrorlistd_on(OF_SERVER, source, self.work, self.target())?;
        let nginx = servers::nginx_on(OF_SERVER, self.body_bytes, self.work)?;
        let constant = servers::constant_on(OF_SERVER, self.body_bytes)?;
        let script: &Path = &self.scripts.metalink;
        let kinds: [(&str, &Server); 3] = [
            ("mirrorlistd, metalink", &ours),
            ("nginx, static file", &nginx),
            ("hyper, constant", &constant),
        ];
        let run = |server, connections, time| {
            wrk_on(OF_CLIENT, server, script, connections, time, &[]).and_then(check)
        };
        let text = report.section("Load, the server on one core and the client on the other");
        let _ = writeln!(
            text,
            "| | c | requests/s | p50 ms | p99 | p99.9 | worst | server CPU µs/request (rounds) | wrk's core |\n\
             |---|---|---|---|---|---|---|---|---|"
        );
        for connections in CONNECTIONS {
            let mut loads: Vec<Vec<Load>> = kinds.iter().map(|_| Vec::new()).collect();
            for (_, server) in kinds {
                run(server, connections, Duration::from_secs(1))?;
            }
            for _ in 0..self.effort.rounds {
                for (loads, (name, server)) in loads.iter_mut().zip(kinds) {
                    let load = run(server, connections, self.effort.run);
                    loads.push(load.map_err(|error| format!("{name}, c={connections}: {error}"))?);
                }
            }
            for (loads, (name, _)) in loads.iter().zip(kinds) {
                let middle = |field: fn(&Load) -> f64| median(loads.iter().map(field));
                let cpu: Vec<f64> = loads.iter().map(|load| load.server_cpu).collect();
                let _ = writeln!(
                    text,
                    "| {name} | {connections} | {:.0} | {:.2} | {:.2} | {:.2} | {:.1} | {:.2} ({}) | {:.0} % |",
                    middle(|load| load.per_second),
                    middle(|load| load.p50),
                    middle(|load| load.p99),
                    middle(|load| load.p999),
                    middle(|load| load.worst),
                    median(cpu.iter().copied()),
                    list(&cpu, 2),
                    middle(|load| load.client_share) * 100.0,
                );
            }
        }
        Ok(())
    }
}
