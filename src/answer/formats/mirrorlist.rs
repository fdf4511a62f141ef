//! The text answer: a comment line that says how mirrors were chosen, then one URL a line.
//!
//! Lines end in `\n` alone, none is blank, and no URL holds a blank or a control character: dnf and
//! zypper break on either.

use crate::document::Document;
use crate::left_out::LeftOut;
use crate::query::Protocols;
use crate::selection::Contribution;
use crate::target::Subject;
use encode::append::Append;
use encode::text::{Pieces, Text};
use encode::write::push_number;
use model::families::IpVersion;
use routes::options::Header;

/// Bytes reserved for the first line, which is seldom longer.
const FIRST_LINE: usize = 1_024;
/// About the bytes of a mirror's URLs, of which many have two.
const BYTES_PER_MIRROR: usize = 128;

/// Content of a text list besides the mirrors.
pub struct Details<'a> {
    /// The protocols asked for.
    pub protocols: Option<&'a Protocols<'a>>,
    /// What the request leaves out, if anything.
    pub left_out: Option<&'a LeftOut>,
    /// The version of IP asked for.
    pub ip_version: Option<IpVersion>,
    /// The time of the data, if asked for.
    pub created: Option<u64>,
    /// What the first line is.
    pub header: &'a Header,
}

/// Appends a text list.
///
/// `tails` is a reused buffer.
pub fn render(document: &Document<'_>, details: &Details<'_>, tails: &mut Pieces, body: &mut Text) {
    let Document { edition, selection, choice, url_tail, .. } = *document;
    tails.clear();
    let tail = tails.add(|out| out.extend([url_tail, "\n"]));
    document.reserve(FIRST_LINE, BYTES_PER_MIRROR, body);

    push_header(document, details, body);
    let (pieces, tail) = (edition.listings().pieces(), tails.prepare(tail));
    let of_hosts = document.listings();
    for &host in &selection.hosts {
        choice.each(of_hosts.of(host), |listing| {
            body.push_pair(pieces.prepare(listing.url), tail);
        });
    }
    if let Some(url) = document.fallback_url() {
        body.push_all([&url, "\n"]);
    }
}

/// Appends the line before the URLs, if there is to be one.
pub fn push_header(document: &Document<'_>, details: &Details<'_>, body: &mut Text) {
    match details.header {
        Header::Usual => push_usual_header(document, details, body),
        Header::Text(text) => body.push_all(["# ", text, "\n"]),
        Header::None => {}
    }
}

fn push_usual_header(document: &Document<'_>, details: &Details<'_>, body: &mut Text) {
    let Document { target, selection, .. } = *document;
    push_subject(&target.subject, body);
    for contribution in &selection.contributions {
        push_contribution(*contribution, body);
    }
    if let Some(protocols) = details.protocols {
        body.push_all(["protocol = ", &protocols.text]);
    }
    let mut separator = if details.protocols.is_some() { " " } else { "" };
    for part in details.left_out.into_iter().flat_map(LeftOut::parts) {
        body.push_all([separator, &part]);
        separator = " ";
    }
    if let Some(version) = details.ip_version {
        body.push_all([separator, "ip_version = ", version.as_str()]);
        separator = " ";
    }
    if document.is_empty() {
        let is_narrowed = details.left_out.is_some() || details.ip_version.is_some();
        let reason = match details.protocols {
            _ if is_narrowed => "error: the request leaves no mirror",
            Some(_) => "error: no mirror offers this protocol",
            None => "error: no mirror can be listed",
        };
        body.push_all([separator, reason]);
    }
    if let Some(created) = details.created {
        body.push_str("\n# database creation time: ");
        push_number(created, body);
    }
    body.push('\n');
}

/// Appends fixed URLs, one a line, behind the text that is to stand in the first line.
pub fn render_fixed(urls: &str, header: &Header, body: &mut Text) {
    if let Header::Text(text) = header {
        body.push_all(["# ", text, "\n"]);
    }
    urls.lines().for_each(|url| body.push_all([url, "\n"]));
}

/// Appends the beginning of the first line of a text list.
pub(crate) fn push_subject(subject: &Subject<'_, '_>, body: &mut impl Append) {
    match subject {
        Subject::Path(path) => body.push_all(["# path = ", path, " "]),
        Subject::Repository(name, arch) => {
            body.push_all(["# repo = ", name.as_str(), " arch = ", arch, " "]);
        }
        Subject::Category(name) => body.push_all(["# category = ", name, " "]),
    }
}

fn push_contribution(contribution: Contribution, body: &mut Text) {
    match contribution {
        Contribution::Netblock => body.push_str("Using preferred netblock "),
        Contribution::Asn(asn) => {
            body.push_str("Using ASN ");
            push_number(asn.into(), body);
            body.push(' ');
        }
        Contribution::Country(country) => {
            body.push_all(["country = ", country.as_str(), " "]);
        }
        Contribution::Nearest => body.push_str("nearest "),
        Contribution::Global => body.push_str("country = global "),
    }
}
