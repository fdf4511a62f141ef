//! How a command ends: with what it prints, or with the reason why not.

use std::process::ExitCode;

use serde_json::Value;

use crate::commands::output::{FAILURE, USAGE, finish};

/// Why a command has failed.
#[derive(Debug)]
pub(in crate::commands) struct Trouble {
    /// The exit status.
    pub(in crate::commands) status: u8,
    /// One line for people.
    pub(in crate::commands) reason: String,
}

impl Trouble {
    /// The command line makes no sense.
    pub(in crate::commands) fn usage(reason: impl Into<String>) -> Self {
        Self { status: USAGE, reason: reason.into() }
    }

    /// Something is at fault that the command line does not say.
    pub(in crate::commands) fn failure(reason: impl Into<String>) -> Self {
        Self { status: FAILURE, reason: reason.into() }
    }
}

/// Prints what the API has said.
pub(in crate::commands) fn print_json(value: &Value) -> ExitCode {
    finish(format_args!("{value:#}\n"))
}
