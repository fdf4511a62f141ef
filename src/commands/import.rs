//! `mirrorlistd import`: writes the data of other programs as a catalog of text files.

use std::process::ExitCode;

use super::output::{FAILURE, complain, fail, finish};
use crate::cli::ImportArgs;
use runtime::log;
use sources::declared::Declaration;
use sources::toml_catalog::{self, write_folder};
use sources::{Error, Report, almalinux, mirrormanager};

pub(super) fn run(args: &ImportArgs) -> ExitCode {
    log::install(None);
    let mut report = Report::default();
    let declaration = match read(args, &mut report) {
        Ok(declaration) => declaration,
        Err(error) => return fail(FAILURE, error),
    };
    for line in report.lines() {
        complain(line);
    }
    // What is written must be readable: data of others can hold what a catalog cannot.
    if let Err(faults) = toml_catalog::parse("catalog", &toml_catalog::write(&declaration)) {
        return fail(FAILURE, format_args!("the data make no catalog:\n{faults}"));
    }
    if let Err(error) = write_folder(&declaration, &args.output) {
        return fail(FAILURE, error);
    }
    let Declaration { repositories, mirrors, .. } = &declaration;
    finish(format_args!(
        "{}: {} mirrors, {} repositories; mirrorlistd check --catalog {0} reads them\n",
        args.output.display(),
        mirrors.len(),
        repositories.len(),
    ))
}

fn read(args: &ImportArgs, report: &mut Report) -> Result<Declaration, Error> {
    match (&args.almalinux, &args.cache) {
        (Some(folder), _) => almalinux::read(folder, report),
        (None, Some(cache)) => mirrormanager::declare(cache, &args.name, report),
        // The parser of the command line wants one of them.
        (None, None) => Ok(Declaration::default()),
    }
}
