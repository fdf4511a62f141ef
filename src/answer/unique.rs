//! Finds URLs that several mirrors have, so that each is listed once, where it ranks best.
//!
//! If two records describe one server, two mirrors have its URL. A client that fails there would try it
//! again, and yum drops mirrors of a host that it knows. The better of the two ranks differs from answer
//! to answer, so the compiler cannot decide it. The mirrors that share URLs are known beforehand
//! (`Listings::sharing`); if there are none, as in tidy data, this module does nothing.

use rustc_hash::FxHashSet;

use super::prepared::listings::Listings;
use super::selection::Selection;
use super::shaping::Choice;
use encode::text::Piece;
use model::ids::HostId;
use snapshot::{DirectoryView, contains};

/// The URLs and mirrors that an answer leaves out; a reused buffer.
#[derive(Default)]
pub struct Repeated {
    /// The sorted URLs of listings that an earlier mirror lists already.
    pub urls: Vec<Piece>,
    /// The mirrors that have no other URL to list.
    pub hosts: Vec<HostId>,
    seen: FxHashSet<u32>,
}

impl Repeated {
    /// Finds what a list of `selection` would repeat.
    pub fn find(
        &mut self,
        listings: &Listings,
        directory: &DirectoryView<'_>,
        choice: Choice<'_>,
        selection: &Selection,
    ) {
        self.urls.clear();
        self.hosts.clear();
        let Some(sharing) = listings.sharing() else { return };
        let of_hosts = listings.layout(directory.layout_id);
        self.seen.clear();
        for &host in selection.hosts.iter().filter(|&&host| contains(sharing, host)) {
            let mut n_left = choice.per_host.unwrap_or(usize::MAX);
            let mut is_listed = false;
            for listing in choice.preferred(of_hosts.of(host)) {
                if n_left == 0 {
                    break;
                }
                match listings.find_shared(listing) {
                    Some(url) if !self.seen.insert(url) => self.urls.push(listing.url),
                    _ => {
                        n_left -= 1;
                        is_listed = true;
                    }
                }
            }
            if !is_listed {
                self.hosts.push(host);
            }
        }
        self.urls.sort_unstable();
    }
}
