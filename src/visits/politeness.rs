//! Politeness: how many connections and requests all visits together put on a host, and how many mirrors are
//! visited at once.
//!
//! A host is counted by its name and by its address, so neither a mirror with many addresses nor an address
//! with many mirrors gets more. Whoever waits is served in the order of arrival.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

use super::limits::Limits;
use super::target::Host;

/// Connections of one visit at once: one that it uses, one that redirects left.
pub const CONNECTIONS_PER_VISIT: usize = 2;

/// Hosts above which those that are at rest are forgotten.
const MANY_HOSTS: usize = 1_024;

/// Counts what all visits do. Clones share the counts.
#[derive(Clone)]
pub struct Politeness(Arc<Shared>);

struct Shared {
    hosts: Mutex<HashMap<Key, Arc<Counts>>>,
    mirrors: Arc<Semaphore>,
    /// The addresses that are being listed.
    listed: Mutex<HashSet<IpAddr>>,
    connections_per_host: usize,
    pace: Pace,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Key {
    Name(String),
    Address(IpAddr),
}

/// What a name or an address has to bear.
struct Counts {
    connections: Arc<Semaphore>,
    /// Held by the one whose turn it is, also while it waits: tokio's lock is given in order of arrival.
    pace: tokio::sync::Mutex<Pace>,
}

/// The right to have a connection to a host, until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    _name: Option<OwnedSemaphorePermit>,
    _address: Option<OwnedSemaphorePermit>,
}

/// The right to visit a mirror, until it is dropped.
#[derive(Debug)]
pub struct MirrorPermit(
    #[allow(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit,
);

/// The right to list what is at an address, until it is dropped.
pub struct ListingPermit {
    address: IpAddr,
    politeness: Politeness,
}

impl Drop for ListingPermit {
    fn drop(&mut self) {
        let mut listed = self.politeness.0.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.remove(&self.address);
    }
}

impl Politeness {
    /// Counts within these limits, and within a quarter of the descriptors that the process may have.
    pub fn new(limits: &Limits) -> Self {
        let descriptors = getrlimit(Resource::Nofile).current;
        Self::with_descriptors(limits, descriptors)
    }

    fn with_descriptors(limits: &Limits, descriptors: Option<u64>) -> Self {
        let quarter =
            descriptors.map_or(usize::MAX, |n| usize::try_from(n / 4).unwrap_or(usize::MAX));
        let mirrors = limits.mirrors.min(quarter / CONNECTIONS_PER_VISIT).max(1);
        Self(Arc::new(Shared {
            hosts: Mutex::default(),
            listed: Mutex::default(),
            mirrors: Arc::new(Semaphore::new(mirrors.min(Semaphore::MAX_PERMITS))),
            connections_per_host: limits.connections_per_host.max(1),
            pace: Pace {
                interval: Duration::from_secs(1) / limits.requests_per_second.max(1),
                burst: limits.burst.max(1),
                unused_from: None,
            },
        }))
    }

    /// Waits until a mirror may be visited. `None` never happens.
    pub async fn mirror(&self) -> Option<MirrorPermit> {
        // Nobody closes the semaphore.
        Arc::clone(&self.0.mirrors).acquire_owned().await.ok().map(MirrorPermit)
    }

    /// Waits until a connection to a host may be opened. Whoever waits here must hold no other permit, or
    /// two visits could wait for each other.
    pub async fn connection(&self, host: &Host, address: IpAddr) -> ConnectionPermit {
        let name = match self.name(host) {
            Some(counts) => Arc::clone(&counts.connections).acquire_owned().await.ok(),
            None => None,
        };
        let counts = self.counts(Key::Address(address));
        let address = Arc::clone(&counts.connections).acquire_owned().await.ok();
        ConnectionPermit { _name: name, _address: address }
    }

