//! What the component is to do, and how: its own options, which the program fills from its configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scan::TreeSource;
use serve::reload::Shrink;
use sources::Inputs;

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
pub struct PostgresUrl(pub String);

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
}

impl Site {
    /// What others of the same site must have as well, a line each: `snapshot /srv/mirrors.snapshot`.
    pub(crate) fn files(&self) -> Vec<String> {
        // A name that cannot be made absolute is compared as it is.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let named = |what: &str, path: &Path| format!("{what} {}", absolute(path).display());
        let mut files = vec![self.inputs.to_string(), named("snapshot", &self.snapshot)];
        if let Some(PrimaryTree { source, index, .. }) = &self.tree {
            files.extend([named("tree", source.path()), named("index", index)]);
        }
        files.extend(self.geography.iter().map(|tables| named("geography file", &tables.output)));
        files
    }

    /// The files among the inputs that tasks make, each with the kind of these tasks.
    pub fn made_by_tasks(&self) -> impl Iterator<Item = (&Path, &'static str)> {
        let index = self.tree.iter().map(|tree| (&*tree.index, kind::SCAN));
        let geography = self.geography.iter().map(|tables| (&*tables.output, kind::GEOGRAPHY));
        index.chain(geography)
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
