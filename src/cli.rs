//! The command line, as structs; what they mean is decided in [`crate::config`].
//!
//! Every flag of MirrorManager's `mirrorlist-server` is here with its spelling, so that an existing
//! unit file starts this program unchanged: without a subcommand it serves, long names work with
//! underscores and dashes, and a repeated option counts once, the last time. Completions and the
//! manual page are made from these definitions as well.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command as Definition, Parser, Subcommand, ValueHint};

use crate::config::values::{
    Askers, ClientAddress, Count, Fallback, HostName, ListenAddress, LogLevel, Nat64Prefix,
    Profile, SocketMode, TrustedProxy,
};
use crate::http::socket::Address;

const EXAMPLES: &str = "\
Examples:
  mirrorlistd
      Try it out: without any data, built-in demo data is served on 127.0.0.1:3000.
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
/// Without a command it serves. It reads MirrorManager's data, or a snapshot compiled from it, and
/// replaces the data while it runs, without any client noticing.
#[derive(Parser, Debug)]
#[command(
    name = "mirrorlistd",
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
    /// Whether this serves until it is told to stop.
    pub fn serves(&self) -> bool {
        matches!(self.command, None | Some(Command::Serve(_)))
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
    /// Show what a snapshot file holds, and whether it is intact
    ///
    /// Exits 0 if it is, and 1 with the reason if it is not.
    #[command(args_override_self = true)]
    Inspect(InspectArgs),
    /// Check a configuration and its data, without serving them
    ///
    /// Takes the options of `serve`, loads the data as it would, and says what would fail at its
    /// start, and what would be lost. Nothing is written, so it may run beside a server. Exits 0 if
    /// all is fine, 1 if the data are at fault, 2 if the configuration is.
    #[command(args_override_self = true)]
    Check(Box<CheckArgs>),
    /// Print shell completions or the manual page
    #[command(subcommand)]
    Generate(Generate),
}

/// What the definitions of this file can be turned into.
#[derive(Subcommand, Clone, Copy, Debug)]
pub enum Generate {
    /// Completions for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual page, as roff
    Man,
}