    /// The right to open a connection to a host, if nobody has to be waited for.
    pub fn try_connection(&self, host: &Host, address: IpAddr) -> Option<ConnectionPermit> {
        let name = match self.name(host) {
            Some(counts) => Some(Arc::clone(&counts.connections).try_acquire_owned().ok()?),
            None => None,
        };
        let counts = self.counts(Key::Address(address));
        let address = Arc::clone(&counts.connections).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _name: name, _address: Some(address) })
    }

    /// The right to list what is at an address; `None` while somebody else does. A listing takes minutes, and two of
    /// them would keep all visits from an address.
    pub fn try_listing(&self, address: IpAddr) -> Option<ListingPermit> {
        let mut listed = self.0.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.insert(address).then(|| ListingPermit { address, politeness: self.clone() })
    }

    /// Waits until a request may be sent to a host.
    pub async fn request(&self, host: &Host, address: IpAddr) {
        let (name, address) = (self.name(host), self.counts(Key::Address(address)));
        // First the name, then the address: nobody who holds an address waits for a name.
        let mut name_pace = match &name {
            Some(counts) => Some(counts.pace.lock().await),
            None => None,
        };
        let mut address_pace = address.pace.lock().await;
        let now = Instant::now();
        let free = name_pace.as_ref().map_or(now, |pace| pace.free_from(now));
        let free = free.max(address_pace.free_from(now));
        sleep_until(free).await;
        let now = Instant::now();
        if let Some(pace) = &mut name_pace {
            pace.spend(now);
        }
        address_pace.spend(now);
    }

    /// `None` if the host is an address, which is counted anyway.
    fn name(&self, host: &Host) -> Option<Arc<Counts>> {
        match host {
            Host::Name(name) => Some(self.counts(Key::Name(name.clone()))),
            Host::Address(_) => None,
        }
    }

    fn counts(&self, key: Key) -> Arc<Counts> {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MANY_HOSTS && !hosts.contains_key(&key) {
            let now = Instant::now();
            hosts.retain(|_, counts| !counts.is_at_rest(now, self.0.connections_per_host));
        }
        Arc::clone(hosts.entry(key).or_insert_with(|| {
            Arc::new(Counts {
                connections: Arc::new(Semaphore::new(self.0.connections_per_host)),
                pace: tokio::sync::Mutex::new(self.0.pace),
            })
        }))
    }
}

impl Counts {
    /// Whether a new one would be as good. A clone in use counts as use.
    fn is_at_rest(self: &Arc<Self>, now: Instant, connections: usize) -> bool {
        Arc::strong_count(self) == 1
            && self.connections.available_permits() == connections
            && self
                .pace
                .try_lock()
                .is_ok_and(|pace| pace.unused_from.is_none_or(|from| from <= now))
    }
}

/// A rate with bursts (GCRA).
#[derive(Clone, Copy, Debug)]
struct Pace {
    interval: Duration,
    burst: u32,
    /// From when on nothing of it counts as spent.
    unused_from: Option<Instant>,
}

impl Pace {
    /// From when on one more is allowed; not before `now`.
    fn free_from(&self, now: Instant) -> Instant {
        let tolerance = self.interval * (self.burst - 1);
        self.unused_from
            .and_then(|from| from.checked_sub(tolerance))
            .map_or(now, |free| free.max(now))
    }

