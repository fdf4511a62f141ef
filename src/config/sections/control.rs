//! Background work: where its tasks are kept, what they do, and how often.

mod site;
mod visits;

use std::path::PathBuf;
use std::time::Duration;

use clap::ArgAction;

use super::control_error::ControlError;
use crate::config::section_macro::{Section, section};
use crate::config::values::control::{
    Contact, IpFamily, NodeName, PostgresAddress, Redirects, SiteName, WebhookUrl,
};
use crate::config::values::{Count, SecretParser};
use control::options::{Budgets, Every, Options, Site, StoreLocation};
use serve::http::socket::Address;
use serve::reload::{Shrink, Source};

/// The name of a published snapshot in the folder of the store.
const SNAPSHOT: &str = "mirrors.snapshot";
/// A day, in seconds.
const DAY: u64 = 86_400;

section! {
    /// Background work: scans of the primary tree, visits to mirrors, compiles, and clean-up run as tasks, which are kept in a
    /// store and survive crashes. With `state` or `store`, `serve` does this work itself, and serves the
    /// snapshot that it publishes; `mirrorlistd control` does it in a process of its own.
    ///
    /// What is compiled is what `catalog`, `almalinux` or `cache` name, with their tables of networks.
    pub struct ControlOptions in "Background work" {
        /// Keep tasks in this folder, which is made if it is missing
        ///
        /// It must be on a local disk. One process at a time uses it.
        control_state: PathBuf {
            key: "control.state",
            flag: (long = "state", conflicts_with = "control_store"),
            value: "FOLDER",
            example: "\"/var/lib/mirrorlistd/state\"",
        }
        /// Keep tasks in a PostgreSQL, which several machines may share
        control_store: PostgresAddress {
            key: "control.store",
            flag: (long = "store", value_parser = SecretParser::<PostgresAddress>::of("--store <URL>")),
            value: "URL",
            example: "\"postgresql://mirrorlistd@db.example.org/mirrorlistd\"",
        }
        /// The name of this process among those that share a store
        ///
        /// No two may have the same name at the same time: the later one takes over what the other one does.
        control_node: NodeName {
            key: "control.node",
            flag: (long = "node"),
            value: "NAME",
            otherwise: "the name of the host",
            example: "\"control-1\"",
        }
        /// The name of the files that this process works on, among those that share a store
        ///
        /// Scans, tables of networks and compiles run on a machine of the site where they were asked for. Give
        /// machines the same site if their catalog, tree, index and snapshot are the same files, in a folder
        /// that they share: then each takes over for the others. It matters with `store` only.
        control_site: SiteName {
            key: "control.site",
            flag: (long = "site"),
            value: "NAME",
            otherwise: "the name of `node`: files of its own",
            example: "\"main\"",
        }
        /// The snapshot file that is published
        ///
        /// The snapshot before is kept beside it, with `.previous` after its name.
        control_snapshot: PathBuf {
            key: "control.snapshot",
            flag: (long = "snapshot"),
            value: "FILE",
            otherwise: "mirrors.snapshot in the folder of `state`",
            example: "\"/var/lib/mirrorlistd/state/mirrors.snapshot\"",
        }
        /// Scan this tree, which is the primary one, into the file that `index` names
        ///
        /// It is scanned when a repomd.xml in it changes or a repository comes, and every `scan_every` seconds.
        control_tree: PathBuf {
            key: "control.tree",
            flag: (long = "tree", conflicts_with = "control_rsync_listing"),
            value: "FOLDER",
            example: "\"/srv/pub/example\"",
        }
        /// Read the primary tree from what `rsync -rl --list-only` has printed
        ///
        /// It is read when the file changes. Such an index has no checksums.
        control_rsync_listing: PathBuf {
            key: "control.rsync_listing",
            flag: (long = "rsync-listing"),
            value: "FILE",
            example: "\"/var/lib/mirrorlistd/listing\"",
        }
        /// How many directories of the tree are looked at every few seconds for what is new in them
        ///
        /// Those next to the top come first; those within repositories need it not. What is new in others is
        /// found every `scan_every` seconds.
        control_watch_directories: Count<0, 4_000_000> {
            key: "control.watch_directories",
            flag: (long = "watch-directories"),
            value: "N",
            default: Count::of(20_000),
        }
        /// How many days an earlier version of a file stays known after it was replaced in the tree
        control_keep_versions: Count<0, 365> {
            key: "control.keep_versions_days",
            flag: (long = "keep-versions-days"),
            value: "DAYS",
            default: Count::of(4),
        }
        /// Build `geography_file` from these tables of networks and countries, the preferred one first
        control_country_tables: Vec<PathBuf> {
            key: "control.country_tables",
            flag: (long = "country-table"),
            value: "FILE",
            default: Vec::new(),
        }
        /// Build `geography_file` from these tables of networks and autonomous systems, the preferred one first
        control_asn_tables: Vec<PathBuf> {
            key: "control.asn_tables",
            flag: (long = "asn-table"),
            value: "FILE",
            default: Vec::new(),
        }
        /// The file that is built from tables when they change
        ///
        /// So that it is used, name it as `geoip` as well if there are tables of countries, and as
        /// `global_netblocks` if there are tables of autonomous systems.
        control_geography_file: PathBuf {
            key: "control.geography_file",
            flag: (long = "geography-file"),
            value: "FILE",
            example: "\"/var/lib/mirrorlistd/state/networks.geography\"",
        }
        /// Visit the mirrors, and write what follows into the file that `findings_file` names
        ///
        /// Whoever is down, behind, or has other content is left out of the lists or comes last in them. It is
        /// off unless it is switched on, as it makes requests to hosts of others, and replaces the file.
        control_visit_mirrors: bool {
            key: "control.visit_mirrors",
            flag: (long = "visit-mirrors", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// How often it is looked which mirrors are due
        ///
        /// Each of them is due about every 9 minutes, and sooner where something has failed.
        control_visits_every: Count<1, 86_400> {
            key: "control.visits_every",
            flag: (long = "visits-every"),
            value: "SECONDS",
            default: Count::of(60),
        }
        /// Visit mirrors over these versions of IP
        control_visit_over: Vec<IpFamily> {
            key: "control.visit_over",
            flag: (long = "visit-over"),
            value: "VERSION",
            otherwise: "those over which well-known hosts can be connected to",
            example: "[\"ipv4\", \"ipv6\"]",
        }
        /// Where owners of mirrors reach you: a URL or an address of mail, for the User-Agent of visits
        control_contact: Contact {
            key: "control.contact",
            flag: (long = "contact"),
            value: "CONTACT",
            example: "\"https://mirrors.example.org/about\"",
        }
        /// Visit addresses that are not global as well: of an intranet, or of this machine
        control_allow_private_targets: bool {
            key: "control.allow_private_targets",
            flag: (long = "allow-private-targets", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// Look for files of directories without a repository as well, such as images, once a day
        ///
        /// These are files of which the index knows the size, and which are older than two days. Whoever lacks some of
        /// them at two looks is left out of that directory.
        control_sample_files: bool {
            key: "control.sample_files",
            flag: (long = "sample-files", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// List directories without a repository by rsync, once a day, and compare them with the primary
        ///
        /// Of mirrors that have a URL of rsync. Whoever lacks, at two looks and over http as well, what the primary has
        /// had for two days is left out of that directory. It needs `tree` or `rsync_listing`, and rsync 3.5.0 or
        /// later; see checks.md.
        control_rsync_listings: bool {
            key: "control.rsync_listings",
            flag: (long = "rsync-listings", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// Which redirects mirrors may send
        ///
        /// Within their site, and once to another one; within their site only; or none. None leads from https to http.
        /// What a mirror redirects otherwise has failed, and a file is missing there.
        control_redirects: Redirects {
            key: "control.redirects",
            flag: (long = "redirects"),
            value: "WHICH",
            default: Redirects::Allow,
        }
        /// Leave out a base URL that fails over one version of IP although it works over the other one
        control_require_all_families: bool {
            key: "control.require_all_families",
            flag: (long = "require-all-families", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// Show pages of mirrors to everybody at this address: ADDR:PORT or unix:PATH
        ///
        /// Which mirrors there are, how they are, and how fast they take changes over, for people and programs;
        /// see pages.md. Mirrors that are private are not shown. Nothing else is there, and nothing can be
        /// changed.
        control_public_pages: Address {
            key: "control.public_pages",
            flag: (long = "public-pages"),
            value: "ADDRESS",
            otherwise: "only on the operator's listener",
            example: "\"127.0.0.1:8000\"",
        }
        /// How many connections the pages for everybody have at the same time
        ///
        /// Beyond that, the connection that has been silent longest is closed.
        control_public_connections: Count<1, 4_096> {
            key: "control.public_connections",
            flag: (long = "public-connections"),
            value: "N",
            default: Count::of(256),
        }
        /// Tell this URL what has happened to mirrors, by POST of JSON
        ///
        /// That one is down, disabled, has recovered, is behind, or has a certificate that expires. It may be of an
        /// intranet.
        control_webhook: WebhookUrl {
            key: "control.webhook",
            flag: (long = "webhook", value_parser = SecretParser::<WebhookUrl>::of("--webhook <URL>")),
            value: "URL",
            example: "\"https://hooks.example.org/mirrors\"",
        }
        /// A file with the secret with which what is sent to `webhook` is signed, at least 16 characters
        control_webhook_secret_file: PathBuf {
            key: "control.webhook_secret_file",
            flag: (long = "webhook-secret-file"),
            value: "FILE",
            otherwise: "it is not signed",
            example: "\"/etc/mirrorlistd/webhook-secret\"",
        }
        /// How often the tree is scanned without a change that was noticed
        control_scan_every: Count<1, 31_536_000> {
            key: "control.scan_every",
            flag: (long = "scan-every"),
            value: "SECONDS",
            default: Count::of(600),
        }
        /// How often the snapshot is compiled without a change that was noticed
        control_compile_every: Count<1, 31_536_000> {
            key: "control.compile_every",
            flag: (long = "compile-every"),
            value: "SECONDS",
            default: Count::of(3_600),
        }
        /// How often tasks that ended long ago are removed
        control_purge_every: Count<1, 31_536_000> {
            key: "control.purge_every",
            flag: (long = "purge-every"),
            value: "SECONDS",
            default: Count::of(3_600),
        }
        /// How many days ended tasks stay known
        ///
        /// The last success and the last failure of each kind and schedule stay for ever.
        control_keep_days: Count<1, 3_650> {
            key: "control.keep_days",
            flag: (long = "keep-days"),
            value: "DAYS",
            default: Count::of(30),
        }
        /// How many scans and compiles may run at the same time, on all machines together
        control_cpu: Count<1, 1_000> {
            key: "control.cpu",
            flag: (long = "cpu"),
            value: "N",
            default: Count::of(1),
        }
        /// How many tasks that wait for the network may run at the same time, on all machines together
        control_net: Count<1, 1_000> {
            key: "control.net",
            flag: (long = "net"),
            value: "N",
            default: Count::of(4),
        }
        /// How many tasks that work on the store may run at the same time, on all machines together
        control_db: Count<1, 1_000> {
            key: "control.db",
            flag: (long = "db"),
            value: "N",
            default: Count::of(1),
        }
        /// How long a process may give no sign of life before its tasks are given to others
        control_heartbeat_seconds: Count<1, 3_600> {
            key: "control.heartbeat_seconds",
            flag: (long = "heartbeat-seconds"),
            value: "SECONDS",
            default: Count::of(30),
        }
        /// How long tasks have to stop when the process does
        ///
        /// Those that have not stopped by then begin anew at the next start. `TimeoutStopSec=` in the unit must
        /// be longer.
        control_stop_seconds: Count<0, 3_600> {
            key: "control.stop_seconds",
            flag: (long = "stop-seconds"),
            value: "SECONDS",
            default: Count::of(10),
        }
        /// How many threads of tasks that do not stop may be left before no more tasks are begun
        control_max_zombies: Count<0, 1_000> {
            key: "control.max_zombies",
            flag: (long = "max-zombies"),
            value: "N",
            default: Count::of(4),
        }
        /// A file with tokens, of which one is needed to change anything over TCP
        ///
        /// Nobody but its owner may be able to read it. Over a unix socket, none is needed.
        control_token_file: PathBuf {
            key: "control.token_file",
            flag: (long = "token-file"),
            value: "FILE",
            otherwise: "nothing can be changed over TCP",
            example: "\"/etc/mirrorlistd/tokens\"",
        }
        /// How many times faster than the clock the time of visits to mirrors goes, for tests
        control_test_speed: Count<1, 1_000> {
            key: "control.test_speed",
            flag: (long = "test-speed"),
            value: "TIMES",
            default: Count::of(1),
        }
        /// Whether there are kinds of tasks for tests
        control_test_kinds: bool {
            key: "control.test_kinds",
            flag: (long = "test-kinds", action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
    }
}

/// What other sections say of the work.
pub struct Context<'a> {
    /// What is to be compiled.
    pub source: &'a Source,
    /// Whether data that have shrunk implausibly are published.
    pub shrink: Shrink,
    /// How long changed files must be left alone.
    pub quiet: Duration,
}

impl ControlOptions {
    /// Merges two layers. A store that the upper one names takes the place of any that the lower one names,
    /// and so does a tree.
    pub fn over(self, mut lower: Self) -> Self {
        if self.names_store() {
            (lower.control_state, lower.control_store) = (None, None);
        }
        if self.control_tree.is_some() || self.control_rsync_listing.is_some() {
            (lower.control_tree, lower.control_rsync_listing) = (None, None);
        }
        self.merge(lower)
    }

    /// The work; `None` if there is none.
    pub fn options(&self, context: &Context<'_>) -> Result<Option<Options>, ControlError> {
        let store = match self.location()? {
            Some(store) => store,
            None if self.names_work() => return Err(ControlError::NoStore),
            None => return Ok(None),
        };
        let seconds = |count: Count<1, 31_536_000>| count.as_seconds();
        let NodeName(node) = self.control_node.clone().unwrap_or_else(NodeName::of_host);
        let site_name = match &store {
            // Whoever has the folder has all files.
            StoreLocation::Folder(_) => None,
            StoreLocation::Postgres(_) => {
                let named = self.control_site.clone().map(|SiteName(name)| name);
                Some(named.unwrap_or_else(|| node.clone()))
            }
        };
        Ok(Some(Options {
            site: self.site(context, &store)?,
            store,
            node,
            site_name,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            keep_versions: days(self.control_keep_versions().get()),
            watched_directories: self.control_watch_directories().as_usize(),
            every: Every {
                scan: seconds(self.control_scan_every()),
                compile: seconds(self.control_compile_every()),
                purge: seconds(self.control_purge_every()),
            },
            checks: self.checks()?,
            public_pages: self.public_pages()?,
            keep: days(self.control_keep_days().get()),
            budgets: Budgets {
                cpu: self.control_cpu().get(),
                net: self.control_net().get(),
                db: self.control_db().get(),
            },
            time_to_live: self.control_heartbeat_seconds().as_seconds(),
            stop_deadline: self.control_stop_seconds().as_seconds(),
            max_zombies: self.control_max_zombies().get(),
            quiet: context.quiet,
            token_file: self.control_token_file.clone(),
            has_test_kinds: self.control_test_kinds(),
        }))
    }

    /// Where tasks are kept; `None` if nothing says so.
    pub fn location(&self) -> Result<Option<StoreLocation>, ControlError> {
        match (&self.control_state, &self.control_store) {
            (Some(folder), None) => Ok(Some(StoreLocation::Folder(folder.clone()))),
            (None, Some(PostgresAddress(url))) => Ok(Some(StoreLocation::Postgres(url.clone()))),
            (Some(_), Some(_)) => Err(ControlError::TwoStores),
            (None, None) => Ok(None),
        }
    }

    fn site(&self, context: &Context<'_>, store: &StoreLocation) -> Result<Site, ControlError> {
        let Source::Inputs(inputs) = context.source else { return Err(ControlError::Compiled) };
        let snapshot = match (&self.control_snapshot, store) {
            (Some(file), _) => file.clone(),
            (None, StoreLocation::Folder(folder)) => folder.join(SNAPSHOT),
            (None, StoreLocation::Postgres(_)) => return Err(ControlError::NoSnapshot),
        };
        Ok(Site {
            inputs: inputs.clone(),
            snapshot,
            shrink: context.shrink,
            tree: self.primary_tree(inputs)?,
            geography: self.geography()?,
            findings: self.findings(inputs)?,
        })
    }

    fn names_store(&self) -> bool {
        self.control_state.is_some() || self.control_store.is_some()
    }

    /// Whether it says what to do.
    fn names_work(&self) -> bool {
        let files = [
            &self.control_snapshot,
            &self.control_tree,
            &self.control_rsync_listing,
            &self.control_geography_file,
            &self.control_token_file,
        ];
        files.into_iter().any(Option::is_some)
            || self.control_node.is_some()
            || self.control_site.is_some()
            || self.control_visit_mirrors()
            || self.control_public_pages.is_some()
            || self.control_country_tables.is_some()
            || self.control_asn_tables.is_some()
    }
}

fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * DAY)
}
