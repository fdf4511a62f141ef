//! A gate as JSON.

use serde_json::{Value, json};

use checks::explain::Gate;

/// What it is about, whether the mirror passes, and what is the case.
pub(super) fn as_json(gate: &Gate) -> Value {
    json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
}
