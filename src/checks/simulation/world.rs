//! The mirrors, the primary and our own network, as they are.

use fastrand::Rng;
use model::families::IpVersion;

use crate::class::FailureClass;
use crate::history::{PrimaryScan, PrimaryVersion};
use crate::inventory::{Entry, Inventory, Tree};
use crate::observation::{
    Content, DirectorySeen, End, Failure, Outcome, RepositorySeen, Tier, UrlSeen, Visit,
};
use crate::schedule::NextVisit;

pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 3_600;
pub(super) const DAY: u64 = 86_400;

const START: u64 = 1_800_000_000;
/// How long metalinks offer a version that was replaced.
const OFFERED: u64 = 4 * DAY;
/// The directories of which files are sampled.
pub(super) const IMAGES: [&str; 10] = [
    "linux/images/0",
    "linux/images/1",
    "linux/images/2",
    "linux/images/3",
    "linux/images/4",
    "linux/images/5",
    "linux/images/6",
    "linux/images/7",
    "linux/images/8",
    "linux/images/9",
];
/// How many files of each are looked for.
const SAMPLES: usize = 2;
/// A visit ends after so many failures in a row.
const FAILURES_IN_A_ROW: usize = 3;

pub(super) fn is_in(span: (u64, u64), t: u64) -> bool {
    (span.0..span.1).contains(&t)
}

/// What happens to a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nothing answers, for at most five minutes.
    Restart,
    /// Nothing answers.
    Dead,
    /// Every answer is an error.
    Broken,
    /// Nothing answers over IPv6.
    V6Dead,
    /// Content that the primary never had, in one repository.
    Garbage,
    /// Content of ten days before.
    Old,
    /// It does not follow the primary.
    Frozen,
    /// Every answer is an error, for five minutes of every ten.
    Flapping,
    /// Of one directory with images each second file is not there.
    Holes,
}

/// What happens to a mirror, in seconds since the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incident {
    pub(super) kind: Kind,
    pub(super) from: u64,
    pub(super) until: u64,
    /// The repository that is watched.
    pub(super) repository: usize,
}

impl Incident {
    pub(super) fn is_on(&self, t: u64) -> bool {
        is_in((self.from, self.until), t)
    }
}

pub(super) struct Mirror {
    pub(super) key: String,
    urls: Vec<String>,
    has_v6: bool,
    pub(super) sync_every: u64,
    sync_phase: u64,
    /// In order, and one after another.
    pub(super) incidents: Vec<Incident>,
}

impl Mirror {
    /// The number of incidents that have begun.
    pub(super) fn n_begun(&self, t: u64) -> usize {
        self.incidents.partition_point(|incident| incident.from <= t)
    }

    /// What has happened to it in the last two days, in words.
    pub(super) fn recent(&self, t: u64) -> String {
        let of = |one: &&Incident| one.from <= t && one.until + 2 * DAY > t;
        let of: Vec<_> = self.incidents.iter().filter(of).collect();
        format!("{} at {t}: {of:?}", self.key)
    }

    fn incident(&self, t: u64) -> Option<&Incident> {
        let last = self.incidents.get(self.n_begun(t).checked_sub(1)?)?;
        last.is_on(t).then_some(last)
    }

    /// When it last became as the primary was then.
    pub(super) fn synced(&self, t: u64) -> i64 {
        let t = (t + DAY - self.sync_phase) / self.sync_every * self.sync_every;
        (t + self.sync_phase).cast_signed() - DAY.cast_signed()
    }
}

/// What fails of our own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Own {
    Network,
    V6,
    Roots,
}

impl Own {
    /// Whether it lasts for days, and mirrors are judged meanwhile over what works.
    fn is_endured(self, span: (u64, u64)) -> bool {
        self == Self::V6 && span.1 - span.0 > DAY
    }
}

/// What a site is like.
pub(super) struct Site {
    /// The base URLs of each mirror, and whether it has IPv6.
    pub(super) mirrors: Vec<(Vec<String>, bool)>,
    pub(super) repositories: Vec<String>,
    pub(super) n_days: u64,
    /// Whether only one mirror at a time has an incident.
    pub(super) is_one_by_one: bool,
    /// Whether files of mirrors are sampled.
    pub(super) is_sampled: bool,
}

impl Site {
    /// So many mirrors of which three in five have IPv6, with ten repositories.
    pub(super) fn new(n_mirrors: usize, n_days: u64) -> Self {
        let urls = |n| ["https", "http"].map(|scheme| format!("{scheme}://m{n}.example/")).into();
        Self {
            mirrors: (0..n_mirrors).map(|n| (urls(n), n % 5 < 3)).collect(),
            repositories: (0..10).map(|n| format!("linux/{n}/os/repodata")).collect(),
            n_days,
            is_one_by_one: false,
            is_sampled: false,
        }
    }

