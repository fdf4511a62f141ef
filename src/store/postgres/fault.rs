//! What an error of PostgreSQL means for who asked.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::error::Error;

/// Classes of SQLSTATE, of which the first two characters are the class.
mod class {
    /// The connection.
    pub(super) const CONNECTION: &str = "08";
    /// Conflicts between transactions.
    pub(super) const TRANSACTION_ROLLBACK: &str = "40";
    /// Too little memory, too many connections.
    pub(super) const RESOURCES: &str = "53";
    /// An administrator, or a shutdown.
    pub(super) const OPERATOR_INTERVENTION: &str = "57";
    /// The disk.
    pub(super) const SYSTEM: &str = "58";
}

/// What the error of a statement means.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> Error {
    let text = one_line(error);
    let Some(state) = error.code() else {
        return match error.source() {
            // A value that could not be converted: the connection has not failed.
            Some(source) if !error.is_closed() && !is_of_network(source) => Error::Broken(text),
            _ => Error::Unavailable(text),
        };
    };
    match *state {
        // Two that ask for the same at once: the second finds what the first has made.
        SqlState::UNIQUE_VIOLATION => Error::Collided(text),
        SqlState::LOCK_NOT_AVAILABLE => Error::Collided(text),
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => Error::Unavailable(text),
        SqlState::READ_ONLY_SQL_TRANSACTION
        | SqlState::DISK_FULL
        | SqlState::INSUFFICIENT_PRIVILEGE => Error::NotWritable(text),
        SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::DUPLICATE_PSTATEMENT => Error::Broken(
            format!("{text}: behind a pooler of transactions, add listen=off to the address"),
        ),
        // A newer version has changed a table; the statement is prepared again.
        SqlState::FEATURE_NOT_SUPPORTED if text.contains("cached plan") => Error::Collided(text),
        SqlState::UNTRANSLATABLE_CHARACTER | SqlState::CHARACTER_NOT_IN_REPERTOIRE => {
            Error::Refused(text)
        }
        _ => match state.code().get(..2).unwrap_or_default() {
            class::TRANSACTION_ROLLBACK => Error::Collided(text),
            class::CONNECTION | class::RESOURCES | class::OPERATOR_INTERVENTION => {
                Error::Unavailable(text)
            }
            class::SYSTEM => Error::NotWritable(text),
            _ => Error::Broken(text),
        },
    }
}

/// What it means that there is no connection: `Open` if no waiting helps.
pub(super) fn of_connect(place: &str, error: &tokio_postgres::Error) -> Error {
    let open = |hint: &str| Error::Open {
        place: place.to_owned(),
        reason: format!("{}{hint}", one_line(error)),
    };
    match error.code() {
        Some(&SqlState::INVALID_CATALOG_NAME) => open(": make it, as with createdb"),
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            open("")
        }
        Some(_) => of_statement(error),
        // The kind has no name of its own: a password is missing, or the server asks for what is not known.
        None if error.to_string().starts_with("authentication")
            || error.to_string().starts_with("invalid configuration") =>
        {
            open("")
        }
        None => Error::Unavailable(format!("{place}: {}", one_line(error))),
    }
}

fn is_of_network(source: &(dyn std::error::Error + 'static)) -> bool {
    source.is::<std::io::Error>()
}

/// The error and its causes on one line. It never holds a password: the server does not repeat one, and an
/// address is not taken apart here.
fn one_line(error: &tokio_postgres::Error) -> String {
    let text = match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    };
    crate::record::bounded(&text, crate::record::bounds::LINE)
}
