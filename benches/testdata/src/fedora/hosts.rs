//! The mirror hosts: where they are, what they carry, and under which URLs.

use std::collections::BTreeSet;

use super::addresses::Addresses;
use super::{Shape, stream};
use crate::countries::COUNTRIES;
use crate::rng::Rng;

/// A tree of content that hosts choose to carry.
pub(super) struct Category {
    /// The folder in directory names.
    pub(super) top: &'static str,
    /// The folder in base URLs, under the host's own prefix.
    url_folder: &'static str,
    /// Share of hosts that carry it.
    hosts_permille: usize,
    /// Share of package folders that lie in it.
    pub(super) directories_permille: usize,
}

pub(super) const LINUX: usize = 0;
pub(super) const EPEL: usize = 1;
pub(super) const ARCHIVE: usize = 2;
pub(super) const SECONDARY: usize = 3;
pub(super) const OTHER: usize = 4;
pub(super) const CODECS: usize = 5;

/// Shares are tuned so that 530 hosts and 96,000 directories make a protobuf of about 300 MB.
pub(super) const CATEGORIES: [Category; 6] = [
    category("pub/fedora/linux", "fedora/linux", 750, 275),
    category("pub/epel", "epel", 850, 80),
    category("pub/archive/fedora/linux", "fedora-archive/fedora/linux", 100, 445),
    category("pub/fedora-secondary", "fedora-secondary", 130, 130),
    category("pub/alt", "fedora-alt", 500, 50),
    category("pub/codecs", "fedora-codecs", 450, 20),
];

const fn category(
    top: &'static str,
    url_folder: &'static str,
    hosts_permille: usize,
    directories_permille: usize,
) -> Category {
    Category { top, url_folder, hosts_permille, directories_permille }
}

/// Hosts that a category has at least.
const MIN_HOSTS: usize = 4;

pub(super) struct Host {
    pub(super) id: i64,
    /// Index into [`COUNTRIES`]; `None` where the data does not say.
    pub(super) country: Option<usize>,
    /// Whether the data spells the country in lower case.
    pub(super) lower_case: bool,
    pub(super) private: bool,
    pub(super) internet2: bool,
    /// In Mbit/s; `None` where the data does not say.
    pub(super) bandwidth: Option<i64>,
    pub(super) asn: Option<u32>,
    pub(super) max_connections: i64,
    /// The only countries it serves; all when empty.
    pub(super) allowed: Vec<String>,
    /// URL ids by category; none where it does not carry the category.
    pub(super) urls: [Vec<i64>; CATEGORIES.len()],
}

pub(super) struct Hosts {
    /// In order of their ids.
    pub(super) hosts: Vec<Host>,
    /// (URL id, base URL) in order of ids.
    pub(super) urls: Vec<(i64, String)>,
}

impl Hosts {
    pub(super) fn new(shape: &Shape, addresses: &Addresses) -> Self {
        let mut rng = Rng::new(shape.seed, stream::HOSTS);
        let mut total = 0;
        let weights: Vec<u32> = (COUNTRIES.iter())
            .map(|country| {
                total += country.host_weight;
                total
            })
            .collect();
        let mut id = 0;
        let mut hosts: Vec<Host> = (0..shape.hosts)
            .map(|_| {
                // Ids have gaps: hosts come and go.
                id += 1 + rng.below(8) as i64;
                let country = rng.weighted(&weights);
                host(shape, id, country, addresses, &mut rng)
            })
            .collect();
        let urls = urls(shape, &mut hosts);
        Self { hosts, urls }
    }
}

