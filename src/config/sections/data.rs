//! Where the data come from, and when they are read again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgAction;

use crate::config::section_macro::{Section, section};
use crate::config::values::Count;
use serve::reload::{Shrink, Source};
use sources::{CatalogFormat, GeographyFiles, Inputs, MirrorManagerFiles, TextCatalog};

section! {
    /// The data come from one of five places: the built-in demo (`demo`), a catalog of text files (`catalog`),
    /// AlmaLinux's files (`almalinux`), MirrorManager's files (`cache`), or a compiled snapshot (`snapshot`).
    /// All but the last are compiled at each start and reload, together with tables of networks and countries
    /// (`geoip`, `global_netblocks`, `cccsv`).
    ///
    /// A file that names two of them is an error. What the command line names takes the place of whatever
    /// the file names.
    pub struct InputOptions in "Data" {
        /// Use the built-in demo data, 21 invented mirrors
        ///
        /// Used if no data are named and none are installed; `demo = false` in the file switches that off.
        demo: bool {
            key: "demo",
            flag: (long, action = ArgAction::SetTrue,
                   conflicts_with_all = ["catalog", "almalinux", "index", "findings", "cache", "global_netblocks",
                                         "cccsv", "geoip"]),
            value: "",
            otherwise: "where no data are given or installed",
            shipped: "true",
        }
        /// A catalog of text files: one file, or a folder
        ///
        /// See catalog.md. Of the tables of networks and countries, those that are named are read; the others
        /// are done without, and the continents of countries are built in.
        catalog: PathBuf {
            key: "catalog",
            flag: (long, conflicts_with = "cache"),
            value: "PATH",
            example: "\"/etc/mirrorlistd/catalog\"",
        }
        /// AlmaLinux's files as they are: a folder with `config.yml` and the folder of mirrors
        ///
        /// Tables of networks and countries are read as for a catalog.
        almalinux: PathBuf {
            key: "almalinux",
            flag: (long, conflicts_with_all = ["catalog", "cache"]),
            value: "FOLDER",
            example: "\"/var/lib/mirrorlistd/almalinux\"",
        }
        /// What `mirrorlistd scan` has found in the primary tree of a catalog
        ///
        /// Without it there are no checksums, and so no metalinks; and of the directories in the tree, only
        /// those of repositories are known.
        index: PathBuf {
            key: "index",
            flag: (long),
            value: "FILE",
            example: "\"/var/lib/mirrorlistd/tree.index\"",
        }
        /// What checks have found out of the mirrors
        ///
        /// Mirrors and URLs that do not work are left out, and mirrors that are behind are listed last; see
        /// checks.md. Without it all mirrors are listed as the data say.
        findings: PathBuf {
            key: "findings_file",
            flag: (long),
            value: "FILE",
            example: "\"/var/lib/mirrorlistd/findings.json\"",
        }
        /// MirrorManager's mirrors and directories (protobuf)
        cache: PathBuf {
            key: "cache",
            flag: (long, short = 'c'),
            value: "FILE",
            default: "/var/lib/mirrormanager/mirrorlist_cache.proto".into(),
        }
        /// Networks and the autonomous systems they belong to
        ///
        /// Lines `PREFIX ASN`, a CSV, an mmdb, or a file that `mirrorlistd geography build` has written; see
        /// geography.md.
        global_netblocks: PathBuf {
            key: "global_netblocks",
            flag: (long, short = 'g'),
            value: "FILE",
            default: "/var/lib/mirrormanager/global_netblocks.txt".into(),
        }
        /// Countries and their continents
        cccsv: PathBuf {
            key: "cccsv",
            flag: (long),
            value: "FILE",
            default: "/var/lib/mirrormanager/country_continent.csv".into(),
        }
        /// Networks and the countries they are in
        ///
        /// An mmdb, a CSV, or a file that `mirrorlistd geography build` has written; see geography.md.
        geoip: PathBuf {
            key: "geoip",
            flag: (long),
            value: "FILE",
            default: "/usr/share/GeoIP/GeoLite2-Country.mmdb".into(),
        }
        /// Accepted for compatibility; not used, and may be absent
        internet2_netblocks: PathBuf {
            key: "internet2_netblocks",
            flag: (long, short = 'i'),
            value: "FILE",
            example: "\"/var/lib/mirrormanager/i2_netblocks.txt\"",
        }
    }
}

