//! The list of images: a JSON array of URLs, as the service of AlmaLinux answers it.

use crate::document::List;
use encode::append::Append;
use encode::text::Text;
use encode::write::push_json_escaped;

/// Appends the array.
pub fn render(list: List<'_>, body: &mut Text) {
    let mut separator = "[\"";
    list.each(|entry| {
        body.push_str(separator);
        separator = ",\"";
        entry.url.iter().for_each(|part| push_json_escaped(part, body));
        body.push('"');
    });
    body.push_str(if separator == "[\"" { "[]\n" } else { "]\n" });
}
