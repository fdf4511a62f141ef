//! Makes a folder of inputs in the proportions of Fedora's, or smaller and larger ones.
//!
//! [`generate`] first makes the small parts whole (address blocks, hosts, repositories), then
//! streams the large ones: the directories of the protobuf and the lines of the ASN table. Every
//! part draws from its own random stream, so more directories leave the hosts as they are.
//!
//! Host names end in `.example`, digests are random digits: nothing here exists. With
//! [`Shape::quirks`] the data holds what real data holds and tidy data does not (see there).

mod addresses;
mod directories;
mod hosts;
mod protobuf;
mod repositories;
mod requests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::countries::COUNTRIES;
use crate::mmdb::{self, Layout};

/// How much of everything to make.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Mirror hosts.
    pub hosts: usize,
    /// Base URLs over all hosts and categories: at least one, at most four per host and category.
    pub base_urls: usize,
    /// Share of hosts that serve their own network only, in percent.
    pub private_percent: usize,
    /// Pairs of repository and architecture.
    pub repositories: usize,
    /// Directories: two per repository, the rest package folders.
    pub directories: usize,
    /// Share of a category's hosts that carry a directory of it, in percent.
    pub carried_percent: usize,
    /// Preferred network blocks; they overlap on purpose.
    pub netblocks: usize,
    /// Lines of the ASN table that hold a prefix and a number, both families; at least
    /// `country_prefixes`, or the last addresses are nobody's.
    pub asn_prefixes: usize,
    /// Prefixes of the country table, both families.
    pub country_prefixes: usize,
    /// Lines of `requests.txt`.
    pub requests: usize,
    /// Record layout of the country table.
    pub country_layout: Layout,
    /// Whether to include what only real data holds: hosts without country or bandwidth,
    /// countries in lower case, netblocks with host bits set, ASN lines without a number, prefixes
    /// of length 0. The reference server fails requests that meet a host without bandwidth.
    pub quirks: bool,
    /// When the data was made, in Unix seconds.
    pub time: u64,
    /// Other seeds give other data of the same shape.
    pub seed: u64,
}

impl Shape {
    /// The proportions of Fedora: a protobuf of about 300 MB.
    #[must_use]
    pub fn fedora() -> Self {
        Self {
            hosts: 530,
            base_urls: 3_000,
            private_percent: 20,
            repositories: 718,
            directories: 96_000,
            carried_percent: 92,
            netblocks: 1_050,
            asn_prefixes: 730_000,
            country_prefixes: 300_000,
            requests: 20_000,
            country_layout: Layout::GeoLite2,
            quirks: true,
            time: 1_790_000_000,
            seed: 1,
        }
    }

    /// Enough of everything for a quick test: a few hundred kilobytes in a few milliseconds.
    #[must_use]
    pub fn small() -> Self {
        Self {
            hosts: 20,
            base_urls: 110,
            repositories: 20,
            directories: 60,
            netblocks: 40,
            asn_prefixes: 1_000,
            country_prefixes: 400,
            requests: 200,
            ..Self::fedora()
        }
    }

    /// This shape with more hosts (their URLs and netblocks as well) and more directories.
    ///
    /// The protobuf grows with the product of both factors; repositories and address tables stay.
    #[must_use]
    pub fn scaled(self, hosts_factor: usize, directories_factor: usize) -> Self {
        Self {
            hosts: self.hosts * hosts_factor,
            base_urls: self.base_urls * hosts_factor,
            netblocks: self.netblocks * hosts_factor,
            directories: self.directories * directories_factor,
            ..self
        }
    }
}

/// One file that [`generate`] wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// File name within the folder.
    pub name: &'static str,
    /// Size in bytes.
    pub n_bytes: u64,
    /// What it holds, as (number, noun) pairs for people to read.
    pub records: Vec<(usize, &'static str)>,
}

/// Writes all input files of this shape into an existing folder.
///
/// `progress` is told the step at hand and how many of how many parts of it are done.
///
/// # Errors
/// When a file cannot be written.
pub fn generate(
    shape: &Shape,
    folder: &Path,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> io::Result<Vec<Written>> {
    progress("addresses", 0, 1);
    let addresses = addresses::Addresses::new(shape);
    let hosts = hosts::Hosts::new(shape, &addresses);
    let repositories = repositories::repositories(shape);
    let netblocks = addresses::netblocks(shape, &addresses, &hosts.hosts);

    let mut written = Vec::new();

    let name = "mirrorlist_cache.proto";
    let file = File::create(folder.join(name))?;
    let (n_bytes, records) =
        protobuf::write(shape, &addresses, &hosts, &repositories, &netblocks, file, progress)?;
    written.push(Written { name, n_bytes, records });

    progress("global_netblocks.txt", 0, 1);
    let name = "global_netblocks.txt";
    let mut out = BufWriter::with_capacity(1 << 16, File::create(folder.join(name))?);
    let n_lines = addresses::write_asn_table(shape, &addresses, &mut out)?;
    out.flush()?;
    let n_bytes = out.get_ref().metadata()?.len();
    written.push(Written { name, n_bytes, records: vec![(n_lines, "lines")] });

    let mut put = |name: &'static str, bytes: &[u8], records| {
        written.push(Written { name, n_bytes: bytes.len() as u64, records });
        std::fs::write(folder.join(name), bytes)
    };

    put(
        "country_continent.csv",
        country_continent_csv().as_bytes(),
        vec![(COUNTRIES.len(), "countries")],
    )?;

    progress("GeoLite2-Country.mmdb", 0, 1);
    let table = addresses.country_table(shape);
    let n_prefixes = table.len();
    let bytes = mmdb::write_networks(shape.country_layout, shape.time, table);
    put("GeoLite2-Country.mmdb", &bytes, vec![(n_prefixes, "prefixes")])?;

    progress("requests.txt", 0, 1);
    let text = requests::requests(shape, &addresses, &repositories, &netblocks);
    put("requests.txt", text.as_bytes(), vec![(shape.requests, "requests")])?;
    for (name, path) in [("metalink.lua", "/metalink"), ("mirrorlist.lua", "/mirrorlist")] {
        put(name, requests::wrk_script(path).as_bytes(), vec![])?;
    }
    Ok(written)
}

/// The table of countries and continents, quoted, with a header row.
#[must_use]
pub fn country_continent_csv() -> String {
    let mut text = String::from("\"code\",\"continent\"\n");
    for country in COUNTRIES {
        text.push_str(&format!("\"{}\",\"{}\"\n", country.code, country.continent));
    }
    text
}

/// One number per use of randomness, so that uses do not disturb each other.
mod stream {
    pub(super) const ADDRESSES: u64 = 1;
    pub(super) const COUNTRY_TABLE: u64 = 2;
    pub(super) const ASN_TABLE: u64 = 3;
    pub(super) const HOSTS: u64 = 4;
    pub(super) const URLS: u64 = 5;
    pub(super) const NETBLOCKS: u64 = 6;
    pub(super) const OVERRIDES: u64 = 7;
    pub(super) const REPOSITORIES: u64 = 8;
    pub(super) const DETAILS: u64 = 9;
    pub(super) const DIRECTORIES: u64 = 10;
    pub(super) const REQUESTS: u64 = 11;
}
