//! The body of an answer that has a message instead of a list.

use super::format::Format;
use super::formats::{json, metalink, metalink4};
use super::message::{push_message, push_xml_message};
use super::prepared::Edition;
use super::scratch::Pubdate;
use super::target::Message;
use encode::append::Append;
use encode::text::Text;

/// Appends a message in a format; returns how many bytes at its end are the same in every such answer.
pub(super) fn render(
    message: &Message<'_, '_>,
    format: Format,
    edition: &Edition,
    pubdate: &mut Pubdate,
    now: u64,
    body: &mut Text,
) -> usize {
    let repositories = match message {
        Message::UnknownRepository(_) => Some(edition.repositories()),
        _ => None,
    };
    let mut repositories_at = None;
    let xml = |body: &mut Text| {
        push_xml_message(message, body);
        if let Some(list) = repositories {
            // The list is long and constant, so it was escaped when the edition was built.
            repositories_at = Some(body.len());
            body.push_str(&list.xml_comment);
        }
    };
    match format {
        Format::Mirrorlist => {
            push_message(message, body);
            if let Some(list) = repositories {
                repositories_at = Some(body.len());
                body.push_str(&list.text);
            }
        }
        Format::Metalink => {
            metalink::render_error(pubdate.at(now), xml, body);
        }
        Format::Metalink4 => metalink4::render_error(xml, body),
        Format::Json => {
            let mut text = String::new();
            push_message(message, &mut text);
            let list = repositories.map_or("", |list| &list.text);
            let at = json::render_error(&text, list, body);
            repositories_at = repositories.map(|_| at);
        }
    }
    repositories_at.map_or(0, |at| body.len() - at)
}
