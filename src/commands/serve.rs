//! `mirrorlistd serve`, also without saying so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use super::{FAILURE, USAGE, fail, print};
use crate::cli::ServeArgs;
use crate::compile::Inputs;
use crate::config::Config;
use crate::reload::Source;
use crate::{daemon, log};

pub(super) fn run(args: &ServeArgs) -> ExitCode {
    let config = match Config::resolve(args) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, error),
    };
    log::install(config.log_level);
    let is_demo = config.source == Source::Inputs(Inputs::Demo);
    let announce = |address: SocketAddr| {
        let notice = if is_demo { demo_notice(address) } else { String::new() };
        // A closed stdout is no reason not to serve.
        drop(print(format_args!("{notice}Listening on http://{address}\n")));
    };
    match daemon::run(config, announce) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILURE, error),
    }
}

fn demo_notice(address: SocketAddr) -> String {
    let url = format!("http://{}", SocketAddr::new(reachable(address.ip()), address.port()));
    let query = "repo=demo-9&arch=x86_64&ip=192.0.2.10";
    format!(
        "No data was given: these are demo data, not real mirrors. To serve your own, see --help.
Try
  curl '{url}/mirrorlist?{query}'
  curl '{url}/metalink?{query}'
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
        let notice = demo_notice("[::]:8080".parse().expect("a valid literal"));
        assert!(notice.contains("demo data, not real mirrors"));
        assert!(notice.contains("curl 'http://[::1]:8080/mirrorlist?repo=demo-9&arch=x86_64&ip="));
    }
}
