//! The command line of `mirrorlistd scan`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};

/// Examples in its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  mirrorlistd scan /srv/pub/example -o primary.index
      Scan a tree on this host, again and again, such as every ten minutes.
  rsync -rl --list-only rsync://primary.example.org/example/ > listing &&
      mirrorlistd scan --rsync-listing listing -o primary.index
      Take a tree on another host as rsync lists it: text lists work, metalinks need checksums.

Exit status: 0 the index is written, 1 it is not and stays as it was, 2 the command line
is wrong.";

/// `mirrorlistd scan`.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("source").args(["tree", "rsync_listing"]).required(true)))]
pub struct ScanArgs {
    /// The top of the tree, which is what base URLs of mirrors stand for
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub tree: Option<PathBuf>,
    /// Read the tree from what `rsync -rl --list-only` has printed; it has no checksums
    #[arg(long, alias = "rsync_listing", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rsync_listing: Option<PathBuf>,
    /// The index to write; what it says before the scan is built upon
    #[arg(short, long, value_name = "INDEX", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// How many days an earlier version of a file stays known after it was replaced
    #[arg(
        long,
        alias = "keep_versions",
        value_name = "DAYS",
        default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(..=365)
    )]
    pub keep_versions: u16,
    /// Accept a tree that has lost more than a fifth of its directories or files
    // Not named as the option of reloads, whose help it would get.
    #[arg(id = "accept_loss", long = "allow-shrink", alias = "allow_shrink")]
    pub allow_shrink: bool,
    /// How many threads walk the tree [default: one for each processor, at most 4]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub threads: Option<u16>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Say only what is wrong
    #[arg(short, long, conflicts_with = "json")]
    pub quiet: bool,
}
