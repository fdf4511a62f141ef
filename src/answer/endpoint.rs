//! Decides from host, path and query whether a request has an answer: a route of the catalog, or else one
//! of the paths that are built in.

use super::format::Format;
use super::prepared::Edition;
use routes::Match;

/// What answers a request.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one lives on the stack of a request")]
pub enum Endpoint<'a> {
    /// A path that is built in.
    BuiltIn(Format),
    /// A route of the catalog.
    Route(Match<'a, 'a>),
}

impl<'a> Endpoint<'a> {
    /// Finds the endpoint of a request; `None` if it gets no answer. `host` is the server that was asked;
    /// `path` and `query` are as they were sent, the latter without `?`.
    pub fn find(edition: &'a Edition, host: &str, path: &'a str, query: &'a str) -> Option<Self> {
        let route = edition.snapshot().routes().find(host, path, query);
        route.map(Self::Route).or_else(|| Format::of_path(path).map(Self::BuiltIn))
    }

    /// The format of the answer, as far as the path decides it.
    pub fn format(&self) -> Format {
        match self {
            Self::BuiltIn(format) => *format,
            Self::Route(found) => Format::of_route(found.format()),
        }
    }

    /// The route; `None` at a path that is built in.
    pub fn route(&self) -> Option<&Match<'a, 'a>> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Route(found) => Some(found),
        }
    }

    /// The endpoint for a client with this `Accept` header. Routes have one format.
    pub fn negotiate(self, accept: &str) -> Self {
        match self {
            Self::BuiltIn(format) => Self::BuiltIn(format.negotiate(accept)),
            Self::Route(_) => self,
        }
    }
}
