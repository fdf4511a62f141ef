//! The command line of `mirrorlistd control`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::config_file::ConfigArgs;
use crate::config::sections::admin::AdminOptions;
use crate::config::sections::control::ControlOptions;
use crate::config::sections::data::InputOptions;
use crate::config::values::SecretParser;
use crate::config::values::control::PostgresAddress;

/// Examples in its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  mirrorlistd control --catalog catalog.toml --state state
      Compile the catalog whenever it changes, to state/mirrors.snapshot.
  mirrorlistd --snapshot state/mirrors.snapshot --watch
      Serve it, in another process.
  mirrorlistd control --catalog catalog.toml --index tree.index --tree /srv/pub/example \\
      --state /var/lib/mirrorlistd/state --admin 127.0.0.1:3002
      Also scan the primary tree, and show what happens to the operator.

Signals: HUP compiles again, TERM and INT stop what has begun and end.
Exit status: 0 done, 1 the store or the system is at fault, 2 the command line or
the configuration is, or another process works under the same --node.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  mirrorlistd control export --state /var/lib/mirrorlistd/state tasks.export
  mirrorlistd control import --store postgresql://mirrorlistd@db.example.org/mirrorlistd tasks.export
      Move from a folder to PostgreSQL, while nothing works on either.

Exit status: 0 done, 1 the store or the file is at fault, 2 the command line or the configuration is.";

/// `mirrorlistd control`.
#[derive(Args, Clone, Debug)]
pub struct ControlArgs {
    /// What to do with the store instead of working.
    #[command(subcommand)]
    pub command: Option<ControlCommand>,
    /// What is compiled.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// The work.
    #[command(flatten)]
    pub control: ControlOptions,
    /// The listener of the operator.
    #[command(flatten)]
    pub admin: AdminOptions,
    /// Where further options are.
    #[command(flatten)]
    pub file: ConfigArgs,
}

/// What can be done with a store that nothing works on.
#[derive(Subcommand, Clone, Debug)]
pub enum ControlCommand {
    /// Write everything that a store holds into a file
    ///
    /// Tasks, their history, schedules and queues are written as JSON Lines, to be imported into another
    /// store. Nothing may work on the store meanwhile: stop `mirrorlistd control` and servers with a
    /// `[control]` table first. FILE must not exist yet; only its owner may read it.
    #[command(args_override_self = true, after_help = EXPORT_EXAMPLES)]
    Export(MoveArgs),
    /// Read into a new store what `export` has written
    ///
    /// The store must be empty; a folder is made if it is missing. Everything is read or nothing, and what is
    /// wrong in FILE is named with its line.
    #[command(args_override_self = true, after_help = EXPORT_EXAMPLES)]
    Import(MoveArgs),
}

/// `mirrorlistd control export` and `import`.
#[derive(Args, Clone, Debug)]
pub struct MoveArgs {
    /// The store is in this folder
    // Named otherwise than the option of `control`, so that the reference has it here as well.
    #[arg(id = "moved_state", long = "state", value_name = "FOLDER", value_hint = ValueHint::DirPath,
          conflicts_with = "moved_store", help_heading = "Store")]
    pub state: Option<PathBuf>,
    /// The store is in this PostgreSQL
    #[arg(id = "moved_store", long = "store", value_name = "URL", value_hint = ValueHint::Url,
          value_parser = SecretParser::<PostgresAddress>::of("--store <URL>"), help_heading = "Store")]
    pub store: Option<PostgresAddress>,
    /// The configuration file that names the store, if neither is given
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Store")]
    pub config: Option<PathBuf>,
    /// The file with the rows
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}
