//! What a browser says of the page that a request comes from.
//!
//! Programs such as curl send none of this, so that its absence says nothing. A browser cannot be made to
//! leave out `Origin` in a POST, or to lie in these fields.

use hyper::header::{COOKIE, HOST, HeaderMap, ORIGIN, REFERER};
use serve::admin::allowed_hosts::AllowedHosts;

use super::refusal::{FOREIGN, FOREIGN_HOST, Refusal};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Whether a browser says that a request comes from a page of this server, if [`check`] has let it through.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let is_same_origin =
        headers.get(SEC_FETCH_SITE).is_some_and(|value| value.as_bytes() == b"same-origin");
    is_same_origin || headers.contains_key(ORIGIN)
}

/// Whether a request may come from a page of this server, or from no page.
pub(super) fn check(headers: &HeaderMap, hosts: &AllowedHosts) -> Result<(), Refusal> {
    let is_same_site =
        |value: &hyper::header::HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
    if !headers.get_all(SEC_FETCH_SITE).iter().all(is_same_site) {
        return Err(FOREIGN);
    }
    let host = headers.get(HOST).map(|value| value.as_bytes());
    let is_ours = |origin: &hyper::header::HeaderValue| {
        let origin = origin.as_bytes();
        let stripped = [&b"http://"[..], b"https://"].iter().find_map(|s| origin.strip_prefix(*s));
        stripped.zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host))
    };
    if !headers.get_all(ORIGIN).iter().all(is_ours) {
        return Err(FOREIGN);
    }
    let marks = [SEC_FETCH_SITE, ORIGIN.as_str(), REFERER.as_str(), COOKIE.as_str()];
    let is_browser = marks.into_iter().any(|mark| headers.contains_key(mark));
    match is_browser && !hosts.allow_headers(headers) {
        true => Err(FOREIGN_HOST),
        false => Ok(()),
    }
}
