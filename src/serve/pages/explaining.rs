//! Asks for a report what the form asks, on behalf of an operator or of anybody.
//!
//! An operator names the client, and sees everything. Everybody else asks for the own address, or for
//! another one with `ip=` as far as answers allow that, and sees no private mirror ([`Audience`]).

use std::net::{IpAddr, Ipv4Addr};

use answer::requester::Requester;
use answer::{Edition, Options};
use encode::write::push_percent_encoded;
use explain::{Audience, PackageManager, Question, Refused, Report};
use model::net::canonical;

use super::explain_form::{AskedRequest, BadForm, ExplainForm};

/// The code of a form that cannot be understood, in the place of a report.
pub const BAD_FORM: &str = "bad_form";

/// What an explanation is made of.
pub struct Asking<'a> {
    /// The data.
    pub edition: &'a Edition,
    /// The rules of answers.
    pub options: &'a Options,
    /// The filled form: a query, as it was sent, without `?`.
    pub query: &'a str,
    /// Who asks.
    pub asker: Asker<'a>,
    /// The present time, in seconds since 1970.
    pub now: u64,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// Those who run the server.
    Operator,
    /// Anybody.
    Public {
        /// The client itself.
        requester: Requester,
        /// The server that was asked, from the `Host` header.
        host: &'a str,
    },
}

impl Asker<'_> {
    fn audience(self) -> Audience {
        match self {
            Self::Operator => Audience::Operator,
            Self::Public { .. } => Audience::Public,
        }
    }
}

/// What came of the form.
pub(super) enum Outcome {
    /// Nothing was asked yet.
    Empty,
    /// The form cannot be understood.
    Bad(String),
    /// The client gets no list.
    Refused(Refused),
    /// The client gets a list.
    Report(Box<Report>),
}

/// Reads the form, and asks what it asks.
pub(super) fn explain(asking: &Asking<'_>) -> (ExplainForm, Outcome) {
    let form = match ExplainForm::read(asking.query) {
        Ok(form) => form,
        Err(error) => return (ExplainForm::default(), Outcome::Bad(error.to_string())),
    };
    let outcome = match ask(asking, &form) {
        Ok(Some(outcome)) => outcome,
        Ok(None) => Outcome::Empty,
        Err(reason) => Outcome::Bad(reason),
    };
    (form, outcome)
}

/// Asks what the form asks; `None` if it asks nothing yet.
fn ask(asking: &Asking<'_>, form: &ExplainForm) -> Result<Option<Outcome>, String> {
    let Asking { edition, options, asker, now, .. } = *asking;
    let asked = form.asked().map_err(|error: BadForm| error.to_string())?;
    let Some(AskedRequest { host, path, mut query }) = asked else { return Ok(None) };
    let client = Some(form.client.as_str()).filter(|client| !client.is_empty());
    let client = client.map(|client| {
        let known = client.parse::<PackageManager>();
        known.map_err(|error| format!("`{client}` {error}"))
    });
    let client = client.transpose()?;
    let seed = match form.seed.as_str() {
        "" => DEFAULT_SEED,
        seed => seed.parse().map_err(|_| format!("`{seed}` is no seed: write a number"))?,
    };
    let (requester, host) = match asker {
        Asker::Operator => (requester_of(form, &query)?, host),
        Asker::Public { requester, host: own } => {
            if !form.ip.is_empty() {
                push_address(&form.ip, &mut query);
            }
            (requester, if host.is_empty() { own.to_owned() } else { host })
        }
    };
    let question = Question {
        path: &path,
        query: &query,
        host: &host,
        requester,
        now,
        audience: asker.audience(),
        client,
        seed,
    };
    Ok(Some(match explain::report(edition, options, &question) {
        Ok(report) => Outcome::Report(Box::new(report)),
        Err(refused) => Outcome::Refused(refused),
    }))
}

/// What chance is drawn from if the form does not say it.
pub(super) const DEFAULT_SEED: u64 = 1;

/// Who asks, for an operator: the client itself, or this host for the client in `ip=` of the request.
fn requester_of(form: &ExplainForm, query: &str) -> Result<Requester, String> {
    let mut parameters = query.split('&');
    let in_request = parameters
        .any(|parameter| parameter.strip_prefix("ip=").is_some_and(|address| !address.is_empty()));
    match (form.ip.is_empty(), in_request) {
        (false, false) => Ok(Requester::untrusted(parse_address(&form.ip)?)),
        (true, true) => Ok(Requester { address: Ipv4Addr::LOCALHOST.into(), is_trusted: true }),
        (false, true) => {
            Err("the client is named twice: leave ip= out of the request, or its own field".into())
        }
        (true, false) => Err("say which client: give its address".into()),
    }
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().map(canonical);
    address
        .map_err(|_| format!("`{text}` is no address: write one such as 192.0.2.10 or 2001:db8::1"))
}

/// Appends `ip=` to a query.
fn push_address(text: &str, query: &mut String) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str("ip=");
    for character in text.chars() {
        match character {
            '0'..='9' | 'a'..='f' | 'A'..='F' | '.' | ':' => query.push(character),
            other => push_percent_encoded(other, query),
        }
    }
}
