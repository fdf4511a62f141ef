//! What the server is told of the mirrors, and the files of MirrorManager that say so.
//!
//! Answers are shuffled among equals, so the order that a test expects is written into the data:
//! each mirror prefers a network around the client, the first mirror the narrowest one, and the
//! server lists the most specific network first.

use std::ffi::OsString;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use testdata::Message as _;
use testdata::mirrormanager::{
    FileDetailsCacheDirectoryType, FileDetailsCacheFilesType, IntIntMap, IntRepeatedIntMap,
    IntStringMap, MirrorList, MirrorListCacheType, StringRepeatedIntMap, StringStringMap,
};
use testdata::mmdb::{self, Layout};

use crate::mirror::{Mirror, SUBPATH};
use crate::repository::{Version, repository};

/// Name of the repository in requests; the one that the shipped HAProxy configuration checks.
pub const REPO: &str = "epel-9";
/// A directory that every listed mirror offers by https alone, under names that do not exist: for
/// redirects that nobody follows.
pub const DOWNLOAD: &str = "pub/fixture/download/c++";

/// What to describe.
#[derive(Clone, Debug)]
pub struct Data {
    /// A client and the mirrors for it, by number, best first. All mirrors that are named for any
    /// client carry the repository.
    pub orders: Vec<(IpAddr, Vec<u8>)>,
    /// Versions of repomd.xml: the current one, then alternates.
    pub versions: Vec<Version>,
    /// Mirrors that offer https as well (under a name that does not exist).
    pub https: Vec<u8>,
    /// The same said in the worst way: everything that can be odd is (see [`crate::worst`]).
    pub worst: bool,
}

impl Data {
    /// These mirrors, in this order, for clients on this host; the new version, the old one as its
    /// alternate.
    pub fn ordered(mirrors: &[u8]) -> Self {
        Self {
            orders: vec![(IpAddr::from([127, 0, 0, 1]), mirrors.to_vec())],
            versions: vec![Version::New, Version::Old],
            https: Vec::new(),
            worst: false,
        }
    }

    /// The order for a client, if one is fixed.
    pub fn find_order(&self, client: IpAddr) -> Option<&[u8]> {
        let found = self.orders.iter().find(|(other, _)| *other == client);
        found.map(|(_, order)| order.as_slice())
    }

    /// The mirrors that are listed, in the order of their numbers.
    pub fn numbers(&self) -> Vec<u8> {
        let mut numbers: Vec<u8> =
            self.orders.iter().flat_map(|(_, order)| order.clone()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The networks that mirrors prefer, each with its mirror.
    pub fn networks(&self) -> Vec<(String, u8)> {
        let mut networks = Vec::new();
        for (client, order) in &self.orders {
            let bits = if client.is_ipv4() { 32 } else { 128 };
            for (shorter, number) in (0..).zip(order) {
                let prefix = format!("{}/{}", masked(*client, shorter), bits - shorter);
                networks.push((prefix, *number));
            }
        }
        networks
    }

    fn mirror_list(&self, mirrors: &[Mirror]) -> MirrorList {
        let numbers = self.numbers();
        let listed = || {
            let find =
                |number: &u8| mirrors.iter().find(|mirror| mirror.number == *number).unwrap();
            numbers.iter().map(find)
        };
        let directory = format!("pub/fixture/{SUBPATH}");
        let repodata = format!("{directory}/repodata");
        let mut list = MirrorList {
            time: 1_793_500_000,
            repo_arch_to_directory_name: vec![StringStringMap::new(
                format!("{REPO}+x86_64"),
                directory.as_str(),
            )],
            ..MirrorList::default()
        };
        for (prefix, number) in self.networks() {
            list.host_netblock_cache.push(StringRepeatedIntMap::new(prefix, [host(number)]));
        }
        for mirror in listed() {
            let number = host(mirror.number);
            list.host_country_cache.push(IntStringMap::new(number, country(mirror.number)));
            list.host_bandwidth_cache.push(IntIntMap::new(number, 100));
            list.hc_url_cache.push(IntStringMap::new(number, mirror.base_url()));
            let https = format!("https://mirror{number}.example/pub/fixture");
            list.hc_url_cache.push(IntStringMap::new(1_000 + number, https));
        }
        let download_subpath = DOWNLOAD.trim_start_matches("pub/fixture/");
        for (name, subpath) in [
            (directory.as_str(), SUBPATH),
            (repodata.as_str(), "1/x86_64/repodata"),
            (DOWNLOAD, download_subpath),
        ] {
            let ids = |number: u8| {
                let mut ids = Vec::new();
                if name != DOWNLOAD {
                    ids.push(host(number));
                }
                if name == DOWNLOAD || self.https.contains(&number) {
                    ids.push(1_000 + host(number));
                }
                IntRepeatedIntMap::new(host(number), ids)
            };
            let in_country = |code| {
                let there = numbers.iter().filter(|&&number| country(number) == code);
                StringRepeatedIntMap::new(code, there.map(|&n| host(n)).collect::<Vec<_>>())
            };
            list.mirror_list_cache.push(MirrorListCacheType {
                directory: name.to_owned(),
                global: numbers.iter().map(|&number| host(number)).collect(),
                subpath: Some(subpath.to_owned()),
                by_country: ["DE", "FR"].into_iter().map(in_country).collect(),
                by_host_id: numbers.iter().map(|&number| ids(number)).collect(),
                ..MirrorListCacheType::default()
            });
        }
        let details = self.versions.iter().map(|&version| repository(version).details.clone());
        list.file_details_cache = vec![FileDetailsCacheDirectoryType {
            directory: repodata,
            file_details_cache_files: vec![FileDetailsCacheFilesType {
                filename: "repomd.xml".into(),
                file_details: details.collect(),
            }],
        }];
        if self.worst {
            crate::worst_data::spoil(&mut list);
        }
        list
    }
}

/// An address without its last bits.
fn masked(address: IpAddr, n_bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(ip) => (ip & Ipv4Addr::from(u32::MAX << n_bits)).into(),
        IpAddr::V6(ip) => (ip & Ipv6Addr::from(u128::MAX << n_bits)).into(),
    }
}

fn host(number: u8) -> i64 {
    number.into()
}

/// Where a mirror stands.
pub fn country(number: u8) -> &'static str {
    if number <= 12 { "DE" } else { "FR" }
}

