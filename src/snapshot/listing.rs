//! How mirrors are listed: the parts of an answer that are the same in every answer, made once.
//!
//! A line of a metalink is
//!
//! ```text
//!     <url protocol="https" type="https" location="ES" preference="100">https://m.example/fedora/40/repomd.xml</url>
//! └──────────────────────────── head ─────────────────────────────┘└─┘└──────── middle ────────┘└────── tail ──────┘
//! ```
//!
//! where the head and the middle (which closes the tag, says `mm0:private` where it holds, and ends
//! with the base URL) depend on nothing but the mirror and its URL. They are escaped here and copied
//! by the renderer; only the preference and the tail change from answer to answer. The lines of a
//! mirror stand one behind the other, and so in few lines of the processor's cache. What a metalink
//! says of a file (time, size, checksums, alternates) is the same in every answer and made here too.

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::encode::text::{Line, Piece, Pieces};
use crate::encode::write::{push_hex, push_number};
use crate::encode::xml::escape_into;
use crate::model::checksum::Checksums;
use crate::model::geo::{Continent, Country};
use crate::model::ids::HostId;
use crate::model::url::{Protocol, ProtocolSet};

use super::tables::{Layout, Slot, Tables, Version};
use crate::model::host_set::{empty_set, insert};

/// One URL of one mirror, as [`Listings::pieces`].
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// What the URL speaks.
    pub protocol: Protocol,
    /// The base URL as the data has it.
    pub url: Piece,
    /// A metalink line to the end of the base URL, without the preference.
    pub metalink_line: Line,
}

/// The URLs of a mirror in a layout: a range of [`Listings`]. Empty for one that has none.
#[derive(Clone, Copy, Default, Debug)]
struct Group {
    from: u32,
    to: u32,
}

/// Every URL of every mirror, with its ready-made pieces.
#[derive(Default)]
pub struct Listings {
    listings: Vec<Listing>,
    /// By index of the file.
    files: Vec<Piece>,
    /// The listings of URLs that several mirrors have: where each URL is, and its index.
    shared: Vec<(Piece, u32)>,
    /// The mirrors that have one of those.
    sharing: Box<[u64]>,
    pieces: Pieces,
}

impl Listings {
    /// What listings and the details of files are made of.
    pub fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// The base URL as the data has it.
    pub fn url(&self, listing: &Listing) -> &str {
        self.pieces.get(listing.url)
    }

    /// The mirrors that have a URL in common with another one, as bits; nearly always none.
    pub fn sharing(&self) -> Option<&[u64]> {
        (!self.shared.is_empty()).then_some(&self.sharing)
    }

    /// The index of a URL that several mirrors have.
    pub fn find_shared(&self, listing: &Listing) -> Option<u32> {
        let place = self.shared.binary_search_by_key(&listing.url, |&(piece, _)| piece).ok()?;
        self.shared.get(place).map(|&(_, url)| url)
    }

    /// What a metalink says of a file, by its index.
    pub(super) fn file_details(&self, index: usize) -> &str {
        self.files.get(index).map_or("", |&piece| self.pieces.get(piece))
    }
}

/// A layout, with the sets of mirrors that selection intersects.
pub struct LayoutIndex {
    groups: Vec<Group>,
    public: Box<[u64]>,
    by_protocol: [Box<[u64]>; 4],
    /// Sorted by country.
    by_country: Vec<(Country, Box<[u64]>)>,
    /// Sorted by continent.
    by_continent: Vec<(Continent, Box<[u64]>)>,
}

impl LayoutIndex {
    /// The URLs of a mirror, in the order of the data.
    pub fn listings<'a>(&self, listings: &'a Listings, host: HostId) -> &'a [Listing] {
        let group = self.groups.get(host.index()).copied().unwrap_or_default();
        listings.listings.get(group.from as usize..group.to as usize).unwrap_or(&[])
    }

    /// The mirrors that are listed for everybody.
    pub fn public(&self) -> &[u64] {
        &self.public
    }

    /// The mirrors that are listed in a country.
    pub fn in_country(&self, country: Country) -> &[u64] {
        match self.by_country.binary_search_by_key(&country, |&(country, _)| country) {
            Ok(index) => self.by_country.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }

    /// The mirrors that are listed in any country of a continent.
    pub fn on_continent(&self, continent: Continent) -> &[u64] {
        match self.by_continent.binary_search_by_key(&continent, |&(continent, _)| continent) {
            Ok(index) => self.by_continent.get(index).map_or(&[], |(_, hosts)| hosts),
            Err(_) => &[],
        }
    }

    /// The `index`-th word of the set of mirrors with a URL of one of `protocols`.
    pub fn offering(&self, protocols: ProtocolSet, index: usize) -> u64 {
        let word = |protocol: Protocol| match self.by_protocol.get(protocol as usize) {
            Some(set) => set.get(index).copied().unwrap_or(0),
            None => 0,
        };
        protocols.iter().map(word).fold(0, |all, one| all | one)
    }
}

