//! The metalink answer: a file's checksums, then every URL of every mirror, best first.
//!
//! The layout is MirrorManager's to the byte: old clients depend on indentation, attribute order and
//! the literal prefix `mm0:`. `preference` falls by one for each mirror, from 100 down to 1, in
//! document order: dnf reads the order, yum and aria2 the number. `type` repeats `protocol` because
//! aria2 needs the one and old yum the other.

use super::document::Document;
use crate::model::xml::{escape_comment_into, escape_into};
use crate::snapshot::FileView;

/// What stands around the lines, about; a fallback is longer than it at worst, and grows the body.
const FIXED_PARTS: usize = 640;

/// Appends a metalink of a file.
///
/// `tail` is memory that is used again.
pub fn render(
    document: &Document<'_>,
    file: &FileView<'_>,
    pubdate: &str,
    tail: &mut String,
    body: &mut String,
) {
    tail.clear();
    escape_into(document.url_tail, tail);
    tail.push_str("</url>\n");
    body.reserve(FIXED_PARTS + file.metalink_details.len() + urls_size(document, tail));
    push_opening(pubdate, body);
    if document.is_empty() {
        body.push_str(super::NO_MIRROR_COMMENT);
    }
    body.push_str(" <files>\n  <file name=\"");
    escape_into(&document.target.file, body);
    body.push_str("\">\n");
    body.push_str(file.metalink_details);
    body.push_str("   <resources maxconnections=\"1\">\n");
    push_urls(document, tail, body);
    push_fallback(document, body);
    body.push_str("   </resources>\n  </file>\n </files>\n</metalink>\n");
}

/// Appends the metalink that says why there is none. The message stands in a comment.
pub fn render_error(pubdate: &str, write_message: impl FnOnce(&mut String), body: &mut String) {
    push_opening(pubdate, body);
    body.push_str("<!-- ");
    write_message(body);
    body.push_str("\n-->\n</metalink>\n");
}

/// Appends text to a message of [`render_error`].
pub fn push_comment(text: &str, body: &mut String) {
    escape_comment_into(text, body);
}

fn push_opening(pubdate: &str, body: &mut String) {
    body.push_str(concat!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
        "<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" type=\"dynamic\" pubdate=\"",
    ));
    body.push_str(pubdate);
    body.push_str(concat!(
        "\" generator=\"mirrormanager\"",
        " xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\n",
    ));
}

/// About what the lines take, to allocate once and not more: growing a 28 KB body step by step would
/// copy it twice over.
fn urls_size(document: &Document<'_>, tail: &str) -> usize {
    let Document { snapshot, target, selection, choice, .. } = *document;
    let listings = snapshot.listings();
    let mut size = 0;
    for &host in &selection.hosts {
        choice.each(target.directory.layout.listings(listings, host), |listing| {
            size += listings.metalink_head(listing).len()
                + "100".len()
                + listings.metalink_middle(listing).len()
                + tail.len();
        });
    }
    size
}

fn push_urls(document: &Document<'_>, tail: &str, body: &mut String) {
    let Document { snapshot, target, selection, choice, .. } = *document;
    let listings = snapshot.listings();
    let of_host = |host| target.directory.layout.listings(listings, host);

    for (place, &host) in selection.hosts.iter().enumerate() {
        let digits = preference_digits(place);
        choice.each(of_host(host), |listing| {
            body.push_str(listings.metalink_head(listing));
            body.push_str(digits);
            body.push_str(listings.metalink_middle(listing));
            body.push_str(tail);
        });
    }
}

fn push_fallback(document: &Document<'_>, body: &mut String) {
    let (Some(fallback), Some(url)) = (document.fallback, document.fallback_url()) else { return };
    let protocol = fallback.protocol().as_str();
    body.extend(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    body.push_str("\" location=\"\" preference=\"");
    body.push_str(preference_digits(document.selection.hosts.len()));
    body.push_str("\">");
    escape_into(&url, body);
    body.push_str("</url>\n");
}

/// [`Document::preference`] as text.
fn preference_digits(place: usize) -> &'static str {
    const DIGITS: &str = concat!(
        "00010203040506070809101112131415161718192021222324",
        "25262728293031323334353637383940414243444546474849",
        "50515253545556575859606162636465666768697071727374",
        "75767778798081828384858687888990919293949596979899",
    );
    let preference = Document::preference(place);
    let at = usize::try_from(2 * preference).unwrap_or(0);
    match preference {
        0..10 => DIGITS.get(at + 1..at + 2).unwrap_or("1"),
        10..100 => DIGITS.get(at..at + 2).unwrap_or("1"),
        _ => "100",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_preference() {
        for place in [0, 1, 2, 89, 90, 91, 98, 99, 100, 5_000] {
            assert_eq!(preference_digits(place), Document::preference(place).to_string());
        }
    }
}
