//! The command line, as structs; what they mean is decided in [`crate::config`].
//!
//! Every flag of MirrorManager's `mirrorlist-server` is here with its spelling, so that an existing
//! unit file starts this program unchanged: without a subcommand it serves, long names work with
//! underscores and dashes, and a repeated option counts once, the last time. Completions and the
//! manual page are made from these definitions as well.

mod config_file;
mod help;
mod import;
#[cfg(feature = "scan")]
mod scan;
#[cfg(feature = "control")]
mod control;
#[cfg(feature = "control")]
mod mirror;
#[cfg(feature = "control")]
mod task;

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, FromArgMatches, Subcommand, ValueHint};

use crate::config::sections::answer::AnswerOptions;
use crate::config::sections::data::InputOptions;
use crate::config::written::Written;
use explain::PackageManager;
use quality::condition::{Condition, POLICIES};
use quality::figures::Figure;

pub use config_file::ConfigArgs;

pub use import::ImportArgs;

use help::{asks_running_server, complete};

#[cfg(feature = "control")]
pub use control::{ControlArgs, ControlCommand, MoveArgs};
#[cfg(feature = "control")]
pub use mirror::{
    MirrorArgs, MirrorCheckArgs, MirrorCommand, MirrorKeyArgs, MirrorListArgs, MirrorPauseArgs,
    ReplayArgs, VisitArgs, VisitTier,
};
#[cfg(feature = "scan")]
pub use scan::ScanArgs;
#[cfg(feature = "control")]
pub use task::{
    AskArgs, AwaitArgs, CancelArgs, CommentArgs, ListArgs, RetryArgs, RunArgs, TaskArgs,
    TaskCommand, WaitArgs,
};

const EXAMPLES: &str = "\
Examples:
  mirrorlistd
      Try it out: without any data, built-in demo data is served on 127.0.0.1:3000.
  mirrorlistd --catalog catalog.toml --index tree.index
      Serve a catalog of your own, with what a scan has found in the primary tree.
  mirrorlistd --listen :: --port 8080 --cache mirrorlist_cache.proto \\
      --global_netblocks global_netblocks.txt --cccsv country_continent.csv
      Serve MirrorManager's files, as mirrorlist-server does.
  mirrorlistd compile --cache mirrorlist_cache.proto -o mirrors.snapshot
  mirrorlistd serve --snapshot mirrors.snapshot
      Compile once, serve on many hosts.
  mirrorlistd check --config mirrorlistd.toml && systemctl reload mirrorlistd
      Reload only what can be served.

Signals: HUP reloads the data, USR1 reopens the access log, TERM and INT finish
what has begun and end.
Exit status: 0 done, 1 the data or the system is at fault, 2 the command line or
the configuration is.";

/// Answer dnf, yum and zypper which mirrors to use: a mirrorlist and metalink server.
///
/// Without a command it serves. It reads a catalog of text files, MirrorManager's data, or a snapshot
/// compiled from either, and replaces the data while it runs, without any client noticing.
#[derive(Args, Debug)]
#[command(
    version,
    after_help = EXAMPLES,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub serve: ServeArgs,
}

impl Cli {
    /// Everything that the command line can say: clap's definition, and what the table of options adds
    /// to it.
    pub fn definition() -> clap::Command {
        let chapters = Written::chapters().into_iter();
        let options: Vec<_> = chapters.flat_map(|chapter| chapter.options).collect();
        complete(Self::augment_args(clap::Command::new("mirrorlistd")), &options).mut_subcommands(
            |command| match command.get_name() {
                "explain" => asks_running_server(command, &options),
                _ => command,
            },
        )
    }

