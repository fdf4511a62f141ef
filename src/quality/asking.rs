//! Asks for a client by the real code path, and reads what it gets.

use std::net::IpAddr;

use fastrand::Rng;

use super::clients::Client;
use super::distance::Distances;
use super::list::urls;
use super::subject::Subject;
use answer::requester::Requester;
use answer::{Edition, Endpoint, Options, Request, Scratch, Status, respond};
use encode::text::Text;
use model::base_url::authority;
use model::families::IpVersion;
use model::ids::HostId;
use model::tier::Tier;
use snapshot::contains;

/// How many mirrors and URLs count most: as many as zypper reads.
pub(crate) const FRONT: usize = 4;

/// What asks.
pub(crate) struct Asking<'a> {
    pub(crate) edition: &'a Edition,
    pub(crate) subject: &'a Subject<'a>,
    pub(crate) options: &'a Options,
    pub(crate) distances: Distances<'a>,
}

/// The memory of one thread.
#[derive(Default)]
pub(crate) struct Buffers {
    scratch: Scratch,
    body: Text,
}

/// What one client got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) first: Option<HostId>,
    pub(crate) found: Option<Tier>,
    pub(crate) first_km: Option<f64>,
    pub(crate) is_first_in_own_country: bool,
    /// The mean distance of the first four mirrors.
    pub(crate) four_km: Option<f64>,
    /// The part of the first four mirrors that is in the own country; `None` without mirrors.
    pub(crate) four_own_country: Option<f64>,
    /// Different hosts among the first four URLs.
    pub(crate) n_hosts: Option<f64>,
    /// Mirrors among the first four without a known network in common with one before.
    pub(crate) n_networks: Option<f64>,
    pub(crate) second_km: Option<f64>,
    pub(crate) n_before_second: Option<f64>,
    pub(crate) last_km: Option<f64>,
    pub(crate) is_last_fallback: bool,
    pub(crate) n_mirrors: usize,
    pub(crate) n_urls: usize,
    pub(crate) n_bytes: usize,
    /// Whether one of the first four mirrors is known to work over the client's version of IP.
    pub(crate) works: bool,
    /// Whether the first is known not to.
    pub(crate) fails: bool,
}

