//! Computes the reply to a request, without I/O: the clock, the random numbers and the buffer are
//! arguments.
//!
//! A request passes through [`query`] (what was asked), [`target`] (which directory), [`select`] and
//! [`order`] (which mirrors), [`shaping`] (how many of them), and the format: [`mirrorlist`],
//! [`metalink`], [`metalink4`] or [`json`] ([`formats`]), all written from one [`document`], or a
//! [`redirect`]. [`trace`] records why a mirror is in an answer or not, and [`explain`](mod@explain)
//! returns it. The transport passes the sender of the request ([`requester`]).
//!
//! All data come from one [`Edition`]: a snapshot, and the parts prepared from it for the formats
//! ([`prepared`]). Requests parse none of it. [`mirrorlist`] and [`metalink`] allocate nothing per
//! mirror: buffers that grow are in [`Scratch`], which a worker reuses.
//!
//! The writers escape: text that came from a request or a data file goes into XML only through
//! [`encode::xml`], into a URL only through percent-encoding, and control characters were
//! refused before.

mod format;
mod status;
mod request;
mod reply;
mod options;
pub mod prepared;
pub mod query;
pub mod requester;
pub mod target;
pub mod alias;
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
mod error;
mod scratch;
mod answering;

use fastrand::Rng;

use encode::text::Text;

pub use format::Format;
pub use options::Options;
pub use prepared::Edition;
pub use reply::{CountmeEntry, LogEntry, Reply};
pub use request::Request;
pub use scratch::Scratch;
pub use status::Status;

use answering::Answering;
use explain::Explanation;
use message::push_message;
use query::{Countme, Query};
use target::{Message, Refusal};

/// Answers one request from one edition; appends the body to `body`.
pub fn respond<'q>(
    edition: &Edition,
    options: &Options,
    request: &Request<'q>,
    rng: &mut Rng,
    scratch: &mut Scratch,
    body: &mut Text,
) -> Reply<'q> {
    let mut reply = Reply {
        status: Status::Ok,
        content_type: request.format.content_type(),
        n_constant: 0,
        redirect: None,
        found: None,
        log: None,
        countme: Countme::find(request.query)
            .map(|bucket| CountmeEntry { repository: None, bucket }),
    };
    let mut format = request.format;
    let outcome = Query::parse(request.query, options)
        .map_err(|reason| Refusal::bad_request(Message::BadQuery(reason)))
        .and_then(|query| {
            format = format_of(request, &query);
            reply.content_type = format.content_type();
            let answering = Answering { edition, options, request, format, query: &query };
            answering.answer(rng, scratch, &mut reply, body)
        });
    if let Err(refusal) = outcome {
        reply.status = refusal.status;
        let Scratch { pubdate, .. } = scratch;
        reply.n_constant =
            error::render(&refusal.message, format, edition, pubdate, request.now, body);
    }
    reply
}

/// Explains the answer to a request; with the same `rng`, that of [`respond`]. Fails with the message
/// that the client gets instead of mirrors.
///
/// For a redirect it explains the list of mirrors before that is limited.
pub fn explain<'s>(
    edition: &'s Edition,
    options: &Options,
    request: &Request<'_>,
    rng: &mut Rng,
) -> Result<Explanation<'s>, String> {
    Query::parse(request.query, options)
        .map_err(|reason| Refusal::bad_request(Message::BadQuery(reason)))
        .and_then(|query| {
            let format = format_of(request, &query);
            Answering { edition, options, request, format, query: &query }.explain(rng)
        })
        .map_err(|refusal| {
            let mut text = String::new();
            push_message(&refusal.message, &mut text);
            text
        })
}

/// The format of the answer to `request`, of which `query` is the parsed query.
fn format_of(request: &Request<'_>, query: &Query<'_>) -> Format {
    match request.format {
        Format::Mirrorlist if query.json => Format::Json,
        format => format,
    }
}
