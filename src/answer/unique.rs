//! Each URL is listed once, where it ranks best.
//!
//! Two records of one server give its URL to two mirrors. A client that fails there would try it again,
//! and yum drops mirrors of a host that it knows. Which of two ranks best differs from answer to answer,
//! so it cannot be decided when compiling; what can be is which mirrors share a URL with another one.
//! There are none in tidy data, and then nothing is done here.

use rustc_hash::FxHashSet;

use super::prepared::listings::Listings;
use super::select::Selection;
use super::shape::Choice;
use encode::text::Piece;
use model::ids::HostId;
use snapshot::{DirectoryView, contains};

/// What is left out of an answer; memory that is used again.
#[derive(Default)]
pub struct Repeated {
    /// Where the URLs of listings are that another mirror lists before, sorted.
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
