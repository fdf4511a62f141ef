//! The list for apt's mirror method: a base URL a line, and behind a tab its priority.
//!
//! apt tries URLs in the order of their priorities and chooses by chance among equal ones, so the
//! priority is the tier of the mirror. apt before 1.6 fails on priorities: for that there are plain lists.
//! It ignores lines that begin with `#`. See apt-transport-mirror(1).

use crate::document::List;
use encode::append::Append;
use encode::text::Text;
use encode::write::push_number;
use model::tier::Tier;

/// Appends the URLs of a list, with priorities unless it is to be plain.
pub fn render(list: List<'_>, plain: bool, body: &mut Text) {
    list.each(|entry| {
        body.push_all(entry.url);
        if !plain {
            body.push_str("\tpriority:");
            push_number(priority(list, entry.tier), body);
        }
        body.push('\n');
    });
}

/// 1 is the best one. The fallback, which has no tier, is the last resort.
pub fn priority(list: List<'_>, tier: Option<Tier>) -> u64 {
    match (list, tier) {
        (List::Fixed(_), _) | (_, Some(Tier::Netblock)) => 1,
        (_, Some(Tier::Asn)) => 2,
        (_, Some(Tier::Country | Tier::Geoip)) => 3,
        (_, Some(Tier::Nearest | Tier::Continent)) => 4,
        (_, Some(Tier::Global)) => 5,
        (_, None) => 6,
    }
}
