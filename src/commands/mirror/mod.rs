//! `mirrorlistd mirror`: what is known of mirrors, and visits to them.

mod known;
mod replay;
mod visit;

use std::process::ExitCode;

use crate::cli::{MirrorArgs, MirrorCommand};

pub(super) fn run(args: &MirrorArgs) -> ExitCode {
    match &args.command {
        MirrorCommand::Visit(args) => visit::run(args),
        MirrorCommand::Replay(args) => replay::run(args),
        MirrorCommand::List(args) => known::list(args),
        MirrorCommand::Show(args) => known::show(args),
        MirrorCommand::Check(args) => known::check(args),
        MirrorCommand::Pause(args) => known::pause(args),
        MirrorCommand::Resume(args) => known::resume(args),
    }
}
