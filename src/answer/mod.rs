//! Request to reply, pure: the clock, the randomness and the buffer come in as arguments.
//!
//! A request passes through [`query`] (what was asked), [`target`] (which directory), [`select`] and
//! [`order`] (which mirrors), and [`mirrorlist`] or [`metalink`] (how it is written); [`client`] says
//! whose request it is. Everything is looked up in one [`Snapshot`], nothing in it is parsed, and
//! nothing is allocated per mirror: what grows is in [`Scratch`], which a worker uses again.
//!
//! The writers escape: text that came from a request or a data file goes into XML only through
//! [`crate::model::xml`], into a URL only through percent-encoding, and control characters were
//! refused before.

pub mod query;
pub mod client;
pub mod target;
pub mod select;
pub mod order;
pub mod mirrorlist;
pub mod metalink;
mod write;

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use fastrand::Rng;

use crate::model::geo::Country;
use crate::model::net::canonical;
use crate::model::url::ProtocolSet;
use crate::snapshot::Snapshot;
use crate::snapshot::tables::Version;

use query::Query;
use select::{Criteria, FoundVia, Selection, Workspace};
use target::{Message, Refusal, Target};

/// Which document is asked for; decided by the end of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// A text list of URLs.
    Mirrorlist,
    /// A metalink with checksums.
    Metalink,
}

impl Format {
    /// The format that a path asks for: `/mirrorlist` or `/metalink` at its end, whatever stands
    /// before.
    pub fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/mirrorlist") {
            Some(Self::Mirrorlist)
        } else if path.ends_with("/metalink") {
            Some(Self::Metalink)
        } else {
            None
        }
    }

    /// The media type of the document, as clients compare it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mirrorlist => "text/plain",
            Self::Metalink => "application/metalink+xml",
        }
    }
}

/// Limits of a request and the size of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Global mirrors are added when fewer mirrors than this were found.
    pub minimum: usize,
    /// At most so many query parameters.
    pub max_parameters: usize,
    /// At most so many distinct countries in `country=`.
    pub max_countries: usize,
    /// At most so many protocols in `protocol=`.
    pub max_protocols: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { minimum: 5, max_parameters: 32, max_countries: 16, max_protocols: 16 }
    }
}

/// One request, as the transport understood it.
pub struct Request<'a> {
    /// Which document.
    pub format: Format,
    /// The raw query, without `?`.
    pub query: &'a str,
    /// The client's address: the peer's or the forwarded one (see [`client::TrustedProxies`]).
    pub client: IpAddr,
    /// Now, in seconds since 1970 (for `pubdate`).
    pub now: u64,
}

/// HTTP status of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// 200.
    Ok,
    /// 302.
    Found,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
}

/// What to write to the access log for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry<'a> {
    /// The address that decided.
    pub client: IpAddr,
    /// Its country, if known.
    pub country: Option<Country>,
    /// The repository as asked for, before redirects; not escaped.
    pub repo: Cow<'a, str>,
    /// The architecture; not escaped.
    pub arch: Cow<'a, str>,
}

/// What the transport needs to know of an answer besides its body.
#[derive(Debug)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: Status,
    /// The media type of the body.
    pub content_type: &'static str,
    /// Target of a redirect: a valid header value (visible ASCII).
    pub location: Option<String>,
    /// How the best mirror was found; `None` where no mirrors were listed.
    pub found: Option<FoundVia>,
    /// Present when the request is to be logged: it named `repo` and `arch`, and an address.
    pub log: Option<LogEntry<'a>>,
}

/// Memory that is used again for each answer of one worker.
#[derive(Default)]
pub struct Scratch {
    workspace: Workspace,
    selection: Selection,
    pubdate: Pubdate,
}

/// The date of answers, formatted once a second.
#[derive(Default)]
struct Pubdate {
    second: u64,
    text: String,
}

impl Pubdate {
    /// `Sat, 21 Nov 2026 11:01:29 GMT`.
    fn at(&mut self, now: u64) -> &str {
        if self.text.is_empty() || self.second != now {
            // The last second that the format can hold (year 9999) stands for later ones.
            let time = UNIX_EPOCH + Duration::from_secs(now.min(253_402_300_799));
            self.text = httpdate::fmt_http_date(time);
            self.second = now;
        }
        &self.text
    }
}

/// Answers one request from one snapshot; appends the body to `body`.
pub fn respond<'q>(
    snapshot: &Snapshot,
    options: &Options,
    request: &Request<'q>,
    rng: &mut Rng,
    scratch: &mut Scratch,
    body: &mut String,
) -> Reply<'q> {
    let mut reply = Reply {
        status: Status::Ok,
        content_type: request.format.content_type(),
        location: None,
        found: None,
        log: None,
    };
    if let Err(refusal) = try_respond(snapshot, options, request, rng, scratch, &mut reply, body) {
        reply.status = refusal.status;
        match request.format {
            Format::Mirrorlist => push_message(snapshot, &refusal.message, body),
            Format::Metalink => {
                let write = |body: &mut String| push_xml_message(snapshot, &refusal.message, body);
                metalink::render_error(scratch.pubdate.at(request.now), write, body);
            }
        }
    }
    reply
}

