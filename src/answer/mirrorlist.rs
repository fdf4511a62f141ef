//! The text answer: a comment line that says how, then one URL a line.
//!
//! Lines end in `\n` alone, none is blank, and no URL holds a blank or a control character: dnf and
//! zypper break on either.

use super::query::Protocols;
use super::select::{FoundVia, Selection};
use super::target::{Subject, Target};
use super::write::{push_number, push_url_path};
use crate::model::ids::HostId;
use crate::model::url::{Protocol, ProtocolSet};
use crate::snapshot::Snapshot;
use crate::snapshot::listing::Listing;

/// What a text list says besides the mirrors.
pub struct Details<'a> {
    /// The protocols asked for.
    pub protocols: Option<&'a Protocols<'a>>,
    /// The time of the data, if asked for.
    pub created: Option<u64>,
}

/// Appends a text list.
pub fn render(
    snapshot: &Snapshot,
    target: &Target<'_, '_>,
    selection: &Selection,
    details: &Details<'_>,
    body: &mut String,
) {
    push_subject(&target.subject, body);
    for found in &selection.found {
        push_found(*found, body);
    }
    if let Some(protocols) = details.protocols {
        body.extend(["protocol = ", &protocols.text]);
    }
    if selection.hosts.is_empty() {
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

    let tail = url_tail(target);
    let (protocols, per_host) = match details.protocols {
        Some(protocols) => (protocols.set, protocols.set.len()),
        None => (ProtocolSet::TEXT, 1),
    };
    let listings = snapshot.listings();
    for &host in &selection.hosts {
        let of_host = target.directory.layout.listings(listings, host);
        for listing in preferred(of_host, protocols).take(per_host) {
            body.push_str(listings.url(listing));
            body.push_str(&tail);
            body.push('\n');
        }
    }
}

/// The URL to redirect to: the best mirror's, https before http; percent-encoded to plain ASCII.
pub fn redirect_url(
    snapshot: &Snapshot,
    target: &Target<'_, '_>,
    hosts: &[HostId],
    protocols: ProtocolSet,
) -> Option<String> {
    let listings = snapshot.listings();
    let listing = hosts.iter().find_map(|&host| {
        preferred(target.directory.layout.listings(listings, host), protocols).next()
    })?;
    let mut location = String::new();
    for character in listings.url(listing).chars() {
        if character.is_ascii() {
            location.push(character);
        } else {
            push_url_path(character.encode_utf8(&mut [0; 4]), &mut location);
        }
    }
    location.push_str(&url_tail(target));
    Some(location)
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

fn push_found(found: FoundVia, body: &mut String) {
    match found {
        FoundVia::Netblock => body.push_str("Using preferred netblock "),
        FoundVia::Asn(asn) => {
            body.push_str("Using ASN ");
            push_number(asn.into(), body);
            body.push(' ');
        }
        FoundVia::Country(country) | FoundVia::Geoip(country) | FoundVia::Continent(country) => {
            body.extend(["country = ", country.as_str(), " "]);
        }
        FoundVia::AskedGlobal | FoundVia::Global => body.push_str("country = global "),
    }
}

/// What follows a base URL: the subpath and the file, or a slash for a directory.
pub(super) fn url_tail(target: &Target<'_, '_>) -> String {
    let mut tail = String::new();
    let subpath = target.directory.subpath;
    if !subpath.is_empty() {
        tail.push('/');
        push_url_path(subpath, &mut tail);
    }
    tail.push('/');
    push_url_path(&target.file, &mut tail);
    tail
}

/// The URLs of a mirror in one of `protocols`, the most preferred protocol first.
fn preferred(of_host: &[Listing], protocols: ProtocolSet) -> impl Iterator<Item = &Listing> {
    let speaking = move |protocol: Protocol| {
        of_host.iter().filter(move |listing| listing.protocol == protocol)
    };
    protocols.iter().flat_map(speaking)
}
