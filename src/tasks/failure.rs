//! Why a task has not done its work.

/// Why a task must stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Somebody asked for it.
    Cancelled {
        /// Who.
        by: String,
    },
    /// Another runner may have it: this one may publish nothing any more.
    Lost,
    /// The process shuts down.
    ShuttingDown,
}

/// Why a task has not done its work.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It was told to stop.
    Stopped(Stop),
    /// It cannot do it.
    Failed {
        /// The class of the error: a stable word, such as `tree_shrunk`.
        code: &'static str,
        /// One line for people.
        message: String,
        /// Whether another attempt may succeed.
        may_pass: bool,
    },
}

impl Failure {
    /// An error that another attempt may not meet.
    pub fn may_pass(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into(), may_pass: true }
    }

    /// An error that every attempt would meet.
    pub fn lasting(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into(), may_pass: false }
    }
}