/// Where data comes from when it is compiled.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Data")]
pub struct InputArgs {
    /// MirrorManager's mirrors and directories (protobuf)
    /// [default: /var/lib/mirrormanager/mirrorlist_cache.proto]
    #[arg(short = 'c', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cache: Option<PathBuf>,
    /// Networks and the autonomous systems they belong to
    /// [default: /var/lib/mirrormanager/global_netblocks.txt]
    #[arg(short = 'g', long, alias = "global_netblocks", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub global_netblocks: Option<PathBuf>,
    /// Countries and their continents
    /// [default: /var/lib/mirrormanager/country_continent.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub cccsv: Option<PathBuf>,
    /// Country database (mmdb: GeoLite2, ip-location-db, IPinfo)
    /// [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub geoip: Option<PathBuf>,
    /// Accepted for compatibility; not used, and may be absent
    #[arg(short = 'i', long, alias = "internet2_netblocks", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub internet2_netblocks: Option<PathBuf>,
    /// Use the built-in demo data
    #[arg(long, conflicts_with_all = ["cache", "global_netblocks", "cccsv", "geoip"])]
    pub demo: bool,
    /// Read options from a TOML file; what the command line says comes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// `mirrorlistd serve`.
#[derive(Args, Clone, Debug, Default)]
pub struct ServeArgs {
    /// Where the data comes from.
    #[command(flatten)]
    pub inputs: InputArgs,
    /// Serve a snapshot made by `mirrorlistd compile`
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["cache", "global_netblocks", "cccsv", "geoip", "demo"],
        help_heading = "Data"
    )]
    pub snapshot: Option<PathBuf>,
    /// Accept a reload that has lost more than half of the hosts, directories or repositories
    #[arg(long, alias = "allow_shrink", help_heading = "Data")]
    pub allow_shrink: bool,
    /// Take changes of the data files up without a signal
    ///
    /// The files are looked at every second, and reloaded once they have been left alone for a while
    /// (see --watch-quiet). What is refused is not tried again before they change again.
    #[arg(long, help_heading = "Data")]
    pub watch: bool,
    /// How long the files must be left alone, with --watch [default: 5]
    ///
    /// Longer than the pauses of whatever delivers them: a set of files is then read once, when it
    /// is complete. Files that keep changing are tried all the same after 60 times as long.
    #[arg(long, alias = "watch_quiet", value_name = "SECONDS", help_heading = "Data")]
    pub watch_quiet: Option<Count<1, 3_600>>,

    /// Address to listen on: IPv4, IPv6, `::` for every one of both, or unix:PATH
    /// [default: 127.0.0.1]
    ///
    /// The configuration file can name more of them, in tables `[[listener]]`. Sockets that systemd
    /// hands over (socket activation) replace them all.
    #[arg(long, value_name = "ADDR", help_heading = "Serving")]
    pub listen: Option<ListenAddress>,
    /// Port to listen on; 0 takes any free one and prints it [default: 3000]
    #[arg(long, value_name = "N", help_heading = "Serving")]
    pub port: Option<u16>,
    /// Mode of public unix sockets, in octal, such as 0660 [default: what the umask leaves]
    #[arg(long, alias = "socket_mode", value_name = "MODE", help_heading = "Serving")]
    pub socket_mode: Option<SocketMode>,
    /// Add mirrors from everywhere when fewer than this were found near the client [default: 5]
    #[arg(short = 'm', long, value_name = "N", help_heading = "Answers")]
    pub minimum: Option<Count<0, 100_000>>,
    /// How answers are shaped: as mirrorlist-server does, or as today's clients need it
    /// [default: compatible]
    ///
    /// `modern` lists one URL of each mirror (https first), at most 50 mirrors, ftp and rsync only
    /// where they are asked for, spreads the first four over networks, and compresses for clients
    /// that ask for it. Each of these has a key in the table `answer` of the configuration file.
    #[arg(long, value_name = "PROFILE", help_heading = "Answers")]
    pub profile: Option<Profile>,
    /// Always list this last: the origin, or a CDN before it
    ///
    /// Every directory is looked for below this URL under its full name, as in
    /// URL/pub/fedora/linux/releases/. dnf tries the last URL second when the first one stalls.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url, help_heading = "Answers",
          value_parser = FallbackParser)]
    pub fallback: Option<Fallback>,
    /// Whose `ip=` counts [default: all]
    ///
    /// The parameter of others is left unread: they are answered for their own address. It shows
    /// private mirrors to nobody, unless `private_for_ip` in the configuration file says so.
    #[arg(long, alias = "allow_ip", value_name = "WHO", help_heading = "Answers")]
    pub allow_ip: Option<Askers>,

    /// Where proxies tell the address of the client [default: x-forwarded-for]
    ///
    /// Only trusted proxies are believed; with `proxy-protocol`, they must begin each connection
    /// with its header, and are cut off otherwise.
    #[arg(long, alias = "client_address", value_name = "SOURCE", help_heading = "Serving")]
    pub client_address: Option<ClientAddress>,
    /// Believe proxies in this network; may be repeated; `none` trusts nobody
    /// [default: 127.0.0.0/8 and ::1]
    ///
    /// Whoever connects through a unix socket is believed in any case: its mode decides who can.
    #[arg(long, alias = "trusted_proxy", value_name = "CIDR", help_heading = "Serving")]
    pub trusted_proxy: Vec<TrustedProxy>,
    /// A translator puts the IPv4 addresses of clients behind this prefix (RFC 6052); may be repeated
    ///
    /// Such clients are looked up under their IPv4 address as well. 64:ff9b::/96, 64:ff9b:1::/48, 6to4
    /// and Teredo are known without it.
    #[arg(long, alias = "nat64_prefix", value_name = "PREFIX", help_heading = "Serving")]
    pub nat64_prefix: Vec<Nat64Prefix>,
    /// Threads that answer requests [default: one for each core]
    #[arg(long, value_name = "N", help_heading = "Serving")]
    pub workers: Option<Count<1, 1_024>>,
    /// Where to answer the operator: health, metrics, status; ADDR:PORT or unix:PATH
    /// [default: nowhere]
    #[arg(long, value_name = "ADDRESS", help_heading = "Serving")]
    pub admin: Option<Address>,
    /// A name that the operator's listener may be asked by over TCP, beside addresses and localhost;
    /// can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Serving")]
    pub admin_host: Vec<HostName>,
    /// How long TERM lets requests finish [default: 30]
    #[arg(long, value_name = "SECONDS", help_heading = "Serving")]
    pub grace: Option<Count<0, 86_400>>,

    /// Access log; `none` writes none [default: /var/log/mirrormanager/mirrorlist.log]
    #[arg(short = 'l', long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Logging")]
    pub log: Option<PathBuf>,
    /// Also log every request as a proxy would, in the combined format
    ///
    /// For servers that are exposed without a proxy: `countme` is counted from such lines, whatever
    /// the answer was.
    #[arg(long, alias = "combined_log", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Logging")]
    pub combined_log: Option<PathBuf>,
    /// What to report on stderr; beats RUST_LOG [default: info]
    #[arg(long, alias = "log_level", value_name = "LEVEL", help_heading = "Logging")]
    pub log_level: Option<LogLevel>,
}

