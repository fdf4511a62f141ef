//! Answers with fixed URLs, for which no mirrors are chosen.

use super::document::List;
use super::format::Format;
use super::formats::{json, mirrorlist};
use super::lists;
use super::redirect;
use super::reply::Reply;
use super::rules::Rules;
use super::status::Status;
use super::target::{Message, Refusal};
use encode::text::Text;
use routes::Match;

/// Answers with these URLs, one a line, in the format of a route, or with a redirect to the first.
pub(super) fn answer(
    urls: &str,
    found: &Match<'_, '_>,
    redirects: bool,
    rules: Rules<'_>,
    now: u64,
    reply: &mut Reply<'_>,
    body: &mut Text,
) -> Result<(), Refusal<'static, 'static>> {
    if redirects {
        let redirect = redirect::make_fixed(urls, rules.redirect_links())?;
        (reply.redirect, reply.status) = (Some(Box::new(redirect)), Status::Found);
        return Ok(());
    }
    match Format::of_route(found.format()) {
        Format::Mirrorlist => mirrorlist::render_fixed(urls, rules.header(), body),
        Format::Json => {
            let generation = rules.edition().snapshot().generation().to_string();
            json::render_fixed(urls, &generation, body);
        }
        Format::Metalink | Format::Metalink4 => {
            let message = Message::Fixed("error: fixed URLs have no checksums");
            return Err(Refusal { status: Status::NotFound, message });
        }
        format => lists::render(List::Fixed(urls), format, rules.edition(), found, now, body),
    }
    Ok(())
}
