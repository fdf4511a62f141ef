//! The mirrors of the demo that `mirrorlistd` serves when it has no data, as MirrorManager would export
//! them: small, invented, and complete. The demo itself is the catalog in `data/demo`, whose generated
//! files come from here.
//!
//! Every name is under `example` (RFC 2606) and every network is set aside for documentation or
//! benchmarks (RFC 5737, RFC 3849, RFC 2544), so that nothing of it can be mistaken for a real
//! mirror. It holds at least one of everything: several continents, both address families, a
//! preferred netblock with a private mirror, an autonomous system, a mirror that serves one country
//! only, alternates, a redirect, a disabled repository.

use std::io;
use std::path::Path;

use prost::Message as _;

use crate::mirrormanager::{
    FileDetailsCacheDirectoryType, FileDetailsCacheFilesType, FileDetailsType, IntIntMap,
    IntRepeatedIntMap, IntRepeatedStringMap, IntStringMap, MirrorList, MirrorListCacheType,
    StringBoolMap, StringRepeatedIntMap, StringStringMap,
};
use crate::mmdb::{self, Layout};
use crate::rng::Rng;

/// 2026-11-01 00:00:00 UTC.
const MADE: u64 = 1_793_491_200;

/// Who sees a mirror.
#[derive(Clone, Copy, PartialEq)]
enum Audience {
    Everybody,
    /// Only clients of its own networks.
    Own,
    /// Only clients of its own country, besides those of its networks.
    Country,
}
use Audience::{Country, Everybody, Own};

struct Mirror {
    host: &'static str,
    country: &'static str,
    /// Mbit/s.
    bandwidth: i64,
    protocols: &'static [&'static str],
    audience: Audience,
}

const fn mirror(
    host: &'static str,
    country: &'static str,
    bandwidth: i64,
    protocols: &'static [&'static str],
    audience: Audience,
) -> Mirror {
    Mirror { host, country, bandwidth, protocols, audience }
}

const WEB: &[&str] = &["https", "http"];
const ALL: &[&str] = &["https", "http", "rsync"];

/// Numbered from 1 in this order.
const MIRRORS: [Mirror; 21] = [
    mirror("mirror.berlin.example", "DE", 10_000, ALL, Everybody),
    mirror("ftp.frankfurt.example", "DE", 1_000, &["ftp", "http"], Everybody),
    mirror("mirror.campus.example", "DE", 1_000, WEB, Own),
    mirror("mirror.paris.example", "FR", 10_000, ALL, Everybody),
    mirror("mirror.isp.example", "FR", 2_000, WEB, Everybody),
    mirror("mirror.madrid.example", "ES", 1_000, WEB, Everybody),
    mirror("mirror.kyiv.example", "UA", 1_000, WEB, Everybody),
    mirror("mirror.london.example", "GB", 10_000, ALL, Everybody),
    mirror("mirror.newyork.example", "US", 10_000, ALL, Everybody),
    mirror("mirror.oregon.example", "US", 1_000, WEB, Everybody),
    mirror("mirror.toronto.example", "CA", 1_000, WEB, Everybody),
    mirror("mirror.saopaulo.example", "BR", 1_000, WEB, Everybody),
    mirror("mirror.santiago.example", "CL", 100, &["http"], Everybody),
    mirror("mirror.tokyo.example", "JP", 10_000, ALL, Everybody),
    mirror("mirror.osaka.example", "JP", 1_000, WEB, Everybody),
    mirror("mirror.singapore.example", "SG", 1_000, WEB, Everybody),
    mirror("mirror.mumbai.example", "IN", 1_000, WEB, Everybody),
    mirror("mirror.beijing.example", "CN", 1_000, WEB, Country),
    mirror("mirror.sydney.example", "AU", 1_000, WEB, Everybody),
    mirror("mirror.nairobi.example", "KE", 100, WEB, Everybody),
    mirror("mirror.capetown.example", "ZA", 1_000, ALL, Everybody),
];
const CAMPUS: i64 = 3;
const ISP: i64 = 5;
const ISP_ASN: i64 = 64_500;

/// Prefix and country of the country database.
const NETWORKS: [(&str, &str); 12] = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/24", "FR"),
    ("203.0.113.0/24", "JP"),
    ("198.18.0.0/24", "US"),
    ("198.18.1.0/24", "BR"),
    ("198.18.2.0/24", "AU"),
    ("198.18.3.0/24", "ZA"),
    ("198.18.4.0/24", "CN"),
    ("2001:db8::/36", "DE"),
    ("2001:db8:1000::/36", "FR"),
    ("2001:db8:2000::/36", "US"),
    ("2001:db8:3000::/36", "JP"),
];

/// Network and autonomous system of the global table.
const GLOBAL_NETBLOCKS: &str = "\
192.0.2.0/24 64496
198.51.100.0/24 64500
203.0.113.0/24 64497
2001:db8::/36 64496
2001:db8:1000::/36 64500
2001:db8:1f00::/40 64498
";

struct Repository {
    name: &'static str,
    arch: &'static str,
    /// Below `pub/demo`.
    path: &'static str,
    /// Versions of its repomd.xml; the first is current.
    n_versions: u64,
}

