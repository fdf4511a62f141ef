//! The styles in which routes say that there is no list.
//!
//! Clients of other servers expect what those answered. The texts are theirs: of the old mirror list of
//! CentOS (200 and a line), and of the service of AlmaLinux (404 and JSON, but 200 and a line where a
//! parameter has a bad value).

use super::bad_query::BadQuery;
use super::fixed;
use super::format::Format;
use super::left_out::LeftOut;
use super::message::push_message;
use super::reply::Reply;
use super::rules::Rules;
use super::status::Status;
use super::target::{Message, Refusal, Subject};
use encode::append::Append;
use encode::text::Text;
use encode::write::{push_json_string, push_number, push_url_path};
use model::base_url::authority;
use model::path;
use model::url::Protocol;
use routes::{Errors, Match, RouteFormat, RouteTarget, Standard, Unresolved};

/// What is left to do for an error.
pub(super) enum Style {
    /// It is answered as Fedora's mirrorlist-server does, with a list of all repositories where one is
    /// unknown.
    Reference,
    /// The message is written in the format of the answer.
    Line,
    /// The answer is written.
    Written,
}

/// Why there is no list, as far as styles tell it apart.
#[derive(Clone, Copy)]
enum Kind {
    /// A parameter is missing.
    Missing,
    /// A parameter has a value that cannot be used.
    BadValue,
    /// What is asked for is not there.
    Unknown,
}

impl Kind {
    fn of(message: &Message<'_, '_>) -> Self {
        match message {
            Message::Unresolved(Unresolved::Missing(_)) => Self::Missing,
            Message::BadQuery(_) | Message::BadAddress(_) | Message::BadValue(..) => Self::BadValue,
            _ => Self::Unknown,
        }
    }

    fn status(self, errors: Errors) -> Status {
        Status::of_code(match self {
            Self::Missing => errors.status_of_missing(),
            Self::BadValue => errors.status_of_bad_value(),
            Self::Unknown => errors.status_of_unknown(),
        })
    }
}

/// Answers an error in the style of a route, as far as that differs from other answers.
pub(super) fn of_route(
    refusal: &Refusal<'_, '_>,
    found: &Match<'_, '_>,
    rules: Rules<'_>,
    now: u64,
    reply: &mut Reply<'_>,
    body: &mut Text,
) -> Style {
    let message = &refusal.message;
    let kind = Kind::of(message);
    reply.status = kind.status(found.errors());
    let text = Format::Mirrorlist.content_type();
    match found.errors() {
        Errors::Usual => return Style::Line,
        Errors::MirrorManager if matches!(kind, Kind::Unknown) => return Style::Reference,
        Errors::MirrorManager => return Style::Line,
        Errors::Centos => {
            reply.content_type = text;
            match message {
                Message::Unresolved(Unresolved::Missing(name)) => {
                    body.push_all([name, " not specified\n"]);
                }
                _ => body.push_str("Invalid release/repo/arch combination\n"),
            }
        }
        Errors::Alma => match kind {
            Kind::Unknown => {
                reply.content_type = Format::Json.content_type();
                body.push_str("{\"result\":{\"message\":");
                push_json_string(&unknown_to_almalinux(message, found, rules), body);
                body.push_str("},\"status\":\"error\",\"timestamp\":");
                push_number(now, body);
                body.push_str("}\n");
            }
            Kind::Missing | Kind::BadValue => {
                reply.content_type = text;
                push_bad_value_of_almalinux(message, found, body);
            }
        },
        Errors::Empty => reply.content_type = text,
        Errors::Fallback => push_fallback(found, rules, now, reply, body),
    }
    Style::Written
}

/// The message about something unknown: `Unknown version "7"`.
fn unknown_to_almalinux(
    message: &Message<'_, '_>,
    found: &Match<'_, '_>,
    rules: Rules<'_>,
) -> String {
    let sent = |name: &str| {
        let mut values = found.values();
        values.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    };
    let unknown = |what: &str, value: &str| format!("Unknown {what} \"{value}\"");
    match message {
        Message::Unresolved(Unresolved::NotInMap { variable, .. }) => {
            let what = match Standard::parse(variable) {
                Some(Standard::Repo) => "repository",
                Some(Standard::Arch) => "architecture",
                _ => variable,
            };
            unknown(what, &sent(variable).unwrap_or_default())
        }
        Message::UnknownRepository(Subject::Repository(name, arch)) => {
            match rules.edition().for_routes().knows_repository(name.as_str()) {
                true => unknown("architecture", arch),
                false => {
                    let asked = sent(Standard::Repo.name());
                    unknown("repository", asked.as_deref().unwrap_or(name.as_str()))
                }
            }
        }
        _ => {
            let mut text = String::new();
            push_message(message, &mut text);
            text.trim_end().to_owned()
        }
    }
}

fn push_bad_value_of_almalinux(message: &Message<'_, '_>, found: &Match<'_, '_>, body: &mut Text) {
    match message {
        Message::BadQuery(BadQuery::OtherProtocol) => {
            body.push_str("Invalid input for protocol, valid options: ");
            let listed = found.options().prefer.as_deref().unwrap_or(&Protocol::ALL);
            for (index, protocol) in listed.iter().enumerate() {
                body.push_all([if index > 0 { ", " } else { "" }, protocol.as_str()]);
            }
        }
        Message::BadQuery(BadQuery::NoCountry) => {
            body.push_str("Invalid input for country, valid options are 2 letter country codes");
        }
        _ => push_message(message, body),
    }
}

/// Answers with the fallback alone; with nothing if there is none, or if the format cannot hold it.
fn push_fallback(
    found: &Match<'_, '_>,
    rules: Rules<'_>,
    now: u64,
    reply: &mut Reply<'_>,
    body: &mut Text,
) {
    let Some(fallback) = rules.any_fallback() else { return };
    let excluded = found.standard(Standard::Exclude).unwrap_or_default();
    // The error may be that this cannot be read: then it excludes nothing.
    let servers = LeftOut::parse_servers(excluded, rules.options().max_excluded);
    let servers = servers.unwrap_or_default();
    if servers.iter().any(|server| server.is_at(authority(fallback.base()))) {
        return;
    }
    let mut url = fallback.base().to_owned();
    url.push('/');
    if let Ok(RouteTarget::Path(wanted)) = found.target(&mut String::new())
        && !path::leads_above(wanted)
    {
        push_url_path(&path::canonical(wanted), &mut url);
    }
    let redirects = found.format() == RouteFormat::Redirect;
    if fixed::answer(&url, found, redirects, rules, now, reply, body).is_ok() {
        rules.end_body(body);
    }
}
