//! Computes the reply to a request, without I/O: the clock, the random numbers and the buffer are
//! arguments.
//!
//! [`Endpoint`] decides whether a request has an answer at all: by a route of the catalog, or else by a
//! path that is built in. The request then passes through [`query`] (what was asked), [`target`] (which
//! directory), [`select`] and [`order`] (which mirrors), [`shaping`] (how many of them), and the format
//! ([`formats`]), all written from one [`document`], or a [`redirect`]. A route changes the rules of its
//! answers, and how errors look; the steps are the same. [`trace`] records why a mirror is in an answer or
//! not, and [`explain`](mod@explain) returns it. The transport passes the sender of the request
//! ([`requester`]).
//!
//! All data come from one [`Edition`]: a snapshot, and the parts prepared from it for the formats and the
//! routes ([`prepared`]). Requests parse none of it. [`formats::mirrorlist`] and [`formats::metalink`]
//! allocate nothing per mirror: buffers that grow are in [`Scratch`], which a worker reuses.
//!
//! The writers escape: text that came from a request or a data file goes into XML only through
//! [`encode::xml`], into a URL only through percent-encoding, and control characters were
//! refused before.

mod format;
mod status;
mod endpoint;
mod request;
mod reply;
mod options;
pub mod prepared;
mod bad_query;
pub mod left_out;
pub mod query;
pub mod requester;
pub mod target;
pub mod alias;
pub mod selection;
pub mod criteria;
pub mod candidates;
mod selecting;
mod nearest;
pub mod first_place;
pub mod front;
pub mod policy;
pub mod select;
pub mod trace;
pub mod explain;
pub mod order;
pub mod shaping;
pub mod spread;
pub mod unique;
pub mod redirect;
pub mod document;
pub mod formats;
mod message;
mod retry;
mod rules;
mod asked;
mod lists;
mod fixed;
mod error_style;
mod error;
mod scratch;
mod answering;
mod first_chances;
mod explaining;

use fastrand::Rng;

use encode::text::Text;

pub use endpoint::Endpoint;
pub use format::Format;
pub use options::Options;
pub use prepared::Edition;
pub use reply::{CountmeEntry, LogEntry, Reply};
pub use request::Request;
pub use scratch::Scratch;
pub use status::Status;

use answering::Answering;
use asked::Asked;
use explain::{Audience, Explanation, NoList};
use message::reason;
use query::Countme;
use rules::Rules;
use target::Refusal;

/// Answers one request from one edition; appends the body to `body`.
pub fn respond<'q>(
    edition: &'q Edition,
    options: &Options,
    request: &Request<'q>,
    rng: &mut Rng,
    scratch: &'q mut Scratch,
    body: &mut Text,
) -> Reply<'q> {
    let Scratch { target, buffers } = scratch;
    let found = request.endpoint.route();
    let rules = Rules::new(edition, options, found);
    let countme = Countme::of_request(found, request.query);
    let mut format = request.endpoint.format();
    let mut reply = Reply {
        status: Status::Ok,
        content_type: format.content_type(),
        varies_by_accept: found.is_none(),
        cache_seconds: None,
        n_constant: 0,
        redirect: None,
        found: None,
        log: None,
        countme: countme.map(|bucket| CountmeEntry { repository: None, bucket }),
    };
    let outcome = Asked::read(request, options, target).and_then(|asked| {
        format = asked.format;
        reply.content_type = format.content_type();
        let shows_private = true;
        Answering { edition, rules, request, asked: &asked, shows_private }
            .answer(rng, buffers, &mut reply, body)
    });
    if let Err(refusal) = outcome {
        error::answer(&refusal, request, format, rules, &mut buffers.pubdate, &mut reply, body);
    }
    reply
}

/// Explains the answer to a request; with the same `rng`, that of [`respond`], unless private mirrors
/// are hidden from the `audience`. Fails with what the client gets instead of mirrors.
pub fn explain<'s>(
    edition: &'s Edition,
    options: &Options,
    request: &Request<'_>,
    audience: Audience,
    rng: &mut Rng,
) -> Result<Explanation<'s>, NoList> {
    let mut target = String::new();
    let rules = Rules::new(edition, options, request.endpoint.route());
    let shows_private = audience == Audience::Operator;
    let explained = Asked::read(request, options, &mut target).and_then(|asked| {
        Answering { edition, rules, request, asked: &asked, shows_private }.explain(rng)
    });
    explained.map_err(|Refusal { status, message }| NoList {
        status,
        code: message.code(),
        message: reason(&message),
    })
}
