//! Redirects: to the best mirror, with the next ones and the checksum of the file beside it.

use super::document::Document;
use super::target::{Message, Refusal};
use super::{Options, Status};
use crate::model::write::{push_base64, push_number};

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

/// The headers of a redirect to the best mirror.
pub(super) fn make<'s, 'q>(
    document: &Document<'_>,
    options: &Options,
) -> Result<Redirect, Refusal<'s, 'q>> {
    let mut urls = document.redirect_urls(options.redirect_links.saturating_add(1)).into_iter();
    let Some(location) = urls.next() else {
        let message = Message::Fixed("error: no mirror offers this over http or https");
        return Err(Refusal { status: Status::NotFound, message });
    };
    let mut link = String::new();
    for (priority, url) in (2..).zip(urls) {
        let separator = if link.is_empty() { "<" } else { ", <" };
        link.extend([separator, &url, ">; rel=duplicate; pri="]);
        push_number(priority, &mut link);
    }
    let file = document.snapshot.find_file(&document.target.directory, &document.target.file);
    let sha256 = file.and_then(|file| file.versions.first()?.checksums.sha256);
    let digest = sha256.map(|sum| {
        let mut digest = String::from("SHA-256=");
        push_base64(&sum, &mut digest);
        digest
    });
    Ok(Redirect { location, link: (!link.is_empty()).then_some(link), digest })
}