    /// Reads the command line of this process; ends the process if it makes no sense.
    pub fn of_process() -> Self {
        Self::parse(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Reads a command line, the name of the program first.
    pub fn parse<T: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = T>,
    ) -> Result<Self, clap::Error> {
        let mut definition = Self::definition();
        let mut matches = definition.try_get_matches_from_mut(words)?;
        Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut definition))
    }

    /// Whether this serves until it is told to stop.
    pub fn serves(&self) -> bool {
        match &self.command {
            None | Some(Command::Serve(_)) => true,
            #[cfg(feature = "control")]
            Some(Command::Control(args)) => args.command.is_none(),
            _ => false,
        }
    }
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Answer requests (the default)
    #[command(args_override_self = true)]
    Serve(Box<ServeArgs>),
    /// Compile data into one snapshot file
    ///
    /// The file is replaced as a whole or not at all, and carries a checksum. What was skipped or
    /// repaired in the data is listed on stderr. The snapshot before is kept as FILE.previous, which
    /// a server starts with if FILE is broken.
    #[command(args_override_self = true)]
    Compile(CompileArgs),
    /// Write the data of other programs as a catalog of text files
    ///
    /// The catalog is a new folder, and gives the same answers to `repo=` and `arch=`. What it cannot say
    /// is listed on stderr, each kind with a number and an example.
    #[command(args_override_self = true)]
    Import(ImportArgs),
    /// Show what a snapshot, the index of a tree or a geography file holds, and whether it is intact
    ///
    /// Which of them a file is, is seen from its first bytes. Exits 0 if it is intact, and 1 with the
    /// reason if it is not.
    #[command(args_override_self = true)]
    Inspect(InspectArgs),
    /// Check a configuration and its data, without serving them
    ///
    /// Takes the options of `serve`, loads the data as it would, and says what would fail at its
    /// start, and what would be lost. Nothing is written, so it may run beside a server. Exits 0 if
    /// all is fine, 1 if the data are at fault, 2 if the configuration is.
    #[command(args_override_self = true)]
    Check(Box<CheckArgs>),
    /// Explain the list that a client gets: why each mirror is in it or not, and in which order
    ///
    /// Takes the options of `serve`, loads the data as it would, and answers one request by the code that
    /// answers requests. Nothing listens, and nothing is written. Private mirrors are named. With `--admin`
    /// the running server answers, whose admin listener is there.
    ///
    /// Exits 0 if the client gets a list, 1 if it gets an error or the data cannot be loaded, 2 if the
    /// command line or the configuration is at fault.
    #[command(args_override_self = true, after_help = EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainArgs>),
    /// Measure how well clients are served: distances, own countries, fairness, sizes
    ///
    /// Draws clients from the networks of the data, or from an access log, and asks for each of them as it
    /// would ask. Prints the figures of each policy, those of the nearest mirrors that there are, and the
    /// countries that are served worst, with the reason. Nothing is listened on, and nothing is written.
    #[command(args_override_self = true, after_help = quality_help())]
    Quality(Box<QualityArgs>),
    /// Write a commented catalog to start from
    ///
    /// The file is DIR/catalog.toml. It is never overwritten. It describes a distribution with two
    /// invented mirrors, and every key of a distribution, a repository, a mirror and a network. Of routes
    /// it has an example only.
    #[command(args_override_self = true)]
    Init(InitArgs),
    /// Make an index of the primary tree: its directories, and the checksums of its repositories
    ///
    /// Walks the tree below DIR and finds every directory, every repomd.xml, every checksum file of
    /// images (CHECKSUM, SHA256SUMS, …) and links between directories. What a scan before has read and
    /// has not changed is not read again; what has been replaced stays known for some days, because
    /// mirrors need time to follow.
    ///
    /// A repository that is being written (its repomd.xml names files that are missing) keeps its former
    /// version. What others may not read is not released, and left out. A tree that has lost more than a
    /// fifth since the last scan is refused, and the index stays as it was.
    #[cfg(feature = "scan")]
    #[command(args_override_self = true, after_help = scan::EXAMPLES)]
    Scan(ScanArgs),
    /// Ask for tasks, wait for them, and see what a running process does in the background
    ///
    /// Tasks are what is done beside answers: scans of the primary tree, compiling, cleaning up. A process
    /// with a `[control]` table, or `mirrorlistd control`, runs them. It is asked through its admin listener.
    #[cfg(feature = "control")]
    #[command(args_override_self = true, after_help = task::EXAMPLES)]
    Task(TaskArgs),
    /// Visit a mirror now, or judge recorded visits again: is it up, is it current, and why not
    #[cfg(feature = "control")]
    #[command(args_override_self = true, after_help = mirror::EXAMPLES)]
    Mirror(MirrorArgs),
    /// Scan, compile and clean up in the background, without serving
    ///
    /// Compiles what the options name whenever it changes, and publishes the snapshot file, which servers with
    /// `snapshot` and `watch` take up. Scans the primary tree as well, if one is named. Everything is a task
    /// with a history, which the listener of the operator shows. Tasks survive crashes: they are kept in the
    /// folder that `--state` names.
    ///
    /// `serve` does all of this itself where its configuration has `[control]` with `state` or `store`.
    #[cfg(feature = "control")]
    #[command(
        args_override_self = true,
        args_conflicts_with_subcommands = true,
        disable_help_subcommand = true,
        after_help = control::EXAMPLES
    )]
    Control(Box<ControlArgs>),
    /// Prepare tables of networks: where they are, and to which autonomous systems they belong
    #[command(subcommand)]
    Geography(Geography),
    /// Print completions, the manual page, an example configuration or the reference of options
    #[cfg(feature = "generate")]
    #[command(subcommand)]
    Generate(Generate),
}

