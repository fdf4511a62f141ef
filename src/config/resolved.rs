//! The configuration that the program uses: flags override the file, and the file the defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

#[cfg(feature = "control")]
use super::first_source::first_source;
#[cfg(feature = "control")]
use super::sections::control::{Context, ControlOptions};
#[cfg(feature = "control")]
use super::sections::control_error::ControlError;
use super::sections::data::{self, InputOptions};
use super::sections::listen::PublicAddress;
#[cfg(feature = "control")]
use super::values::control::Redirects;
use super::written::{self, Written};
#[cfg(feature = "control")]
use control::options::StoreLocation;
use serve::admin;
use serve::http;
use serve::http::socket::{Address, Mode};
use serve::reload::{Shrink, Source};
use sources::Inputs;

/// How long a snapshot that is published must be left alone: it is replaced as a whole.
#[cfg(feature = "control")]
const PUBLISHED_QUIET: Duration = Duration::from_secs(1);

/// The complete configuration of `serve`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen: the address of the options, then those of the `[[listener]]` tables.
    pub listen: (PublicAddress, Vec<PublicAddress>),
    /// The mode of public unix sockets.
    pub socket_mode: Mode,
    /// The data that are loaded at the start.
    pub source: Source,
    /// The data that are loaded later. They differ where background work publishes a snapshot, which is not
    /// there yet.
    pub reload_source: Source,
    /// Background work of this process; `None` if there is none.
    #[cfg(feature = "control")]
    pub control: Option<control::Options>,
    /// Whether they are the built-in demo data because no option and no key of the file names any.
    pub demo_stands_in: bool,
    /// Whether to publish data that has shrunk implausibly.
    pub shrink: Shrink,
    /// How long changed data files must stay unchanged before they are loaded; `None` reloads on a
    /// signal only.
    pub watch: Option<Duration>,
    /// How many threads answer requests.
    pub workers: usize,
    /// The admin listener; `None` starts none.
    pub admin: Option<admin::Options>,
    /// How long a reload may take.
    pub reload_timeout: Duration,
    /// The most bytes of the log that may wait for stderr.
    pub log_queue_bytes: usize,
    /// How long a drain may take.
    pub grace: Duration,
    /// The access log's file; `None` writes none.
    pub access_log: Option<PathBuf>,
    /// The file where every request is logged in the combined format; `None` writes none.
    pub combined_log: Option<PathBuf>,
    /// The most bytes of lines that may wait for the disk, for each of these two logs.
    pub access_log_queue_bytes: usize,
    /// Limits and rules of the transport.
    pub http: http::Options,
    /// The log level; `None` leaves it to `RUST_LOG`.
    pub log_level: Option<LevelFilter>,
}

impl Config {
    /// Merges the command line, the file that it names, and the defaults.
    pub fn resolve(flags: &Written, file: Option<&Path>) -> Result<Self, written::Error> {
        let written = read_file(file)?;
        Self::merge(flags, written, Path::exists)
    }

    /// The addresses to listen on for clients.
    pub fn public_addresses(&self) -> impl Iterator<Item = &Address> {
        let (first, others) = &self.listen;
        std::iter::once(first).chain(others).map(|listen| &listen.address)
    }

    pub(super) fn merge(
        flags: &Written,
        file: Written,
        exists: impl Fn(&Path) -> bool,
    ) -> Result<Self, written::Error> {
        let upper = (&flags.inputs, &flags.source);
        let source = data::source(upper, (&file.inputs, &file.source), &exists)?;
        let written = flags.clone().merge(file);
        let demo_stands_in =
            source == Source::Inputs(Inputs::Demo) && written.inputs.demo != Some(true);
        #[cfg(feature = "control")]
        let control = {
            let (shrink, quiet) = (written.source.shrink(), written.source.watch_quiet());
            let context = Context { source: &source, shrink, quiet: quiet.as_seconds() };
            written.control.options(&context)?
        };
        let Written { source: reload, listen, http, process, answer, admin, log, .. } = written;
        // Who tries the demo or writes a catalog has no folder of MirrorManager's, and may want no log.
        let logs = !matches!(source, Source::Inputs(Inputs::Demo | Inputs::Catalog(_)));
        let (reload_source, watch) = (source.clone(), reload.quiet());
        #[cfg(feature = "control")]
        let (source, reload_source, watch) = match &control {
            Some(control) => {
                let published = Source::Snapshot(control.site.snapshot.clone());
                (first_source(control, exists), published, Some(PUBLISHED_QUIET))
            }
            None => (source, reload_source, watch),
        };
        Ok(Self {
            listen: listen.addresses(written.listeners),
            socket_mode: listen.mode(),
            source,
            reload_source,
            #[cfg(feature = "control")]
            control,
            demo_stands_in,
            shrink: reload.shrink(),
            watch,
            workers: process.n_workers(),
            admin: admin.options(http.timeouts()),
            reload_timeout: reload.reload_timeout().as_seconds(),
            log_queue_bytes: log.log_queue_bytes().as_usize(),
            grace: process.grace().as_seconds(),
            access_log: log.access_log(logs),
            access_log_queue_bytes: log.access_log_queue_bytes().as_usize(),
            http: http.options(
                answer.compress(answer.profile()),
                answer.explains_per_second(),
                answer.options(),
            ),
            log_level: log.log_level.map(LevelFilter::from),
            combined_log: log.combined_log,
        })
    }
}