impl Asking<'_> {
    /// Asks for a client with some parameters more; calls `read` with the tier of the first mirror and the
    /// body.
    fn ask<R>(
        &self,
        client: IpAddr,
        more: &str,
        rng: &mut Rng,
        buffers: &mut Buffers,
        read: impl FnOnce(Status, Option<Tier>, &str) -> R,
    ) -> R {
        let Buffers { scratch, body } = buffers;
        body.clear();
        let query = [&self.subject.query, more].concat();
        let path = self.subject.path();
        let (status, found) = match Endpoint::find(self.edition, "", path, &query) {
            Some(endpoint) => {
                let requester = Requester::untrusted(client);
                let request = Request { endpoint, query: &query, requester, host: "", now: 0 };
                let reply = respond(self.edition, self.options, &request, rng, scratch, body);
                (reply.status, reply.found)
            }
            None => (Status::NotFound, None),
        };
        read(status, found, std::str::from_utf8(body.as_bytes()).unwrap_or(""))
    }

    /// The reason why a client gets no list, if that is so: status and message.
    pub(crate) fn find_refusal(&self, client: IpAddr) -> Option<(u16, String)> {
        self.ask(client, "", &mut Rng::with_seed(0), &mut Buffers::default(), |status, _, body| {
            let first = body.lines().next().unwrap_or_default().to_owned();
            (status != Status::Ok).then_some((status as u16, first))
        })
    }

    /// All mirrors that are listed for a client, whatever their distance, but for those of its own network.
    pub(crate) fn usable(&self, client: IpAddr) -> Vec<HostId> {
        let mut buffers = Buffers::default();
        let mut rng = Rng::with_seed(0);
        self.ask(client, "&country=global", &mut rng, &mut buffers, |_, _, body| {
            let urls = urls(self.subject.format, body);
            let mut hosts: Vec<_> = urls.filter_map(|url| self.subject.mirror_of(&url)).collect();
            hosts.sort_unstable();
            hosts.dedup();
            hosts
        })
    }

    /// The first mirror for a client, with its tier.
    pub(crate) fn first(
        &self,
        client: &Client,
        rng: &mut Rng,
        buffers: &mut Buffers,
    ) -> Option<(HostId, Tier)> {
        self.ask(client.address, "", rng, buffers, |_, found, body| {
            let first = urls(self.subject.format, body).next()?;
            Some((self.subject.mirror_of(&first)?, found?))
        })
    }

    /// Everything about the answer to a client.
    pub(crate) fn outcome(&self, client: &Client, rng: &mut Rng, buffers: &mut Buffers) -> Outcome {
        self.ask(client.address, "", rng, buffers, |_, found, body| self.read(client, found, body))
    }

    fn read(&self, client: &Client, found: Option<Tier>, body: &str) -> Outcome {
        let mut mirrors: Vec<HostId> = Vec::new();
        let mut hosts: Vec<String> = Vec::new();
        let mut last = None;
        let (mut n_urls, mut second, mut n_before_second) = (0, None, None);
        for url in urls(self.subject.format, body) {
            let mirror = self.subject.mirror_of(&url);
            mirrors.extend(mirror.filter(|mirror| mirrors.last() != Some(mirror)));
            let is_of_first = hosts.first().is_some_and(|first| first == authority(&url));
            if n_urls < FRONT && hosts.iter().all(|host| host != authority(&url)) {
                hosts.push(authority(&url).to_owned());
            }
            if n_before_second.is_none() && n_urls > 0 && !is_of_first {
                (second, n_before_second) = (mirror, Some(n_urls as f64));
            }
            n_urls += 1;
            last = Some(mirror);
        }
        let own = client.country();
        let is_own = |host: &HostId| own.is_some() && self.country(*host) == own;
        let km = |host: HostId| self.distances.km(client, host);
        let front = mirrors.get(..FRONT.min(mirrors.len())).unwrap_or_default();
        let first = front.first().copied();
        let layout = self.subject.directory.layout;
        Outcome {
            first,
            found,
            first_km: first.and_then(km),
            is_first_in_own_country: first.as_ref().is_some_and(is_own),
            four_km: mean(front.iter().filter_map(|&host| km(host))),
            four_own_country: mean(front.iter().map(|host| f64::from(u8::from(is_own(host))))),
            n_hosts: (n_urls > 0).then_some(hosts.len() as f64),
            n_networks: first.map(|_| self.count_networks(front) as f64),
            second_km: second.and_then(km),
            n_before_second,
            last_km: mirrors.last().copied().and_then(km),
            is_last_fallback: last == Some(None),
            n_mirrors: mirrors.len(),
            n_urls,
            n_bytes: body.len(),
            works: front.iter().any(|&host| contains(layout.working(client.version()), host)),
            fails: first.is_some_and(|host| contains(layout.failing(client.version()), host)),
        }
    }

    fn country(&self, host: HostId) -> Option<model::geo::Country> {
        self.edition.snapshot().hosts().country(host)
    }

    /// How many of these mirrors share no network with one before.
    pub(crate) fn count_networks(&self, front: &[HostId]) -> usize {
        let hosts = self.edition.snapshot().hosts();
        let shares = |index: usize, host: HostId| {
            front.iter().take(index).any(|&other| hosts.share_network(other, host))
        };
        front.iter().enumerate().filter(|&(index, &host)| !shares(index, host)).count()
    }

    /// Whether the data know of any mirror whether it works over a version of IP.
    pub(crate) fn knows(&self, version: IpVersion) -> bool {
        let layout = self.subject.directory.layout;
        let sets = [layout.working(version), layout.failing(version)];
        sets.into_iter().flatten().any(|&word| word != 0)
    }
}

/// The mean of some values; `None` without any.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