section! {
    /// What is served, and when it is read again.
    pub struct SourceOptions in "Data" {
        /// Serve a snapshot made by `mirrorlistd compile`, here or elsewhere
        snapshot: PathBuf {
            key: "snapshot",
            flag: (long,
                   conflicts_with_all = ["catalog", "almalinux", "index", "findings", "cache",
                                         "global_netblocks", "cccsv", "geoip", "demo"]),
            value: "FILE",
            example: "\"/var/lib/mirrorlistd/mirrors.snapshot\"",
        }
        /// Accept a reload that has lost more than half of the hosts, directories or repositories
        ///
        /// Otherwise such data are refused, and the old ones served on.
        allow_shrink: bool {
            key: "allow_shrink",
            flag: (long, action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// Take changes of the data files up without a signal
        ///
        /// The files are looked at every second, and reloaded once they have been left alone for a while
        /// (see `watch_quiet`). What is refused is not tried again before they change again.
        watch: bool {
            key: "watch",
            flag: (long, action = ArgAction::SetTrue),
            value: "",
            default: false,
        }
        /// How long the files must be left alone before a change is taken up, where they are watched
        ///
        /// Longer than the pauses of whatever delivers them: a set of files is then read once, when it is
        /// complete. Files that keep changing are tried all the same after 60 times as long.
        watch_quiet: Count<1, 3_600> {
            key: "watch_quiet",
            flag: (long),
            value: "SECONDS",
            default: Count::of(5),
        }
        /// How long a reload may take before it is given up
        ///
        /// The old data are then served on.
        reload_timeout: Count<1, 86_400> {
            key: "limits.reload_timeout_seconds",
            flag: (skip),
            value: "SECONDS",
            default: Count::of(300),
        }
    }
}

/// A file is named without the data to which it belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FileAlone {
    /// The index of a primary tree.
    #[error("`--index` belongs to a catalog: name that as well, with `--catalog` or `--almalinux`")]
    Index,
    /// What checks have found out of mirrors.
    #[error(
        "`--findings` belongs to data that are compiled: name them as well, with `--catalog`, \
         `--almalinux` or `--cache`"
    )]
    Findings,
}

/// The kind of inputs that options name.
enum Named {
    Demo,
    Catalog(CatalogFormat, PathBuf),
    MirrorManager,
}

impl InputOptions {
    /// Whether it says what to compile.
    fn names_inputs(&self) -> bool {
        self.demo == Some(true)
            || self.catalog().is_some()
            || self.cache.is_some()
            || self.names_tables()
    }

    /// The catalog that it names, in whatever format.
    fn catalog(&self) -> Option<Named> {
        let catalog = |format, path: &Option<PathBuf>| Some(Named::Catalog(format, path.clone()?));
        catalog(CatalogFormat::Toml, &self.catalog)
            .or_else(|| catalog(CatalogFormat::AlmaLinux, &self.almalinux))
    }

    /// Whether it names a table that goes with several kinds of inputs.
    fn names_tables(&self) -> bool {
        let Self { global_netblocks, cccsv, geoip, .. } = self;
        [global_netblocks, cccsv, geoip].into_iter().any(Option::is_some)
    }

    /// Whether one of the usual files is there. The country database does not count: many hosts have one
    /// without being a mirror director.
    fn are_installed(exists: impl Fn(&Path) -> bool) -> bool {
        let defaults = Self::default();
        let usual = [defaults.cache(), defaults.global_netblocks(), defaults.cccsv()];
        usual.iter().any(|path| exists(path))
    }
}

