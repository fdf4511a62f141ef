//! `mirrorlistd compile`: compiles the inputs to a snapshot file.

use std::process::ExitCode;
use std::time::Instant;

use super::output::{FAILURE, USAGE, complain, fail, finish};
use crate::cli::CompileArgs;
use crate::config::resolved::resolve_inputs;
use compile::Compiled;
use runtime::log;
use serve::build_snapshot::build;
use snapshot::replace::{self, Keep};
use snapshot::{Stats, format};
use sources::Inputs;

pub(super) fn run(args: &CompileArgs) -> ExitCode {
    log::install(None);
    let inputs = match resolve_inputs(&args.inputs, args.file.config.as_deref()) {
        Ok(inputs) => inputs,
        Err(error) => return fail(USAGE, error),
    };
    let start = Instant::now();
    // A catalog that was only touched keeps its generation.
    let before = match &inputs {
        Inputs::Catalog(_) => format::read(&args.output).ok(),
        _ => None,
    };
    let Compiled { snapshot, bytes, report } = match build(&inputs, before.as_ref()) {
        Ok(compiled) => compiled,
        Err(error) => return fail(FAILURE, error),
    };
    let keep = if args.no_previous { Keep::Nothing } else { Keep::Previous };
    let written = match replace::write(&args.output, &bytes, keep) {
        Ok(written) => written,
        Err(error) => return fail(FAILURE, error),
    };
    if let Some(error) = written.not_kept {
        complain(format_args!("the snapshot before is not kept: {error}"));
    }
    if let Some(error) = written.not_synced {
        complain(format_args!(
            "the snapshot is in its place, but a power cut may bring the one before back: {error}"
        ));
    }
    for line in report.lines() {
        complain(line);
    }
    let Stats { hosts, directories, repositories, .. } = snapshot.stats();
    finish(format_args!(
        "{}: generation {}, {hosts} hosts, {directories} directories, {repositories} repositories, \
         in {:.2} s\n",
        args.output.display(),
        snapshot.generation(),
        start.elapsed().as_secs_f64()
    ))
}