/// What can be done with tables of networks.
#[derive(Subcommand, Clone, Debug)]
pub enum Geography {
    /// Merge tables of countries and of autonomous systems into one file
    ///
    /// A table may be an mmdb, a CSV, lines `PREFIX ASN`, or a file written by this command; its content
    /// shows which. Of several tables of one kind, the first that knows an address counts, and the next
    /// ones fill its gaps. Lines at fault are left out and listed on stderr.
    ///
    /// The file is what `--geoip` and `--global_netblocks` take. It is replaced as a whole or not at all,
    /// and carries a checksum. A file that this command has not written is not replaced.
    #[command(args_override_self = true, after_help = GEOGRAPHY_EXAMPLES)]
    Build(GeographyArgs),
}

/// What the definitions of this file can be turned into.
#[cfg(feature = "generate")]
#[derive(Subcommand, Clone, Copy, Debug)]
pub enum Generate {
    /// Completions for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual page, as roff
    Man,
    /// A configuration file with every key, explained, as the packages install it
    ExampleConfig,
    /// The reference of all options, commands and metrics, as Markdown
    Reference,
}

/// `mirrorlistd serve`.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// The options.
    #[command(flatten)]
    pub options: Written,
    /// Where further options are.
    #[command(flatten)]
    pub file: ConfigArgs,
}

/// `mirrorlistd compile`.
#[derive(Args, Clone, Debug)]
pub struct CompileArgs {
    /// Where the data comes from.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Where further options are.
    #[command(flatten)]
    pub file: ConfigArgs,
    /// The snapshot file to write
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    pub output: PathBuf,
    /// Do not keep the snapshot that is replaced as FILE.previous
    #[arg(long, alias = "no_previous", help_heading = "Output")]
    pub no_previous: bool,
}

/// `mirrorlistd inspect`.
#[derive(Args, Clone, Debug)]
pub struct InspectArgs {
    /// The snapshot, the index, or what `geography build` has written
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// List the mirrors of a snapshot: key, country, URLs, weight, networks, whom each serves, how much it carries
    #[arg(long)]
    pub mirrors: bool,
    /// List the repositories of an index: directory, versions of repomd.xml with time, size and checksum
    #[arg(long, conflicts_with = "mirrors")]
    pub repositories: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `mirrorlistd quality`.
#[derive(Args, Clone, Debug)]
pub struct QualityArgs {
    /// Where the data comes from.
    #[command(flatten)]
    pub inputs: InputOptions,
    /// Measure a snapshot
    #[arg(long, conflicts_with_all = ["catalog", "almalinux", "index", "cache", "global_netblocks", "cccsv",
                                      "geoip", "demo"], help_heading = "Data")]
    pub snapshot: Option<PathBuf>,
    /// Where further options are.
    #[command(flatten)]
    pub file: ConfigArgs,
    /// How answers are made, which is the policy that is called `configured`.
    #[command(flatten)]
    pub answer: AnswerOptions,
    /// Take the clients from an access log, of this program or of a web server, and not from the networks
    // Not named as the option of the server, which writes one.
    #[arg(id = "clients_log", long = "log", value_name = "FILE", value_hint = ValueHint::FilePath,
          help_heading = "Clients")]
    pub log: Option<PathBuf>,
    /// How many clients to draw
    #[arg(long, value_name = "N", default_value_t = 3_000, help_heading = "Clients",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub clients: u32,
    /// The part of them that has IPv6, in percent; an access log says it itself
    #[arg(long, value_name = "PERCENT", default_value_t = 20, help_heading = "Clients",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub ipv6: u8,
    /// Where random numbers begin; equal seeds give equal figures
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Clients")]
    pub seed: u64,
    /// The repository to ask for [default: the one that most mirrors carry]
    #[arg(long, value_name = "NAME", help_heading = "Question")]
    pub repo: Option<String>,
    /// The architecture to ask for [default: the one that most mirrors carry]
    #[arg(long, value_name = "NAME", help_heading = "Question")]
    pub arch: Option<String>,
    /// Measure distances between points where they are known
    #[arg(long, help_heading = "Report")]
    pub exact: bool,
    /// How many of the worst-served countries to name
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Report",
          value_parser = clap::value_parser!(u16).range(0..=300))]
    pub countries: u16,
    /// Exit with 1 if this holds, such as `first_four_mean_km > 400`; may be repeated
    ///
    /// `[POLICY.]FIGURE`, one of < <= > >=, and a number. Without a policy, it is the configured one. A figure
    /// that the data do not give counts as a failure.
    #[arg(long = "fail-if", alias = "fail_if", value_name = "CONDITION", help_heading = "Report",
          action = clap::ArgAction::Append)]
    pub fail_if: Vec<Condition>,
    /// Print JSON
    #[arg(long, help_heading = "Report")]
    pub json: bool,
}

