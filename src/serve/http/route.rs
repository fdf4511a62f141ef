//! Routing: decides which requests get an answer, and how the others are refused.
//!
//! hyper checks the syntax of a request, but accepts a missing, repeated or malformed Host, any method,
//! and a body that is never read. Those requests are refused here, before any data is read, each with a
//! line of text that gives the reason. A proxy in front and this server must agree where a request ends,
//! so a request with a body is never answered, and its connection is closed.

use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode, Version};

use answer::{Edition, Endpoint};

use crate::pages::explanation::Representation;

/// The reason why a request is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteRefusal {
    /// Neither GET, HEAD nor OPTIONS.
    Method,
    /// HTTP/1.1 without Host.
    NoHost,
    /// More than one Host.
    SeveralHosts,
    /// A Host that cannot be one.
    BadHost,
    /// The target is longer than the limit.
    LongTarget,
    /// The request has a body, or announces one.
    Body,
    /// No answer has this path. There are no routes.
    Path,
    /// No answer has this path, and no route of the catalog.
    PathOfNoRoute,
}

impl RouteRefusal {
    /// Returns the status of the refusal.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoHost | Self::SeveralHosts | Self::BadHost => StatusCode::BAD_REQUEST,
            Self::LongTarget => StatusCode::URI_TOO_LONG,
            Self::Body => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Path | Self::PathOfNoRoute => StatusCode::NOT_FOUND,
        }
    }

    /// Returns the line of text that the client gets.
    pub fn message(self) -> &'static str {
        match self {
            Self::Method => "only GET, HEAD and OPTIONS are served here\n",
            Self::NoHost => "an HTTP/1.1 request needs a Host header\n",
            Self::SeveralHosts => "more than one Host header\n",
            Self::BadHost => "the Host header is malformed\n",
            Self::LongTarget => "the request target is too long\n",
            Self::Body => "requests with a body are not served here\n",
            Self::Path => "not found: paths here end in /mirrorlist, /metalink or /metalink4\n",
            Self::PathOfNoRoute => {
                "not found: no route has this path and query; other paths here end in /mirrorlist, \
                 /metalink or /metalink4\n"
            }
        }
    }
}

/// The kind of answer that a request gets.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one lives on the stack of a request")]
pub enum Route<'a> {
    /// A document.
    Document(Endpoint<'a>),
    /// The page that explains answers.
    Explanation(Representation),
    /// The allowed methods, for OPTIONS, which browsers send before a request to another site.
    Options,
}

/// Returns the route of `request` in the data of `edition`, or the reason for refusing it. `explains` says
/// whether the page that explains answers is switched on.
pub fn find_route<'a, B>(
    request: &'a Request<B>,
    edition: &'a Edition,
    has_body: bool,
    max_target_bytes: usize,
    explains: bool,
) -> Result<Route<'a>, RouteRefusal> {
    if has_body {
        return Err(RouteRefusal::Body);
    }
    if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Err(RouteRefusal::Method);
    }
    check_host(request.headers(), request.version())?;
    if target_len(request) > max_target_bytes {
        return Err(RouteRefusal::LongTarget);
    }
    let path = request.uri().path();
    let query = request.uri().query().unwrap_or("");
    // Whatever the catalog has at a path goes first.
    let endpoint = Endpoint::find(edition, host_of(request), path, query).map(Route::Document);
    let explanation = || Representation::of_public_path(path).filter(|_| explains);
    match endpoint.or_else(|| explanation().map(Route::Explanation)) {
        Some(_) if request.method() == Method::OPTIONS => Ok(Route::Options),
        Some(route) => Ok(route),
        // The whole server (RFC 9110, section 9.3.7).
        None if request.method() == Method::OPTIONS && path == "*" => Ok(Route::Options),
        None if edition.snapshot().routes().is_empty() => Err(RouteRefusal::Path),
        None => Err(RouteRefusal::PathOfNoRoute),
    }
}

fn check_host(headers: &HeaderMap, version: Version) -> Result<(), RouteRefusal> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // HAProxy's health checks are HTTP/1.0 without Host.
        (None, _) if version < Version::HTTP_11 => Ok(()),
        (None, _) => Err(RouteRefusal::NoHost),
        (Some(_), Some(_)) => Err(RouteRefusal::SeveralHosts),
        (Some(host), None) if is_plausible_host(host) => Ok(()),
        (Some(_), None) => Err(RouteRefusal::BadHost),
    }
}

/// Returns whether all characters may occur in RFC 3986 `host [":" port]`. Their order is not checked,
/// because nothing here depends on it. An empty Host is allowed.
fn is_plausible_host(host: &HeaderValue) -> bool {
    host.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(b))
}

/// The server that `request` is meant for: that of an absolute target, else that of `Host`.
pub fn host_of<B>(request: &Request<B>) -> &str {
    let host = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    request.uri().authority().map(Authority::as_str).or_else(host).unwrap_or("")
}

