//! The text answer: a comment line that says how, then one URL a line.
//!
//! Lines end in `\n` alone, none is blank, and no URL holds a blank or a control character: dnf and
//! zypper break on either.

use super::document::Document;
use super::query::Protocols;
use super::select::Contribution;
use super::target::Subject;
use crate::model::write::push_number;

/// What a text list says besides the mirrors.
pub struct Details<'a> {
    /// The protocols asked for.
    pub protocols: Option<&'a Protocols<'a>>,
    /// The time of the data, if asked for.
    pub created: Option<u64>,
}

/// Appends a text list.
pub fn render(document: &Document<'_>, details: &Details<'_>, body: &mut String) {
    let Document { snapshot, target, selection, choice, url_tail, .. } = *document;
    let listings = snapshot.listings();
    let of_host = |host| target.directory.layout.listings(listings, host);
    // One allocation, about exact; the first line of a text list is seldom longer.
    let mut size = 1_024;
    for &host in &selection.hosts {
        choice.each(of_host(host), |listing| {
            size += listings.url(listing).len() + url_tail.len() + 1;
        });
    }
    body.reserve(size);

    push_subject(&target.subject, body);
    for contribution in &selection.contributions {
        push_contribution(*contribution, body);
    }
    if let Some(protocols) = details.protocols {
        body.extend(["protocol = ", &protocols.text]);
    }
    if document.is_empty() {
        let reason = match details.protocols {
            Some(_) => " error: no mirror offers this protocol",
            None => "error: no mirror can be listed",
        };
        body.push_str(reason);
    }
    if let Some(created) = details.created {
        body.push_str("\n# database creation time: ");
        push_number(created, body);
    }
    body.push('\n');

    for &host in &selection.hosts {
        choice.each(of_host(host), |listing| {
            body.push_str(listings.url(listing));
            body.push_str(url_tail);
            body.push('\n');
        });
    }
    if let Some(url) = document.fallback_url() {
        body.extend([&url, "\n"]);
    }
}

/// How the first line of a text list begins.
pub(super) fn push_subject(subject: &Subject<'_, '_>, body: &mut String) {
    match subject {
        Subject::Path(path) => body.extend(["# path = ", path, " "]),
        Subject::Repository(name, arch) => {
            body.extend(["# repo = ", name.as_str(), " arch = ", arch, " "]);
        }
    }
}

fn push_contribution(contribution: Contribution, body: &mut String) {
    match contribution {
        Contribution::Netblock => body.push_str("Using preferred netblock "),
        Contribution::Asn(asn) => {
            body.push_str("Using ASN ");
            push_number(asn.into(), body);
            body.push(' ');
        }
        Contribution::Country(country) => {
            body.extend(["country = ", country.as_str(), " "]);
        }
        Contribution::Global => body.push_str("country = global "),
    }
}
