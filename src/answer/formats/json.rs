//! The JSON answer: an array with an object for each mirror, best first.
//!
//! ```json
//! [
//!  {"url":"https://m.example/f/","urls":["https://m.example/f/"],"country":"DE","tier":"geoip",
//!   "private":false,"preference":100,"generation":"12029f4afc030090"}
//! ]
//! ```
//!
//! `url` is the best of `urls`: libzypp (17.38) takes an array of objects with `url` for a mirror
//! list. `tier` says how the mirror was found: `netblock`, `asn`, `country` (asked for), `geoip`
//! (the client's country), `continent`, `global`, `fallback`, or
//! `fixed` for a URL that a route names. `country` is `null` if it is not
//! known. Each object has a line of its own, so that people can read the array.

use crate::document::Document;
use encode::append::Append;
use encode::text::Text;
use encode::write::{push_json_escaped, push_json_string, push_number};
use model::tier::Tier;
use snapshot::contains;

/// Appends the array.
pub fn render(document: &Document<'_>, body: &mut Text) {
    let Document { edition, target, selection, choice, url_tail, .. } = *document;
    let snapshot = edition.snapshot();
    let generation = snapshot.generation().to_string();
    let (listings, of_hosts) = (edition.listings(), document.listings());
    let layout = target.directory.layout;
    body.push('[');
    let mut separator = "\n ";
    let mut urls: Vec<String> = Vec::new();
    for (place, &host) in selection.hosts.iter().enumerate() {
        urls.clear();
        let of_host = of_hosts.of(host);
        choice.each(of_host, |listing| urls.push([listings.url(listing), url_tail].concat()));
        // Selected mirrors have a URL that can be listed.
        let best = choice.preferred(of_host).next().map(|listing| listings.url(listing));
        body.push_str(separator);
        separator = ",\n ";
        let country = snapshot.hosts().country(host);
        let mirror = Mirror {
            url: [best.unwrap_or(""), url_tail].concat(),
            urls: &urls,
            country: country.as_ref().map(|country| country.as_str()),
            tier: selection.tier(place).map_or("", Tier::as_str),
            private: !contains(layout.public(), host),
            place,
        };
        mirror.push(&generation, body);
    }
    if let Some(url) = document.fallback_url() {
        body.push_str(separator);
        separator = ",\n ";
        let urls = std::slice::from_ref(&url);
        let place = selection.hosts.len();
        let tier = "fallback";
        let mirror = Mirror { url: url.clone(), urls, country: None, tier, private: false, place };
        mirror.push(&generation, body);
    }
    body.push_str(if separator == "\n " { "]\n" } else { "\n]\n" });
}

/// Appends the array of fixed URLs, one a line.
pub fn render_fixed(urls: &str, generation: &str, body: &mut Text) {
    body.push('[');
    for (place, url) in urls.lines().enumerate() {
        let urls = &[url.to_owned()];
        let (url, tier) = (url.to_owned(), "fixed");
        let mirror = Mirror { url, urls, country: None, tier, private: false, place };
        body.push_str(if place > 0 { ",\n " } else { "\n " });
        mirror.push(generation, body);
    }
    body.push_str("\n]\n");
}

/// Appends the object with the error message; returns the offset in `body` at which `repositories`
/// begin.
pub fn render_error(message: &str, repositories: &str, body: &mut Text) -> usize {
    let message = if repositories.is_empty() { message.trim_end() } else { message };
    body.push_str("{\"error\":\"");
    push_json_escaped(message, body);
    let repositories_at = body.len();
    push_json_escaped(repositories.trim_end(), body);
    body.push_str("\"}\n");
    repositories_at
}

struct Mirror<'a> {
    url: String,
    urls: &'a [String],
    country: Option<&'a str>,
    tier: &'static str,
    private: bool,
    place: usize,
}

impl Mirror<'_> {
    fn push(&self, generation: &str, body: &mut Text) {
        body.push_str("{\"url\":");
        push_json_string(&self.url, body);
        body.push_str(",\"urls\":[");
        for (index, url) in self.urls.iter().enumerate() {
            if index > 0 {
                body.push(',');
            }
            push_json_string(url, body);
        }
        body.push_str("],\"country\":");
        match self.country {
            Some(country) => push_json_string(country, body),
            None => body.push_str("null"),
        }
        body.push_all([",\"tier\":\"", self.tier, "\",\"private\":"]);
        body.push_str(if self.private { "true" } else { "false" });
        body.push_str(",\"preference\":");
        push_number(Document::preference(self.place), body);
        body.push_str(",\"generation\":");
        push_json_string(generation, body);
        body.push('}');
    }
}
