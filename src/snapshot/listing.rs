//! How mirrors are listed: the parts of an answer that are the same in every answer, made once.
//!
//! A line of a metalink is
//!
//! ```text
//!     <url protocol="https" type="https" location="ES" preference="100">https://m.example/fedora/40/repomd.xml</url>
//! └──────────────────────────── head ────────────────────────────────┘└─┘└───────── middle ────────┘└───── tail ──────┘
//! ```
//!
//! where the head and the middle (which closes the tag, says `mm0:private` where it holds, and ends
//! with the base URL) depend on nothing but the mirror and its URL. They are escaped here and copied
//! by the renderer; only the preference and the tail change from answer to answer. What a metalink
//! says of a file (time, size, checksums, alternates) is the same in every answer and made here too.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::model::geo::{Continent, Country};
use crate::model::ids::HostId;
use crate::model::url::{Protocol, ProtocolSet, parse_base_url};
use crate::model::write::{push_hex, push_number};
use crate::model::xml::escape_into;

use super::tables::{Layout, Slot, Tables, Version};
use super::{empty_set, insert};

/// One URL of one mirror.
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// What the URL speaks.
    pub protocol: Protocol,
    url: Span,
    head: Span,
    middle: Span,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: u32,
    to: u32,
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
    files: Vec<Span>,
    pieces: String,
}

impl Listings {
    /// The base URL as the data has it.
    pub fn url(&self, listing: &Listing) -> &str {
        self.piece(listing.url)
    }

    /// A metalink line up to the preference.
    pub fn metalink_head(&self, listing: &Listing) -> &str {
        self.piece(listing.head)
    }

    /// A metalink line from behind the preference to the end of the base URL.
    pub fn metalink_middle(&self, listing: &Listing) -> &str {
        self.piece(listing.middle)
    }

    /// What a metalink says of a file, by its index.
    pub(super) fn file_details(&self, index: usize) -> &str {
        self.files.get(index).map_or("", |&span| self.piece(span))
    }

    fn piece(&self, span: Span) -> &str {
        self.pieces.get(span.from as usize..span.to as usize).unwrap_or("")
    }

    fn push_piece(&mut self, write: impl FnOnce(&mut String)) -> Span {
        let from = self.pieces.len();
        write(&mut self.pieces);
        // Base URLs are at most 1,000 bytes each; 4 GiB of them are not reached, and past them a
        // span is merely empty.
        match (u32::try_from(from), u32::try_from(self.pieces.len())) {
            (Ok(from), Ok(to)) => Span { from, to },
            _ => Span { from: 0, to: 0 },
        }
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

/// Makes the pieces and the sets of all layouts.
pub(super) fn build(tables: &Tables) -> (Listings, Vec<LayoutIndex>) {
    let mut listings = Listings::default();
    let mut groups = FxHashMap::default();
    let layouts = tables
        .layouts
        .iter()
        .map(|layout| build_layout(tables, layout, &mut listings, &mut groups))
        .collect();
    for file in &tables.files {
        let (from, to) = file.versions;
        let versions = tables.versions.get(from as usize..to as usize).unwrap_or(&[]);
        let span = listings.push_piece(|out| push_versions(versions, out));
        listings.files.push(span);
    }
    listings.listings.shrink_to_fit();
    listings.pieces.shrink_to_fit();
    (listings, layouts)
}

fn build_layout(
    tables: &Tables,
    layout: &Layout,
    listings: &mut Listings,
    known: &mut FxHashMap<(HostId, u32, bool), Group>,
) -> LayoutIndex {
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
        let group = *known
            .entry((host, slot.urls, slot.public))
            .or_insert_with(|| build_group(tables, host, slot, listings));
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
    index
}

fn build_group(tables: &Tables, host: HostId, slot: &Slot, listings: &mut Listings) -> Group {
    let country = tables.hosts.get(host.index()).and_then(|host| host.country);
    let location = country.as_ref().map_or("", Country::as_str);
    let private = if slot.public { "" } else { " mm0:private=\"True\"" };
    let from = listings.listings.len();
    for &url in tables.url_lists.get(slot.urls as usize) {
        let url = tables.urls.get(url as usize);
        let Ok(protocol) = parse_base_url(url) else { continue };
        let head = listings.push_piece(|out| {
            out.extend([
                "    <url protocol=\"",
                protocol.as_str(),
                "\" type=\"",
                protocol.as_str(),
            ]);
            out.extend(["\" location=\"", location, "\" preference=\""]);
        });
        let middle = listings.push_piece(|out| {
            out.extend(["\"", private, ">"]);
            escape_into(url, out);
        });
        let url = listings.push_piece(|out| out.push_str(url));
        listings.listings.push(Listing { protocol, url, head, middle });
    }
    match (u32::try_from(from), u32::try_from(listings.listings.len())) {
        (Ok(from), Ok(to)) => Group { from, to },
        _ => Group::default(),
    }
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
    out.extend([indent, "<verification>\n"]);
    let sums = &version.checksums;
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
