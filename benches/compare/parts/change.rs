//! How long it takes from a change of the primary tree to the answer that has it.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Bench;
use crate::ask::Connection;
use crate::process::Core;
use crate::queues::Site;
use crate::report::{Figure, Report, median};
use crate::servers::{self, Source};
use crate::{Result, is_interrupted};

/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);
/// Longer than any change takes.
const PATIENCE: Duration = Duration::from_secs(120);

impl Bench<'_> {
    /// The time from a new `repomd.xml` to a metalink that has it: notice, scan, compile, publish, reload.
    pub(crate) fn change(&self, report: &mut Report) -> Result<()> {
        let site = Site::make(self.work, &self.folder, &self.requests)?;
        let source = Source::Config(&site.config);
        let (server, _) = servers::mirrorlistd_on(Core::Any, source, self.work, &site.target)?;
        let mut connection = Connection::open(server.address)?;
        let mut times = Vec::new();
        for round in 0..self.effort.rounds {
            site.wait_until_idle()?;
            let before = connection.ask(&site.target, "192.0.2.1")?.body_bytes;
            let start = Instant::now();
            site.change(round)?;
            // Each version stays in the metalink as an alternate of the next ones, so it grows.
            while connection.ask(&site.target, "192.0.2.1")?.body_bytes == before {
                if start.elapsed() > PATIENCE || is_interrupted() {
                    return Err("a change is not served".into());
                }
                sleep(PAUSE);
            }
            times.push(start.elapsed().as_secs_f64());
        }
        let worst = times.iter().copied().fold(0.0, f64::max);
        report.set(Figure::Change, worst);
        let text = report.section("From a change of the tree to the answer");
        let _ = writeln!(
            text,
            "A new `repomd.xml` in a tree of 100,000 directories, with 2,000 mirrors, in a process that serves: \
             median {:.1} s, at worst {worst:.1} s, of {} changes.",
            median(times.iter().copied()),
            times.len()
        );
        Ok(())
    }
}
