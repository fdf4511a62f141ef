//! What the component is to do, and how: its own options, which the program fills from its configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mirrors::VISIT;
use model::families::IpVersion;
use scan::TreeSource;
use serve::http::socket::Address;
use serve::reload::Shrink;
use sources::{CatalogFormat, GeographyFiles, Inputs, MirrorManagerFiles, TextCatalog};
use visits::redirect::RedirectPolicy;
use visits::target::Target;

/// All of them.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the rows of tasks are kept.
    pub store: StoreLocation,
    /// The name of this node, which outlives its processes.
    pub node: String,
    /// The name that processes of one store give to the files that they share, which are those of `site`;
    /// `None` if no other process uses the store.
    pub site_name: Option<String>,
    /// The version of the program.
    pub version: String,
    /// What tasks read and write.
    pub site: Site,
    /// How long an earlier version of a file of the tree stays known after it was replaced.
    pub keep_versions: Duration,
    /// How many directories of the tree are looked at all the time for what is new in them, at most.
    pub watched_directories: usize,
    /// How often tasks are made without a change.
    pub every: Every,
    /// How mirrors are visited; `None` if they are not.
    pub checks: Option<Checks>,
    /// Where pages of mirrors are shown to everybody; `None` if they are not.
    pub public_pages: Option<PublicPages>,
    /// How long ended tasks are kept.
    pub keep: Duration,
    /// How many tasks may run at the same time, on all nodes together.
    pub budgets: Budgets,
    /// How long a heartbeat may be missing before a task counts as lost.
    pub time_to_live: Duration,
    /// How long tasks have to stop when the process does.
    pub stop_deadline: Duration,
    /// How many threads that do not stop may exist before no more tasks are taken.
    pub max_zombies: u32,
    /// How long changed inputs must be left alone before they are compiled.
    pub quiet: Duration,
    /// The file with the tokens of those who may change things over TCP.
    pub token_file: Option<PathBuf>,
    /// Whether there are kinds for tests.
    pub has_test_kinds: bool,
}

impl Options {
    /// The primary tree by which listings of mirrors are judged, and the folder for its manifest; `None` if nobody is
    /// listed.
    pub(crate) fn manifest_of_primary(&self) -> Option<(TreeSource, PathBuf)> {
        self.checks.as_ref().filter(|checks| checks.rsync_listings)?;
        let tree = self.site.tree.as_ref()?;
        let folder = match &self.store {
            StoreLocation::Folder(folder) => folder.join("listings"),
            // Each process has its own, and sites may have their findings in one folder.
            StoreLocation::Postgres(_) => {
                let mut folder = self.site.findings.clone()?.into_os_string();
                folder.push(".listings");
                folder.into()
            }
        };
        Some((tree.source.clone(), folder))
    }
}

/// Where the rows of tasks are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StoreLocation {
    /// SQLite, in this folder.
    Folder(PathBuf),
    /// PostgreSQL, at this address.
    Postgres(PostgresUrl),
}

/// The address of a PostgreSQL server, which may hold a password: it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    /// The address as it is written, with its password.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for PostgresUrl {
    type Err = String;

    /// Reads a URL that begins with `postgresql://` or `postgres://`. No error repeats it.
    fn from_str(text: &str) -> Result<Self, String> {
        let is_url = ["postgresql://", "postgres://"].iter().any(|head| text.starts_with(head));
        if !is_url || text.contains(char::is_control) {
            return Err("an address of PostgreSQL begins with postgresql://".into());
        }
        #[cfg(feature = "postgres")]
        store::postgres::Address::parse(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresUrl(…)")
    }
}

/// What tasks read and write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// What is compiled.
    pub inputs: Inputs,
    /// The snapshot file that is published.
    pub snapshot: PathBuf,
    /// Whether a snapshot that has shrunk implausibly is published.
    pub shrink: Shrink,
    /// The primary tree, and the index that a scan makes of it; `None` if there is none to scan.
    pub tree: Option<PrimaryTree>,
    /// Tables from which a geography file is built; `None` if there are none.
    pub geography: Option<GeographyTables>,
    /// The file of findings among the inputs that visits to mirrors write; `None` if nobody is visited.
    pub findings: Option<PathBuf>,
}

