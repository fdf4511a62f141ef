//! Lists in the formats that only routes have.

use super::document::List;
use super::format::Format;
use super::formats::{apt, isolist, pacman, urpmi};
use super::prepared::Edition;
use encode::text::Text;
use routes::{Match, Standard};

/// Appends a list in the format of a route. Other formats are no lists of this kind, and nothing is
/// appended.
pub(super) fn render(
    list: List<'_>,
    format: Format,
    edition: &Edition,
    found: &Match<'_, '_>,
    now: u64,
    body: &mut Text,
) {
    let options = found.options();
    match format {
        Format::Apt => apt::render(list, options.plain, body),
        Format::Pacman => {
            let (header, commented) = (&options.header, options.commented);
            pacman::render(list, edition, &pacman::Details { header, commented, now }, body);
        }
        Format::Urpmi => {
            let version = found.standard(Standard::Version);
            let arch = found.standard(Standard::Arch);
            urpmi::render(list, edition, &urpmi::Details { version, arch }, body);
        }
        Format::Isolist => isolist::render(list, body),
        Format::Mirrorlist | Format::Metalink | Format::Metalink4 | Format::Json => {}
    }
}