    /// With so many URLs of each mirror, half of them of https.
    pub(super) fn with_urls(mut self, n_urls: usize, has_v6: bool) -> Self {
        for (n, mirror) in self.mirrors.iter_mut().enumerate() {
            let url = |of: usize| {
                let scheme = if of.is_multiple_of(2) { "https" } else { "http" };
                format!("{scheme}://m{n}-{of}.example/")
            };
            *mirror = ((0..n_urls).map(url).collect(), has_v6);
        }
        self
    }
}

pub(super) struct World {
    pub(super) mirrors: Vec<Mirror>,
    pub(super) repositories: Vec<String>,
    /// By repository, when it got each version; the first ones lie before the start.
    pushes: Vec<Vec<i64>>,
    hashes: Vec<Vec<String>>,
    pub(super) own: Vec<(Own, (u64, u64))>,
    /// From when on the clock is off, by how many seconds.
    jumps: Vec<(u64, i64)>,
    is_sampled: bool,
}

impl World {
    pub(super) fn new(site: Site, rng: &mut Rng) -> Self {
        let end = site.n_days * DAY;
        let n_repositories = site.repositories.len();
        let mut pushes = vec![Vec::new(); n_repositories];
        // Half of the repositories change each morning, the others each evening.
        for half_day in 0..2 * (site.n_days + 15) {
            let at =
                (half_day * DAY / 2 + rng.u64(0..2 * HOUR)).cast_signed() - 15 * DAY.cast_signed();
            let turn = usize::from(half_day % 2 == 1);
            pushes.iter_mut().skip(turn).step_by(2).for_each(|pushes| pushes.push(at));
        }
        let hash = |repository, version| format!("{:064x}", repository * 1_000_000 + version + 1);
        let hashes = (0..n_repositories)
            .map(|repository| (0..=pushes[repository].len()).map(|n| hash(repository, n)).collect())
            .collect();
        let at = |percent: u64| end * percent / 100;
        let own = vec![
            (Own::Roots, (at(20), at(20) + HOUR)),
            (Own::Network, (at(34), at(34) + DAY)),
            (Own::V6, (at(60), at(60) + 6 * HOUR)),
        ];
        let jumps = vec![
            (at(45), 3 * HOUR.cast_signed()),
            (at(48), 0),
            (at(80), 3 * DAY.cast_signed()),
            (at(80) + 2 * HOUR, 0),
        ];
        let mut mirrors: Vec<Mirror> = (0_usize..)
            .zip(site.mirrors)
            .map(|(n, (urls, has_v6))| Mirror {
                key: format!("m{n:04}"),
                urls,
                has_v6,
                sync_every: rng.u64(HOUR..6 * HOUR),
                sync_phase: rng.u64(0..HOUR),
                incidents: Vec::new(),
            })
            .collect();
        if site.is_one_by_one {
            let mut t = 6 * HOUR;
            while t < end {
                let n = rng.usize(0..mirrors.len());
                t = incident(&mut mirrors[n], t, n_repositories, rng);
            }
        } else {
            for mirror in &mut mirrors {
                let mut t = 4 * HOUR + rng.u64(0..2 * DAY);
                while t < end {
                    t = incident(mirror, t, n_repositories, rng) + rng.u64(0..2 * DAY);
                }
            }
        }
        let Site { repositories, is_sampled, .. } = site;
        Self { mirrors, repositories, pushes, hashes, own, jumps, is_sampled }
    }

    fn offset(&self, t: u64) -> i64 {
        self.jumps.iter().rev().find(|&&(at, _)| at <= t).map_or(0, |&(_, offset)| offset)
    }

    pub(super) fn has_jump(&self, t: u64) -> bool {
        self.jumps.iter().any(|&(at, _)| at / MINUTE == t / MINUTE)
    }

    /// Whether the clock is set forward meanwhile.
    pub(super) fn is_set_forward(&self, from: u64, until: u64) -> bool {
        let before = |at: u64| at.checked_sub(1).map_or(0, |before| self.offset(before));
        self.jumps.iter().any(|&(at, offset)| is_in((from, until), at) && offset > before(at))
    }

    pub(super) fn clock(&self, t: u64) -> u64 {
        (START + t).saturating_add_signed(self.offset(t))
    }

    /// Whether something of our own fails, or has just failed, so that mirrors cannot be judged in time. Of a clock
    /// that was set back half an hour counts.
    pub(super) fn is_ours(&self, from: u64, until: u64) -> bool {
        let back = self.jumps.windows(2).filter(|jumps| jumps[1].1 < jumps[0].1);
        let back = back.map(|jumps| (jumps[1].0, jumps[1].0 + 30 * MINUTE));
        let own = self.own.iter().filter(|own| !own.0.is_endured(own.1));
        own.map(|own| own.1).chain(back).any(|own| from < own.1 && own.0 < until)
    }