const REPOSITORIES: [Repository; 6] = [
    Repository { name: "demo-9", arch: "x86_64", path: "9/os/x86_64", n_versions: 1 },
    Repository { name: "demo-9", arch: "aarch64", path: "9/os/aarch64", n_versions: 1 },
    Repository { name: "demo-updates-9", arch: "x86_64", path: "9/updates/x86_64", n_versions: 2 },
    Repository {
        name: "demo-updates-9",
        arch: "aarch64",
        path: "9/updates/aarch64",
        n_versions: 2,
    },
    Repository { name: "demo-source-9", arch: "source", path: "9/source", n_versions: 1 },
    Repository { name: "demo-old-8", arch: "x86_64", path: "8/os/x86_64", n_versions: 1 },
];

/// Writes the four files into `folder`.
pub fn write(folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("mirrorlist_cache.proto"), mirror_list().encode_to_vec())?;
    std::fs::write(folder.join("global_netblocks.txt"), GLOBAL_NETBLOCKS)?;
    std::fs::write(folder.join("country_continent.csv"), crate::fedora::country_continent_csv())?;
    std::fs::write(folder.join("country.mmdb"), mmdb::write(Layout::GeoLite2, &NETWORKS))
}

/// The data as MirrorManager would export it.
pub fn mirror_list() -> MirrorList {
    let numbers = || (1..).zip(&MIRRORS);
    let mut list = MirrorList {
        time: MADE,
        netblock_country_cache: vec![StringStringMap::new("198.18.0.128/25", "CA")],
        disabled_repository_cache: vec![StringBoolMap::new("demo-old-8", true)],
        repository_redirect_cache: vec![StringStringMap::new("demo-latest", "demo-9")],
        host_asn_cache: vec![IntRepeatedIntMap::new(ISP_ASN, [ISP])],
        host_netblock_cache: vec![
            StringRepeatedIntMap::new("192.0.2.128/25", [CAMPUS]),
            StringRepeatedIntMap::new("2001:db8:100::/48", [CAMPUS]),
        ],
        ..MirrorList::default()
    };
    for (number, mirror) in numbers() {
        list.host_country_cache.push(IntStringMap::new(number, mirror.country));
        list.host_bandwidth_cache.push(IntIntMap::new(number, mirror.bandwidth));
        if mirror.audience == Country {
            let countries = [mirror.country.to_owned()];
            list.host_country_allowed_cache.push(IntRepeatedStringMap::new(number, countries));
        }
        for (url, protocol) in url_ids(number, mirror).zip(mirror.protocols) {
            let base = format!("{protocol}://{}/demo", mirror.host);
            list.hc_url_cache.push(IntStringMap::new(url, base));
        }
    }
    let mut rng = Rng::new(9, 0);
    for (index, repository) in (0..).zip(&REPOSITORIES) {
        let directory = format!("pub/demo/{}", repository.path);
        let repodata = format!("{directory}/repodata");
        let key = format!("{}+{}", repository.name, repository.arch);
        list.repo_arch_to_directory_name.push(StringStringMap::new(key, directory.as_str()));
        for name in [&directory, &repodata] {
            list.mirror_list_cache.push(listing(name, index));
        }
        let versions = 0..repository.n_versions;
        let file = FileDetailsCacheFilesType {
            filename: "repomd.xml".into(),
            file_details: versions.map(|age| details(age, &mut rng)).collect(),
        };
        list.file_details_cache.push(FileDetailsCacheDirectoryType {
            directory: repodata,
            file_details_cache_files: vec![file],
        });
    }
    list
}

fn url_ids(number: i64, mirror: &Mirror) -> impl Iterator<Item = i64> {
    (number * 10..).take(mirror.protocols.len())
}

/// A directory: every mirror carries it, but for one or two that lag behind.
fn listing(name: &str, repository: usize) -> MirrorListCacheType {
    let carriers =
        || (1..).zip(&MIRRORS).filter(move |&(number, _)| number as usize % 11 != repository + 8);
    let public = || carriers().filter(|(_, mirror)| mirror.audience != Own);
    let mut countries: Vec<&str> = public().map(|(_, mirror)| mirror.country).collect();
    countries.sort_unstable();
    countries.dedup();
    let hosts_of = |country: &str| {
        let there = public().filter(|(_, mirror)| mirror.country == country);
        StringRepeatedIntMap::new(country, there.map(|(number, _)| number).collect::<Vec<_>>())
    };
    MirrorListCacheType {
        directory: name.to_owned(),
        global: public().map(|(number, _)| number).collect(),
        subpath: name.strip_prefix("pub/demo/").map(str::to_owned),
        by_country: countries.into_iter().map(hosts_of).collect(),
        by_host_id: carriers()
            .map(|(number, mirror)| {
                IntRepeatedIntMap::new(number, url_ids(number, mirror).collect::<Vec<_>>())
            })
            .collect(),
        ..MirrorListCacheType::default()
    }
}

fn details(age: u64, rng: &mut Rng) -> FileDetailsType {
    let mut hex = |digits| Some(rng.hex(digits));
    FileDetailsType {
        time_stamp: MADE - 86_400 * (age + 1),
        size: 4_096 - 100 * age,
        sha1: hex(40),
        md5: hex(32),
        sha256: hex(64),
        sha512: hex(128),
    }
}
