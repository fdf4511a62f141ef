//! The metalink answer: a file's checksums, then every URL of every mirror, best first.
//!
//! The layout is MirrorManager's to the byte: old clients depend on indentation, attribute order and
//! the literal prefix `mm0:`. `preference` falls by one for each mirror, from 100 down to 1, in
//! document order: dnf reads the order, yum and aria2 the number. `type` repeats `protocol` because
//! aria2 needs the one and old yum the other.

use super::document::Document;
use crate::model::write::push_number;
use crate::model::xml::{escape_comment_into, escape_into};
use crate::snapshot::FileView;

/// Appends a metalink of a file.
pub fn render(document: &Document<'_>, file: &FileView<'_>, pubdate: &str, body: &mut String) {
    push_opening(pubdate, body);
    if document.is_empty() {
        body.push_str(super::NO_MIRROR_COMMENT);
    }
    body.push_str(" <files>\n  <file name=\"");
    escape_into(&document.target.file, body);
    body.push_str("\">\n");
    body.push_str(file.metalink_details);
    body.push_str("   <resources maxconnections=\"1\">\n");
    push_urls(document, body);
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

fn push_urls(document: &Document<'_>, body: &mut String) {
    let Document { snapshot, target, selection, choice, .. } = *document;
    let listings = snapshot.listings();
    let mut tail = String::new();
    escape_into(&document.url_tail(), &mut tail);
    tail.push_str("</url>\n");
    let of_host = |host| target.directory.layout.listings(listings, host);

    // One exact allocation: growing a 28 KB body step by step would copy it twice over.
    let mut size = 0;
    for &host in &selection.hosts {
        choice.each(of_host(host), |listing| {
            size += listings.metalink_head(listing).len()
                + "100".len()
                + listings.metalink_middle(listing).len()
                + tail.len();
        });
    }
    body.reserve(size);
    let mut digits = String::with_capacity(3);
    for (place, &host) in selection.hosts.iter().enumerate() {
        digits.clear();
        push_number(Document::preference(place), &mut digits);
        choice.each(of_host(host), |listing| {
            body.push_str(listings.metalink_head(listing));
            body.push_str(&digits);
            body.push_str(listings.metalink_middle(listing));
            body.push_str(&tail);
        });
    }
}

fn push_fallback(document: &Document<'_>, body: &mut String) {
    let (Some(fallback), Some(url)) = (document.fallback, document.fallback_url()) else { return };
    let protocol = fallback.protocol().as_str();
    body.extend(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    body.push_str("\" location=\"\" preference=\"");
    push_number(Document::preference(document.selection.hosts.len()), body);
    body.push_str("\">");
    escape_into(&url, body);
    body.push_str("</url>\n");
}
