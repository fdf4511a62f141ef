//! The command line of `mirrorlistd mirror`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::config_file::ConfigArgs;
use super::task::{AskArgs, WaitArgs};
use crate::config::sections::data::InputOptions;
use crate::config::values::control::Redirects;

/// Examples in its help.
pub(super) const EXAMPLES: &str = "\
Examples:
  mirrorlistd mirror visit berlin --catalog catalog.toml --index tree.index
      Ask every URL of the mirror over IPv4 and IPv6, and compare its repositories with the primary.
  mirrorlistd mirror visit 1042 --config /etc/mirrorlistd/mirrorlistd.toml --json > visits.jsonl
      The same of a mirror of MirrorManager, recorded.
  mirrorlistd mirror replay visits.jsonl
      Judge recorded visits again.
  mirrorlistd mirror list --hidden
      What the process that visits mirrors leaves out of the lists, and why.
  mirrorlistd mirror show berlin
  mirrorlistd mirror check berlin
      Have that process visit the mirror now, and wait for what comes of it.
  mirrorlistd mirror pause berlin --reason 'moves to another rack'
  mirrorlistd mirror pause berlin --from 2026-11-28T02:00:00Z --until 2026-11-28T05:00:00Z --reason 'new disks'
      Plan maintenance, which begins and ends by itself.

Exit status: 0 nothing is wrong, 1 something is wrong with the mirror, the data or the network,
2 the command line or the configuration is.";

/// `mirrorlistd mirror`.
#[derive(Args, Clone, Debug)]
pub struct MirrorArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: MirrorCommand,
}

/// What can be done with mirrors.
#[derive(Subcommand, Clone, Debug)]
pub enum MirrorCommand {
    /// Visit one mirror now, and print each step and what follows from it
    ///
    /// Asks each URL of the mirror over IPv4 and IPv6 for a small file, then for the repomd.xml of every
    /// repository that it should carry, and compares them with the primary. Of what fails, the command of curl
    /// is printed that repeats it. The verdict is the one that these visits alone would give: a mirror is not
    /// left out because of one visit. Nothing is written.
    #[command(args_override_self = true)]
    Visit(Box<VisitArgs>),
    /// Judge recorded visits again: the same records give the same verdicts
    ///
    /// Each line of the file is a record in JSON: settings, what the catalog expects, a scan of the primary, a
    /// visit, or a switch that somebody turned, in the order in which they became known. `mirror visit --json`
    /// prints such lines.
    #[command(args_override_self = true)]
    Replay(ReplayArgs),
    /// List the mirrors as a running process knows them, which visits them
    #[command(args_override_self = true)]
    List(MirrorListArgs),
    /// Show what keeps one mirror in the lists or out of them, and what has happened to it
    #[command(args_override_self = true)]
    Show(MirrorKeyArgs),
    /// Have a running process visit one mirror now, whether it is due or not, and wait for that
    ///
    /// Unlike `visit`, it counts: what is seen is judged with what was known before. If the checks had switched the
    /// mirror off, a good visit switches it on again.
    #[command(args_override_self = true)]
    Check(MirrorCheckArgs),
    /// Leave a mirror out of all lists until it is resumed, or for a time of maintenance
    ///
    /// It is in effect with the compile that follows the next look at mirrors, within minutes. The mirror is still
    /// visited; in maintenance, its failures do not count.
    #[command(args_override_self = true)]
    Pause(MirrorPauseArgs),
    /// End the pause of a mirror, and its maintenance, also what is still to come
    #[command(args_override_self = true)]
    Resume(MirrorKeyArgs),
}

/// `mirrorlistd mirror list`.
#[derive(Args, Clone, Debug)]
pub struct MirrorListArgs {
    /// Only those that lists leave out, wholly or partly
    #[arg(long)]
    pub hidden: bool,
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `mirrorlistd mirror show` and `mirrorlistd mirror resume`.
#[derive(Args, Clone, Debug)]
pub struct MirrorKeyArgs {
    /// The key of the mirror: its name in the catalog, or the id of its host in MirrorManager
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `mirrorlistd mirror check`.
#[derive(Args, Clone, Debug)]
pub struct MirrorCheckArgs {
    /// The key of the mirror: its name in the catalog, or the id of its host in MirrorManager
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Do not wait
    #[arg(short, long, conflicts_with = "timeout")]
    pub detach: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `mirrorlistd mirror pause`.
#[derive(Args, Clone, Debug)]
pub struct MirrorPauseArgs {
    /// The key of the mirror: its name in the catalog, or the id of its host in MirrorManager
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// When maintenance begins: 2026-11-26T12:00:00Z, with another offset if there is one, or a day, in UTC; now if it is not said
    #[arg(long, value_name = "TIME", requires = "until")]
    pub from: Option<String>,
    /// When it ends by itself
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Whom to ask, and how to print.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `mirrorlistd mirror visit`.
#[derive(Args, Clone, Debug)]
pub struct VisitArgs {
    /// The key of the mirror: its name in the catalog, or the id of its host in MirrorManager
    #[arg(value_name = "KEY")]
    pub key: String,
    /// Look for this only
    #[arg(long, value_name = "TIER")]
    pub tier: Option<VisitTier>,
    /// Visit over IPv4, without trying whether this machine has it
    #[arg(short = '4', long)]
    pub ipv4: bool,
    /// Visit over IPv6, without trying whether this machine has it
    #[arg(short = '6', long)]
    pub ipv6: bool,
    /// Where owners of mirrors reach you: a URL or an address of mail, for the User-Agent; otherwise what the
    /// configuration names as `control.contact`
    #[arg(long, value_name = "CONTACT")]
    pub contact: Option<String>,
    /// Visit addresses that are not global as well: of an intranet, or of this machine; also if the configuration sets
    /// `control.allow_private_targets`
    #[arg(long, alias = "allow_private_targets")]
    pub allow_private_targets: bool,
    /// Which redirects the mirror may send; otherwise what the configuration names as `control.redirects`
    #[arg(long, value_name = "WHICH")]
    pub redirects: Option<Redirects>,
    /// The primary's tree, with which a listing is compared (`--tier listing`); otherwise what the configuration
    /// names as `control.tree` or `control.rsync_listing`
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, conflicts_with = "rsync_listing")]
    pub tree: Option<PathBuf>,
    /// A file with what `rsync -r --list-only` has printed of the primary, in place of its tree
    #[arg(long, alias = "rsync_listing", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub rsync_listing: Option<PathBuf>,
    /// Print records as lines of JSON, for `mirror replay`: what is expected of the mirror, what the primary
    /// has, and the visits
    #[arg(long)]
    pub json: bool,
    /// Where the data comes from.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Where further options are.
    #[command(flatten)]
    pub file: ConfigArgs,
}

/// What a visit looks for.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum VisitTier {
    /// Whether each URL answers.
    Probe,
    /// The repomd.xml of each repository.
    Hash,
    /// Some files of directories without one: whether they are there, and their sizes.
    Sample,
    /// All files of directories without one, by rsync: needs the primary's tree, or a listing of it.
    Listing,
}

/// `mirrorlistd mirror replay`.
#[derive(Args, Clone, Debug)]
pub struct ReplayArgs {
    /// The records
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Say of this mirror only what keeps it in the lists or out of them
    #[arg(long, value_name = "KEY")]
    pub mirror: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
