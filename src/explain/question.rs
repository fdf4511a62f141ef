//! What is asked of a report.

use answer::requester::Requester;

use super::audience::Audience;
use super::package_manager::PackageManager;

/// A question: which answer does this request get, and why.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// The path of the request, as sent: `/mirrorlist`.
    pub path: &'a str,
    /// Its query, as sent, without `?`.
    pub query: &'a str,
    /// The server that was asked, from the `Host` header; empty without one.
    pub host: &'a str,
    /// Who asks the server. `ip=` in the query counts as for any request.
    pub requester: Requester,
    /// When it asks, in seconds since 1970.
    pub now: u64,
    /// Whom the report is for.
    pub audience: Audience,
    /// The package manager whose use of the list is told, if any.
    pub client: Option<PackageManager>,
    /// What chance is drawn from. Equal seeds give equal lists.
    pub seed: u64,
}

/// The path that is meant where only a query is given.
const USUAL_PATH: &str = "/mirrorlist";

impl Question<'_> {
    /// Divides a request into path and query. `repo=…&arch=…` alone is asked of `/mirrorlist`.
    pub fn divide(request: &str) -> (&str, &str) {
        match request.strip_prefix('?') {
            Some(query) => (USUAL_PATH, query),
            None if request.starts_with('/') => request.split_once('?').unwrap_or((request, "")),
            None => (USUAL_PATH, request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_a_query_or_a_path_with_one() {
        for (request, path, query) in [
            ("repo=a&arch=b", "/mirrorlist", "repo=a&arch=b"),
            ("?repo=a&arch=b", "/mirrorlist", "repo=a&arch=b"),
            ("path=pub/a?b", "/mirrorlist", "path=pub/a?b"),
            ("/metalink?repo=a&arch=b", "/metalink", "repo=a&arch=b"),
            ("/9/baseos", "/9/baseos", ""),
            ("", "/mirrorlist", ""),
        ] {
            assert_eq!(Question::divide(request), (path, query), "{request}");
        }
    }
}
