//! The reasons why something must not be changed.

use hyper::StatusCode;

/// The reason why something must not be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The status of the reply. With 401, `WWW-Authenticate: Bearer` belongs into it.
    pub status: StatusCode,
    /// A stable word.
    pub code: &'static str,
    /// The reason and what to do, in one line.
    pub message: &'static str,
}

pub(super) const IN_URL: Refusal = Refusal {
    status: StatusCode::BAD_REQUEST,
    code: "token_in_url",
    message: "a token in a URL ends in logs and histories: send it as `Authorization: Bearer TOKEN`, and \
              replace this one",
};
pub(super) const NO_TOKENS: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "no_token_file",
    message: "over TCP, changes need a token, and none is configured: set `token_file` in the table \
              [control], or ask over a unix socket",
};
pub(super) const UNREADABLE: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "no_tokens",
    message: "the token file cannot be used any more, so that nothing can be changed over TCP; the log says \
              why",
};
pub(super) const MISSING: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: "token_needed",
    message: "over TCP, changes need a token: send `Authorization: Bearer TOKEN`, or ask over a unix socket",
};
pub(super) const WRONG: Refusal = Refusal {
    status: StatusCode::UNAUTHORIZED,
    code: "wrong_token",
    message: "this token is not in the token file",
};
pub(super) const OWNERS: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "token_of_owner",
    message: "this is a token of the owner of a mirror: with it, only that mirror can be checked, paused and \
              resumed, and can check in",
};
pub(super) const NO_RANDOMNESS: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "no_randomness",
    message: "the system gives no random numbers for a cookie",
};

pub(super) const COOKIE_ALONE: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "cookie_alone",
    message: "the browser does not say by `Origin` or `Sec-Fetch-Site` that a page of this server asks, and a \
              cookie alone is no proof; a proxy in between must keep these fields",
};
pub(super) const FOREIGN: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "foreign_page",
    message: "a page of another site asks for this change; a proxy in between must keep the Host header",
};
pub(super) const FOREIGN_HOST: Refusal = Refusal {
    status: StatusCode::FORBIDDEN,
    code: "foreign_host",
    message: "a browser asks under a name that this server does not know: add it to `hosts` in the table \
              [admin] (--admin-host)",
};
