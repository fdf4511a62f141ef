//! The metalink answer: a file's checksums, then every URL of every mirror, best first.
//!
//! The layout is MirrorManager's to the byte: old clients depend on indentation, attribute order and
//! the literal prefix `mm0:`. `preference` falls by one for each mirror, from 100 down to 1, in
//! document order: dnf reads the order, yum and aria2 the number. `type` repeats `protocol` because
//! aria2 needs the one and old yum the other.

use super::document::Document;
use crate::model::text::{Append, Piece, Pieces, Text};
use crate::model::xml::{escape_comment_into, escape_into};
use crate::snapshot::FileView;

/// What stands around the lines, about.
const FIXED_PARTS: usize = 640;
/// Appends a metalink of a file.
///
/// `tails` is memory that is used again.
pub fn render(
    document: &Document<'_>,
    file: &FileView<'_>,
    pubdate: &str,
    tails: &mut Pieces,
    body: &mut Text,
) {
    tails.clear();
    let tail = tails.add(|out| {
        escape_into(document.url_tail, out);
        out.push_str("</url>\n");
    });
    body.reserve(FIXED_PARTS + file.metalink_details.len() + document.size_hint());
    push_opening(pubdate, body);
    if document.is_empty() {
        body.push_str(super::NO_MIRROR_COMMENT);
    }
    body.push_str(" <files>\n  <file name=\"");
    escape_into(&document.target.file, body);
    body.push_str("\">\n");
    body.push_str(file.metalink_details);
    body.push_str("   <resources maxconnections=\"1\">\n");
    push_urls(document, tails, tail, body);
    push_fallback(document, body);
    body.push_str("   </resources>\n  </file>\n </files>\n</metalink>\n");
}

/// Appends the metalink that says why there is none. The message stands in a comment.
pub fn render_error(pubdate: &str, write_message: impl FnOnce(&mut Text), body: &mut Text) {
    push_opening(pubdate, body);
    body.push_str("<!-- ");
    write_message(body);
    body.push_str("\n-->\n</metalink>\n");
}

/// Appends text to a message of [`render_error`].
pub fn push_comment(text: &str, body: &mut Text) {
    escape_comment_into(text, body);
}

fn push_opening(pubdate: &str, body: &mut Text) {
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

fn push_urls(document: &Document<'_>, tails: &Pieces, tail: Piece, body: &mut Text) {
    let Document { snapshot, target, selection, choice, .. } = *document;
    let listings = snapshot.listings();
    let pieces = listings.pieces();
    for (place, &host) in selection.hosts.iter().enumerate() {
        let (preference, length) = preference(place);
        choice.each(target.directory.layout.listings(listings, host), |listing| {
            body.push_piece(pieces, listing.metalink_head);
            body.push_block(preference, length);
            body.push_piece(pieces, listing.metalink_middle);
            body.push_piece(tails, tail);
        });
    }
}

fn push_fallback(document: &Document<'_>, body: &mut Text) {
    let (Some(fallback), Some(url)) = (document.fallback, document.fallback_url()) else { return };
    let protocol = fallback.protocol().as_str();
    body.push_all(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    body.push_str("\" location=\"\" preference=\"");
    let (preference, length) = preference(document.selection.hosts.len());
    body.push_block(preference, length);
    body.push_str("\">");
    escape_into(&url, body);
    body.push_str("</url>\n");
}

/// [`Document::preference`] as text, and its length.
fn preference(place: usize) -> (&'static [u8; 4], usize) {
    // Two digits each; mirrors from the hundredth on share the last one, 1.
    static DIGITS: [[u8; 4]; 99] = {
        let mut digits = [*b"    "; 99];
        let mut rest: &mut [[u8; 4]] = &mut digits;
        let mut preference = 99;
        while let Some((first, others)) = rest.split_first_mut() {
            *first = match preference {
                0..10 => [b'0' + preference, b' ', b' ', b' '],
                _ => [b'0' + preference / 10, b'0' + preference % 10, b' ', b' '],
            };
            preference -= 1;
            rest = others;
        }
        digits
    };
    let Some(index) = place.checked_sub(1) else { return (b"100 ", 3) };
    match DIGITS.get(index) {
        Some(digits) => (digits, if index < 90 { 2 } else { 1 }),
        None => (b"1   ", 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_preference() {
        for place in [0, 1, 2, 89, 90, 91, 98, 99, 100, 5_000] {
            let (digits, length) = preference(place);
            let text = std::str::from_utf8(&digits[..length]).expect("digits");
            assert_eq!(text, Document::preference(place).to_string());
        }
    }
}
