//! The parts of a metalink in MirrorManager's dialect that are the same in every answer.

use encode::write::{push_hex, push_number};
use encode::xml::escape_into;
use model::checksum::Checksums;
use model::geo::Country;
use model::url::Protocol;
use snapshot::tables::Version;

/// Appends the line of a URL up to its preference.
pub(super) fn push_head(protocol: Protocol, country: Option<Country>, out: &mut String) {
    let protocol = protocol.as_str();
    let location = country.as_ref().map_or("", Country::as_str);
    out.extend(["    <url protocol=\"", protocol, "\" type=\"", protocol]);
    out.extend(["\" location=\"", location, "\" preference=\""]);
}

/// Appends the line of a URL from behind its preference to the end of the base URL.
pub(super) fn push_middle(is_public: bool, url: &str, out: &mut String) {
    let private = if is_public { "" } else { " mm0:private=\"True\"" };
    out.extend(["\"", private, ">"]);
    escape_into(url, out);
}

/// Appends the details of a file: its current version and the alternates.
pub(super) fn push_versions(versions: &[Version], out: &mut String) {
    let Some((current, alternates)) = versions.split_first() else { return };
    push_version(current, "   ", out);
    if alternates.is_empty() {
        return;
    }
    out.push_str("   <mm0:alternates>\n");
    for alternate in alternates {
        out.push_str("    <mm0:alternate>\n");
        push_version(alternate, "      ", out);
        out.push_str("    </mm0:alternate>\n");
    }
    out.push_str("   </mm0:alternates>\n");
}

fn push_version(version: &Version, indent: &str, out: &mut String) {
    if version.timestamp != 0 {
        out.extend([indent, "<mm0:timestamp>"]);
        push_number(version.timestamp, out);
        out.push_str("</mm0:timestamp>\n");
    }
    if version.size != 0 {
        out.extend([indent, "<size>"]);
        push_number(version.size, out);
        out.push_str("</size>\n");
    }
    let sums = &version.checksums;
    // dnf uses none of the mirrors if this element is empty.
    if *sums == Checksums::default() {
        return;
    }
    out.extend([indent, "<verification>\n"]);
    push_hash("md5", sums.md5.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha1", sums.sha1.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha256", sums.sha256.as_ref().map(|sum| &sum[..]), indent, out);
    push_hash("sha512", sums.sha512.as_ref().map(|sum| sum.as_flattened()), indent, out);
    out.extend([indent, "</verification>\n"]);
}

fn push_hash(kind: &str, sum: Option<&[u8]>, indent: &str, out: &mut String) {
    if let Some(sum) = sum {
        out.extend([indent, " <hash type=\"", kind, "\">"]);
        push_hex(sum, out);
        out.push_str("</hash>\n");
    }
}
