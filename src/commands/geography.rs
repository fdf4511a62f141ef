//! `mirrorlistd geography build`: merges tables of countries and of autonomous systems into one file.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use super::output::{FAILURE, complain, fail, finish};
use crate::cli::GeographyArgs;
use model::net::Prefix;
use runtime::log;
use runtime::write_lock::WriteLock;
use sources::Report;
use sources::geography::build::{Built, TableRead, extent};
use sources::geography::prepare::prepare;

/// The number of IPv4 addresses that there are.
const ALL_IPV4: u64 = 1 << 32;

pub(super) fn run(args: &GeographyArgs) -> ExitCode {
    log::install(None);
    let start = Instant::now();
    let mut report = Report::default();
    let written = build_and_write(args, &mut report);
    let seconds = start.elapsed().as_secs_f64();
    let lines = report.lines();
    if !args.json {
        lines.iter().for_each(complain);
    }
    match written {
        Ok(written) => {
            if args.json {
                let json = written.as_json(&args.output, &report, &lines, seconds);
                return finish(format_args!("{json:#}\n"));
            }
            written.warnings.iter().for_each(complain);
            finish(written.as_text(&args.output, seconds))
        }
        Err(reason) if args.json => {
            complain(format_args!("mirrorlistd: {reason}"));
            let verdict = json!({
                "file": args.output.to_string_lossy(),
                "written": false,
                "reason": reason,
                "diagnostics": report.count(),
                "diagnostic_lines": lines,
            });
            // The build has failed even if the output cannot be written.
            finish(format_args!("{verdict:#}\n"));
            ExitCode::from(FAILURE)
        }
        Err(reason) => fail(FAILURE, reason),
    }
}

/// What was built, and the file that was written.
struct Written {
    countries: Option<Summary>,
    systems: Option<Summary>,
    n_bytes: usize,
    warnings: Vec<String>,
}

/// A merged table.
struct Summary {
    n_networks: usize,
    n_ipv6: usize,
    /// Addresses in its networks.
    n_ipv4_addresses: u64,
    /// Countries or systems that it names.
    n_named: usize,
    /// Networks with a point, and how many points they have; `None` for systems.
    located: Option<(usize, usize)>,
    tables: Vec<TableRead>,
}

/// Reads, merges, and puts the file in place. The error is a line.
fn build_and_write(args: &GeographyArgs, report: &mut Report) -> Result<Written, String> {
    // Another build would replace what this one is compared with.
    let _lock = WriteLock::acquire(&args.output)
        .map_err(|error| format!("{}: {error}", args.output.display()))?;
    let prepared = prepare(&args.country, &args.asn, &args.output, args.allow_shrink, report);
    let (built, mut warnings) = prepared.map_err(|refused| refused.to_string())?;
    let (n_bytes, not_synced) =
        built.tables.write(&args.output).map_err(|error| error.to_string())?;
    let (n_countries, n_systems) = built.tables.n_named();
    let located = built.tables.n_located();
    let Built { tables, countries, systems } = built;
    let countries = tables.countries.map(|table| {
        let networks = table.networks.iter().map(|(prefix, _)| *prefix);
        Summary::of(networks, n_countries, Some(located), countries)
    });
    let systems = tables.systems.map(|table| {
        let networks = table.networks.iter().map(|(prefix, _)| *prefix);
        Summary::of(networks, n_systems, None, systems)
    });
    for (summary, option) in [(&countries, "--country"), (&systems, "--asn")] {
        warnings.extend(summary.iter().filter_map(|summary| summary.warning(option)));
    }
    if let Some(error) = not_synced {
        warnings.push(format!(
            "the file is in its place, but a power cut may bring the one before back: {error}"
        ));
    }
    Ok(Written { countries, systems, n_bytes, warnings })
}

impl Summary {
    fn of(
        networks: impl ExactSizeIterator<Item = Prefix>,
        n_named: usize,
        located: Option<(usize, usize)>,
        tables: Vec<TableRead>,
    ) -> Self {
        let n_networks = networks.len();
        let (n_ipv4_addresses, n_ipv6) = extent(networks);
        Self { n_networks, n_ipv6, n_ipv4_addresses, n_named, located, tables }
    }

    /// What is probably missing: many vendors have a file for each family.
    fn warning(&self, option: &str) -> Option<String> {
        let missing = match (self.n_ipv4_addresses, self.n_ipv6) {
            (_, 0) => "IPv6",
            (0, _) => "IPv4",
            _ => return None,
        };
        Some(format!("{option}: no network of {missing}: is there another file for {missing}?"))
    }

    fn line(&self, named: &str) -> String {
        let Self { n_networks, n_ipv6, n_ipv4_addresses, n_named, .. } = self;
        let percent = *n_ipv4_addresses as f64 * 100.0 / ALL_IPV4 as f64;
        let located = match self.located {
            None | Some((0, _)) => String::new(),
            Some((n_networks, _)) => format!(", {n_networks} of them with a point"),
        };
        format!(
            "{n_named} {named}, {n_networks} networks ({n_ipv6} of IPv6){located}, \
             {percent:.1} % of all IPv4 addresses"
        )
    }

    fn as_json(&self, named: &str) -> Value {
        let tables = self.tables.iter().map(|table| {
            json!({
                "file": table.path.to_string_lossy(),
                "format": table.format.name(),
                "networks": table.n_networks,
            })
        });
        json!({
            named: self.n_named,
            "networks": self.n_networks,
            "ipv6_networks": self.n_ipv6,
            "ipv4_addresses": self.n_ipv4_addresses,
            "located_networks": self.located.map(|(n_networks, _)| n_networks),
            "points": self.located.map(|(_, n_points)| n_points),
            "tables": tables.collect::<Vec<_>>(),
        })
    }
}

impl Written {
    fn as_text(&self, output: &Path, seconds: f64) -> String {
        let mut text = String::new();
        let file = output.display();
        for (summary, named) in [(&self.countries, "countries"), (&self.systems, "systems")] {
            if let Some(summary) = summary {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{file}: {}", summary.line(named));
            }
        }
        let _ = writeln!(text, "{file}: {} bytes, in {seconds:.2} s", self.n_bytes);
        text
    }

    fn as_json(&self, output: &Path, report: &Report, lines: &[String], seconds: f64) -> Value {
        json!({
            "file": output.to_string_lossy(),
            "written": true,
            "bytes": self.n_bytes,
            "countries": self.countries.as_ref().map(|summary| summary.as_json("countries")),
            "systems": self.systems.as_ref().map(|summary| summary.as_json("systems")),
            "warnings": self.warnings,
            "diagnostics": report.count(),
            "diagnostic_lines": lines,
            "seconds": seconds,
        })
    }
}
