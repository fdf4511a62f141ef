//! The parts of a mirror list that are the same in every answer, prepared once.
//!
//! A line of a metalink is
//!
//! ```text
//!     <url protocol="https" type="https" location="ES" preference="100">https://m.example/fedora/40/repomd.xml</url>
//! └──────────────────────────── head ─────────────────────────────┘└─┘└──────── middle ────────┘└────── tail ──────┘
//! ```
//!
//! where the head and the middle (which closes the tag, says `mm0:private` where it holds, and ends
//! with the base URL) depend on nothing but the mirror and its URL. They are escaped once and copied
//! by the renderer; only the preference and the tail change from answer to answer. There is one head for
//! each protocol and country, so that all of them stay in the processor's cache, and the middles take
//! half of what whole lines would; those of a mirror stand one behind the other. What a metalink
//! says of a file (time, size, checksums, alternates) is the same in every answer and made once too.

use std::collections::hash_map::Entry;

use rustc_hash::{FxHashMap, FxHashSet};

use super::metalink;
use encode::text::{Piece, Pieces};
use model::geo::Country;
use model::ids::{FileId, HostId, LayoutId};
use model::url::Protocol;
use snapshot::tables::Slot;
use snapshot::{Snapshot, insert};

/// One URL of one mirror, as [`Listings::pieces`].
#[derive(Clone, Copy, Debug)]
pub struct Listing {
    /// The protocol of the URL.
    pub protocol: Protocol,
    /// The base URL as the data has it.
    pub url: Piece,
    /// A line of a metalink before the preference.
    pub head: Piece,
    /// The line from behind it to the end of the base URL.
    pub middle: Piece,
}

/// The URLs of a mirror in a layout, as a range of [`Listings`]; empty if it has none.
#[derive(Clone, Copy, Default, Debug)]
struct Group {
    from: u32,
    to: u32,
}

/// Every URL of every mirror, with its ready-made pieces.
#[derive(Default)]
pub struct Listings {
    listings: Vec<Listing>,
    /// The URLs of each mirror, by layout.
    layouts: Vec<Vec<Group>>,
    /// The details of each file in metalinks.
    files: Vec<Piece>,
    /// The listings of URLs that several mirrors have: where each URL is, and its index.
    shared: Vec<(Piece, u32)>,
    /// The mirrors that have one of those.
    sharing: Box<[u64]>,
    pieces: Pieces,
}

/// The URLs of the mirrors in a layout.
#[derive(Clone, Copy)]
pub struct LayoutListings<'a> {
    groups: &'a [Group],
    listings: &'a [Listing],
}

impl<'a> LayoutListings<'a> {
    /// The URLs of a mirror, in the order of the data.
    pub fn of(self, host: HostId) -> &'a [Listing] {
        let group = self.groups.get(host.index()).copied().unwrap_or_default();
        self.listings.get(group.from as usize..group.to as usize).unwrap_or(&[])
    }
}

impl Listings {
    /// Prepares all pieces. Their number is bounded by the checks of the snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        let sharing = vec![0; snapshot.words_per_set()].into_boxed_slice();
        let mut all = Self { sharing, ..Self::default() };
        let mut known = Known { shared_urls: find_shared_urls(snapshot), ..Known::default() };
        for layout in snapshot.layouts() {
            let slots = (0..).map(HostId).zip(layout.slots());
            let groups = slots.map(|(host, slot)| match slot {
                Some(slot) => all.add_group(snapshot, host, *slot, &mut known),
                None => Group::default(),
            });
            let groups = groups.collect();
            all.layouts.push(groups);
        }
        for file in snapshot.files() {
            let piece = all.pieces.add(|out| metalink::push_versions(file.versions, out));
            all.files.push(piece);
        }
        all.shared.sort_unstable();
        all.listings.shrink_to_fit();
        all.pieces.shrink_to_fit();
        all
    }

    fn add_group(
        &mut self,
        snapshot: &Snapshot,
        host: HostId,
        slot: Slot,
        known: &mut Known,
    ) -> Group {
        let new = match known.groups.entry((host, slot.urls, slot.public)) {
            Entry::Occupied(known) => return *known.get(),
            Entry::Vacant(new) => new,
        };
        let country = snapshot.hosts().country(host);
        let from = self.listings.len();
        let Self { listings, pieces, shared, sharing, .. } = self;
        for (index, url) in snapshot.urls(slot) {
            let Some(protocol) = Protocol::of_url(url) else { continue };
            let head = *known
                .heads
                .entry((protocol, country))
                .or_insert_with(|| pieces.add(|out| metalink::push_head(protocol, country, out)));
            let middle = pieces.add(|out| metalink::push_middle(slot.public, url, out));
            // Nearly all URLs need no escaping, so the end of the line also serves as the plain URL.
            let end = u32::try_from(url.len()).map_or(Piece::default(), |n| middle.end(n));
            let is_plain = pieces.get(end) == url;
            let url = if is_plain { end } else { pieces.add(|out| out.push_str(url)) };
            if known.shared_urls.contains(&index) {
                shared.push((url, index));
                insert(sharing, host);
            }
            listings.push(Listing { protocol, url, head, middle });
        }
        // There are less than 2^32: see `new`.
        let place = |place| u32::try_from(place).unwrap_or(u32::MAX);
        *new.insert(Group { from: place(from), to: place(self.listings.len()) })
    }

    /// The URLs of the mirrors in a layout.
    pub fn layout(&self, layout: LayoutId) -> LayoutListings<'_> {
        let groups = self.layouts.get(layout.index()).map_or(&[][..], |groups| groups);
        LayoutListings { groups, listings: &self.listings }
    }

    /// The pieces to which listings and details of files refer.
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

    /// The details of a file in a metalink.
    pub fn file_details(&self, file: FileId) -> &str {
        self.files.get(file.index()).map_or("", |&piece| self.pieces.get(piece))
    }
}

/// Lookup tables with which equal parts are stored once while the listings are built.
#[derive(Default)]
struct Known {
    heads: FxHashMap<(Protocol, Option<Country>), Piece>,
    groups: FxHashMap<(HostId, u32, bool), Group>,
    /// Indexes of URLs that several mirrors have.
    shared_urls: FxHashSet<u32>,
}

fn find_shared_urls(snapshot: &Snapshot) -> FxHashSet<u32> {
    let mut owners: FxHashMap<u32, HostId> = FxHashMap::default();
    let mut seen = FxHashSet::default();
    let mut shared = FxHashSet::default();
    for layout in snapshot.layouts() {
        for (host, slot) in (0..).map(HostId).zip(layout.slots()) {
            let Some(slot) = slot.filter(|slot| seen.insert((host, slot.urls))) else { continue };
            for (url, _) in snapshot.urls(slot) {
                if *owners.entry(url).or_insert(host) != host {
                    shared.insert(url);
                }
            }
        }
    }
    shared
}
