//! `mirrorlistd serve`, the command that runs if none is named.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::output::{FAILURE, USAGE, fail};
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::daemon::{self, SupervisedThreads};
use runtime::log;
use runtime::log::writer::{LineWriter, LogStream};
use runtime::supervise::Thread;
use serve::http::socket::Address;
use serve::reload::Source;
use sources::Inputs;

/// How long the process waits at its end until stderr and stdout are written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);
/// Capacity of the queue for stdout in bytes: more than the addresses of any configuration take.
const MAX_ANNOUNCEMENT: usize = 64 * 1024;

pub(super) fn run(args: &ServeArgs) -> ExitCode {
    let config = match Config::resolve(&args.options, args.file.config.as_deref()) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, error),
    };
    let threads = SupervisedThreads::default();
    let started = log::start(config.log_level, config.log_queue_bytes, &threads.supervisor);
    let stdout = LogStream::of(io::stdout()).and_then(|stdout| {
        LineWriter::start(&threads.supervisor, Thread::Announce, stdout, MAX_ANNOUNCEMENT)
    });
    let (log, stdout) = match started.and_then(|log| Ok((log, stdout?))) {
        Ok(writers) => writers,
        Err(error) => return fail(FAILURE, format_args!("cannot start a thread: {error}")),
    };
    let is_demo = config.source == Source::Inputs(Inputs::Demo);
    let announce = |addresses: &[Address]| {
        let notice = addresses.first().filter(|_| is_demo).map(demo_notice).unwrap_or_default();
        let lines: String =
            addresses.iter().map(|address| format!("Listening on {}\n", address.url())).collect();
        // The server also runs if stdout is closed or not read.
        stdout.write_lines(format!("{notice}{lines}").as_bytes());
    };
    let status = match daemon::run(config, threads, log.clone(), announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_of_configuration() => fail(USAGE, error),
        Err(error) => fail(FAILURE, error),
    };
    let deadline = Instant::now() + FLUSH_PATIENCE;
    for writer in [&log, &stdout] {
        writer.flush(deadline.saturating_duration_since(Instant::now()));
    }
    status
}

fn demo_notice(address: &Address) -> String {
    let server = match address {
        Address::Tcp(address) => {
            let address = SocketAddr::new(reachable(address.ip()), address.port());
            format!("'http://{address}")
        }
        Address::Unix(path) => format!("--unix-socket '{}' 'http://localhost", path.display()),
    };
    let query = "repo=demo-9&arch=x86_64&ip=192.0.2.10";
    format!(
        "No data was given: these are demo data, not real mirrors. To serve your own, see --help.
Try
  curl {server}/mirrorlist?{query}'
  curl {server}/metalink?{query}'
"
    )
}

/// An address that reaches a server listening on `address` from the same host.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_demo_can_be_pasted() {
        let notice = demo_notice(&"[::]:8080".parse().expect("a valid literal"));
        assert!(notice.contains("demo data, not real mirrors"));
        assert!(notice.contains("curl 'http://[::1]:8080/mirrorlist?repo=demo-9&arch=x86_64&ip="));
        let notice = demo_notice(&"unix:/run/a b".parse().expect("a valid literal"));
        assert!(notice.contains("curl --unix-socket '/run/a b' 'http://localhost/metalink?repo="));
    }
}