    /// When the fault of our own ends that lies an hour around `t` or begins in two; `t` if there is none.
    pub(super) fn ours_until(&self, t: u64) -> u64 {
        let own = self.own.iter().filter(|own| !own.0.is_endured(own.1)).map(|own| own.1);
        let near = own.filter(|own| t.saturating_sub(HOUR) < own.1 && own.0 < t + 2 * HOUR);
        near.map(|own| own.1).max().unwrap_or(t).max(t)
    }

    /// The number of the version that a repository of the primary had.
    pub(super) fn version(&self, repository: usize, t: i64) -> usize {
        self.pushes[repository].partition_point(|&push| push <= t)
    }

    /// What comes of asking a mirror over a route; `None` if it works.
    fn failure(
        &self,
        mirror: &Mirror,
        url: &str,
        version: IpVersion,
        t: u64,
    ) -> Option<FailureClass> {
        let is_v6 = version == IpVersion::V6;
        let own = self.own.iter().find(|own| is_in(own.1, t)).map(|own| own.0);
        match own {
            Some(Own::Network) => return Some(FailureClass::ConnectTimeout),
            Some(Own::V6) if is_v6 => return Some(FailureClass::ConnectTimeout),
            Some(Own::Roots) if url.starts_with("https:") => return Some(FailureClass::TlsOther),
            _ => {}
        }
        match mirror.incident(t)?.kind {
            Kind::Restart | Kind::Dead => Some(FailureClass::ConnectTimeout),
            Kind::Broken => Some(FailureClass::Http5xx),
            Kind::V6Dead if is_v6 => Some(FailureClass::ConnectTimeout),
            Kind::Flapping if (t / (5 * MINUTE)).is_multiple_of(2) => Some(FailureClass::Http5xx),
            _ => None,
        }
    }

    fn content(&self, mirror: &Mirror, repository: usize, t: u64) -> &str {
        let incident = mirror.incident(t);
        let (synced, age) = match incident.map(|incident| incident.kind) {
            Some(Kind::Garbage) if incident.is_some_and(|one| one.repository == repository) => {
                return "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
            }
            Some(Kind::Old) => (mirror.synced(t), 10 * DAY),
            Some(Kind::Frozen) => (mirror.synced(incident.map_or(t, |one| one.from)), 0),
            _ => (mirror.synced(t), 0),
        };
        let version = self.version(repository, synced - age.cast_signed());
        &self.hashes[repository][version]
    }

    /// What a scan of the primary at `t` says.
    pub(super) fn scan(&self, t: i64) -> PrimaryScan {
        let of = |(repository, directory): (usize, &String)| {
            let current = self.version(repository, t);
            let hashes = &self.hashes[repository];
            let mut versions =
                vec![PrimaryVersion { sha256: hashes[current].clone(), replaced: None }];
            for older in (0..current).rev() {
                let at = self.pushes[repository][older];
                // Found by the next scan, which comes every ten minutes.
                let at = (at + 599) / 600 * 600;
                if at + OFFERED.cast_signed() <= t + self.offset(t.max(0).cast_unsigned()) {
                    break;
                }
                let replaced = START.checked_add_signed(at);
                versions.push(PrimaryVersion { sha256: hashes[older].clone(), replaced });
            }
            (directory.clone(), versions)
        };
        let repositories = Some(self.repositories.iter().enumerate().map(of).collect());
        let scanned = match u64::try_from(t) {
            Ok(t) => self.clock(t),
            Err(_) => START.saturating_add_signed(t),
        };
        PrimaryScan { scanned, repositories }
    }