impl Site {
    /// What others of the same site must have as well, a line each: `snapshot /srv/mirrors.snapshot`. These
    /// are the paths that are named, and not what is found there: that may change at any time.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = vec![("snapshot", &*self.snapshot)];
        let geography = match &self.inputs {
            Inputs::MirrorManager(of_mm) | Inputs::MirrorManagerWithout(of_mm, _) => {
                let MirrorManagerFiles { cache, findings, .. } = of_mm;
                files.push(("cache", cache.as_path()));
                files.extend(findings.iter().map(|file| ("findings", &**file)));
                GeographyFiles {
                    global_netblocks: Some(of_mm.global_netblocks.clone()),
                    country_continent: Some(of_mm.country_continent.clone()),
                    country_table: Some(of_mm.geoip.clone()),
                }
            }
            Inputs::Catalog(TextCatalog { catalog, format, index, findings, geography }) => {
                let what = match format {
                    CatalogFormat::Toml => "catalog",
                    CatalogFormat::AlmaLinux => "AlmaLinux's files",
                };
                files.push((what, catalog.as_path()));
                files.extend(index.iter().map(|file| ("index", &**file)));
                files.extend(findings.iter().map(|file| ("findings", &**file)));
                geography.clone()
            }
            Inputs::Demo => GeographyFiles::default(),
        };
        let GeographyFiles { global_netblocks, country_continent, country_table } = &geography;
        let tables = [
            ("global netblocks", global_netblocks),
            ("continents", country_continent),
            ("geoip", country_table),
        ];
        let tables = tables.into_iter().filter_map(|(what, file)| Some((what, file.as_deref()?)));
        files.extend(tables);
        if let Some(PrimaryTree { source, index }) = &self.tree {
            files.extend([("tree", source.path()), ("index", index.as_path())]);
        }
        if let Some(GeographyTables { countries, systems, output }) = &self.geography {
            files.extend(countries.iter().map(|table| ("country table", &**table)));
            files.extend(systems.iter().map(|table| ("asn table", &**table)));
            files.push(("geography file", output.as_path()));
        }
        // A name that cannot be made absolute is compared as it is.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut lines: Vec<String> = Vec::new();
        for (what, path) in files {
            let line = format!("{what} {}", absolute(path).display());
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines
    }

    /// The files among the inputs that tasks make, each with the kind of these tasks.
    pub fn made_by_tasks(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        let index = self.tree.iter().map(|tree| (&*tree.index, kind::SCAN));
        let geography = self.geography.iter().map(|tables| (&*tables.output, kind::GEOGRAPHY));
        let findings = self.findings.iter().map(|file| (&**file, VISIT));
        index.chain(geography).chain(findings)
    }
}

/// The primary tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrimaryTree {
    /// Where it is.
    pub source: TreeSource,
    /// The index that a scan makes of it.
    pub index: PathBuf,
}

/// Tables from which a geography file is built.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GeographyTables {
    /// Tables of networks and their countries, the preferred one first.
    pub countries: Vec<PathBuf>,
    /// Tables of networks and their autonomous systems, the preferred one first.
    pub systems: Vec<PathBuf>,
    /// The file that is built.
    pub output: PathBuf,
}

/// How often tasks are made without a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Every {
    /// Scans of the primary tree.
    pub scan: Duration,
    /// Compiles.
    pub compile: Duration,
    /// Clean-ups of the store.
    pub purge: Duration,
}

/// How mirrors are visited. What follows is written into the file of findings that [`Site::findings`] names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checks {
    /// How often it is looked which mirrors are due.
    pub every: Duration,
    /// The versions of IP to visit over; empty tries which of them this machine has.
    pub over: Vec<IpVersion>,
    /// Where owners of mirrors reach the operator; `None` leaves it out of the User-Agent.
    pub contact: Option<String>,
    /// Whether addresses may be visited that are not global.
    pub allow_private_targets: bool,
    /// Whether files of directories without a repository are looked for.
    pub sample_files: bool,
    /// Whether such directories of mirrors that have rsync are listed.
    pub rsync_listings: bool,
    /// Which redirects mirrors may send.
    pub redirects: RedirectPolicy,
    /// Whether a URL is left out that fails over one version of IP only.
    pub require_all_families: bool,
    /// How many times faster than the clock their time goes: 1, but for tests.
    pub speed: u64,
    /// Who is told what has happened to mirrors; `None` if nobody is.
    pub webhook: Option<Webhook>,
}

