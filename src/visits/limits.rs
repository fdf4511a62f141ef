//! Limits of visits: how long, how large, how many.

use std::time::Duration;

use checks::observation::Tier;

/// The limits of visits. Each one has a default that [`Limits::default`] says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The longest wait for the addresses of a name; 5 s. The look-up itself goes on.
    pub dns: Duration,
    /// The longest wait for a connection to one address; 5 s.
    pub connect: Duration,
    /// The longest wait for the handshake of TLS; 5 s.
    pub tls: Duration,
    /// The longest wait for the head of an answer, once the request is sent; 10 s.
    pub first_byte: Duration,
    /// The longest pause within a body; 10 s.
    pub idle: Duration,
    /// The longest time for a request and its whole answer, without connecting; 30 s.
    pub request: Duration,
    /// The longest probe of one URL over one version of IP, with its retry; 60 s.
    pub probe: Duration,
    /// The longest visit of any other tier; 15 min.
    pub visit: Duration,
    /// The most requests of a visit; 2,000.
    pub requests: u32,
    /// The most bytes of bodies that a visit receives; 64 MiB.
    pub bytes: u64,
    /// The most bytes of a `repomd.xml`; 8 MiB.
    pub repomd_bytes: u64,
    /// The bytes of the file that a probe asks for, from its beginning; 1,024.
    pub probe_bytes: u64,
    /// The most bytes of the head of an answer; 16 KiB, at least 8 KiB.
    pub head_bytes: usize,
    /// The most addresses of one version of IP that are tried in turn; 4.
    pub addresses: usize,
    /// The most redirects that are followed for a request; 5.
    pub redirects: usize,
    /// The wait before the one retry is drawn from here up to `retry_most`; 2 s.
    pub retry_least: Duration,
    /// See `retry_least`; 5 s.
    pub retry_most: Duration,
    /// After so many failures in a row a mirror is not asked for more in this visit; 3. Answers that say that
    /// a file is missing or forbidden are no failures in this sense.
    pub failures_in_a_row: u32,
    /// The longest pause that a mirror can ask for (`Retry-After`); 1 h.
    pub retry_after: Duration,
    /// The most connections to one host name, and to one address, of all visits; 2.
    pub connections_per_host: usize,
    /// Requests a second to one host name, and to one address, of all visits; 2.
    pub requests_per_second: u32,
    /// The most requests to one host at once after a quiet time; 10.
    pub burst: u32,
    /// The most mirrors that are visited at once; 64. A quarter of the descriptors that the process may have
    /// is enough for all of them in any case.
    pub mirrors: usize,
    /// Threads that look up names; 16.
    pub resolver_threads: usize,
    /// How long the addresses of a name are kept; 5 min.
    pub dns_positive: Duration,
    /// How long it is kept that a name has no address; 1 min.
    pub dns_negative: Duration,
    /// The most names whose addresses are kept; 20,000.
    pub dns_names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dns: seconds(5),
            connect: seconds(5),
            tls: seconds(5),
            first_byte: seconds(10),
            idle: seconds(10),
            request: seconds(30),
            probe: seconds(60),
            visit: seconds(15 * 60),
            requests: 2_000,
            bytes: 64 << 20,
            repomd_bytes: 8 << 20,
            probe_bytes: 1_024,
            head_bytes: 16 << 10,
            addresses: 4,
            redirects: 5,
            retry_least: seconds(2),
            retry_most: seconds(5),
            failures_in_a_row: 3,
            retry_after: seconds(3_600),
            connections_per_host: 2,
            requests_per_second: 2,
            burst: 10,
            mirrors: 64,
            resolver_threads: 16,
            dns_positive: seconds(300),
            dns_negative: seconds(60),
            dns_names: 20_000,
        }
    }
}

impl Limits {
    /// The longest visit of a tier over so many routes.
    pub fn wall(&self, tier: Tier, n_routes: usize) -> Duration {
        match tier {
            Tier::Probe => {
                let n = u32::try_from(n_routes).unwrap_or(u32::MAX).max(1);
                self.probe.saturating_mul(n).min(self.visit)
            }
            Tier::Hash | Tier::Sample | Tier::Listing => self.visit,
        }
    }
}
