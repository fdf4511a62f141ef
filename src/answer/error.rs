//! The body of an answer that has a message instead of a list, in the style of the path or the route.

use super::endpoint::Endpoint;
use super::error_style::{self, Style};
use super::format::Format;
use super::formats::{json, metalink, metalink4};
use super::message::{push_message, push_xml_message};
use super::prepared::repositories::RepositoryList;
use super::reply::Reply;
use super::request::Request;
use super::rules::Rules;
use super::scratch::Pubdate;
use super::target::{Message, Refusal};
use encode::append::Append;
use encode::text::Text;

/// The line before the list of repositories.
const TITLE: &str = "# following repositories are available:\n";

/// Appends the body that says why there is no list, and sets what belongs to it in `reply`.
pub(super) fn answer(
    refusal: &Refusal<'_, '_>,
    request: &Request<'_>,
    format: Format,
    rules: Rules<'_>,
    pubdate: &mut Pubdate,
    reply: &mut Reply<'_>,
    body: &mut Text,
) {
    let style = match &request.endpoint {
        Endpoint::BuiltIn(_) => Style::Reference,
        Endpoint::Route(found) => {
            error_style::of_route(refusal, found, rules, request.now, reply, body)
        }
    };
    let lists_repositories = match style {
        Style::Written => return,
        Style::Reference => {
            reply.status = refusal.status;
            true
        }
        Style::Line => false,
    };
    let message = &refusal.message;
    let repositories = match message {
        Message::UnknownRepository(_) if lists_repositories => Some(rules.edition().repositories()),
        _ => None,
    };
    reply.content_type = match format {
        Format::Isolist => Format::Json.content_type(),
        _ => format.content_type(),
    };
    reply.n_constant = render(message, format, repositories, pubdate.at(request.now), body);
}

/// Appends a message in a format; returns how many bytes at its end are the same in every such answer.
fn render(
    message: &Message<'_, '_>,
    format: Format,
    repositories: Option<&RepositoryList>,
    pubdate: &str,
    body: &mut Text,
) -> usize {
    let mut repositories_at = None;
    let xml = |body: &mut Text| {
        push_xml_message(message, body);
        if let Some(list) = repositories {
            body.push_all(["\n", TITLE]);
            // The list is long and constant, so it was escaped when the edition was built.
            repositories_at = Some(body.len());
            body.push_str(&list.xml_comment);
        }
    };
    match format {
        Format::Metalink => metalink::render_error(pubdate, xml, body),
        Format::Metalink4 => metalink4::render_error(xml, body),
        Format::Json | Format::Isolist => {
            let mut text = String::new();
            push_message(message, &mut text);
            if repositories.is_some() {
                text.push_str(TITLE);
            }
            let list = repositories.map_or("", |list| &list.text);
            // The key says it already.
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let at = json::render_error(text, list, body);
            repositories_at = repositories.map(|_| at);
        }
        Format::Mirrorlist | Format::Apt | Format::Pacman | Format::Urpmi => {
            push_message(message, body);
            if let Some(list) = repositories {
                body.push_str(TITLE);
                repositories_at = Some(body.len());
                body.push_str(&list.text);
            }
        }
    }
    repositories_at.map_or(0, |at| body.len() - at)
}