/// Where pages of mirrors are shown to everybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicPages {
    /// Where to listen.
    pub address: Address,
    /// The most connections at the same time.
    pub max_connections: usize,
}

/// Who is told what has happened to mirrors.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The URL, which may hold a secret: it is not shown.
    pub url: Target,
    /// The file with the secret with which notices are signed; `None` if they are not.
    pub secret_file: Option<PathBuf>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook(…)")
    }
}

/// How many tasks may run at the same time, by the resource that they take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Scans and compiles.
    pub cpu: u32,
    /// What waits for the network.
    pub net: u32,
    /// What reads and writes the store.
    pub db: u32,
}

impl Budgets {
    /// The queues, by name.
    pub fn queues(self) -> Vec<(String, u32)> {
        let queues = [(queue::CPU, self.cpu), (queue::NET, self.net), (queue::DB, self.db)];
        queues.map(|(name, max)| (name.to_owned(), max)).into()
    }
}

/// Names of queues.
pub mod queue {
    /// What takes processors and disks.
    pub const CPU: &str = "cpu";
    /// What waits for the network.
    pub const NET: &str = "net";
    /// What reads and writes the store.
    pub const DB: &str = "db";
}

/// Names of kinds of tasks that make files among the inputs.
pub mod kind {
    /// Makes the index of the primary tree.
    pub const SCAN: &str = "primary.scan";
    /// Makes the geography file.
    pub const GEOGRAPHY: &str = "geography.refresh";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(inputs: Inputs) -> Site {
        Site {
            inputs,
            snapshot: "s".into(),
            shrink: Shrink::Refuse,
            tree: None,
            geography: Some(GeographyTables {
                countries: vec!["c".into()],
                systems: vec!["a".into()],
                output: "g".into(),
            }),
            findings: None,
        }
    }

    /// What a site says of its files, without the folder of this process.
    fn files(site: &Site) -> Vec<String> {
        let here = std::env::current_dir().expect("a folder");
        let here = format!("{}/", here.display());
        let files = site.files();
        assert!(files.iter().all(|line| line.contains(&here)), "{files:?}");
        files.iter().map(|line| line.replace(&here, "")).collect()
    }

    #[test]
    fn the_files_of_a_site_are_all_paths_that_are_named_from_the_top() {
        let catalog = TextCatalog {
            catalog: "mirrors".into(),
            format: CatalogFormat::Toml,
            index: Some("i".into()),
            findings: Some("f".into()),
            geography: GeographyFiles {
                global_netblocks: Some("n".into()),
                country_continent: None,
                country_table: Some("g".into()),
            },
        };
        let expected = [
            "snapshot s",
            "catalog mirrors",
            "index i",
            "findings f",
            "global netblocks n",
            "geoip g",
            "country table c",
            "asn table a",
            "geography file g",
        ];
        let mut site = site(Inputs::Catalog(catalog));
        assert_eq!(files(&site), expected);
        // A scan writes the index that the catalog names.
        let source = TreeSource::Tree("t".into());
        site.tree = Some(PrimaryTree { source, index: "i".into() });
        let with_tree = files(&site);
        assert_eq!(with_tree.iter().filter(|line| **line == "index i").count(), 1);
        assert!(with_tree.contains(&"tree t".to_owned()), "{with_tree:?}");
    }

    #[test]
    fn the_files_of_mirrormanager_are_all_five() {
        let of_mm = MirrorManagerFiles {
            cache: "m".into(),
            global_netblocks: "n".into(),
            country_continent: "cc".into(),
            geoip: "p".into(),
            findings: Some("f".into()),
        };
        let found = files(&site(Inputs::MirrorManager(of_mm)));
        let expected = [
            "snapshot s",
            "cache m",
            "findings f",
            "global netblocks n",
            "continents cc",
            "geoip p",
        ];
        assert_eq!(found[..6], expected);
    }
}
