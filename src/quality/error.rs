//! Why nothing can be measured.

use std::path::PathBuf;

use runtime::regular_file::ReadError;

/// The reason why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to ask for.
    #[error("the data hold no repository that a mirror carries, so there is nothing to ask for")]
    NoRepository,
    /// The repository that is to be asked for does not exist.
    #[error("the data hold no repository {0}{1}")]
    UnknownRepository(String, String),
    /// There is no table from which clients can be drawn.
    #[error(
        "the data do not say where networks are, so no clients can be drawn: name a table of \
         networks with --geoip, or an access log with --log"
    )]
    NoNetworks,
    /// The access log cannot be read.
    #[error("{}: {error}", .path.display())]
    Log {
        /// Its file.
        path: PathBuf,
        /// The reason.
        error: ReadError,
    },
    /// The access log names no client.
    #[error(
        "{}: none of {n_lines} lines names the address of a client, as `IP: 192.0.2.1; …` or as the \
         first word", .path.display()
    )]
    NoClients {
        /// Its file.
        path: PathBuf,
        /// How many lines it has.
        n_lines: u64,
    },
    /// Clients get an error.
    #[error("clients that ask for {question} get {status}: {message}")]
    Refused {
        /// What was asked.
        question: String,
        /// The HTTP status.
        status: u16,
        /// The first line of the answer.
        message: String,
    },
}
