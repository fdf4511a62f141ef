//! `mirrorlistd mirror`: what is known of mirrors, and visits to them.

mod replay;
mod visit;

use std::process::ExitCode;

use crate::cli::{MirrorArgs, MirrorCommand};

pub(super) fn run(args: &MirrorArgs) -> ExitCode {
    match &args.command {
        MirrorCommand::Visit(args) => visit::run(args),
        MirrorCommand::Replay(args) => replay::run(args),
    }
}