/// The inputs of `compile`: those of the command line, the file and the defaults.
pub fn resolve_inputs(flags: &InputOptions, file: Option<&Path>) -> Result<Inputs, written::Error> {
    let written = read_file(file)?;
    // `compile` uses demo data only if the options ask for them, never because files are missing.
    Ok(data::inputs(flags, &written.inputs, |_| true)?)
}

/// The primary tree that a configuration file names for background work; `None` if it names none.
#[cfg(feature = "control")]
pub fn resolve_tree(file: Option<&Path>) -> Result<Option<scan::TreeSource>, written::Error> {
    let control = read_file(file)?.control;
    let listing = control.control_rsync_listing.map(scan::TreeSource::RsyncListing);
    Ok(control.control_tree.map(scan::TreeSource::Tree).or(listing))
}

/// How a configuration file has mirrors visited.
#[cfg(feature = "control")]
#[derive(Debug)]
pub struct WrittenVisits {
    /// Where owners of mirrors reach the operator.
    pub contact: Option<String>,
    /// Whether addresses are visited that are not global.
    pub allow_private_targets: bool,
    /// Which redirects mirrors may send.
    pub redirects: Redirects,
}

/// How a configuration file has mirrors visited.
#[cfg(feature = "control")]
pub fn resolve_visits(file: Option<&Path>) -> Result<WrittenVisits, written::Error> {
    let control = read_file(file)?.control;
    Ok(WrittenVisits {
        allow_private_targets: control.control_allow_private_targets(),
        redirects: control.control_redirects(),
        contact: control.control_contact.map(|contact| contact.0),
    })
}

/// Where the tasks of background work are kept: what the command line says, or else the file.
#[cfg(feature = "control")]
pub fn resolve_store(
    flags: &ControlOptions,
    file: Option<&Path>,
) -> Result<StoreLocation, written::Error> {
    let written = read_file(file)?;
    let location = flags.clone().over(written.control).location()?;
    Ok(location.ok_or(ControlError::NoStore)?)
}

