//! The list for urpmi: a line for each URL, with what urpmi needs to choose by its own geography.
//!
//! ```text
//! continent=EU,zone=DE,country=Germany,version=9,arch=x86_64,type=distrib,url=https://m.example/9/x86_64
//! ```
//!
//! urpmi splits lines at commas, and each part at its equals sign; `url` is last, as it may hold both. It
//! takes lines of its own version and architecture.

use crate::document::List;
use crate::prepared::Edition;
use encode::append::Append;
use encode::text::Text;

/// What all lines of a list have in common.
#[derive(Default)]
pub struct Details<'a> {
    /// The version of the distribution, if it is asked for.
    pub version: Option<&'a str>,
    /// The architecture, if it is asked for.
    pub arch: Option<&'a str>,
}

/// Appends a list.
pub fn render(list: List<'_>, edition: &Edition, details: &Details<'_>, body: &mut Text) {
    let snapshot = edition.snapshot();
    list.each(|entry| {
        let country = entry.host.and_then(|host| snapshot.hosts().country(host));
        let continent = country.and_then(|country| snapshot.find_continent(country));
        let name = entry.host.and_then(|host| edition.for_routes().country_name(host));
        for (key, value) in [
            ("continent=", continent.as_ref().map(|continent| continent.as_str())),
            ("zone=", country.as_ref().map(|country| country.as_str())),
            // What stands behind a comma (`Korea, Republic of`) is not needed: the zone decides.
            ("country=", name.and_then(|name| name.split(',').next())),
            ("version=", details.version),
            ("arch=", details.arch),
        ] {
            if let Some(value) = value.filter(|value| is_plain(value)) {
                body.push_all([key, value, ","]);
            }
        }
        body.push_str("type=distrib,url=");
        body.push_all(entry.url);
        body.push('\n');
    });
}

/// Whether a value can stand in a line.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c == ',' || c == '=' || c.is_control())
}
