//! Load from wrk and ab, always from one thread, with what it cost the server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::process::{Core, command, command_on, cpu_of_ended_children, run};
use crate::servers::Server;

/// Appended to wrk scripts: prints what wrk's own summary leaves out.
const SUMMARY: &str = r#"
function done(summary, latency, requests)
   local e = summary.errors
   io.write(string.format("MEASURED %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
      latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
      e.connect + e.read + e.write + e.timeout, e.status))
end
"#;

/// Scripts for wrk.
pub(crate) struct Scripts {
    /// Sends requests.txt to /metalink.
    pub(crate) metalink: PathBuf,
    /// The same to /mirrorlist.
    pub(crate) mirrorlist: PathBuf,
    /// Sends what the command line says.
    pub(crate) fixed: PathBuf,
}

impl Scripts {
    /// Writes the scripts of a data folder into a folder of their own.
    pub(crate) fn write(data: &Path, work: &Path) -> Result<Self> {
        fs::create_dir_all(work)?;
        fs::copy(data.join("requests.txt"), work.join("requests.txt"))?;
        let write = |name: &str, text: String| -> Result<PathBuf> {
            let path = work.join(name);
            fs::write(&path, text + SUMMARY)?;
            Ok(path)
        };
        Ok(Self {
            metalink: write("metalink.lua", fs::read_to_string(data.join("metalink.lua"))?)?,
            mirrorlist: write("mirrorlist.lua", fs::read_to_string(data.join("mirrorlist.lua"))?)?,
            fixed: write("fixed.lua", String::new())?,
        })
    }
}

/// What one run of wrk has shown.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// In milliseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) worst: f64,
    /// Connections and answers that failed, and answers of status 400 and more.
    pub(crate) failed: f64,
    pub(crate) refused: f64,
    /// Microseconds of CPU that a request cost the server.
    pub(crate) server_cpu: f64,
    /// Share of one core that wrk used: near 1, the load generator is what is measured.
    pub(crate) client_share: f64,
}

/// Runs wrk against a server.
pub(crate) fn wrk(
    server: &Server,
    script: &Path,
    connections: usize,
    duration: Duration,
    extra: &[String],
) -> Result<Load> {
    wrk_on(Core::Any, server, script, connections, duration, extra)
}

/// Runs wrk on this core.
pub(crate) fn wrk_on(
    core: Core,
    server: &Server,
    script: &Path,
    connections: usize,
    duration: Duration,
    extra: &[String],
) -> Result<Load> {
    let mut wrk = command_on(core, "wrk");
    wrk.arg("-t1").arg(format!("-c{connections}")).arg(format!("-d{}s", duration.as_secs()));
    wrk.args(["--timeout", "10s", "-s"]).arg(script);
    let (headers, target) = extra.split_at(extra.len().saturating_sub(1));
    for header in headers {
        wrk.arg("-H").arg(header);
    }
    wrk.arg(format!("http://{}{}", server.address, target.first().map_or("/", String::as_str)));

    let before = (server.process.cpu()?, cpu_of_ended_children()?);
    let text = run(&mut wrk, duration + Duration::from_secs(30))?;
    let after = (server.process.cpu()?, cpu_of_ended_children()?);

    let line = text.lines().find_map(|line| line.strip_prefix("MEASURED "));
    let fields: Vec<f64> = line
        .ok_or("wrk printed no summary")?
        .split(' ')
        .map(|field| field.parse())
        .collect::<std::result::Result<_, _>>()?;
    let &[requests, micros, p50, p99, p999, worst, failed, refused] = &fields[..] else {
        return Err("wrk's summary is not understood".into());
    };
    if requests < 1.0 {
        return Err("wrk got no answer".into());
    }
    let seconds = micros / 1e6;
    let server_cpu = (after.0 - before.0).as_secs_f64();
    let client_cpu = after.1.saturating_sub(before.1).as_secs_f64();
    Ok(Load {
        per_second: requests / seconds,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        p999: p999 / 1e3,
        worst: worst / 1e3,
        failed,
        refused,
        server_cpu: server_cpu * 1e6 / requests,
        client_share: client_cpu / seconds,
    })
}

/// What one run of ab has shown.
pub(crate) struct Ab {
    pub(crate) per_second: f64,
    /// The worst request, in milliseconds.
    pub(crate) worst: f64,
    /// Microseconds of CPU that a request cost the server.
    pub(crate) server_cpu: f64,
}

/// Whether ab uses a connection again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// Each request has a new one.
    New,
    /// As many as are used at the same time serve all requests.
    Kept,
}

/// Asks a request, which is a target and the address of a client, `n` times, `concurrency` at a time.
pub(crate) fn ab(
    server: &Server,
    (target, client): &(String, String),
    n: usize,
    concurrency: usize,
    connections: Connections,
) -> Result<Ab> {
    let mut ab = command("ab");
    // Answers differ in length, which is no failure.
    ab.args(["-q", "-l", "-n", &n.to_string(), "-c", &concurrency.to_string()]);
    if connections == Connections::Kept {
        ab.arg("-k");
    }
    ab.arg("-H").arg(format!("X-Forwarded-For: {client}"));
    ab.arg(format!("http://{}{target}", server.address));
    let before = server.process.cpu()?;
    let text = run(&mut ab, Duration::from_secs(120))?;
    let cpu = server.process.cpu()? - before;
    let worst = text.lines().find_map(|line| {
        let (share, rest) = line.trim().split_once(char::is_whitespace)?;
        (share == "100%").then(|| rest.split_ascii_whitespace().next())?
    });
    let after = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_ascii_whitespace().next())
    };
    if after("Failed requests:") != Some("0") || after("Non-2xx responses:").is_some() {
        return Err("some requests failed".into());
    }
    if connections == Connections::Kept && after("Keep-Alive requests:") != Some(&n.to_string()) {
        return Err("some connections were not kept".into());
    }
    Ok(Ab {
        per_second: after("Requests per second:").ok_or("ab printed no speed")?.parse()?,
        worst: worst.ok_or("ab printed no worst request")?.parse()?,
        server_cpu: cpu.as_secs_f64() * 1e6 / n as f64,
    })
}
