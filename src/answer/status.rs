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

impl Status {
    /// The status of that code; those that answers do not have become 404.
    pub(super) fn of_code(code: u16) -> Self {
        match code {
            200 => Self::Ok,
            302 => Self::Found,
            400 => Self::BadRequest,
            _ => Self::NotFound,
        }
    }
}
