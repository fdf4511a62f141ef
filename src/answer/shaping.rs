//! Rules that shorten and reorder a list for today's clients. They are off by default: then every URL
//! of every mirror is listed as in the reference.
//!
//! The reason for each rule is the behaviour of clients (measured with dnf 4.14, zypper 1.14, aria2
//! 1.36):
//!
//! - dnf, yum and zypper try one URL of a host after another; when the host is down, each costs a
//!   time-out. One URL per host is enough for them: [`Shaping::urls_per_host`].
//! - An answer beyond about 14 KB does not fit the first flight of a TCP connection, and no client
//!   gets to the hundredth mirror: [`Shaping::max_mirrors`].
//! - All of them skip rsync and ftp, or fail with them: [`Shaping::unlisted`].
//! - After a time-out dnf swaps the mirror with the *last* entry, so the last URL is tried second:
//!   [`Shaping::fallback`] puts the most reliable one there.
//! - zypper reads four URLs only, and mirrors of one network fail together: [`Shaping::spread`].

use super::prepared::listings::Listing;
use encode::text::Piece;
use model::base_url::{BadUrl, BaseUrl, authority};
use model::ids::HostId;
use model::url::{Protocol, ProtocolSet};
use snapshot::Snapshot;

/// The rules that shape answers. The default changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shaping {
    /// The most URLs of a host, https before http; `None` lists all of them in metalinks, and one in
    /// text unless several protocols are asked for.
    pub urls_per_host: Option<usize>,
    /// The most mirrors, without the fallback; `None` sets no limit.
    pub max_mirrors: Option<usize>,
    /// Protocols that are listed only when `protocol=` asks for them.
    pub unlisted: ProtocolSet,
    /// Whether the first four mirrors should be of different networks and offer https, or the
    /// requested protocol instead.
    pub spread: bool,
    /// The server that is always listed last; `None` lists that of the data, if they name one.
    pub fallback: Option<Fallback>,
}

impl Shaping {
    /// The most mirrors, without the fallback.
    pub fn max_mirrors(&self) -> usize {
        self.max_mirrors.unwrap_or(usize::MAX)
    }

    /// All rules that suit today's clients. The fallback is not set: only the operator knows it.
    pub fn modern() -> Self {
        Self {
            urls_per_host: Some(1),
            max_mirrors: Some(50),
            unlisted: ProtocolSet::EMPTY.with(Protocol::Ftp).with(Protocol::Rsync),
            spread: true,
            fallback: None,
        }
    }
}

/// A server that has every directory under its full name: the origin, or a CDN before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback(BaseUrl);

impl Fallback {
    /// Reads a base URL; the full name of a directory (`pub/fedora/linux/…`) is appended to it.
    pub fn parse(url: &str) -> Result<Self, BadUrl> {
        BaseUrl::parse(url).map(Self)
    }

    /// The fallback that the data name.
    pub fn of(snapshot: &Snapshot) -> Option<Self> {
        snapshot.fallback().cloned().map(Self)
    }

    /// The URL without a closing slash.
    pub fn base(&self) -> &str {
        self.0.as_str()
    }

    /// The protocol of the fallback.
    pub fn protocol(&self) -> Protocol {
        self.0.protocol()
    }

    /// The mirrors that are the same server.
    pub fn twins<'a>(&self, snapshot: &'a Snapshot) -> &'a [HostId] {
        snapshot.hosts().at(authority(self.base()))
    }
}

/// Which URLs of a mirror are listed, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// Only URLs of these protocols are listed.
    pub protocols: ProtocolSet,
    /// All of these protocols, the most preferred first.
    pub order: &'a [Protocol],
    /// The most URLs, the most preferred protocol first; `None` lists all in the order of the data.
    pub per_host: Option<usize>,
    /// Sorted URLs that are left out because another mirror lists them (see [`super::unique`]).
    pub repeated: &'a [Piece],
}

impl<'c> Choice<'c> {
    /// The most preferred protocol.
    pub fn first(self) -> Option<Protocol> {
        self.order.iter().copied().find(|&protocol| self.protocols.contains(protocol))
    }

    /// Calls `each` with the URLs of a mirror that are listed.
    pub fn each<'a>(self, of_host: &'a [Listing], mut each: impl FnMut(&'a Listing)) {
        match self.per_host {
            None => {
                let asked = |listing: &&Listing| self.protocols.contains(listing.protocol);
                of_host.iter().filter(asked).filter(|l| self.is_first(l)).for_each(each);
            }
            Some(limit) => self.preferred(of_host).take(limit).for_each(&mut each),
        }
    }

    /// The URLs of a mirror, the most preferred protocol first.
    pub fn preferred<'l>(
        self,
        of_host: &'l [Listing],
    ) -> impl Iterator<Item = &'l Listing> + use<'l, 'c> {
        let speaking = move |protocol: Protocol| {
            of_host.iter().filter(move |listing| listing.protocol == protocol)
        };
        let listed = self.order.iter().filter(move |&&protocol| self.protocols.contains(protocol));
        listed.flat_map(move |&protocol| speaking(protocol)).filter(move |l| self.is_first(l))
    }

    fn is_first(self, listing: &Listing) -> bool {
        self.repeated.is_empty() || self.repeated.binary_search(&listing.url).is_err()
    }
}