fn try_respond<'s, 'q>(
    snapshot: &'s Snapshot,
    options: &Options,
    request: &Request<'q>,
    rng: &mut Rng,
    scratch: &mut Scratch,
    reply: &mut Reply<'q>,
    body: &mut String,
) -> Result<(), Refusal<'s, 'q>> {
    let query = Query::parse(request.query, options).map_err(|reason| Refusal {
        status: Status::BadRequest,
        message: Message::BadQuery(reason),
    })?;
    let target = target::resolve(snapshot, &query, request.format)?;
    let client = match &query.ip {
        Some(text) => parse_address(text)?,
        None => canonical(request.client),
    };
    let client_country = snapshot.find_country(client);
    if let (Some(repo), Some(arch)) = (&query.repo, &query.arch) {
        reply.log = Some(LogEntry {
            client,
            country: client_country,
            repo: repo.clone(),
            arch: target::effective_arch(repo, arch),
        });
    }
    let versions = find_versions(snapshot, &target, request.format)?;
    let redirects = query.redirect && request.format == Format::Mirrorlist;
    let usable = match request.format {
        _ if redirects => ProtocolSet::WEB,
        Format::Mirrorlist if query.protocols.is_none() => ProtocolSet::TEXT,
        _ => ProtocolSet::ALL,
    };
    let asked = query.protocols.as_ref().map_or(ProtocolSet::ALL, |protocols| protocols.set);
    let criteria = Criteria {
        directory: target.directory,
        client,
        client_country,
        countries: query.countries.as_ref(),
        netblocks: query.netblocks,
        protocols: usable.intersect(asked),
        minimum: options.minimum,
    };
    let Scratch { workspace, selection, pubdate } = scratch;
    select::select(snapshot, &criteria, rng, workspace, selection);
    reply.found = selection.found.first().copied();
    if redirects {
        let protocols = criteria.protocols;
        let url = mirrorlist::redirect_url(snapshot, &target, &selection.hosts, protocols);
        let location = url.ok_or(Refusal {
            status: Status::NotFound,
            message: Message::Fixed("error: no mirror offers this over http or https"),
        })?;
        reply.status = Status::Found;
        reply.location = Some(location);
        return Ok(());
    }
    match request.format {
        Format::Mirrorlist => {
            let details = mirrorlist::Details {
                protocols: query.protocols.as_ref(),
                created: query.time.then(|| snapshot.created()),
            };
            mirrorlist::render(snapshot, &target, selection, &details, body);
        }
        Format::Metalink => metalink::render(
            snapshot,
            &target,
            versions,
            selection,
            criteria.protocols,
            pubdate.at(request.now),
            body,
        ),
    }
    Ok(())
}

fn parse_address<'s, 'q>(text: &Cow<'q, str>) -> Result<IpAddr, Refusal<'s, 'q>> {
    match text.parse() {
        Ok(address) => Ok(canonical(address)),
        Err(_) => {
            Err(Refusal { status: Status::BadRequest, message: Message::BadAddress(text.clone()) })
        }
    }
}

/// The versions of the file, which a metalink cannot do without.
fn find_versions<'s, 'q>(
    snapshot: &'s Snapshot,
    target: &Target<'s, 'q>,
    format: Format,
) -> Result<&'s [Version], Refusal<'s, 'q>> {
    if format == Format::Mirrorlist {
        return Ok(&[]);
    }
    snapshot.find_file(&target.directory, &target.file).ok_or_else(|| Refusal {
        status: Status::NotFound,
        message: Message::NoMetalink(target.directory.name, target.file.clone()),
    })
}

/// Writes a message as text.
fn push_message(snapshot: &Snapshot, message: &Message<'_, '_>, body: &mut String) {
    match message {
        Message::Fixed(text) => body.push_str(text),
        Message::BadQuery(reason) => body.extend(["error: ", &reason.to_string(), "\n"]),
        Message::BadAddress(text) => body.extend(["error: ip=", text, " is no address\n"]),
        Message::UnknownRepository(subject) => {
            mirrorlist::push_subject(subject, body);
            body.push_str("error: invalid repo or arch\n");
            body.push_str("# following repositories are available:\n");
            body.push_str(&snapshot.repository_list().text);
        }
        Message::NotCarried(subject) => {
            mirrorlist::push_subject(subject, body);
            body.push_str("error: no mirror carries it\n");
        }
        Message::NoMetalink(directory, file) => {
            body.extend([directory, "/", file, " not found or has not metalink"]);
        }
        Message::NoRepodata(path) => {
            let folder = if path.ends_with("/repodata") { "" } else { "/repodata" };
            body.extend([path, folder, "/repomd.xml not found or has not metalink"]);
        }
    }
}

/// Writes a message as the inside of an XML comment.
fn push_xml_message(snapshot: &Snapshot, message: &Message<'_, '_>, body: &mut String) {
    if let Message::UnknownRepository(subject) = message {
        // The list is long and always the same: it was made safe when the snapshot was built.
        let mut head = String::new();
        mirrorlist::push_subject(subject, &mut head);
        head.push_str("error: invalid repo or arch\n# following repositories are available:\n");
        metalink::push_comment(&head, body);
        body.push_str(&snapshot.repository_list().xml_comment);
        return;
    }
    let mut text = String::new();
    push_message(snapshot, message, &mut text);
    metalink::push_comment(&text, body);
}
