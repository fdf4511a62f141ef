//! The configuration that the program uses: flags before the file before the defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::values::{Count, HostName, ListenAddress, Nat64Prefix, SocketMode, TrustedProxy};
use super::written::{self, Limits, Written};
use crate::admin;
use crate::admin::hosts::Hosts;
use crate::answer;
use crate::cli::{InputArgs, ServeArgs};
use crate::compile::{Inputs, MirrorManagerFiles};
use crate::http;
use crate::http::client_address::{Source as ClientSource, TrustedProxies};
use crate::http::socket::{Address, Mode};
use crate::http::watchdog::Timeouts;
use crate::model::embedded;
use crate::model::net::Prefix;
use crate::reload::{Shrink, Source};

const DEFAULT_CACHE: &str = "/var/lib/mirrormanager/mirrorlist_cache.proto";
const DEFAULT_GLOBAL_NETBLOCKS: &str = "/var/lib/mirrormanager/global_netblocks.txt";
const DEFAULT_COUNTRY_CONTINENT: &str = "/var/lib/mirrormanager/country_continent.csv";
const DEFAULT_GEOIP: &str = "/usr/share/GeoIP/GeoLite2-Country.mmdb";
const DEFAULT_LOG: &str = "/var/log/mirrormanager/mirrorlist.log";

/// Everything that `serve` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen: first the address of the options, then those of the tables.
    pub listen: (Listen, Vec<Listen>),
    /// The mode of public unix sockets.
    pub socket_mode: Mode,
    /// The data.
    pub source: Source,
    /// Whether to publish data that has shrunk implausibly.
    pub shrink: Shrink,
    /// How long changed data files must be left alone before they are taken up; `None` leaves it
    /// to a signal.
    pub watch: Option<Duration>,
    /// Threads that answer.
    pub workers: usize,
    /// Where to answer the operator; `None` is nowhere.
    pub admin: Option<admin::Options>,
    /// How long a reload may take.
    pub reload_timeout: Duration,
    /// Bytes of the log that may wait for stderr.
    pub log_queue_bytes: usize,
    /// How long a drain may take.
    pub grace: Duration,
    /// The access log's file; `None` writes none.
    pub access_log: Option<PathBuf>,
    /// Where every request is logged in the combined format, if anywhere.
    pub combined_log: Option<PathBuf>,
    /// Bytes of their lines that may wait for the disk, for each of the two.
    pub access_log_queue_bytes: usize,
    /// Limits and rules of the transport.
    pub http: http::Options,
    /// `None` leaves it to `RUST_LOG`.
    pub log_level: Option<LevelFilter>,
}

/// A public address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listen {
    /// Port 0 takes any free one.
    pub address: Address,
    /// Where the addresses of its clients are found.
    pub client_address: ClientSource,
    /// The name of a socket that takes its place.
    pub name: Option<String>,
}

impl Config {
    /// Puts the command line, the file that it names, and the defaults together.
    pub fn resolve(args: &ServeArgs) -> Result<Self, written::Error> {
        let written = read_file(&args.inputs)?;
        Ok(Self::merge(args, &written, Path::exists))
    }

    /// Where to listen for clients.
    pub fn public_addresses(&self) -> impl Iterator<Item = &Address> {
        let (first, others) = &self.listen;
        std::iter::once(first).chain(others).map(|listen| &listen.address)
    }

