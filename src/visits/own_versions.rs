//! Which versions of IP we have ourselves.
//!
//! Without IPv6 of our own, mirrors that have it are "not tested" over it and not "down". An address of ours
//! and a route say little; so a version counts if any of a few well-known hosts can be connected to over it.

use std::net::IpAddr;

use model::families::IpVersion;
use tokio::time::{Instant, timeout};

use super::crawler::Crawler;
use super::trace::{self, Trace};

/// Hosts that are there at all times, over both versions of IP: name and port.
pub const WELL_KNOWN: [(&str, u16); 3] =
    [("www.kernel.org", 443), ("deb.debian.org", 443), ("mirrors.fedoraproject.org", 443)];

/// The versions of IP over which one of `targets` can be connected to.
pub async fn find<'t>(
    crawler: &Crawler,
    targets: impl IntoIterator<Item = (&'t str, u16)> + Clone,
    trace: &mut dyn Trace,
) -> Vec<IpVersion> {
    let start = Instant::now();
    let mut versions = Vec::new();
    for version in IpVersion::ALL {
        for (name, port) in targets.clone() {
            let seen = connects(crawler, name, port, version).await;
            let ip = version.as_str();
            trace::step(trace, start, &format!("own IPv{ip}: {name}:{port}: {}", seen.1));
            if seen.0 {
                versions.push(version);
                break;
            }
        }
    }
    versions
}

async fn connects(crawler: &Crawler, name: &str, port: u16, version: IpVersion) -> (bool, String) {
    let found = match crawler.resolver.resolve(name).await {
        Ok(found) => found,
        Err(error) => return (false, error.to_string()),
    };
    let mut seen = (false, "no address".into());
    let found = found.iter().copied().filter(|&address| IpVersion::of(address) == version);
    let addresses: Vec<IpAddr> = found.take(crawler.limits.addresses).collect();
    for address in addresses {
        let address = match crawler.guard.vet(address, port) {
            Ok(address) => address,
            Err(blocked) => {
                seen.1 = blocked.to_string();
                continue;
            }
        };
        match timeout(crawler.limits.connect, crawler.network.connect(address)).await {
            Ok(Ok(_)) => return (true, format!("connected to {}", address.ip())),
            Ok(Err(error)) => seen.1 = format!("{}: {error}", address.ip()),
            Err(_) => seen.1 = format!("{}: no connection in time", address.ip()),
        }
    }
    seen
}
