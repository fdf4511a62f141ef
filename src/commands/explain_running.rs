//! Asks a running server, through its admin listener, why a client gets its list.
//!
//! The report is that of the data and the options which the server uses at this moment; its generation is
//! in it.

use serde::Deserialize;

use super::admin_client::{self, AdminError, AdminResponse};
use ::explain::{Refused, Report};
use serve::http::socket::Address;
use serve::pages::explain_form::ExplainForm;
use serve::pages::explaining::BAD_FORM;

/// The most bytes of the question: the server reads no longer header.
const MAX_QUERY_BYTES: usize = 14 << 10;

/// The reason why a running server does not explain.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunningError {
    /// There is no answer.
    #[error("{0}")]
    NoAnswer(#[from] AdminError),
    /// The server does not understand the question.
    #[error("{0}")]
    Question(String),
    /// The question is too long to be asked.
    #[error("the request is too long: {0} bytes of at most {MAX_QUERY_BYTES}")]
    TooLong(usize),
    /// An older version.
    #[error(
        "{0}: the server that runs is older than this program, and explains nothing: restart it"
    )]
    Older(Address),
    /// A version whose reports are others.
    #[error("{address}: the server that runs is of another version than this program: {reason}")]
    OtherVersion {
        /// Where.
        address: Address,
        /// What is wrong with its report.
        reason: String,
    },
    /// The server cannot do it at present.
    #[error("{address}: {reason}")]
    NotNow {
        /// Where.
        address: Address,
        /// Why.
        reason: String,
    },
    /// Something else listens there.
    #[error(
        "{address}: this is not the admin listener of mirrorlistd (status {status}): give the address of \
         --admin"
    )]
    NotAdmin {
        /// Where.
        address: Address,
        /// The status of the answer.
        status: u16,
    },
}

/// Asks the server at `address`. The inner result is what the client gets.
pub(super) fn ask(
    address: &Address,
    form: &ExplainForm,
) -> Result<Result<Report, Refused>, RunningError> {
    let query = form.to_query();
    if query.len() > MAX_QUERY_BYTES {
        return Err(RunningError::TooLong(query.len()));
    }
    read(address, &admin_client::get(address, &format!("/explain.json?{query}"))?)
}

/// What JSON holds in the place of a report.
#[derive(Deserialize)]
struct Failure<T> {
    error: T,
}

/// A question that was not understood.
#[derive(Deserialize)]
struct BadQuestion {
    code: String,
    message: String,
}

fn read(
    address: &Address,
    response: &AdminResponse,
) -> Result<Result<Report, Refused>, RunningError> {
    let AdminResponse { status, body } = response;
    let address = address.clone();
    if body.starts_with('{') {
        if let Ok(Failure { error }) = serde_json::from_str::<Failure<Refused>>(body) {
            return Ok(Err(error));
        }
        if let Ok(Failure { error }) = serde_json::from_str::<Failure<BadQuestion>>(body)
            && error.code == BAD_FORM
        {
            return Err(RunningError::Question(error.message));
        }
        return serde_json::from_str(body)
            .map(Ok)
            .map_err(|error| RunningError::OtherVersion { address, reason: error.to_string() });
    }
    match status {
        503 => Err(RunningError::NotNow { address, reason: body.trim_end().to_owned() }),
        // The index of its pages.
        404 if body.contains("/readyz ") => Err(RunningError::Older(address)),
        status => Err(RunningError::NotAdmin { address, status: *status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let address: Address = "127.0.0.1:3001".parse().expect("a valid literal");
        let response = AdminResponse { status, body: body.into() };
        let shown = match read(&address, &response) {
            Ok(Ok(report)) => report.generation,
            Ok(Err(refused)) => refused.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn what_a_server_answers_is_told_apart() {
        check(
            404,
            r#"{"error": {"code": "a", "message": "no such", "status": 404, "first_line": ""}}"#,
            "status 404: no such",
        );
        check(400, r#"{"error": {"code": "bad_form", "message": "not so"}}"#, "not so");
        check(
            200,
            r#"{"generation": "ab"}"#,
            "of another version than this program: missing field",
        );
        check(200, "{", "of another version than this program: EOF");
        check(503, "no data are loaded yet\n", "127.0.0.1:3001: no data are loaded yet");
        check(404, "/healthz  200 while\n/readyz   200 when\n", "is older than this program");
        for (status, body) in [(404, "not found\n"), (200, "<html>"), (421, ""), (302, "")] {
            check(status, body, "this is not the admin listener of mirrorlistd");
        }
    }
}