    fn merge(args: &ServeArgs, written: &Written, exists: impl Fn(&Path) -> bool) -> Self {
        let source = match (&args.snapshot, &written.snapshot) {
            (Some(path), _) => Source::Snapshot(path.clone()),
            (None, Some(path)) if !names_inputs(&args.inputs) => Source::Snapshot(path.clone()),
            _ => Source::Inputs(merge_inputs(&args.inputs, written, exists)),
        };
        let access_log = match args.log.as_ref().or(written.log.as_ref()) {
            Some(path) if path.as_os_str() == "none" => None,
            Some(path) => Some(path.clone()),
            // Who only tries the demo has no such folder, and no use for the log.
            None if source == Source::Inputs(Inputs::Demo) => None,
            None => Some(DEFAULT_LOG.into()),
        };
        let limits = &written.limits;
        let accept_shrink = args.allow_shrink || written.allow_shrink.unwrap_or(false);
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        Self {
            listen: merge_listen(args, written),
            socket_mode: args.socket_mode.or(written.socket_mode).map(|SocketMode(mode)| mode),
            source,
            shrink: if accept_shrink { Shrink::Accept } else { Shrink::Refuse },
            watch: (args.watch || written.watch == Some(true))
                .then(|| seconds(args.watch_quiet.or(written.watch_quiet), 5)),
            workers: count(args.workers.or(written.workers)).unwrap_or_else(cores),
            admin: merge_admin(args, written),
            reload_timeout: seconds(limits.reload_timeout_seconds, 300),
            log_queue_bytes: count(limits.log_queue_bytes).unwrap_or(256 * 1024),
            grace: seconds(args.grace.or(limits.grace_seconds), 30),
            access_log,
            combined_log: args.combined_log.clone().or_else(|| written.combined_log.clone()),
            access_log_queue_bytes: count(limits.access_log_queue_bytes).unwrap_or(4 << 20),
            http: http::Options {
                timeouts: merge_timeouts(limits),
                linger_bytes: count(limits.linger_bytes).unwrap_or(256 * 1_024) as u64,
                max_headers: count(limits.max_headers).unwrap_or(64),
                max_target_bytes: count(limits.max_target_bytes).unwrap_or(8_000),
                max_connections: count(limits.max_connections).unwrap_or(10_000),
                unsent_bytes: count(limits.unsent_bytes).unwrap_or(256 << 20) as u64,
                compress: written.answer.compress(args),
                // At 3 µs for each KB (gzip), a worker is busy with it for less than a millisecond.
                max_compressed_bytes: count(limits.max_compressed_bytes).unwrap_or(256 * 1_024),
                answer: merge_answer(args, written),
                trusted_proxies: TrustedProxies(merge_proxies(args, written)),
            },
            log_level: args.log_level.or(written.log_level).map(LevelFilter::from),
        }
    }
}

fn merge_listen(args: &ServeArgs, written: &Written) -> (Listen, Vec<Listen>) {
    let address = match args.listen.as_ref().or(written.listen.as_ref()) {
        Some(ListenAddress::Unix(path)) => Address::Unix(path.clone()),
        written_or_default => {
            let address = match written_or_default {
                Some(ListenAddress::Ip(address)) => *address,
                _ => Ipv4Addr::LOCALHOST.into(),
            };
            let port = args.port.or(written.port).unwrap_or(3000);
            Address::Tcp(SocketAddr::new(address, port))
        }
    };
    let client_address =
        args.client_address.or(written.client_address).map_or_else(Default::default, Into::into);
    let first = Listen { address, client_address, name: None };
    let others = written.listener.iter().map(|listener| Listen {
        address: listener.address.clone(),
        client_address: listener.client_address.map_or(client_address, Into::into),
        name: listener.name.clone(),
    });
    (first, others.collect())
}

/// What `compile` compiles.
pub fn resolve_inputs(args: &InputArgs) -> Result<Inputs, written::Error> {
    let written = read_file(args)?;
    // Whoever compiles a file means real data, or says `--demo`: nothing stands in for it.
    Ok(merge_inputs(args, &written, |_| true))
}

fn read_file(args: &InputArgs) -> Result<Written, written::Error> {
    args.config.as_deref().map_or_else(|| Ok(Written::default()), Written::read)
}

/// Whether the command line says what to compile, and so overrules a snapshot in the file.
fn names_inputs(args: &InputArgs) -> bool {
    args.demo || names_files(args)
}

