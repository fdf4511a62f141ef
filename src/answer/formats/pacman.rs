//! The list for pacman: `Server = URL` lines below headings with the countries of the mirrors, as
//! archlinux.org writes it.
//!
//! Lines that begin with `#` are comments. In a list for people to choose from, all servers are comments.

use crate::document::List;
use crate::prepared::Edition;
use encode::append::Append;
use encode::text::Text;
use model::date::Date;
use routes::options::Header;

/// What a list holds besides URLs.
pub struct Details<'a> {
    /// What comes at its beginning.
    pub header: &'a Header,
    /// Whether servers are comments.
    pub commented: bool,
    /// Now, in seconds since 1970.
    pub now: u64,
}

/// Appends a list.
pub fn render(list: List<'_>, edition: &Edition, details: &Details<'_>, body: &mut Text) {
    let title = match details.header {
        Header::Usual => Some("Repository mirrorlist"),
        Header::Text(text) => Some(text.as_str()),
        Header::None => None,
    };
    if let Some(title) = title {
        let date = Date::of(details.now).to_string();
        body.push_all(["##\n## ", title, "\n## Generated on ", &date, "\n##\n"]);
    }
    let start = if details.commented { "#Server = " } else { "Server = " };
    let mut heading = None;
    list.each(|entry| {
        let country = entry.host.and_then(|host| edition.snapshot().hosts().country(host));
        if heading != Some(country) {
            heading = Some(country);
            let name = entry.host.and_then(|host| edition.for_routes().country_name(host));
            let code = country.as_ref().map(|country| country.as_str());
            let name = name.or(code).unwrap_or("Worldwide");
            body.push_all(["\n## ", name, "\n"]);
        }
        body.push_str(start);
        body.push_all(entry.url);
        body.push('\n');
    });
}
