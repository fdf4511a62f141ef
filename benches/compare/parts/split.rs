//! Where the time of a request goes: user and kernel, faults of pages, huge pages, system calls.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Bench, USUAL_CONNECTIONS, list};
use crate::Result;
use crate::ask::sizes_of;
use crate::load::{Load, wrk};
use crate::process::{Times, system_calls};
use crate::report::{Report, median};
use crate::servers::{self, Server};

/// So many sizes of answers make the distribution that the constant server has, too.
const N_SIZES: usize = 4_000;
/// How often huge pages are looked at after reloads.
const RELOADS: usize = 5;

/// What a run has cost the server for each request.
struct Split {
    per_second: f64,
    user: f64,
    system: f64,
    faults: f64,
}

impl Bench<'_> {
    /// Splits the time of the usual mix, and of servers and requests that lack something of it.
    pub(crate) fn split(&self, report: &mut Report) -> Result<()> {
        let ours = self.start_ours()?;
        let sizes = sizes_of(ours.address, "/metalink", self.requests.iter().take(N_SIZES))?;
        let nginx = servers::nginx(self.body_bytes, self.work)?;
        let constant = servers::constant(self.body_bytes)?;
        let varied = servers::varied(&sizes, self.work)?;
        let one = self.one_of_mean_size(&sizes)?;
        let (mix, fixed) = (self.scripts.metalink.clone(), self.scripts.fixed.clone());
        let none = vec!["/metalink?path=nowhere".to_owned()];
        let other = self.start_other()?;
        let of_other = other.iter().flat_map(|other| -> [(&str, &Server, &Path, &[String]); 2] {
            [
                ("the other one, mix", other, &mix, &[]),
                ("the other one, one request of about the mean size", other, &fixed, &one),
            ]
        });
        let of_all: [(&str, &Server, &Path, &[String]); 6] = [
            ("mirrorlistd, mix", &ours, &mix, &[]),
            ("mirrorlistd, one request of about the mean size", &ours, &fixed, &one),
            ("mirrorlistd, `path=` without an answer", &ours, &fixed, &none),
            ("hyper, constant", &constant, &mix, &[]),
            ("hyper, sizes of the mix, made anew", &varied, &mix, &[]),
            ("nginx, static file", &nginx, &mix, &[]),
        ];
        let kinds: Vec<_> = of_all.into_iter().chain(of_other).collect();
        let mut splits: Vec<Vec<Split>> = kinds.iter().map(|_| Vec::new()).collect();
        for round in 0..=self.effort.rounds {
            for (splits, (name, server, script, extra)) in
                splits.iter_mut().zip(kinds.iter().copied())
            {
                let split = self.split_of(server, script, extra);
                let split = split.map_err(|error| format!("{name}: {error}"))?;
                // The first round warms up.
                if round > 0 {
                    splits.push(split);
                }
            }
        }
        let text = report.section("Where the time goes, c=64");
        let _ = writeln!(
            text,
            "| | requests/s | user µs/request | kernel µs/request | both (rounds) | minor faults/request |\n\
             |---|---|---|---|---|---|"
        );
        for (splits, &(name, ..)) in splits.iter().zip(&kinds) {
            let middle = |field: fn(&Split) -> f64| median(splits.iter().map(field));
            let both: Vec<f64> = splits.iter().map(|split| split.user + split.system).collect();
            let _ = writeln!(
                text,
                "| {name} | {:.0} | {:.2} | {:.2} | {:.2} ({}) | {:.4} |",
                middle(|split| split.per_second),
                middle(|split| split.user),
                middle(|split| split.system),
                median(both.iter().copied()),
                list(&both, 2),
                middle(|split| split.faults),
            );
        }
        let _ = writeln!(text, "\nHuge pages of our process, MB of anonymous memory:\n");
        for n_reloads in 0..=RELOADS {
            if n_reloads > 0 {
                ours.reload()?;
            }
            wrk(&ours, &mix, USUAL_CONNECTIONS, Duration::from_secs(1), &[])?;
            let (anonymous, huge) = ours.process.huge_pages()?;
            let _ = writeln!(text, "- after {n_reloads} reloads: {huge:.1} of {anonymous:.1}");
        }
        let _ = writeln!(text, "\nSystem calls for each request, by strace:\n");
        for (name, server, script, extra) in
            kinds.into_iter().filter(|(.., extra)| extra.is_empty())
        {
            let (calls, load) = system_calls(&server.process, || {
                wrk(server, script, USUAL_CONNECTIONS, Duration::from_secs(3), extra)
            })?;
            let n_requests = load.per_second * 3.0;
            let shown = calls.iter().filter(|(_, n)| *n / n_requests >= 0.005);
            let shown: Vec<String> =
                shown.map(|(call, n)| format!("{call} {:.2}", n / n_requests)).collect();
            let _ = writeln!(text, "- {name}: {}", shown.join(", "));
        }
        Ok(())
    }

    fn split_of(&self, server: &Server, script: &Path, extra: &[String]) -> Result<Split> {
        let before = server.process.times()?;
        let load = wrk(server, script, USUAL_CONNECTIONS, self.effort.run, extra)?;
        let after = server.process.times()?;
        let Load { per_second, failed, .. } = load;
        if failed > 0.0 {
            return Err(format!("{failed} failures").into());
        }
        let n = per_second * self.effort.run.as_secs_f64();
        let per_request = |field: fn(&Times) -> f64| (field(&after) - field(&before)) / n;
        Ok(Split {
            per_second,
            user: per_request(|times| times.user.as_secs_f64()) * 1e6,
            system: per_request(|times| times.system.as_secs_f64()) * 1e6,
            faults: per_request(|times| times.faults),
        })
    }

    /// The headers and the target of a request whose answer is about as large as the mean.
    fn one_of_mean_size(&self, sizes: &[usize]) -> Result<Vec<String>> {
        let distance = |(_, size): &(&(String, String), &usize)| size.abs_diff(self.body_bytes);
        let pairs = self.requests.iter().zip(sizes);
        let ((target, client), _) = pairs.min_by_key(distance).ok_or("there are no requests")?;
        Ok(vec![format!("X-Forwarded-For: {client}"), target.clone()])
    }
}