fn names_files(args: &InputArgs) -> bool {
    let InputArgs { cache, global_netblocks, cccsv, geoip, .. } = args;
    [cache, global_netblocks, cccsv, geoip].into_iter().any(Option::is_some)
}

fn merge_inputs(args: &InputArgs, written: &Written, exists: impl Fn(&Path) -> bool) -> Inputs {
    let asked_for_demo = args.demo || (written.demo == Some(true) && !names_files(args));
    if asked_for_demo {
        return Inputs::Demo;
    }
    let in_file = [&written.cache, &written.global_netblocks, &written.cccsv, &written.geoip];
    let is_named = names_files(args) || in_file.into_iter().any(Option::is_some);
    // The country database does not count: many hosts have one without being a mirror director.
    let defaults = [DEFAULT_CACHE, DEFAULT_GLOBAL_NETBLOCKS, DEFAULT_COUNTRY_CONTINENT];
    // Who says `demo = false` means real data: nothing stands in for them.
    let may_be_demo = written.demo != Some(false);
    if may_be_demo && !is_named && !defaults.into_iter().any(|path| exists(Path::new(path))) {
        return Inputs::Demo;
    }
    let pick = |flag: &Option<PathBuf>, written: &Option<PathBuf>, default: &str| {
        flag.clone().or_else(|| written.clone()).unwrap_or_else(|| default.into())
    };
    Inputs::MirrorManager(MirrorManagerFiles {
        cache: pick(&args.cache, &written.cache, DEFAULT_CACHE),
        global_netblocks: pick(
            &args.global_netblocks,
            &written.global_netblocks,
            DEFAULT_GLOBAL_NETBLOCKS,
        ),
        country_continent: pick(&args.cccsv, &written.cccsv, DEFAULT_COUNTRY_CONTINENT),
        geoip: pick(&args.geoip, &written.geoip, DEFAULT_GEOIP),
    })
}

fn merge_answer(args: &ServeArgs, written: &Written) -> answer::Options {
    let defaults = answer::Options::default();
    let limits = &written.limits;
    answer::Options {
        minimum: count(args.minimum.or(written.minimum)).unwrap_or(defaults.minimum),
        max_parameters: count(limits.max_parameters).unwrap_or(defaults.max_parameters),
        max_countries: count(limits.max_countries).unwrap_or(defaults.max_countries),
        max_protocols: count(limits.max_protocols).unwrap_or(defaults.max_protocols),
        redirect_links: written.answer.redirect_links(),
        nat64: merge_nat64(args, written),
        shaping: written.answer.shaping(args),
        aliases: written.answer.aliases.clone(),
        allow_ip: args.allow_ip.or(written.answer.allow_ip).map_or(defaults.allow_ip, Into::into),
        private_for_ip: written.answer.private_for_ip.map_or(defaults.private_for_ip, Into::into),
    }
}

fn merge_timeouts(limits: &Limits) -> Timeouts {
    Timeouts {
        header: seconds(limits.header_timeout_seconds, 10),
        // Longer than a proxy keeps its end (60 s in nginx): the proxy closes first, and no request
        // of its crosses our close.
        idle: seconds(limits.idle_timeout_seconds, 75),
        write: seconds(limits.write_timeout_seconds, 30),
        linger: seconds(limits.linger_timeout_seconds, 2),
    }
}

fn merge_admin(args: &ServeArgs, written: &Written) -> Option<admin::Options> {
    let address = args.admin.clone().or_else(|| written.admin.listen.clone())?;
    let hosts = match args.admin_host.is_empty() {
        true => written.admin.hosts.as_deref().unwrap_or_default(),
        false => &args.admin_host,
    };
    let hosts = hosts.iter().map(|HostName(name)| name.clone()).collect();
    Some(admin::Options { address, hosts: Hosts(hosts), timeouts: merge_timeouts(&written.limits) })
}