/// Examples, and the names of all figures.
fn quality_help() -> String {
    let mut help = QUALITY_EXAMPLES.to_owned();
    help.push_str("\n\nPolicies: ");
    help.push_str(&POLICIES.join(", "));
    help.push_str(".\n\nFigures:");
    for figure in Figure::ALL {
        help.push_str(&format!("\n  {:22} {}", figure.name(), figure.meaning()));
    }
    help
}

const QUALITY_EXAMPLES: &str = "\
Examples:
  mirrorlistd quality --config mirrorlistd.toml
      What the clients of this server get, beside what other policies would give them.
  mirrorlistd quality --catalog catalog.toml --geoip networks.geography --profile modern \\
      --fail-if 'first_four_mean_km > 400' --fail-if 'starving > 0'
      In a CI: refuse a change of the mirrors that makes answers worse.
  mirrorlistd quality --snapshot mirrors.snapshot --log access.log --json
      For the clients that were there yesterday.

Exit status: 0 measured, 1 a condition holds or the data are at fault, 2 the command line
or the configuration is.";

/// `mirrorlistd init`.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// The folder to write to; it is made if it is missing
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// `mirrorlistd check`.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// What would be served, and how.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Also refuse data that have lost more than half of what this snapshot holds, as a reload does
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Check")]
    pub previous: Option<PathBuf>,
    /// Print JSON
    #[arg(long, help_heading = "Check")]
    pub json: bool,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  mirrorlistd explain --snapshot mirrors.snapshot --ip 192.0.2.1 'repo=baseos-9&arch=x86_64'
      Why does this client get this list?
  mirrorlistd explain --config mirrorlistd.toml --ip 192.0.2.1 --client dnf \\
      '/metalink?repo=baseos-9&arch=x86_64'
      Ask as the server would answer, and say which mirrors dnf tries.
  mirrorlistd explain --admin 127.0.0.1:3001 --ip 192.0.2.1 'repo=baseos-9&arch=x86_64'
      Ask the server that runs.";

/// `mirrorlistd explain`.
#[derive(Args, Clone, Debug)]
pub struct ExplainArgs {
    /// What the client asks for: `repo=…&arch=…`, `path=…`, or a path with its query
    #[arg(value_name = "REQUEST")]
    pub request: String,
    /// The address of the client; `ip=` in the request names it as well
    #[arg(long, value_name = "ADDRESS", help_heading = "Explain")]
    pub ip: Option<IpAddr>,
    /// The name of the server that the client asks, where routes depend on it
    #[arg(id = "asked_host", long = "host", value_name = "NAME", help_heading = "Explain")]
    pub host: Option<String>,
    /// Also say what this package manager does with the list: dnf, yum, zypper, aria2 or apt
    #[arg(long, value_name = "NAME", help_heading = "Explain")]
    pub client: Option<PackageManager>,
    /// The number from which chance is drawn: another one gives another order within tiers
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = "Explain")]
    pub seed: u64,
    /// Print JSON
    #[arg(long, help_heading = "Explain")]
    pub json: bool,
    /// What would be served, and how.
    #[command(flatten)]
    pub serve: ServeArgs,
}

