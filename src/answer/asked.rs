//! What a request asks for, by its query or by the variables of its route.

use super::endpoint::Endpoint;
use super::format::Format;
use super::options::Options;
use super::query::Query;
use super::request::Request;
use super::target::{Message, Refusal, Wanted};
use routes::{Match, Unresolved};

/// A request that is understood.
pub(super) struct Asked<'r, 'q> {
    /// The route; `None` at a path that is built in.
    pub(super) route: Option<&'r Match<'q, 'q>>,
    /// The format of the answer.
    pub(super) format: Format,
    /// The query. `repo`, `arch` and `path` are in `wanted` as well.
    pub(super) query: Query<'q>,
    /// What is wanted; or why the route does not say it.
    pub(super) wanted: Result<Wanted<'q>, Unresolved<'q>>,
}

impl<'r, 'q> Asked<'r, 'q> {
    /// Reads a request. `text` is a reused buffer for the target of a route.
    pub(super) fn read<'s>(
        request: &'r Request<'q>,
        options: &Options,
        text: &'q mut String,
    ) -> Result<Self, Refusal<'s, 'q>> {
        let bad_query = |reason| Refusal::bad_request(Message::BadQuery(reason));
        match &request.endpoint {
            Endpoint::BuiltIn(format) => {
                let query = Query::parse(request.query, options).map_err(bad_query)?;
                let format = match format {
                    Format::Mirrorlist if query.json => Format::Json,
                    format => *format,
                };
                let wanted = Ok(Wanted::of_query(&query));
                Ok(Self { route: None, format, query, wanted })
            }
            Endpoint::Route(found) => {
                if let Some((parameter, reason)) = found.bad_value() {
                    return Err(Refusal::bad_request(Message::BadValue(parameter, reason)));
                }
                let query = Query::of_route(found, request.query, options).map_err(bad_query)?;
                let wanted = found.target(text).map(Wanted::from);
                let format = Format::of_route(found.format());
                Ok(Self { route: Some(found), format, query, wanted })
            }
        }
    }
}