/// What is made of Fedora's data takes 1.2 MB. A forged file of 1 MB could ask for terabytes: many
/// mirrors that share one long list of URLs, many files that share all versions.
const MAX_PIECES: usize = 256 * 1024 * 1024;

/// Makes the pieces and the sets of all layouts. Fails with the name of a table that asks for more
/// than anybody can mean.
pub(super) fn build(tables: &Tables) -> Result<(Listings, Vec<LayoutIndex>), &'static str> {
    let mut listings = Listings { sharing: empty_set(tables.hosts.len()), ..Listings::default() };
    let mut known = Known { shared_urls: find_shared_urls(tables), ..Known::default() };
    let mut layouts = Vec::with_capacity(tables.layouts.len());
    for layout in &tables.layouts {
        layouts.push(build_layout(tables, layout, &mut listings, &mut known).ok_or("layouts")?);
    }
    for file in &tables.files {
        let (from, to) = file.versions;
        let versions = tables.versions.get(from as usize..to as usize).unwrap_or(&[]);
        let piece = listings.pieces.add(|out| push_versions(versions, out));
        listings.files.push(piece);
        if listings.pieces.len() > MAX_PIECES {
            return Err("files");
        }
    }
    listings.shared.sort_unstable();
    listings.listings.shrink_to_fit();
    listings.pieces.shrink_to_fit();
    Ok((listings, layouts))
}

/// What was made before and serves again.
#[derive(Default)]
struct Known {
    groups: FxHashMap<(HostId, u32, bool), Group>,
    /// Indexes of URLs that several mirrors have.
    shared_urls: FxHashSet<u32>,
}

fn find_shared_urls(tables: &Tables) -> FxHashSet<u32> {
    let mut owners: FxHashMap<u32, HostId> = FxHashMap::default();
    let mut seen = FxHashSet::default();
    let mut shared = FxHashSet::default();
    for layout in &tables.layouts {
        for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
            let Some(slot) = slot.filter(|slot| seen.insert((host, slot.urls))) else { continue };
            for &url in tables.url_lists.get(slot.urls as usize) {
                if *owners.entry(url).or_insert(host) != host {
                    shared.insert(url);
                }
            }
        }
    }
    shared
}

/// `None` beyond `MAX_PIECES`.
fn build_layout(
    tables: &Tables,
    layout: &Layout,
    listings: &mut Listings,
    known: &mut Known,
) -> Option<LayoutIndex> {
    let n_hosts = tables.hosts.len();
    let mut index = LayoutIndex {
        groups: vec![Group::default(); n_hosts],
        public: empty_set(n_hosts),
        by_protocol: std::array::from_fn(|_| empty_set(n_hosts)),
        by_country: Vec::new(),
        by_continent: Vec::new(),
    };
    let mut by_country: BTreeMap<Country, Box<[u64]>> = BTreeMap::new();
    for (host, slot) in (0..).map(HostId).zip(&layout.slots) {
        let Some(slot) = slot else { continue };
        let group = match known.groups.entry((host, slot.urls, slot.public)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                *new.insert(build_group(tables, host, slot, &known.shared_urls, listings)?)
            }
        };
        if let Some(own) = index.groups.get_mut(host.index()) {
            *own = group;
        }
        for listing in listings.listings.get(group.from as usize..group.to as usize).unwrap_or(&[])
        {
            if let Some(set) = index.by_protocol.get_mut(listing.protocol as usize) {
                insert(set, host);
            }
        }
        if slot.public {
            insert(&mut index.public, host);
        }
        for &country in tables.country_sets.get(slot.countries as usize) {
            insert(by_country.entry(country).or_insert_with(|| empty_set(n_hosts)), host);
        }
    }
    let mut by_continent: BTreeMap<Continent, Box<[u64]>> = BTreeMap::new();
    for &(country, continent) in &tables.continents {
        let Some(hosts) = by_country.get(&country) else { continue };
        let all = by_continent.entry(continent).or_insert_with(|| empty_set(n_hosts));
        all.iter_mut().zip(hosts).for_each(|(all, hosts)| *all |= hosts);
    }
    index.by_country = by_country.into_iter().collect();
    index.by_continent = by_continent.into_iter().collect();
    Some(index)
}

