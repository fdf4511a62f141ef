//! Reasons why a check-in is refused.

use model::one_line::one_line;

/// The reason why a check-in is refused; one line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CheckinError {
    /// More bytes than [`Limits::packed`](super::Limits::packed).
    #[error("has {found} bytes, more than the {limit} that are accepted")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// More bytes than [`Limits::unpacked`](super::Limits::unpacked).
    #[error("has more than the {0} bytes that are accepted when it is unpacked")]
    TooLongUnpacked(u64),
    /// Its password is not among the first [`Limits::before_password`](super::Limits::before_password) bytes.
    #[error("has no section [site] among its first {0} bytes")]
    LatePassword(u64),
    /// Nobody has its password.
    #[error("has a `password` in [site] that is no token of an owner")]
    Password,
    /// More directories than [`Limits::directories`](super::Limits::directories).
    #[error("names more than the {0} directories that are accepted")]
    TooManyDirectories(usize),
    /// More bytes than [`Limits::names`](super::Limits::names).
    #[error("has more than the {0} bytes of names of directories that are accepted")]
    TooLongNames(usize),
    /// A string is longer than any name.
    #[error("holds a string of more than {0} bytes")]
    LongString(usize),
    /// Lists and objects lie too deep in one another.
    #[error("is more than {0} levels deep")]
    TooDeep(usize),
    /// It is no call of XML-RPC.
    #[error("is no call of XML-RPC: {0}")]
    NoCall(String),
    /// A call of another method than `checkin`.
    #[error("calls the method {0:?}, and there is only \"checkin\"")]
    Method(String),
    /// The argument is no base64.
    #[error("has an argument that is no base64")]
    Base64,
    /// What is in the base64 is no bzip2, or damaged.
    #[error("has an argument that is no bzip2: {0}")]
    Bzip2(String),
    /// It is no JSON, or JSON of another form.
    #[error("is no check-in: {0}")]
    Json(String),
    /// A part is missing or has a value that is not accepted.
    #[error("{0}")]
    Content(String),
}

impl CheckinError {
    pub(super) fn json(error: &serde_json::Error) -> Self {
        Self::Json(one_line(error))
    }
}