fn target_len<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let path_and_query = uri.path_and_query().map_or(0, |p| p.as_str().len());
    // Only a request to a proxy (`GET http://…`) has an authority.
    path_and_query + uri.authority().map_or(0, |a| a.as_str().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use answer::Format;
    use snapshot::tables::Tables;
    use snapshot::{Generation, Snapshot};

    fn empty() -> Edition {
        let tables = Tables::default();
        Edition::new(Snapshot::new(tables, Generation::new(0), None).expect("empty tables"))
    }

    /// How a request is routed.
    #[derive(PartialEq, Eq, Debug)]
    enum Routed {
        Document(Format),
        Explanation(Representation),
        Options,
    }

    #[track_caller]
    fn check(head: &str, expected: Result<Routed, RouteRefusal>) {
        let mut words = head.split('|');
        let mut request = Request::builder();
        let mut line = words.next().unwrap_or_default().split(' ');
        request = request.method(line.next().unwrap_or_default());
        request = request.uri(line.next().unwrap_or_default());
        if line.next() == Some("1.0") {
            request = request.version(Version::HTTP_10);
        }
        for host in words {
            request = request.header(HOST, host);
        }
        let request = request.body(()).expect("a valid literal");
        let edition = empty();
        let routed = find_route(&request, &edition, false, 8_000, true).map(|route| match route {
            Route::Document(endpoint) => Routed::Document(endpoint.format()),
            Route::Explanation(representation) => Routed::Explanation(representation),
            Route::Options => Routed::Options,
        });
        assert_eq!(routed, expected, "{head}");
    }

    #[test]
    fn options_are_asked_of_a_path_or_of_the_server() {
        check("OPTIONS /metalink|a", Ok(Routed::Options));
        check("OPTIONS /deep/down/mirrorlist?repo=x|a", Ok(Routed::Options));
        check("OPTIONS *|a", Ok(Routed::Options));
        check("OPTIONS /|a", Err(RouteRefusal::Path));
        check("GET *|a", Err(RouteRefusal::Path));
        check("OPTIONS /metalink", Err(RouteRefusal::NoHost));
    }

    #[test]
    fn the_end_of_the_path_decides() {
        check("GET /mirrorlist?repo=x|a", Ok(Routed::Document(Format::Mirrorlist)));
        check("HEAD /deep/down/metalink|a:80", Ok(Routed::Document(Format::Metalink)));
        check("GET http://other/metalink|a", Ok(Routed::Document(Format::Metalink)));
        check("GET /|a", Err(RouteRefusal::Path));
        check("GET /metalink/|a", Err(RouteRefusal::Path));
    }

    #[test]
    fn the_page_that_explains_is_there_where_it_is_switched_on() {
        check("GET /why|a", Ok(Routed::Explanation(Representation::Page)));
        check("GET /deep/down/why?repo=x|a", Ok(Routed::Explanation(Representation::Page)));
        check("HEAD /why.json|a", Ok(Routed::Explanation(Representation::Json)));
        check("OPTIONS /why|a", Ok(Routed::Options));
        check("POST /why|a", Err(RouteRefusal::Method));
        check("GET /why/|a", Err(RouteRefusal::Path));
        check("GET /mywhy|a", Err(RouteRefusal::Path));
        let request = Request::get("/why").header(HOST, "a").body(()).expect("a valid literal");
        let off = find_route(&request, &empty(), false, 8_000, false).map(drop);
        assert_eq!(off, Err(RouteRefusal::Path));
    }

    #[test]
    fn odd_requests_are_refused() {
        check("POST /metalink|a", Err(RouteRefusal::Method));
        check("GET /metalink", Err(RouteRefusal::NoHost));
        check("GET /metalink 1.0", Ok(Routed::Document(Format::Metalink)));
        check("GET /metalink|a|b", Err(RouteRefusal::SeveralHosts));
        check("GET /metalink|a|a", Err(RouteRefusal::SeveralHosts));
        check("GET /metalink 1.0|a|a", Err(RouteRefusal::SeveralHosts));
        check("GET /metalink|a b", Err(RouteRefusal::BadHost));
        check("GET /metalink|[2001:db8::1]:3000", Ok(Routed::Document(Format::Metalink)));
        check("GET /metalink|", Ok(Routed::Document(Format::Metalink)));
        check(
            &format!("GET /metalink?{}|a", "x".repeat(7_990)),
            Ok(Routed::Document(Format::Metalink)),
        );
        check(&format!("GET /metalink?{}|a", "x".repeat(7_991)), Err(RouteRefusal::LongTarget));
        let request = Request::get("/metalink").body(()).expect("a valid literal");
        let refused = find_route(&request, &empty(), true, 8_000, true).map(drop);
        assert_eq!(refused, Err(RouteRefusal::Body));
    }
}