fn build_group(
    tables: &Tables,
    host: HostId,
    slot: &Slot,
    shared_urls: &FxHashSet<u32>,
    listings: &mut Listings,
) -> Option<Group> {
    let country = tables.hosts.get(host.index()).and_then(|host| host.country);
    let private = if slot.public { "" } else { " mm0:private=\"True\"" };
    let Listings { listings, pieces, shared, sharing, .. } = listings;
    let from = listings.len();
    for &index in tables.url_lists.get(slot.urls as usize) {
        let url = tables.urls.get(index as usize);
        let Some(protocol) = Protocol::of_url(url) else { continue };
        let head = |out: &mut String| push_head(protocol, country, out);
        let metalink_line = pieces.add_line(head, |out| {
            out.extend(["\"", private, ">"]);
            escape_into(url, out);
        });
        // Nearly all URLs are their own escapes, and so the end of the line.
        let end = u32::try_from(url.len()).map_or(Piece::default(), |n| metalink_line.end(n));
        let is_plain = pieces.get(end) == url;
        let url = if is_plain { end } else { pieces.add(|out| out.push_str(url)) };
        if shared_urls.contains(&index) {
            shared.push((url, index));
            insert(sharing, host);
        }
        listings.push(Listing { protocol, url, metalink_line });
        if pieces.len() > MAX_PIECES {
            return None;
        }
    }
    Some(Group { from: u32::try_from(from).ok()?, to: u32::try_from(listings.len()).ok()? })
}

fn push_head(protocol: Protocol, country: Option<Country>, out: &mut String) {
    let protocol = protocol.as_str();
    let location = country.as_ref().map_or("", Country::as_str);
    out.extend(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    out.extend(["\" location=\"", location, "\" preference=\""]);
}

fn push_versions(versions: &[Version], out: &mut String) {
    let Some((current, alternates)) = versions.split_first() else { return };
    push_version(current, "   ", out);
    if alternates.is_empty() {
        return;
    }
    out.push_str("   <mm0:alternates>\n");
    for alternate in alternates {
        out.push_str("    <mm0:alternate>\n");
        push_version(alternate, "      ", out);
        out.push_str("    </mm0:alternate>\n");
    }
    out.push_str("   </mm0:alternates>\n");
}

fn push_version(version: &Version, indent: &str, out: &mut String) {
    if version.timestamp != 0 {
        out.extend([indent, "<mm0:timestamp>"]);
        push_number(version.timestamp, out);
        out.push_str("</mm0:timestamp>\n");
    }
    if version.size != 0 {
        out.extend([indent, "<size>"]);
        push_number(version.size, out);
        out.push_str("</size>\n");
    }
    let sums = &version.checksums;
    // dnf takes none of the mirrors where one is empty.
    if *sums == Checksums::default() {
        return;
    }
    out.extend([indent, "<verification>\n"]);
    push_hash("md5", sums.md5.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha1", sums.sha1.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha256", sums.sha256.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha512", sums.sha512.as_ref().map(|sum| sum.as_flattened()), indent, out);
    out.extend([indent, "</verification>\n"]);
}

fn push_hash(kind: &str, sum: Option<&[u8]>, indent: &str, out: &mut String) {
    if let Some(sum) = sum {
        out.extend([indent, " <hash type=\"", kind, "\">"]);
        push_hex(sum, out);
        out.push_str("</hash>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::checksum::Checksums;
    use crate::model::mirror_key::MirrorKey;
    use crate::snapshot::tables::{File, Host};

    #[test]
    fn nobody_can_ask_for_terabytes() {
        let mut tables = Tables::default();
        tables.urls.push("https://m.example/pub").expect("room");
        tables.url_lists.push(vec![0; 10_000]).expect("room");
        tables.country_sets.push([]).expect("room");
        let slot = Slot { urls: 0, countries: 0, public: true };
        let host = Host { key: MirrorKey::Number(1), country: None, weight: 1 };
        tables.hosts = vec![host; 10_000];
        tables.layouts = vec![Layout { slots: vec![Some(slot); 10_000] }];
        assert_eq!(build(&tables).err(), Some("layouts"));

        let mut tables = Tables::default();
        let version = Version { timestamp: 0, size: 1, checksums: Checksums::default() };
        tables.versions = vec![version; 10_000];
        tables.files = vec![File { name: "repomd.xml".into(), versions: (0, 10_000) }; 10_000];
        assert_eq!(build(&tables).err(), Some("files"));
    }
}
