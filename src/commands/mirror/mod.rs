//! `mirrorlistd mirror`: what is known of mirrors, and visits to them.

mod replay;
mod visit;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{MirrorArgs, MirrorCommand};
use checks::explain::Gate;

pub(super) fn run(args: &MirrorArgs) -> ExitCode {
    match &args.command {
        MirrorCommand::Visit(args) => visit::run(args),
        MirrorCommand::Replay(args) => replay::run(args),
    }
}

fn gate_as_json(gate: &Gate) -> Value {
    json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
}
