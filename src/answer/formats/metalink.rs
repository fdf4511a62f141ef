//! The metalink answer: a file's checksums, then every URL of every mirror, best first.
//!
//! The layout is MirrorManager's to the byte: old clients depend on indentation, attribute order and
//! the literal prefix `mm0:`. `preference` falls by one for each mirror, from 100 down to 1, in
//! document order: dnf uses the order, yum and aria2 use the number. `type` repeats `protocol` because
//! aria2 needs the one and old yum the other.

use crate::document::{Document, NO_MIRROR_COMMENT};
use encode::append::Append;
use encode::text::{Digits, Pieces, Prepared, Text};
use encode::xml::{escape_comment_into, escape_into};
use snapshot::FileView;

/// Approximate bytes of a metalink without its URL lines.
const FIXED_PARTS: usize = 640;
/// About the bytes of a mirror's lines, of which many have two.
const BYTES_PER_MIRROR: usize = 256;

/// Appends a metalink of a file.
///
/// `tails` is a reused buffer.
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
    let details = document.edition.listings().file_details(file.id);
    document.reserve(FIXED_PARTS + details.len(), BYTES_PER_MIRROR, body);
    push_opening(pubdate, body);
    if document.is_empty() {
        body.push_str(NO_MIRROR_COMMENT);
    }
    body.push_str(" <files>\n  <file name=\"");
    escape_into(&document.target.file, body);
    body.push_str("\">\n");
    body.push_str(details);
    body.push_str("   <resources maxconnections=\"1\">\n");
    push_urls(document, tails.prepare(tail), body);
    push_fallback(document, body);
    body.push_str("   </resources>\n  </file>\n </files>\n</metalink>\n");
}

/// Appends a metalink without a file, with the error message in a comment.
pub fn render_error(pubdate: &str, write_message: impl FnOnce(&mut Text), body: &mut Text) {
    push_opening(pubdate, body);
    body.push_str("<!-- ");
    write_message(body);
    body.push_str("\n-->\n</metalink>\n");
}

/// Appends text to the error message of [`render_error`], escaped for an XML comment.
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

fn push_urls(document: &Document<'_>, tail: Prepared<'_>, body: &mut Text) {
    let Document { edition, selection, choice, .. } = *document;
    let (pieces, of_hosts) = (edition.listings().pieces(), document.listings());
    for (place, &host) in selection.hosts.iter().enumerate() {
        let digits = preference(place);
        choice.each(of_hosts.of(host), |listing| {
            let (head, middle) = (pieces.prepare(listing.head), pieces.prepare(listing.middle));
            body.push_line(head, digits, middle, tail);
        });
    }
}

fn push_fallback(document: &Document<'_>, body: &mut Text) {
    let (Some(fallback), Some(url)) = (document.fallback, document.fallback_url()) else { return };
    let protocol = fallback.protocol().as_str();
    body.push_all(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    body.push_str("\" location=\"\" preference=\"");
    body.push_digits(preference(document.selection.hosts.len()));
    body.push_str("\">");
    escape_into(&url, body);
    body.push_str("</url>\n");
}

/// [`Document::preference`] as text.
fn preference(place: usize) -> Digits {
    static DIGITS: [Digits; 100] = {
        let mut digits = [Digits::new(1); 100];
        let mut rest: &mut [Digits] = &mut digits;
        let mut preference = 100;
        while let Some((first, others)) = rest.split_first_mut() {
            *first = Digits::new(preference);
            preference -= 1;
            rest = others;
        }
        digits
    };
    DIGITS.get(place).copied().unwrap_or(Digits::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_preference() {
        for place in [0, 1, 2, 89, 90, 91, 98, 99, 100, 5_000] {
            let mut text = Text::default();
            text.push_digits(preference(place));
            assert_eq!(text.as_bytes(), Document::preference(place).to_string().as_bytes());
        }
    }
}
