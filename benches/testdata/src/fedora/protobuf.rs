//! Puts hosts, repositories and netblocks into `mirrorlist_cache.proto`.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};

use super::addresses::{Addresses, country_overrides};
use super::hosts::{Host, Hosts};
use super::repositories::{REDIRECTS, Repository};
use super::{Shape, directories};
use crate::countries::COUNTRIES;
use crate::mirrormanager::{
    FileDetailsCacheDirectoryType, FileDetailsCacheFilesType, IntIntMap, IntRepeatedIntMap,
    IntRepeatedStringMap, IntStringMap, MirrorList, MirrorListWriter, StringBoolMap,
    StringRepeatedIntMap, StringStringMap,
};

/// Countries that are served from another continent.
const CONTINENT_REDIRECTS: &[(&str, &str)] =
    &[("IL", "EU"), ("TR", "EU"), ("AM", "EU"), ("GE", "EU"), ("RE", "EU")];

/// Writes the file; returns its size in bytes and what it holds.
pub(super) fn write(
    shape: &Shape,
    addresses: &Addresses,
    hosts: &Hosts,
    repositories: &[Repository],
    netblocks: &[StringRepeatedIntMap],
    out: impl Write,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> io::Result<(u64, Vec<(usize, &'static str)>)> {
    let out = BufWriter::with_capacity(1 << 16, out);
    let head = head(shape, addresses, hosts, repositories, netblocks);
    let mut writer = MirrorListWriter::new(out, &head)?;
    let (mut n_directories, mut n_rows) = (0, 0);
    directories::for_each(shape, hosts, repositories, |directory| {
        n_directories += 1;
        n_rows += directory.by_host_id.len();
        if n_directories % 1024 == 0 {
            progress("mirrorlist_cache.proto", n_directories, shape.directories);
        }
        writer.directory(directory)
    })?;
    let n_bytes = writer.n_bytes();
    writer.finish()?;
    let records = vec![
        (n_directories, "directories"),
        (n_rows, "host-directory rows"),
        (hosts.hosts.len(), "hosts"),
        (hosts.urls.len(), "URLs"),
        (repositories.len(), "repositories"),
        (netblocks.len(), "netblocks"),
    ];
    Ok((n_bytes, records))
}

/// Everything but the directories.
fn head(
    shape: &Shape,
    addresses: &Addresses,
    hosts: &Hosts,
    repositories: &[Repository],
    netblocks: &[StringRepeatedIntMap],
) -> MirrorList {
    let strings = |pairs: &[(&str, &str)]| -> Vec<_> {
        pairs.iter().map(|(from, to)| StringStringMap::new(*from, *to)).collect()
    };
    let each_host = &hosts.hosts;
    MirrorList {
        time: shape.time,
        netblock_country_cache: country_overrides(shape, addresses)
            .into_iter()
            .map(|(network, country)| StringStringMap::new(network.to_string(), country))
            .collect(),
        location_cache: locations(each_host),
        hc_url_cache: (hosts.urls.iter())
            .map(|(id, url)| IntStringMap::new(*id, url.as_str()))
            .collect(),
        file_details_cache: repositories.iter().filter_map(file_details).collect(),
        disabled_repository_cache: disabled(repositories),
        country_continent_redirect_cache: strings(CONTINENT_REDIRECTS),
        // Small shapes lack some of the repositories.
        repository_redirect_cache: (REDIRECTS.iter())
            .filter(|(_, to)| repositories.iter().any(|one| one.prefix == *to))
            .map(|&(from, to)| StringStringMap::new(from, to))
            .collect(),
        repo_arch_to_directory_name: (repositories.iter())
            .map(|one| {
                StringStringMap::new(format!("{}+{}", one.prefix, one.arch), one.directory())
            })
            .collect(),
        host_asn_cache: asns(each_host),
        host_max_connection_cache: (each_host.iter())
            .map(|host| IntIntMap::new(host.id, host.max_connections))
            .collect(),
        host_country_cache: (each_host.iter())
            .filter_map(|host| Some(IntStringMap::new(host.id, country(host)?)))
            .collect(),
        host_bandwidth_cache: (each_host.iter())
            .filter_map(|host| Some(IntIntMap::new(host.id, host.bandwidth?)))
            .collect(),
        host_country_allowed_cache: (each_host.iter())
            .filter(|host| !host.allowed.is_empty())
            .map(|host| IntRepeatedStringMap::new(host.id, host.allowed.clone()))
            .collect(),
        host_netblock_cache: netblocks.to_vec(),
        mirror_list_cache: Vec::new(),
    }
}

/// The country as the data spells it.
fn country(host: &Host) -> Option<String> {
    let code = COUNTRIES[host.country?].code;
    Some(if host.lower_case { code.to_ascii_lowercase() } else { code.to_owned() })
}

fn file_details(repository: &Repository) -> Option<FileDetailsCacheDirectoryType> {
    (!repository.details.is_empty()).then(|| FileDetailsCacheDirectoryType {
        directory: format!("{}/repodata", repository.directory()),
        file_details_cache_files: vec![FileDetailsCacheFilesType {
            filename: "repomd.xml".into(),
            file_details: repository.details.clone(),
        }],
    })
}

fn disabled(repositories: &[Repository]) -> Vec<StringBoolMap> {
    let mut prefixes: Vec<_> =
        repositories.iter().filter(|one| one.disabled).map(|one| one.prefix.as_str()).collect();
    prefixes.dedup();
    prefixes.into_iter().map(|prefix| StringBoolMap::new(prefix, true)).collect()
}

fn asns(hosts: &[Host]) -> Vec<IntRepeatedIntMap> {
    let mut by_asn: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for host in hosts {
        if let Some(asn) = host.asn {
            by_asn.entry(asn).or_default().push(host.id);
        }
    }
    by_asn.into_iter().map(|(asn, hosts)| IntRepeatedIntMap::new(asn, hosts)).collect()
}

/// A few named places, each with some of the hosts.
fn locations(hosts: &[Host]) -> Vec<StringRepeatedIntMap> {
    (["ec2-us-east-1", "ec2-eu-west-1", "ec2-ap-south-1"].iter().enumerate())
        .map(|(index, name)| {
            let ids: Vec<i64> =
                hosts.iter().skip(index * 5).step_by(97).take(4).map(|host| host.id).collect();
            StringRepeatedIntMap::new(*name, ids)
        })
        .collect()
}
