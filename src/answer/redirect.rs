//! Redirects to the best mirror, with further mirrors and the checksum of the file as headers.
//!
//! The length of no other header depends on a client or the data, so the total length of these is
//! limited ([`MAX_BYTES`]): further mirrors are dropped first, then the checksum. A mirror whose URL
//! exceeds the limit by itself is skipped.
//!
//! The server that was asked is skipped as well: a download host that is a mirror itself would
//! redirect its clients in a loop.

use super::document::{Document, plain_ascii};
use super::status::Status;
use super::target::{Message, Refusal};
use encode::write::{push_base64, push_number};
use model::authority::is_same_server;
use model::base_url::authority;
use model::tier::Tier;

/// The most bytes of `Location`, `Link` and `Digest` together, with their names.
///
/// Proxies drop an answer whose headers exceed their buffer, and count that as a failure of the
/// server: by default nginx has 4 KB (8 KB on some platforms), Apache 8 KB for a line, HAProxy 15 KB.
/// The other headers of an answer have less than 600 bytes, which makes 3,000 together; the rest of
/// 4 KB is left for other data that a proxy keeps in the same buffer.
pub const MAX_BYTES: usize = 2_400;

/// The headers of a redirect: valid header values (visible ASCII).
#[derive(Debug, PartialEq, Eq)]
pub struct Redirect {
    /// `Location`.
    pub location: String,
    /// `Link`: where else the file is (RFC 6249).
    pub link: Option<String>,
    /// `Digest`: the checksum of the file (RFC 3230), where it is known.
    pub digest: Option<String>,
}

/// The headers of a redirect to the best mirror other than `host`, the server that was asked, and the tier
/// of that mirror; `None` for the fallback. `max_mirrors` is without the fallback, and `max_links` the
/// number of further URLs.
pub(super) fn make<'s, 'q>(
    document: &Document<'_>,
    max_mirrors: usize,
    max_links: usize,
    host: &str,
) -> Result<(Redirect, Option<Tier>), Refusal<'s, 'q>> {
    let is_other = |url: &str| !is_same_server(authority(url), host);
    let fallback = std::iter::once_with(|| document.fallback_url()).flatten();
    let fallback = fallback.filter(|url| is_other(url)).map(|url| (None, plain_ascii(&url)));
    let mirrors = document.redirect_urls(is_other).take(max_mirrors);
    to_first(mirrors.chain(fallback), || digest(document), max_links)
}

/// The headers of a redirect to the first of fixed URLs, one a line.
pub(super) fn make_fixed<'s, 'q>(
    urls: &str,
    max_links: usize,
) -> Result<Redirect, Refusal<'s, 'q>> {
    let urls = urls.lines().map(|url| (None, plain_ascii(url)));
    to_first(urls, || None, max_links).map(|(redirect, _)| redirect)
}

/// The headers of a redirect to the first URL that fits in them, and its tier.
fn to_first<'s, 'q>(
    mut urls: impl Iterator<Item = (Option<Tier>, String)>,
    digest: impl FnOnce() -> Option<String>,
    max_links: usize,
) -> Result<(Redirect, Option<Tier>), Refusal<'s, 'q>> {
    let mut room = MAX_BYTES;
    let mut was_too_long = false;
    let location = urls.by_ref().find_map(|(found, url)| {
        let left = room.checked_sub("location: \r\n".len() + url.len());
        was_too_long |= left.is_none();
        room = left?;
        Some((found, url))
    });
    let Some((found, location)) = location else { return Err(refusal(was_too_long)) };
    let digest = digest().filter(|digest| {
        let left = room.checked_sub("digest: \r\n".len() + digest.len());
        room = left.unwrap_or(room);
        left.is_some()
    });
    let urls = urls.map(|(_, url)| url);
    let link = link(urls.take(max_links), room.saturating_sub("link: \r\n".len()));
    Ok((Redirect { location, link, digest }, found))
}

/// The value of `Link`, of at most `room` bytes.
fn link(urls: impl Iterator<Item = String>, room: usize) -> Option<String> {
    let mut link = String::new();
    let mut priority = 2;
    for url in urls {
        let length = link.len();
        let separator = if link.is_empty() { "<" } else { ", <" };
        link.extend([separator, &url, ">; rel=duplicate; pri="]);
        push_number(priority, &mut link);
        if link.len() > room {
            link.truncate(length);
        } else {
            priority += 1;
        }
    }
    (!link.is_empty()).then_some(link)
}

fn digest(document: &Document<'_>) -> Option<String> {
    let file =
        document.edition.snapshot().find_file(&document.target.directory, &document.target.file)?;
    let sha256 = file.versions.first()?.checksums.sha256?;
    let mut digest = String::from("SHA-256=");
    push_base64(&sha256, &mut digest);
    Some(digest)
}

/// What a client is told whose request leaves out each mirror that could be redirected to.
pub(super) const NONE_LEFT: &str =
    "error: the request leaves no mirror that offers this over http or https";

fn refusal<'s, 'q>(was_too_long: bool) -> Refusal<'s, 'q> {
    if was_too_long {
        let message =
            "error: the URL of the file is too long for a redirect; ask without redirect=";
        return Refusal::bad_request(Message::Fixed(message));
    }
    let message = "error: no mirror offers this over http or https";
    Refusal { status: Status::NotFound, message: Message::Fixed(message) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn links_keep_to_their_room_and_lose_whole_entries(
            urls in prop::collection::vec("[a-z]{1,900}", 0..6),
            room in 0_usize..2_500,
        ) {
            let urls: Vec<_> = urls.into_iter().map(|path| format!("https://m.example/{path}")).collect();
            let link = link(urls.iter().cloned(), room);
            let link = link.unwrap_or_default();
            prop_assert!(link.len() <= room);
            let entries: Vec<_> = link.split(", ").filter(|entry| !entry.is_empty()).collect();
            for (priority, entry) in (2..).zip(&entries) {
                let url = entry.strip_prefix('<').and_then(|entry| entry.split_once('>'));
                let (url, rest) = url.expect("an entry begins with a URL");
                prop_assert!(urls.iter().any(|known| known == url));
                prop_assert_eq!(rest, format!("; rel=duplicate; pri={priority}"));
            }
            // No URL was dropped that would have fitted at the end.
            let entry = |url: &String| format!(", <{url}>; rel=duplicate; pri=9").len();
            let dropped = urls.iter().filter(|url| !link.contains(&format!("<{url}>")));
            prop_assert!(dropped.map(entry).all(|bytes| link.len() + bytes > room || bytes > room));
        }
    }
}
