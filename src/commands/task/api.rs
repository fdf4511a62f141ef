//! The API of a running process: where it is, and what it answers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use encode::terminal::printable;
use encode::write::push_percent_encoded;
use serde::Deserialize;
use serde_json::Value;

use super::outcome::Trouble;
use crate::cli::AskArgs;
use crate::commands::admin_client::{self, AdminError, AdminRequest, AdminResponse};
use crate::config::written::Written;
use runtime::regular_file;
use serve::http::socket::Address;

/// The admin listener of the packaged `mirrorlistd control`.
const USUAL_SOCKET: &str = "/run/mirrorlistd/control.sock";
/// The configuration file of the packages.
const USUAL_CONFIG: &str = "/etc/mirrorlistd/mirrorlistd.toml";
/// The longest answer to a message of the other side that is repeated.
const MAX_MESSAGE: usize = 2_000;
/// The most bytes of a file with a token.
const MAX_TOKEN_FILE: u64 = 4_096;
/// How long an answer may take that nothing is waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The API of a running process.
pub(in crate::commands) struct Api {
    address: Address,
    token: Option<String>,
    /// Becomes true when the user asks to stop.
    interrupted: Option<Arc<AtomicBool>>,
}

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, thiserror::Error)]
pub(in crate::commands) enum ApiError {
    /// There is no answer.
    #[error("{0}")]
    NoAnswer(#[from] AdminError),
    /// The answer is no.
    #[error("{message}")]
    Refused {
        /// The status.
        status: u16,
        /// Why.
        message: String,
    },
    /// The process does not run tasks.
    #[error(
        "{0}: the process there runs no tasks: ask one with a [control] table in its configuration, or \
         start `mirrorlistd control`"
    )]
    NoTasks(Address),
    /// Something else listens there.
    #[error(
        "{address}: this is not the API of mirrorlistd's tasks (status {status}): give the address of its \
         admin listener"
    )]
    NotApi {
        /// Where.
        address: Address,
        /// The status.
        status: u16,
    },
    /// A version whose API says other things.
    #[error("{address}: the process there is of another version than this program: {reason}")]
    OtherVersion {
        /// Where.
        address: Address,
        /// What is wrong with its answer.
        reason: String,
    },
}

impl ApiError {
    /// Whether the command line is at fault.
    fn is_usage(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 413 | 422, .. })
    }

    /// Whether the same may be answered a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer(error) => !matches!(error, AdminError::Interrupted { .. }),
            Self::Refused { status, .. } => matches!(status, 429 | 502..=504),
            _ => false,
        }
    }

    /// Whether the same was asked not long ago: it may pass, but in minutes.
    pub(super) fn is_too_early(&self) -> bool {
        matches!(self, Self::Refused { status: 429, .. })
    }

    /// Whether nobody listens there.
    pub(super) fn is_not_there(&self) -> bool {
        matches!(self, Self::NoAnswer(AdminError::Connect { .. }))
    }

    /// Whether the user has asked to stop.
    pub(super) fn is_interrupted(&self) -> bool {
        matches!(self, Self::NoAnswer(AdminError::Interrupted { .. }))
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        match error.is_usage() {
            true => Self::usage(error.to_string()),
            false => Self::failure(error.to_string()),
        }
    }
}

impl Api {
    /// The API that options name, or the usual one.
    pub(in crate::commands) fn find(ask: &AskArgs) -> Result<Self, Trouble> {
        let token = ask.token_file.as_deref().map(read_token).transpose()?;
        let address = match (&ask.admin, &ask.config) {
            (Some(address), _) => address.clone(),
            (None, Some(file)) => listener_in(file)?.ok_or_else(|| {
                let file = file.display();
                Trouble::usage(format!("{file}: there is no admin listener: set admin.listen"))
            })?,
            (None, None) => usual()?,
        };
        Ok(Self { address, token, interrupted: None })
    }

    /// The same API, whose answers are given up when `flag` becomes true.
    pub(super) fn interruptible(&self, flag: Arc<AtomicBool>) -> Self {
        let (address, token) = (self.address.clone(), self.token.clone());
        Self { address, token, interrupted: Some(flag) }
    }

    /// What is at `target`.
    pub(in crate::commands) fn get(&self, target: &str) -> Result<Value, ApiError> {
        self.send(&AdminRequest { timeout: TIMEOUT, ..AdminRequest::get(target) })
    }

    /// What is at `target`, which may take up to `wait` to answer.
    pub(super) fn get_after(&self, target: &str, wait: Duration) -> Result<Value, ApiError> {
        self.send(&AdminRequest { timeout: wait + TIMEOUT, ..AdminRequest::get(target) })
    }

    /// Asks for a change.
    pub(in crate::commands) fn post(&self, target: &str, body: &Value) -> Result<Value, ApiError> {
        let body = body.to_string();
        self.send(&AdminRequest {
            method: "POST",
            body: Some(&body),
            timeout: TIMEOUT,
            ..AdminRequest::get(target)
        })
    }

    fn send(&self, request: &AdminRequest<'_>) -> Result<Value, ApiError> {
        let request = AdminRequest {
            token: self.token.as_deref(),
            interrupted: self.interrupted.as_deref(),
            ..*request
        };
        read(&self.address, &admin_client::send(&self.address, &request)?)
    }

    /// The reason why an answer makes no sense.
    pub(in crate::commands) fn other_version(&self, reason: impl Into<String>) -> ApiError {
        ApiError::OtherVersion { address: self.address.clone(), reason: reason.into() }
    }
}