/// `mirrorlistd compile`.
#[derive(Args, Clone, Debug)]
pub struct CompileArgs {
    /// Where the data comes from.
    #[command(flatten)]
    pub inputs: InputArgs,
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
    /// The snapshot file
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
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

/// Reads `--fallback`. clap's own message repeats the value, and with it a password that may be in it.
#[derive(Clone)]
struct FallbackParser;

impl TypedValueParser for FallbackParser {
    type Value = Fallback;

    fn parse_ref(
        &self,
        definition: &Definition,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Fallback, clap::Error> {
        value.to_string_lossy().parse().map_err(|reason| {
            let message = format!("invalid value for '--fallback <URL>': {reason}");
            definition.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[track_caller]
    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split_whitespace()).expect(line)
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_command_line_of_the_reference_works() {
        let cli = parse(
            "mirrorlistd --port 18081 --listen 127.0.0.1 -l /l/x.service.log --cache /c \
             --internet2_netblocks /i --global_netblocks /g --cccsv /cc --geoip /geo -m 3",
        );
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.port, Some(18_081));
        assert_eq!(cli.serve.inputs.global_netblocks, Some("/g".into()));
        assert_eq!(cli.serve.inputs.internet2_netblocks, Some("/i".into()));
        assert_eq!(cli.serve.log, Some("/l/x.service.log".into()));
        assert_eq!(cli.serve.minimum.map(Count::get), Some(3));
        let short = parse("mirrorlistd -m 1 -c /c -i /i -g /g -l /l");
        assert_eq!(short.serve.inputs.cache, Some("/c".into()));
    }

    #[test]
    fn dashes_work_as_well_and_the_last_one_wins() {
        let cli =
            parse("mirrorlistd --global-netblocks /a --global_netblocks /b --port 1 --port 2");
        assert_eq!(cli.serve.inputs.global_netblocks, Some("/b".into()));
        assert_eq!(cli.serve.port, Some(2));
        let cli = parse("mirrorlistd --trusted-proxy 10.0.0.0/8 --trusted-proxy 192.0.2.1");
        assert_eq!(cli.serve.trusted_proxy.len(), 2);
        let serve = parse("mirrorlistd serve --port 1 --port 2");
        assert!(matches!(serve.command, Some(Command::Serve(args)) if args.port == Some(2)));
    }

    #[test]
    fn a_password_is_not_repeated() {
        let line = ["mirrorlistd", "--fallback", "https://me:secret@dl.example"];
        let error = Cli::try_parse_from(line).expect_err("a user is refused");
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
            let error = Cli::try_parse_from(line.split(' ')).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