fn merge_proxies(args: &ServeArgs, written: &Written) -> Vec<Prefix> {
    let asked_for = match &written.trusted_proxy {
        _ if !args.trusted_proxy.is_empty() => &args.trusted_proxy,
        Some(proxies) => proxies,
        None => return TrustedProxies::default().0,
    };
    let networks = asked_for.iter().map(|proxy| match *proxy {
        TrustedProxy::None => None,
        TrustedProxy::Network(prefix) => Some(prefix),
    });
    networks.flatten().collect()
}

fn merge_nat64(args: &ServeArgs, written: &Written) -> Vec<embedded::Nat64Prefix> {
    let asked_for = match &written.nat64_prefix {
        Some(prefixes) if args.nat64_prefix.is_empty() => prefixes,
        _ => &args.nat64_prefix,
    };
    asked_for.iter().map(|&Nat64Prefix(prefix)| prefix).collect()
}

fn count<const MIN: u32, const MAX: u32>(count: Option<Count<MIN, MAX>>) -> Option<usize> {
    count.map(Count::as_usize)
}

fn seconds<const MIN: u32, const MAX: u32>(
    count: Option<Count<MIN, MAX>>,
    default: u32,
) -> Duration {
    Duration::from_secs(count.map_or(default, Count::get).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn args(line: &str) -> ServeArgs {
        let words = std::iter::once("mirrorlistd").chain(line.split_whitespace());
        let cli = Cli::try_parse_from(words).expect("a valid command line");
        match cli.command {
            Some(Command::Serve(args)) => *args,
            _ => cli.serve,
        }
    }

    #[track_caller]
    fn merge(line: &str, file: &str) -> Config {
        let written: Written = toml::from_str(file).expect("a valid file");
        Config::merge(&args(line), &written, |_| false)
    }

    fn cache(config: &Config) -> Option<&Path> {
        match &config.source {
            Source::Inputs(Inputs::MirrorManager(files)) => Some(&files.cache),
            _ => None,
        }
    }

    #[test]
    fn the_command_line_beats_the_file_beats_the_default() {
        let config =
            merge("--port 1 --grace 2", "port = 7\nlisten = '::1'\nlimits.grace_seconds = 9");
        assert_eq!(config.listen.0.address.to_string(), "[::1]:1");
        assert_eq!(config.grace, Duration::from_secs(2));
        assert_eq!(merge("", "").listen.0.address.to_string(), "127.0.0.1:3000");
        assert_eq!(merge("-m 9", "minimum = 7").http.answer.minimum, 9);
        assert_eq!(merge("", "minimum = 7").http.answer.minimum, 7);
        assert_eq!(merge("", "").http.answer.minimum, 5);
    }

    #[test]
    fn watching_is_off_until_it_is_asked_for() {
        assert_eq!(merge("", "").watch, None);
        assert_eq!(merge("--watch-quiet 9", "watch_quiet = 7").watch, None);
        assert_eq!(merge("", "watch = true").watch, Some(Duration::from_secs(5)));
        assert_eq!(merge("--watch", "watch_quiet = 7").watch, Some(Duration::from_secs(7)));
        let both = merge("--watch --watch-quiet 9", "watch = false\nwatch_quiet = 7");
        assert_eq!(both.watch, Some(Duration::from_secs(9)));
    }

    #[test]
    fn any_data_option_on_the_command_line_overrules_the_files_choice() {
        let file = "snapshot = '/s'";
        assert_eq!(merge("", file).source, Source::Snapshot("/s".into()));
        assert_eq!(cache(&merge("-c /c", file)), Some(Path::new("/c")));
        assert_eq!(merge("--demo", file).source, Source::Inputs(Inputs::Demo));
        assert_eq!(merge("--snapshot /t", "cache = '/c'").source, Source::Snapshot("/t".into()));
        assert_eq!(cache(&merge("-c /c", "demo = true")), Some(Path::new("/c")));
        assert_eq!(cache(&merge("", "geoip = '/g'")), Some(Path::new(DEFAULT_CACHE)));
    }

    #[test]
    fn the_demo_stands_in_only_where_there_is_no_data_at_all() {
        assert_eq!(merge("", "").source, Source::Inputs(Inputs::Demo));
        assert_eq!(merge("-i /i", "").source, Source::Inputs(Inputs::Demo));
        let installed =
            Config::merge(&args(""), &Written::default(), |p| p == Path::new(DEFAULT_CACHE));
        assert_eq!(cache(&installed), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(cache(&merge("-g /g", "")), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(cache(&merge("", "demo = false")), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(merge("--demo", "demo = false").source, Source::Inputs(Inputs::Demo));
    }

    #[test]
    fn the_demo_logs_only_where_it_is_told_to() {
        assert_eq!(merge("", "").access_log, None);
        assert_eq!(merge("-l /l", "").access_log, Some("/l".into()));
        assert_eq!(merge("-c /c", "").access_log, Some(DEFAULT_LOG.into()));
        assert_eq!(merge("-c /c -l none", "log = '/l'").access_log, None);
    }

    #[test]
    fn listeners_of_the_file_stand_beside_that_of_the_options() {
        let listen = |line: &str, file: &str| {
            let (first, others) = merge(line, file).listen;
            let show = |listen: &Listen| format!("{} {:?}", listen.address, listen.client_address);
            std::iter::once(&first).chain(&others).map(show).collect::<Vec<_>>()
        };
        let file = "client_address = 'peer'\n[[listener]]\naddress = 'unix:/run/a'\n\
                    [[listener]]\naddress = '[::]:80'\nclient_address = 'proxy-protocol'\n";
        assert_eq!(
            listen("--port 1", file),
            ["127.0.0.1:1 Peer", "unix:/run/a Peer", "[::]:80 ProxyProtocol"]
        );
        assert_eq!(
            listen("--listen :: --listen unix:/run/b --client-address forwarded", file),
            [
                "unix:/run/b Header(Forwarded)",
                "unix:/run/a Header(Forwarded)",
                "[::]:80 ProxyProtocol"
            ]
        );
        assert_eq!(listen("", ""), ["127.0.0.1:3000 Header(XForwardedFor)"]);
        assert_eq!(merge("", "").socket_mode, None);
        assert_eq!(merge("--socket-mode 600", "socket_mode = '0666'").socket_mode, Some(0o600));
    }

    #[test]
    fn trusted_proxies_replace_the_default() {
        let proxies = |line: &str, file: &str| {
            let TrustedProxies(prefixes) = merge(line, file).http.trusted_proxies;
            prefixes.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(proxies("", ""), ["127.0.0.0/8", "::1/128"]);
        assert_eq!(proxies("--trusted-proxy 10.0.0.1", ""), ["10.0.0.1/32"]);
        assert_eq!(proxies("", "trusted_proxy = ['10.0.0.1']"), ["10.0.0.1/32"]);
        assert_eq!(proxies("--trusted-proxy none", "trusted_proxy = ['10.0.0.1']"), [""; 0]);
        assert_eq!(proxies("", "trusted_proxy = []"), [""; 0]);
    }

    #[test]
    fn prefixes_of_translators_on_the_command_line_beat_those_in_the_file() {
        let nat64 = |line: &str, file: &str| -> Vec<String> {
            let prefixes = merge(line, file).http.answer.nat64;
            prefixes.iter().map(ToString::to_string).collect()
        };
        let in_file = "nat64_prefix = ['2001:db8:64::/96']";
        assert_eq!(nat64("", ""), [""; 0]);
        assert_eq!(nat64("", in_file), ["2001:db8:64::/96"]);
        assert_eq!(nat64("--nat64-prefix 2001:db8::/32", in_file), ["2001:db8::/32"]);
    }
}