fn read_file(path: Option<&Path>) -> Result<Written, written::Error> {
    path.map_or_else(|| Ok(Written::default()), Written::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command, FromArgMatches};
    use serve::http::client_address::TrustedProxies;
    use sources::{GeographyFiles, TextCatalog};

    const DEFAULT_CACHE: &str = "/var/lib/mirrormanager/mirrorlist_cache.proto";
    const DEFAULT_LOG: &str = "/var/log/mirrormanager/mirrorlist.log";

    fn args(line: &str) -> Written {
        let command = Written::augment_args(Command::new("serve").args_override_self(true));
        let words = std::iter::once("serve").chain(line.split_whitespace());
        let matches = command.try_get_matches_from(words).expect("a valid command line");
        Written::from_arg_matches(&matches).expect("valid arguments")
    }

    #[track_caller]
    fn merge(line: &str, file: &str) -> Config {
        let written: Written = toml::from_str(file).expect("a valid file");
        Config::merge(&args(line), written, |_| false).expect("a valid configuration")
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
    fn a_catalog_takes_the_tables_that_are_named_and_no_usual_ones() {
        let catalog = |line: &str, file: &str| match merge(line, file).source {
            Source::Inputs(Inputs::Catalog(files)) => {
                let TextCatalog { catalog, index, findings, geography, .. } = files;
                let GeographyFiles { global_netblocks, country_continent, country_table } =
                    geography;
                let others = [index, findings, global_netblocks, country_continent, country_table];
                let others =
                    others.map(|path| path.map_or("-".into(), |path| path.display().to_string()));
                format!("{} {}", catalog.display(), others.join(" "))
            }
            source => source.to_string(),
        };
        assert_eq!(catalog("--catalog /c", ""), "/c - - - - -");
        assert_eq!(catalog("--catalog /c", "demo = true"), "/c - - - - -");
        assert_eq!(catalog("--catalog /c", "snapshot = '/s'"), "/c - - - - -");
        assert_eq!(
            catalog("--catalog /c --index /i --geoip /g", "cccsv = '/cc'"),
            "/c /i - - /cc /g"
        );
        assert_eq!(
            catalog("-g /g", "catalog = '/c'\nindex = '/i'\ngeoip = '/h'"),
            "/c /i - /g - /h"
        );
        assert_eq!(catalog("--index /j", "catalog = '/c'\nindex = '/i'"), "/c /j - - - -");
        let with_findings = "catalog = '/c'\nfindings_file = '/f'";
        assert_eq!(catalog("", with_findings), "/c - /f - - -");
        assert_eq!(catalog("--findings /e", with_findings), "/c - /e - - -");
        // The index of another catalog is not that of this one, and nor are its findings.
        assert_eq!(catalog("--catalog /d", "catalog = '/c'\nindex = '/i'"), "/d - - - - -");
        assert_eq!(catalog("--catalog /d", with_findings), "/d - - - - -");
        assert_eq!(catalog("--catalog /d --findings /e", with_findings), "/d - /e - - -");
        assert_eq!(catalog("-c /m", "catalog = '/c'\nindex = '/i'"), "/m");
        assert_eq!(catalog("--demo", "catalog = '/c'\nindex = '/i'"), "built-in demo data");
        assert_eq!(
            catalog("--almalinux /a --geoip /g", "catalog = '/c'\nindex = '/i'"),
            "/a - - - - /g"
        );
        assert_eq!(catalog("--index /j", "almalinux = '/a'"), "/a /j - - - -");
        for (line, file) in [
            ("--index /i", ""),
            ("--index /i", "cache = '/c'"),
            ("--index /i -c /c", "catalog = '/d'"),
            ("--findings /f", ""),
            ("--findings /f", "snapshot = '/s'"),
        ] {
            let written: Written = toml::from_str(file).expect("a valid file");
            assert!(Config::merge(&args(line), written, |_| false).is_err(), "{line} {file}");
        }
    }

    #[test]
    fn findings_go_with_the_data_of_the_same_layer() {
        let findings = |line: &str, file: &str| match merge(line, file).source {
            Source::Inputs(Inputs::MirrorManager(files)) => files.findings,
            source => panic!("{source}"),
        };
        let file = "cache = '/c'\nfindings_file = '/f'";
        assert_eq!(findings("", file), Some("/f".into()));
        assert_eq!(findings("-g /g", file), Some("/f".into()));
        assert_eq!(findings("-c /d", file), None);
        assert_eq!(findings("-c /d --findings /e", file), Some("/e".into()));
    }

    #[cfg(feature = "control")]
    #[test]
    fn a_table_that_a_task_builds_is_not_needed_at_the_start() {
        let control = "geoip = '/g'\n[control]\nstate = '/s'\ncountry_tables = ['/t']\n\
                       geography_file = '/g'";
        match merge("", &format!("cache = '/c'\n{control}")).source {
            Source::Inputs(Inputs::MirrorManagerWithout(_, unbuilt)) => {
                assert_eq!(unbuilt, [PathBuf::from("/g")]);
            }
            source => panic!("{source:?}"),
        }
        match merge("", &format!("catalog = '/c'\n{control}")).source {
            Source::Inputs(Inputs::Catalog(catalog)) => {
                assert_eq!(catalog.geography, GeographyFiles::default());
            }
            source => panic!("{source:?}"),
        }
    }

    #[test]
    fn the_demo_stands_in_only_where_there_is_no_data_at_all() {
        assert_eq!(merge("", "").source, Source::Inputs(Inputs::Demo));
        assert_eq!(merge("-i /i", "").source, Source::Inputs(Inputs::Demo));
        let installed =
            Config::merge(&args(""), Written::default(), |p| p == Path::new(DEFAULT_CACHE))
                .expect("a valid configuration");
        assert_eq!(cache(&installed), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(cache(&merge("-g /g", "")), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(cache(&merge("", "demo = false")), Some(Path::new(DEFAULT_CACHE)));
        assert_eq!(merge("--demo", "demo = false").source, Source::Inputs(Inputs::Demo));
    }

    #[test]
    fn the_demo_and_catalogs_log_only_where_they_are_told_to() {
        assert_eq!(merge("", "").access_log, None);
        assert_eq!(merge("--catalog /c", "").access_log, None);
        for source in ["--demo", "--catalog /c"] {
            let logged = merge(&format!("{source} -l /l"), "").access_log;
            assert_eq!(logged, Some("/l".into()));
        }
        assert_eq!(merge("-c /c", "").access_log, Some(DEFAULT_LOG.into()));
        assert_eq!(merge("-c /c -l none", "log = '/l'").access_log, None);
    }

    #[test]
    fn listeners_of_the_file_stand_beside_that_of_the_options() {
        let listen = |line: &str, file: &str| {
            let (first, others) = merge(line, file).listen;
            let show =
                |listen: &PublicAddress| format!("{} {:?}", listen.address, listen.client_address);
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