    fn spend(&mut self, now: Instant) {
        self.unused_from = Some(self.unused_from.map_or(now, |from| from.max(now)) + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn name(name: &str) -> Host {
        Host::Name(name.into())
    }

    fn address(n: u8) -> IpAddr {
        IpAddr::from([8, 8, 8, n])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Requests at random times, from many visits at once, to hosts that share names and addresses: in no
        /// span of time does a name or an address get more than its burst and its rate.
        #[test]
        fn no_host_ever_gets_more_than_its_share(
            asked in proptest::collection::vec((0_u64..20_000, 0_u8..3, 0_u8..3), 1..150),
            rate in 1_u32..4,
            burst in 1_u32..6,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let limits = Limits { requests_per_second: rate, burst, ..Limits::default() };
            let politeness = Politeness::new(&limits);
            let sent = Arc::new(Mutex::new(Vec::new()));
            let start = runtime.block_on(async {
                let start = Instant::now();
                let mut visits = tokio::task::JoinSet::new();
                for (at, n_name, n_address) in asked.clone() {
                    let (politeness, sent) = (politeness.clone(), Arc::clone(&sent));
                    visits.spawn(async move {
                        sleep_until(start + Duration::from_millis(at)).await;
                        politeness.request(&name(&n_name.to_string()), address(n_address)).await;
                        sent.lock().unwrap().push((Instant::now(), n_name, n_address));
                    });
                }
                while let Some(visit) = visits.join_next().await {
                    visit.unwrap();
                }
                start
            });
            let sent = sent.lock().unwrap();
            prop_assert_eq!(sent.len(), asked.len());
            let millis = |at: Instant| u64::try_from(at.duration_since(start).as_millis()).unwrap();
            for n in 0..3 {
                for times in [
                    sent.iter().filter(|sent| sent.1 == n).map(|sent| millis(sent.0)).collect::<Vec<_>>(),
                    sent.iter().filter(|sent| sent.2 == n).map(|sent| millis(sent.0)).collect(),
                ] {
                    for (first, from) in times.iter().enumerate() {
                        for (n_later, to) in times[first..].iter().enumerate() {
                            // Timers are exact to a millisecond, upwards.
                            let most = u64::from(burst) + (to - from + 2) * u64::from(rate) / 1_000;
                            prop_assert!((n_later as u64) < most, "{times:?}");
                        }
                    }
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_at_once_and_then_two_a_second_in_order_of_arrival() {
        let politeness = Politeness::new(&Limits::default());
        let start = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..13 {
            politeness.request(&name("a"), address(1)).await;
            waits.push(start.elapsed().as_millis());
        }
        assert_eq!(waits[..10], [0; 10]);
        assert_eq!(waits[10..], [500, 1_000, 1_500]);
        // Another host does not wait.
        politeness.request(&name("b"), address(2)).await;
        assert_eq!(start.elapsed().as_millis(), 1_500);
    }

    #[tokio::test]
    async fn a_host_has_two_connections_by_name_and_by_address() {
        let politeness = Politeness::new(&Limits::default());
        let first = politeness.connection(&name("a"), address(1)).await;
        let second = politeness.try_connection(&name("a"), address(2)).unwrap();
        assert!(politeness.try_connection(&name("a"), address(3)).is_none());
        let third = politeness.try_connection(&name("b"), address(1)).unwrap();
        assert!(politeness.try_connection(&name("c"), address(1)).is_none());
        assert!(politeness.try_connection(&Host::Address(address(1)), address(1)).is_none());
        drop(first);
        assert!(politeness.try_connection(&name("c"), address(1)).is_some());
        // What failed halfway has kept nothing.
        assert!(politeness.try_connection(&name("a"), address(3)).is_some());
        drop((second, third));
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_at_rest_are_forgotten_and_others_are_not() {
        let politeness = Politeness::new(&Limits::default());
        let held = politeness.connection(&name("held"), address(1)).await;
        politeness.request(&name("recent"), address(2)).await;
        for n in 0..5_000 {
            drop(politeness.connection(&name(&n.to_string()), address(3)).await);
        }
        let hosts = politeness.0.hosts.lock().unwrap();
        assert!(hosts.len() <= MANY_HOSTS, "{}", hosts.len());
        for key in [Key::Name("held".into()), Key::Name("recent".into()), Key::Address(address(1))]
        {
            assert!(hosts.contains_key(&key), "{key:?}");
        }
        drop(held);
    }

    #[test]
    fn mirrors_at_once_are_bounded_by_descriptors() {
        for (descriptors, mirrors) in
            [(None, 64), (Some(1_024), 64), (Some(256), 32), (Some(0), 1), (Some(u64::MAX), 64)]
        {
            let politeness = Politeness::with_descriptors(&Limits::default(), descriptors);
            assert_eq!(politeness.0.mirrors.available_permits(), mirrors);
        }
    }
}
