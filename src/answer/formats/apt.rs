//! The list for apt's mirror method: a base URL a line, and behind a tab its priority.
//!
//! apt tries URLs in the order of their priorities and chooses by chance among equal ones, so the
//! priority is the step in which a mirror was found: a tier, or a band of distance. Mirrors that are to be tried
//! before or after others of their tier are steps of their own (`front::divide_steps`). apt before 1.6 fails on
//! priorities: for that there are plain lists. It ignores lines that begin with `#`. See
//! apt-transport-mirror(1).

use crate::document::List;
use encode::append::Append;
use encode::text::Text;
use encode::write::push_number;

/// Appends the URLs of a list, with priorities unless it is to be plain.
pub fn render(list: List<'_>, plain: bool, body: &mut Text) {
    list.each(|entry| {
        body.push_all(entry.url);
        if !plain {
            body.push_str("\tpriority:");
            push_number(priority(list, entry.step), body);
        }
        body.push('\n');
    });
}

/// 1 is the best one. The fallback, which is in no step, is the last resort.
pub fn priority(list: List<'_>, step: Option<usize>) -> u64 {
    let n_steps = match list {
        List::Mirrors(document) => document.selection.tiers.len(),
        List::Fixed(_) => 1,
    };
    step.unwrap_or(n_steps) as u64 + 1
}
