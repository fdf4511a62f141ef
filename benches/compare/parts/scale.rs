//! What four times the hosts and directories cost.

use std::fmt::Write as _;
use std::fs;

use testdata::fedora::Shape;

use super::{Bench, MEGABYTE, USUAL_CONNECTIONS, compile, list};
use crate::ask::measure_sizes;
use crate::load::Scripts;
use crate::report::{Figure, Report, median};
use crate::servers::{self, Source};
use crate::{Result, data};

impl Bench<'_> {
    /// Four times the hosts, each carrying a quarter of what it carried: answers stay as large.
    ///
    /// A quick run takes a quarter of Fedora's size for the small side.
    pub(crate) fn scale(&self, report: &mut Report) -> Result<()> {
        let fedora = Shape::fedora();
        let sparse = |shape: Shape| Shape { carried_percent: shape.carried_percent / 4, ..shape };
        let folders = if self.is_quick {
            let quarter = Shape {
                hosts: fedora.hosts / 4,
                base_urls: fedora.base_urls / 4,
                netblocks: fedora.netblocks / 4,
                directories: fedora.directories / 4,
                ..fedora.clone()
            };
            [
                data::prepare("fedora-quarter", &quarter)?,
                data::prepare("fedora-sparse", &sparse(fedora))?,
            ]
        } else {
            let large = sparse(fedora.scaled(4, 4));
            [self.folder.clone(), data::prepare("fedora-4x-sparse", &large)?]
        };
        let mut sides = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            let snapshot = self.work.join(format!("scale-{index}.snapshot"));
            let compile_time = compile(folder, &snapshot)?;
            let source = Source::Snapshot(&snapshot);
            let (server, start) = servers::mirrorlistd(source, self.work, self.target())?;
            let requests = data::requests(folder)?;
            let sizes = measure_sizes(server.address, "/metalink", &requests)?;
            let scripts = Scripts::write(folder, &self.work.join(format!("wrk-{index}")))?;
            let snapshot_bytes = fs::metadata(&snapshot)?.len();
            sides.push((server, scripts, sizes, snapshot_bytes, compile_time, start, Vec::new()));
        }
        for _ in 0..self.effort.rounds {
            for (server, scripts, .., costs) in &mut sides {
                costs.push(self.wrk(server, &scripts.metalink, USUAL_CONNECTIONS)?.server_cpu);
            }
        }
        let text = report.section("Four times the hosts and directories, equal answer size");
        let _ = writeln!(
            text,
            "{}\n\n| | mean body | CPU µs/request | snapshot MB | compile s | start s | memory MB |\n\
             |---|---|---|---|---|---|---|",
            if self.is_quick {
                "From a quarter of Fedora's hosts and directories to Fedora's; mirrors of the large \
                 side carry a quarter."
            } else {
                "From Fedora's hosts and directories to four times as many; mirrors of the large side \
                 carry a quarter."
            }
        );
        for ((server, _, sizes, bytes, compile_time, start, costs), name) in
            sides.iter().zip(["small", "large"])
        {
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.2} ({}) | {:.1} | {:.2} | {:.3} | {:.1} |",
                sizes.mean,
                median(costs.iter().copied()),
                list(costs, 2),
                *bytes as f64 / MEGABYTE,
                compile_time.as_secs_f64(),
                start.as_secs_f64(),
                server.process.memory()?.resident as f64 / MEGABYTE
            );
        }
        if let [(.., small), (.., large)] = &sides[..] {
            let ratios = small.iter().zip(large).map(|(small, large)| large / small);
            report.set(Figure::Scale, median(ratios));
        }
        Ok(())
    }
}