/// The kind of inputs that the upper layer names, or else the lower one. Tables alone go with a catalog of
/// the lower layer; with nothing else, they are MirrorManager's.
fn named(upper: &InputOptions, lower: &InputOptions) -> Option<Named> {
    if upper.demo == Some(true) {
        return Some(Named::Demo);
    }
    if let Some(catalog) = upper.catalog() {
        return Some(catalog);
    }
    if upper.cache.is_some() {
        return Some(Named::MirrorManager);
    }
    match lower.catalog() {
        Some(catalog) => Some(catalog),
        None if lower.demo == Some(true) && !upper.names_tables() => Some(Named::Demo),
        None => {
            let is_named = upper.names_tables() || lower.names_tables() || lower.cache.is_some();
            is_named.then_some(Named::MirrorManager)
        }
    }
}

/// What to compile: files of the upper layer before those of the lower one before the usual ones.
pub fn inputs(
    upper: &InputOptions,
    lower: &InputOptions,
    exists: impl Fn(&Path) -> bool,
) -> Result<Inputs, FileAlone> {
    // Who says `demo = false` means real data: nothing stands in for them.
    let may_be_demo = lower.demo != Some(false);
    let named = match named(upper, lower) {
        Some(named) => named,
        None if may_be_demo && !InputOptions::are_installed(exists) => Named::Demo,
        None => Named::MirrorManager,
    };
    // The file was checked by itself: an index that its catalog lacks here was overruled.
    if upper.index.is_some() && !matches!(named, Named::Catalog(..)) {
        return Err(FileAlone::Index);
    }
    if upper.findings.is_some() && matches!(named, Named::Demo) {
        return Err(FileAlone::Findings);
    }
    let files = upper.clone().merge(lower.clone());
    // What belongs to other data is not of these.
    let is_of_file = upper.catalog().is_none() && upper.cache.is_none();
    let findings = files.findings.clone().filter(|_| upper.findings.is_some() || is_of_file);
    Ok(match named {
        Named::Demo => Inputs::Demo,
        Named::Catalog(format, catalog) => Inputs::Catalog(TextCatalog {
            index: files.index.filter(|_| upper.index.is_some() || upper.catalog().is_none()),
            catalog,
            format,
            findings,
            geography: GeographyFiles {
                global_netblocks: files.global_netblocks,
                country_continent: files.cccsv,
                country_table: files.geoip,
            },
        }),
        Named::MirrorManager => Inputs::MirrorManager(MirrorManagerFiles {
            cache: files.cache(),
            global_netblocks: files.global_netblocks(),
            country_continent: files.cccsv(),
            geoip: files.geoip(),
            findings,
        }),
    })
}

/// What to serve. Any data that the upper layer names overrule a snapshot in the lower one.
pub fn source(
    (upper_inputs, upper): (&InputOptions, &SourceOptions),
    (lower_inputs, lower): (&InputOptions, &SourceOptions),
    exists: impl Fn(&Path) -> bool,
) -> Result<Source, FileAlone> {
    Ok(match (&upper.snapshot, &lower.snapshot) {
        (Some(path), _) => Source::Snapshot(path.clone()),
        // A snapshot has no use for an index or for findings, which nobody may believe to be served.
        (None, Some(_)) if !upper_inputs.names_inputs() && upper_inputs.index.is_some() => {
            return Err(FileAlone::Index);
        }
        (None, Some(_)) if !upper_inputs.names_inputs() && upper_inputs.findings.is_some() => {
            return Err(FileAlone::Findings);
        }
        (None, Some(path)) if !upper_inputs.names_inputs() => Source::Snapshot(path.clone()),
        _ => Source::Inputs(inputs(upper_inputs, lower_inputs, exists)?),
    })
}

impl SourceOptions {
    /// Whether data that have shrunk implausibly are published.
    pub fn shrink(&self) -> Shrink {
        if self.allow_shrink() { Shrink::Accept } else { Shrink::Refuse }
    }

    /// How long changed files must be left alone; `None` where they are not watched.
    pub fn quiet(&self) -> Option<Duration> {
        self.watch().then(|| self.watch_quiet().as_seconds())
    }
}
