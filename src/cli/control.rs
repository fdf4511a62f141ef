//! The command line of `mirrorlistd control`.

use clap::Args;

use super::config_file::ConfigArgs;
use crate::config::sections::admin::AdminOptions;
use crate::config::sections::control::ControlOptions;
use crate::config::sections::data::InputOptions;

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
the configuration is.";

/// `mirrorlistd control`.
#[derive(Args, Clone, Debug)]
pub struct ControlArgs {
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