fn host(shape: &Shape, id: i64, country: usize, addresses: &Addresses, rng: &mut Rng) -> Host {
    let private = rng.below(100) < shape.private_percent;
    let code = COUNTRIES[country].code;
    let allowed = match rng.below(1000) {
        0..30 => vec![code.to_owned()],
        30..50 => {
            let mut codes = vec![code.to_owned(), "US".to_owned(), "DE".to_owned()];
            codes.dedup();
            codes
        }
        _ => Vec::new(),
    };
    Host {
        id,
        country: (!shape.quirks || !rng.permille(12)).then_some(country),
        lower_case: shape.quirks && rng.permille(40),
        private,
        internet2: !private && rng.permille(50),
        bandwidth: (!shape.quirks || !rng.permille(20))
            .then_some(*rng.pick(&[100, 200, 1_000, 1_000, 1_000, 2_000, 10_000, 10_000, 40_000])),
        asn: if rng.permille(700) { addresses.asn_in(country, rng) } else { None },
        max_connections: *rng.pick(&[1, 1, 1, 1, 2, 4]),
        allowed,
        urls: Default::default(),
    }
}

/// Lets hosts choose categories and gives every choice its base URLs.
fn urls(shape: &Shape, hosts: &mut [Host]) -> Vec<(i64, String)> {
    let mut rng = Rng::new(shape.seed, stream::URLS);
    let mut choices: Vec<(usize, usize)> = Vec::new();
    for (index, category) in CATEGORIES.iter().enumerate() {
        let before = choices.len();
        choices.extend(
            (0..hosts.len())
                .filter(|_| rng.permille(category.hosts_permille))
                .map(|host| (host, index)),
        );
        let mut members: BTreeSet<usize> =
            choices[before..].iter().map(|choice| choice.0).collect();
        while members.len() < MIN_HOSTS.min(hosts.len()) {
            members.insert(rng.below(hosts.len()));
        }
        choices.truncate(before);
        choices.extend(members.into_iter().map(|host| (host, index)));
    }
    choices.sort_unstable();

    let n_urls = shape.base_urls.clamp(choices.len(), choices.len() * PROTOCOLS.len());
    let mut counts = vec![1; choices.len()];
    let mut n_left = n_urls - choices.len();
    while n_left > 0 {
        let choice = rng.below(choices.len());
        // Two or three URLs are common, a fourth (ftp) is not.
        if counts[choice] < 3 || (counts[choice] == 3 && rng.permille(60)) {
            counts[choice] += 1;
            n_left -= 1;
        }
    }

    let names: Vec<_> = hosts.iter().map(|host| HostName::new(host, &mut rng)).collect();
    let mut urls = Vec::with_capacity(n_urls);
    let mut id = 0;
    for ((host, category), count) in choices.into_iter().zip(counts) {
        let mut protocols = match count {
            1 => vec![if rng.permille(850) { "https" } else { "http" }],
            2 => vec!["https", if rng.permille(600) { "http" } else { "rsync" }],
            _ => PROTOCOLS[..count].to_vec(),
        };
        rng.shuffle(&mut protocols);
        for protocol in protocols {
            id += 1 + rng.below(3) as i64;
            let HostName { name, prefix } = &names[host];
            let folder = CATEGORIES[category].url_folder;
            urls.push((id, format!("{protocol}://{name}{prefix}/{folder}")));
            hosts[host].urls[category].push(id);
        }
    }
    urls
}

const PROTOCOLS: [&str; 4] = ["https", "http", "rsync", "ftp"];

struct HostName {
    name: String,
    /// What stands before every folder; empty or begins with a slash.
    prefix: &'static str,
}

impl HostName {
    fn new(host: &Host, rng: &mut Rng) -> Self {
        let role = if host.private {
            "fedora.corp"
        } else {
            rng.pick(&["mirror", "mirrors", "ftp", "download", "mirror1"])
        };
        let word: String = (0..2 + rng.below(2)).map(|_| *rng.pick(SYLLABLES)).collect();
        let country =
            host.country.map_or("net".into(), |index| COUNTRIES[index].code.to_ascii_lowercase());
        Self {
            name: format!("{role}.{word}{}.{country}.example", host.id),
            prefix: *rng.pick(PREFIXES),
        }
    }
}

const PREFIXES: &[&str] = &["", "", "/pub", "/mirror", "/pub/linux", "/mirrors"];

const SYLLABLES: &[&str] = &[
    "ka", "lo", "min", "ter", "vos", "dal", "ri", "sun", "net", "ber", "hul", "ost", "pra", "qui",
];