const GEOGRAPHY_EXAMPLES: &str = "\
Examples:
  mirrorlistd geography build --country country-ipv4.csv country-ipv6.csv \\
      --asn asn-ipv4.csv asn-ipv6.csv -o networks.geography
      Make one file of four, and serve with it:
  mirrorlistd --catalog catalog.toml --geoip networks.geography \\
      --global-netblocks networks.geography

Exit status: 0 the file is written, 1 it is not and stays as it was, 2 the command line
is wrong.";

/// `mirrorlistd geography build`.
#[derive(Args, Clone, Debug)]
#[command(group(ArgGroup::new("tables").args(["country", "asn"]).required(true).multiple(true)))]
pub struct GeographyArgs {
    /// Tables of networks and their countries, the preferred one first; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 1..)]
    pub country: Vec<PathBuf>,
    /// Tables of networks and their autonomous systems, the preferred one first; may be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 1..)]
    pub asn: Vec<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Accept tables that have lost more than a fifth of what the file had before
    // Not named as the option of reloads, whose help it would get.
    #[arg(id = "accept_loss", long = "allow-shrink", alias = "allow_shrink")]
    pub allow_shrink: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Count;

    #[track_caller]
    fn parse(line: &str) -> Cli {
        Cli::parse(line.split_whitespace()).expect(line)
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::definition().debug_assert();
    }

    #[test]
    fn the_command_line_of_the_reference_works() {
        let cli = parse(
            "mirrorlistd --port 18081 --listen 127.0.0.1 -l /l/x.service.log --cache /c \
             --internet2_netblocks /i --global_netblocks /g --cccsv /cc --geoip /geo -m 3",
        );
        assert!(cli.command.is_none());
        let Written { inputs, listen, answer, log, .. } = cli.serve.options;
        assert_eq!(listen.port, Some(18_081));
        assert_eq!(inputs.global_netblocks, Some("/g".into()));
        assert_eq!(inputs.internet2_netblocks, Some("/i".into()));
        assert_eq!(log.log, Some("/l/x.service.log".into()));
        assert_eq!(answer.minimum.map(Count::get), Some(3));
        let short = parse("mirrorlistd -m 1 -c /c -i /i -g /g -l /l");
        assert_eq!(short.serve.options.inputs.cache, Some("/c".into()));
    }

    #[test]
    fn dashes_work_as_well_and_the_last_one_wins() {
        let cli =
            parse("mirrorlistd --global-netblocks /a --global_netblocks /b --port 1 --port 2");
        assert_eq!(cli.serve.options.inputs.global_netblocks, Some("/b".into()));
        assert_eq!(cli.serve.options.listen.port, Some(2));
        let cli = parse("mirrorlistd --trusted-proxy 10.0.0.0/8 --trusted-proxy 192.0.2.1");
        assert_eq!(cli.serve.options.http.trusted_proxy.map(|proxies| proxies.len()), Some(2));
        let serve = parse("mirrorlistd serve --port 1 --port 2");
        assert!(
            matches!(serve.command, Some(Command::Serve(args)) if args.options.listen.port == Some(2))
        );
    }

    #[test]
    fn a_password_is_not_repeated() {
        let line = ["mirrorlistd", "--fallback", "https://me:secret@dl.example"];
        let error = Cli::parse(line).expect_err("a user is refused");
        assert_eq!(error.exit_code(), 2);
        let message = error.to_string();
        assert!(message.contains("`https://…@dl.example` holds a user name or a password"));
        assert!(!message.contains("secret"), "{message}");
    }

    #[test]
    fn contradictions_are_usage_errors() {
        for line in [
            "mirrorlistd --snapshot a --cache b",
            "mirrorlistd --snapshot a --demo",
            "mirrorlistd --port 70000",
            "mirrorlistd --listen nowhere",
            "mirrorlistd --workers 0",
            "mirrorlistd compile",
            "mirrorlistd --no-such-option",
            "mirrorlistd no-such-command",
        ] {
            let error = Cli::parse(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