/// Files that the server reads.
pub trait Files: Sync {
    /// The options that name them.
    fn options(&self) -> Vec<OsString>;

    /// What is in the configuration beside them.
    fn configuration(&self) -> String {
        String::new()
    }

    /// The one without which nothing is served.
    fn main_file(&self) -> &Path;

    /// Replaces those that change, each whole.
    fn replace(&self, data: &Data, mirrors: &[Mirror]);
}

/// MirrorManager's files in a folder.
pub struct CacheFiles {
    cache: PathBuf,
    global_netblocks: PathBuf,
    cccsv: PathBuf,
    geoip: PathBuf,
}

impl CacheFiles {
    /// Writes those that do not change.
    pub fn write(folder: &Path) -> Self {
        let files = Self {
            cache: folder.join("mirrorlist_cache.proto"),
            global_netblocks: folder.join("global_netblocks.txt"),
            cccsv: folder.join("country_continent.csv"),
            geoip: folder.join("country.mmdb"),
        };
        fs::write(&files.global_netblocks, "192.0.2.0/24 64496\n").unwrap();
        fs::write(&files.cccsv, "\"iso 3166 country\",\"continent code\"\nDE,EU\nFR,EU\n").unwrap();
        let networks = [("192.0.2.0/24", "DE"), ("198.51.100.0/24", "FR")];
        fs::write(&files.geoip, mmdb::write(Layout::GeoLite2, &networks)).unwrap();
        files
    }
}

impl Files for CacheFiles {
    fn options(&self) -> Vec<OsString> {
        let Self { cache, global_netblocks, cccsv, geoip } = self;
        let files = [
            ("--cache", cache),
            ("--global_netblocks", global_netblocks),
            ("--cccsv", cccsv),
            ("--geoip", geoip),
        ];
        files.into_iter().flat_map(|(option, file)| [option.into(), file.into()]).collect()
    }

    fn main_file(&self) -> &Path {
        &self.cache
    }

    /// Replaces the protobuf, as a careful delivery does: by renaming.
    fn replace(&self, data: &Data, mirrors: &[Mirror]) {
        let new = self.cache.with_extension("new");
        fs::write(&new, data.mirror_list(mirrors).encode_to_vec()).unwrap();
        fs::rename(&new, &self.cache).unwrap();
    }
}