    /// A visit as it was planned. What fails is asked a second time, as the crawler does; a connection that fails is no
    /// request.
    pub(super) fn visit(&self, mirror: &Mirror, next: &NextVisit, round: u64, t: u64) -> Visit {
        let mut visit = Visit {
            mirror: mirror.key.clone(),
            tier: next.tier,
            round,
            started: self.clock(t),
            millis: 0,
            is_asked: false,
            requests: 0,
            bytes: 0,
            end: End::Complete,
            urls: Vec::new(),
            repositories: Vec::new(),
            directories: Vec::new(),
        };
        for (url, version) in &next.routes {
            let failed = self.failure(mirror, url, *version, t);
            let failed = failed.map(|class| Failure::new(class, url.as_str(), "it failed"));
            let n_asked = match next.tier {
                Tier::Hash => next.repositories.len(),
                Tier::Sample => SAMPLES * IMAGES.len(),
                Tier::Probe | Tier::Listing => 1,
            };
            let (outcome, n_requests) = match &failed {
                _ if *version == IpVersion::V6 && !mirror.has_v6 => (Outcome::NoAddress, 0),
                None => (Outcome::Good, n_asked),
                Some(failure) if failure.class == FailureClass::Http5xx => {
                    (Outcome::Failed(failure.clone()), 2 * n_asked.min(FAILURES_IN_A_ROW))
                }
                Some(failure) => (Outcome::Failed(failure.clone()), 0),
            };
            visit.requests += u32::try_from(n_requests).unwrap();
            let is_good = outcome == Outcome::Good;
            if next.tier == Tier::Sample && is_good {
                visit.directories = samples(mirror, t);
            }
            visit.urls.push(UrlSeen {
                url: url.clone(),
                version: *version,
                address: None,
                outcome,
                first_byte: is_good.then_some(40),
                redirected_to: None,
                certificate_expires: None,
            });
            let failed = failed.filter(|failure| failure.class == FailureClass::Http5xx);
            if let Some(failure) = failed.filter(|_| next.tier == Tier::Hash) {
                let asked = next.repositories.iter().take(FAILURES_IN_A_ROW);
                visit.repositories.extend(asked.map(|directory| RepositorySeen {
                    url: url.clone(),
                    directory: directory.clone(),
                    content: Content::Failed(failure.clone()),
                }));
            }
            if next.tier == Tier::Hash && is_good {
                visit.repositories.extend(next.repositories.iter().map(|directory| {
                    let repository = self.index(directory);
                    let content = Content::Hash(self.content(mirror, repository, t).to_owned());
                    RepositorySeen { url: url.clone(), directory: directory.clone(), content }
                }));
            }
        }
        visit
    }

    /// The number of a repository, which its name has in the second place.
    fn index(&self, directory: &str) -> usize {
        let index = directory.split('/').nth(1).and_then(|n| n.parse().ok()).unwrap();
        assert_eq!(self.repositories[index], directory);
        index
    }

    pub(super) fn inventory(&self) -> Inventory {
        let entry = |mirror: &Mirror| Entry {
            trees: vec![Tree {
                urls: mirror.urls.clone(),
                repositories: self.repositories.clone(),
                directories: vec!["linux".into()],
            }],
            is_sampled: self.is_sampled,
            ..Entry::default()
        };
        let mirrors = self.mirrors.iter().map(|mirror| (mirror.key.clone(), entry(mirror)));
        Inventory { mirrors: mirrors.collect() }
    }
}

/// What is seen of files that are drawn at random.
fn samples(mirror: &Mirror, t: u64) -> Vec<DirectorySeen> {
    let mut rng = Rng::with_seed(t);
    let holes = mirror.incident(t).filter(|one| one.kind == Kind::Holes).map(|one| one.repository);
    let of = |(n, directory): (usize, &&str)| {
        let n_missing = (0..SAMPLES).filter(|_| rng.bool() && holes == Some(n)).count();
        DirectorySeen {
            directory: (*directory).to_owned(),
            present: (SAMPLES - n_missing) as u64,
            missing: n_missing as u64,
            other_size: 0,
            is_whole: false,
        }
    };
    IMAGES.iter().enumerate().map(of).collect()
}

/// Adds an incident from `from` on, and returns the earliest time of the next one.
fn incident(mirror: &mut Mirror, from: u64, n_repositories: usize, rng: &mut Rng) -> u64 {
    let (kind, length, pause) = match rng.u32(0..48) {
        0 => (Kind::Dead, rng.u64(5 * DAY..6 * DAY), 3 * DAY),
        1 | 2 => (Kind::Dead, rng.u64(DAY..3 * DAY), 4 * HOUR),
        3..10 => (Kind::Dead, rng.u64(HOUR..10 * HOUR), 4 * HOUR),
        10..14 => (Kind::Broken, rng.u64(HOUR..30 * HOUR), 4 * HOUR),
        14..17 if mirror.has_v6 => (Kind::V6Dead, rng.u64(HOUR..30 * HOUR), 4 * HOUR),
        17..21 => (Kind::Garbage, rng.u64(3 * HOUR..9 * HOUR), 4 * HOUR),
        21..25 => (Kind::Old, rng.u64(3 * HOUR..10 * HOUR), 4 * HOUR),
        25 => (Kind::Frozen, rng.u64(4 * DAY..7 * DAY), DAY),
        26 => (Kind::Flapping, rng.u64(6 * HOUR..30 * HOUR), 4 * HOUR),
        _ => (Kind::Restart, rng.u64(30..5 * MINUTE), rng.u64(20 * MINUTE..4 * HOUR)),
    };
    let repository = rng.usize(0..n_repositories);
    mirror.incidents.push(Incident { kind, from, until: from + length, repository });
    from + length + pause
}