/// What JSON holds in the place of an answer.
#[derive(Deserialize)]
struct Failure {
    error: Message,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

fn read(address: &Address, response: &AdminResponse) -> Result<Value, ApiError> {
    let (status, address) = (response.status, address.clone());
    let Ok(value) = serde_json::from_str::<Value>(&response.body) else {
        return Err(match status {
            // The index of pages, without those of tasks.
            404 if response.body.contains("/readyz ") => ApiError::NoTasks(address),
            413 | 421 | 429 | 431 | 503 => {
                ApiError::Refused { status, message: line(&response.body) }
            }
            _ => ApiError::NotApi { address, status },
        });
    };
    if (200..300).contains(&status) {
        return Ok(value);
    }
    match serde_json::from_value::<Failure>(value) {
        Ok(Failure { error: Message { message } }) => {
            let hint = if status == 401 { " (--token-file FILE)" } else { "" };
            Err(ApiError::Refused { status, message: line(&message) + hint })
        }
        Err(_) => Err(ApiError::NotApi { address, status }),
    }
}

/// A message of the other side, on one line.
fn line(message: &str) -> String {
    let words = message.split_whitespace().collect::<Vec<_>>().join(" ");
    printable(&words.chars().take(MAX_MESSAGE).collect::<String>())
}

/// The admin listener in a configuration file.
fn listener_in(file: &Path) -> Result<Option<Address>, Trouble> {
    let written = Written::read(file).map_err(|error| Trouble::usage(error.to_string()))?;
    Ok(written.admin.admin)
}

/// Where a process listens that was installed as the packages do.
fn usual() -> Result<Address, Trouble> {
    let socket = Path::new(USUAL_SOCKET);
    let config = Path::new(USUAL_CONFIG);
    if !socket.exists()
        && config.exists()
        && let Some(address) = listener_in(config)?
    {
        return Ok(address);
    }
    Ok(Address::Unix(socket.to_owned()))
}

/// Reads a token: the last word of the first line that is neither empty nor a comment, but for those that name
/// the mirrors of an owner.
fn read_token(file: &Path) -> Result<String, Trouble> {
    let at = |reason: String| Trouble::usage(format!("{}: {reason}", file.display()));
    let bytes = regular_file::read(file, MAX_TOKEN_FILE).map_err(|error| at(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = line.into_iter().flat_map(str::split_whitespace);
    let token = words.rfind(|word| !word.starts_with("mirror="));
    match token {
        None => Err(at("holds no token: write one on a line".into())),
        // The token is not repeated.
        Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(at("holds a token with characters other than visible ASCII".into()))
        }
        Some(token) => Ok(token.to_owned()),
    }
}

/// A target with a query of names and values.
pub(super) fn target(path: &str, parameters: &[(&str, String)]) -> String {
    let mut target = path.to_owned();
    for (index, (name, value)) in parameters.iter().enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        target += name;
        target.push('=');
        push_encoded(value, &mut target);
    }
    target
}

/// Appends a text as it may stand in a path or a query.
pub(in crate::commands) fn push_encoded(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' | ',' | ':' => {
                out.push(character);
            }
            _ => push_percent_encoded(character, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let address: Address = "127.0.0.1:3001".parse().expect("a valid literal");
        let shown = match read(&address, &AdminResponse { status, body: body.into() }) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn what_the_api_answers_is_told_apart() {
        check(200, r#"{"id": 7}"#, r#"{"id":7}"#);
        check(202, "[]", "[]");
        check(
            404,
            r#"{"error": {"code": "unknown", "message": "there is no task 7\n\u001b[2J"}}"#,
            "there is no task 7 \\u{1b}[2J",
        );
        check(
            401,
            r#"{"error": {"code": "token_needed", "message": "changes need a token"}}"#,
            "changes need a token (--token-file FILE)",
        );
        check(404, "/healthz  200 while\n/readyz   200 when\n", "runs no tasks");
        check(503, "no thread is free\n", "no thread is free");
        for (status, body) in [(404, "not found\n"), (200, "<html>"), (500, "{}"), (302, "")] {
            check(status, body, "this is not the API of mirrorlistd's tasks");
        }
    }

    #[test]
    fn a_token_is_the_last_word_of_the_first_line() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("token");
        let read = |text: &str| {
            fs::write(&file, text).expect("a file");
            read_token(&file).map_err(|trouble| trouble.reason)
        };
        assert_eq!(read("# who\n\nalice 0123456789abcdef\nbob x\n"), Ok("0123456789abcdef".into()));
        assert_eq!(read("0123456789abcdef"), Ok("0123456789abcdef".into()));
        assert_eq!(read("bob 0123456789abcdef mirror=a mirror=b"), Ok("0123456789abcdef".into()));
        let error = read(" \n").expect_err("there is none");
        assert!(error.ends_with("token: holds no token: write one on a line"), "{error}");
        let error = read("sécret\n").expect_err("it cannot be sent");
        assert!(error.contains("visible ASCII") && !error.contains("cret"), "{error}");
    }

    #[test]
    fn what_a_query_holds_is_encoded() {
        let parameters = [("text", "a b&c=d/é".to_owned()), ("kind", "x.y,z".to_owned())];
        assert_eq!(target("/t", &parameters), "/t?text=a%20b%26c%3Dd%2F%C3%A9&kind=x.y,z");
    }
}
