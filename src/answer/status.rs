//! HTTP statuses of answers.

/// HTTP status of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// 200.
    Ok,
    /// 302.
    Found,
    /// 400.
    BadRequest,
    /// 404.
    NotFound,
}
