//! `mirrorlistd control export` and `control import`: a whole store as a file, to move it elsewhere.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use store::transfer::{Export, Import, Moved};
use store::{Operation, Store, sqlite};

use super::output::{FAILURE, USAGE, fail, finish};
use crate::cli::MoveArgs;
use crate::config::resolved::resolve_store;
use crate::config::sections::control::ControlOptions;
use crate::daemon::SupervisedThreads;
use ::control::component;
use ::control::options::StoreLocation;
use runtime::log;

/// Only its owner may read what tasks were given.
const MODE: u32 = 0o600;

pub(super) fn export(args: &MoveArgs) -> ExitCode {
    let location = match location(args) {
        Ok(location) => location,
        Err(status) => return status,
    };
    match write(&location, &args.file) {
        Ok(Moved { rows }) => {
            finish(format_args!("{}: {rows} rows exported\n", args.file.display()))
        }
        Err(reason) => fail(FAILURE, reason),
    }
}

pub(super) fn import(args: &MoveArgs) -> ExitCode {
    let location = match location(args) {
        Ok(location) => location,
        Err(status) => return status,
    };
    match read(&location, &args.file) {
        Ok(Moved { rows }) => {
            finish(format_args!("{}: {rows} rows imported\n", args.file.display()))
        }
        Err(reason) => fail(FAILURE, reason),
    }
}

fn location(args: &MoveArgs) -> Result<StoreLocation, ExitCode> {
    log::install(None);
    let flags = ControlOptions {
        control_state: args.state.clone(),
        control_store: args.store.clone(),
        ..ControlOptions::default()
    };
    resolve_store(&flags, args.config.as_deref()).map_err(|error| fail(USAGE, error))
}

fn write(location: &StoreLocation, path: &Path) -> Result<Moved, String> {
    if let StoreLocation::Folder(folder) = location {
        // Opening it would make one.
        if !folder.join(sqlite::FILE).exists() {
            return Err(format!("{}: no store is there", folder.display()));
        }
    }
    let at_fault = |error| format!("{}: {error}", path.display());
    let threads = SupervisedThreads::default();
    let store =
        component::open(location, &threads.supervisor).map_err(|error| error.to_string())?;
    let file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path);
    let file = file.map_err(at_fault)?;
    let second = file.try_clone().map_err(at_fault)?;
    let written = run(&store, Export::to(BufWriter::new(file)))
        .and_then(|moved| second.sync_all().map(|()| moved).map_err(at_fault));
    if written.is_err() {
        // What is cut off is of no use; that it cannot be removed says nothing new.
        drop(fs::remove_file(path));
    }
    written
}

fn read(location: &StoreLocation, path: &Path) -> Result<Moved, String> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let threads = SupervisedThreads::default();
    let store =
        component::open(location, &threads.supervisor).map_err(|error| error.to_string())?;
    run(&store, Import::from(BufReader::new(file)))
        .map_err(|reason| format!("{}: {reason}", path.display()))
}

fn run<O: Operation>(store: &Store, operation: O) -> Result<O::Reply, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime.block_on(store.run(operation)).map_err(|error| error.to_string())
}
