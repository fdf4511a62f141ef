//! A task that is asked for.

use std::time::Duration;

use serde_json::{Map, Value};
use store::record::TaskId;

/// Arguments of a task, checked against the [parameters](crate::kind::Parameter) of its kind.
pub type Args = Map<String, Value>;

/// A task that is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The kind.
    pub kind: String,
    /// Its arguments.
    pub args: Args,
    /// The smaller, the sooner; `None` is what the kind says.
    pub priority: Option<i64>,
    /// A name that the asker gives: asked twice with one name, there is one task.
    pub request_id: Option<String>,
    /// How long it waits before it may run.
    pub delay: Duration,
    /// Who asks.
    pub actor: String,
    /// The task that it follows.
    pub parent: Option<TaskId>,
}
