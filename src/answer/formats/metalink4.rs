//! The Metalink 4 answer (RFC 5854), which aria2 reads.
//!
//! It differs from MirrorManager's format in what RFC 5854 defines: locations in lower case,
//! `priority` that counts up from 1, hashes under their IANA names, and no place for alternates, so
//! that only the current version is described.
//!
//! A file of up to 1 MiB is described as one piece besides, with the hash of the whole. aria2 gives a
//! download up when the whole does not fit its hash, but asks another mirror for a piece that does not.

use crate::document::{Document, NO_MIRROR_COMMENT};
use encode::append::Append;
use encode::text::Text;
use encode::write::{push_hex, push_number};
use encode::xml::escape_into;
use model::date::Timestamp;
use snapshot::FileView;
use snapshot::tables::Version;

/// Larger files are not described as one piece: aria2 fetches a piece from one mirror only.
const MAX_PIECE: u64 = 1 << 20;

/// Appends a metalink of a file.
pub fn render(document: &Document<'_>, file: &FileView<'_>, now: u64, body: &mut Text) {
    push_opening(body);
    body.push_all([" <generator>mirrorlistd/", env!("CARGO_PKG_VERSION"), "</generator>\n"]);
    let published = Timestamp { seconds: now }.to_string();
    body.push_all([" <published>", &published, "</published>\n"]);
    if document.is_empty() {
        body.push_str(NO_MIRROR_COMMENT);
    }
    body.push_str(" <file name=\"");
    escape_into(&document.target.file, body);
    body.push_str("\">\n");
    if let Some(current) = file.versions.first() {
        push_version(current, body);
    }
    push_urls(document, body);
    body.push_str(" </file>\n</metalink>\n");
}

/// Appends a document without a file, with the error message in a comment.
pub fn render_error(write_message: impl FnOnce(&mut Text), body: &mut Text) {
    push_opening(body);
    body.push_str("<!-- ");
    write_message(body);
    body.push_str("\n-->\n</metalink>\n");
}

fn push_opening(body: &mut Text) {
    body.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    body.push_str("<metalink xmlns=\"urn:ietf:params:xml:ns:metalink\">\n");
}

fn push_version(version: &Version, body: &mut Text) {
    if version.size != 0 {
        body.push_str("  <size>");
        push_number(version.size, body);
        body.push_str("</size>\n");
    }
    let sums = &version.checksums;
    // The strongest hash is first, because a reader may stop at the first one that it knows.
    push_hash("sha-512", sums.sha512.as_ref().map(|sum| sum.as_flattened()), body);
    push_hash("sha-256", sums.sha256.as_ref().map(|sum| &sum[..]), body);
    push_hash("sha-1", sums.sha1.as_ref().map(|sum| &sum[..]), body);
    push_hash("md5", sums.md5.as_ref().map(|sum| &sum[..]), body);
    if let Some(sum) = &sums.sha256
        && (1..=MAX_PIECE).contains(&version.size)
    {
        body.push_str("  <pieces length=\"");
        push_number(version.size, body);
        body.push_str("\" type=\"sha-256\"><hash>");
        push_hex(sum, body);
        body.push_str("</hash></pieces>\n");
    }
}

fn push_hash(kind: &str, sum: Option<&[u8]>, body: &mut Text) {
    if let Some(sum) = sum {
        body.push_all(["  <hash type=\"", kind, "\">"]);
        push_hex(sum, body);
        body.push_str("</hash>\n");
    }
}

fn push_urls(document: &Document<'_>, body: &mut Text) {
    let Document { edition, selection, choice, url_tail, .. } = *document;
    let (listings, of_hosts) = (edition.listings(), document.listings());
    for (place, &host) in selection.hosts.iter().enumerate() {
        let country = edition.snapshot().hosts().country(host);
        let location = country.map(|country| country.as_str().to_ascii_lowercase());
        choice.each(of_hosts.of(host), |listing| {
            push_url(location.as_deref(), place, &[listings.url(listing), url_tail], body);
        });
    }
    if let Some(url) = document.fallback_url() {
        push_url(None, selection.hosts.len(), &[&url], body);
    }
}

fn push_url(location: Option<&str>, place: usize, parts: &[&str], body: &mut Text) {
    body.push_str("  <url");
    if let Some(location) = location {
        body.push_all([" location=\"", location, "\""]);
    }
    body.push_str(" priority=\"");
    push_number(place as u64 + 1, body);
    body.push_str("\">");
    parts.iter().for_each(|part| escape_into(part, body));
    body.push_str("</url>\n");
}
