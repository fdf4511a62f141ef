//! The manifest of the primary, by which listings of mirrors are judged.
//!
//! It is made of the primary's tree, or of the file with its listing, when a listing is due and it is three hours old
//! or older. It is kept in a file, because it says since when the primary has what it has, and no time of modification
//! does. Without the file, or with one that is damaged or of another tree, all counts as new.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use checks::listing::{Entry, Kind as EntryKind, Manifest, ManifestBuilder, Scope, Since};
use checks::state::BETWEEN_LISTINGS;
use runtime::replace;
use runtime::sealed::Kind;
use scan::TreeSource;
use visits::rsync::{ListingEnd, Options, Rsync, Target};

use super::thread::on_runtime;
use crate::aside::aside;

/// The file of a manifest. Its payload: as of when it is, in seconds since 1970 (8 bytes, little-endian), the tree that
/// it is of (its length in 4 bytes, and a text), then [`Manifest::to_bytes`].
const KIND: Kind = Kind {
    magic: b"primary\n",
    version: 1,
    limit: 2 << 30,
    name: "manifest of the primary",
    remedy: "remove it: it is made anew",
};
/// How old a manifest is before it is made anew, in seconds: less than what is between two listings of which the first
/// has put something in doubt, so that the second is compared with another one.
const MAX_AGE: u64 = BETWEEN_LISTINGS - 3_600;
/// After how many seconds it is tried again what has failed.
const RETRY: u64 = 3_600;

/// What a listing compares with.
#[derive(Clone)]
pub(in crate::mirrors) struct Wanted {
    /// What listings decide.
    pub(in crate::mirrors) scope: Arc<Scope>,
    /// In seconds since 1970.
    pub(in crate::mirrors) now: u64,
    /// The manifest must be of a later time than this, in seconds since 1970: that of the look which has put something
    /// in doubt.
    pub(in crate::mirrors) after: u64,
}

/// What the primary has.
pub(crate) struct Primary {
    source: TreeSource,
    /// The folder of the manifest, which is made if it is missing.
    folder: PathBuf,
    options: Options,
    rsync: Mutex<Found>,
    /// Held while it is made.
    made: tokio::sync::Mutex<State>,
}

/// The rsync that is run.
#[derive(Default)]
struct Found {
    rsync: Option<Rsync>,
    failure: Failed,
}

/// Something that has failed: it is told once, and tried again later.
#[derive(Default)]
struct Failed {
    text: String,
    /// In seconds since 1970; 0 if it has not failed.
    at: u64,
}

#[derive(Default)]
struct State {
    made: Option<Made>,
    is_read: bool,
    failure: Failed,
}

/// A manifest that was made.
#[derive(Clone)]
struct Made {
    manifest: Arc<Manifest>,
    /// As of when it is, in seconds since 1970: it was made then, or the file was written of which it was made.
    at: u64,
    /// When it was made, in seconds since 1970.
    made: u64,
}

/// Why a file holds no manifest that can be used.
enum Unread {
    /// It is missing, damaged or of another tree: it may be replaced.
    Useless,
    /// It cannot be read, and may be good.
    Unreadable(String),
}

impl Failed {
    /// Whether it is too early to try it again.
    fn rests(&self, now: u64) -> bool {
        self.at > 0 && (self.at..self.at.saturating_add(RETRY)).contains(&now)
    }

    fn note(&mut self, text: String, now: u64) {
        if self.text != text {
            tracing::warn!("{text}");
        }
        *self = Self { text, at: now };
    }
}

impl Made {
    /// Whether it need not be made anew. One of the future must: the clock was set back.
    fn is_current(&self, wanted: &Wanted) -> bool {
        self.is_young(wanted) && self.at > wanted.after
    }

    fn is_young(&self, wanted: &Wanted) -> bool {
        (self.made..self.made.saturating_add(MAX_AGE)).contains(&wanted.now)
    }
}

impl Primary {
    /// The primary of which `folder` keeps the manifest.
    pub(crate) fn new(source: TreeSource, folder: PathBuf, options: Options) -> Self {
        let options = Options { folder: folder.join("empty"), ..options };
        Self {
            source,
            folder,
            options,
            rsync: Mutex::default(),
            made: tokio::sync::Mutex::default(),
        }
    }

    /// The rsync to list with; `None` if there is none that may be run, which is told once.
    pub(in crate::mirrors) async fn rsync(&self, now: u64) -> Option<Rsync> {
        {
            let found = self.rsync.lock().unwrap_or_else(PoisonError::into_inner);
            if found.rsync.is_some() || found.failure.rests(now) {
                return found.rsync.clone();
            }
        }
        let (options, folder) = (self.options.clone(), self.options.folder.clone());
        let searched = on_runtime(move || async move {
            fs::create_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
            Rsync::find(options).await.map_err(|error| error.to_string())
        });
        let searched =
            searched.await.map_err(|error| error.to_string()).and_then(|searched| searched);
        let mut found = self.rsync.lock().unwrap_or_else(PoisonError::into_inner);
        match searched {
            Ok(rsync) => {
                tracing::info!("mirrors are listed by rsync {}", rsync.version());
                found.rsync = Some(rsync);
            }
            Err(error) => {
                let text = format!(
                    "no mirror is listed by rsync, although `control.rsync_listings` is set: {error}"
                );
                found.failure.note(text, now);
            }
        }
        found.rsync.clone()
    }

    /// The manifest, which is made if it has to be. Who asks meanwhile waits. `None` if it cannot be made, which is
    /// told once, or if the primary was not listed late enough.
    pub(in crate::mirrors) async fn manifest(&self, wanted: &Wanted) -> Option<Arc<Manifest>> {
        let mut state = self.made.lock().await;
        if let Some(made) = state.made.as_ref().filter(|made| made.is_current(wanted)) {
            return Some(Arc::clone(&made.manifest));
        }
        if state.failure.rests(wanted.now) {
            return None;
        }
        if let Some(made) = state.made.as_ref().filter(|made| made.is_young(wanted))
            && self.written() == Some(made.at)
        {
            // It would be the same again.
            return None;
        }
        match self.read_or_make(&mut state, wanted).await {
            Ok(made) => {
                let manifest = (made.at > wanted.after).then(|| Arc::clone(&made.manifest));
                state.made = Some(made);
                state.failure = Failed::default();
                manifest
            }
            Err(error) => {
                let text = format!("no mirror is listed by rsync: {error}");
                state.failure.note(text, wanted.now);
                None
            }
        }
    }

    async fn read_or_make(&self, state: &mut State, wanted: &Wanted) -> Result<Made, String> {
        if !state.is_read {
            let (path, tree) = (self.file(), tree_of(&self.source));
            let read =
                aside(move || read(&path, &tree)).await.map_err(|error| error.to_string())?;
            state.made = match read {
                Ok(made) => Some(made),
                Err(Unread::Useless) => None,
                Err(Unread::Unreadable(error)) => return Err(error),
            };
            state.is_read = true;
        }
        match &state.made {
            Some(made) if made.is_current(wanted) => Ok(made.clone()),
            former => {
                let former = former.as_ref().map(|made| Arc::clone(&made.manifest));
                self.make(wanted, former).await
            }
        }
    }

    /// When the file was written that holds what the primary has, in seconds since 1970; `None` if there is none.
    fn written(&self) -> Option<u64> {
        let TreeSource::RsyncListing(path) = &self.source else { return None };
        Some(seconds(fs::metadata(path).ok()?.modified().ok()?))
    }

    fn file(&self) -> PathBuf {
        self.folder.join("manifest")
    }

    async fn make(&self, wanted: &Wanted, former: Option<Arc<Manifest>>) -> Result<Made, String> {
        let rsync = match &self.source {
            TreeSource::Tree(_) => self.rsync(wanted.now).await,
            TreeSource::RsyncListing(_) => None,
        };
        let (source, file) = (self.source.clone(), self.file());
        let Wanted { scope, now, .. } = wanted.clone();
        let made = on_runtime(move || async move {
            let (builder, written) = collect(&source, rsync.as_ref(), &scope).await?;
            let since = former.as_deref().map_or(Since::Now, Since::Former);
            let manifest = Arc::new(builder.build(since, now));
            let made = Made { manifest, at: written.unwrap_or(now).min(now), made: now };
            write(&file, &tree_of(&source), &made)?;
            Ok(made)
        });
        made.await.map_err(|error| error.to_string())?
    }
}

/// A manifest for one use, by times of modification.
pub(in crate::mirrors) async fn made_now(
    source: &TreeSource,
    rsync: &Rsync,
    scope: &Scope,
    now: u64,
) -> Result<Manifest, String> {
    Ok(collect(source, Some(rsync), scope).await?.0.build(Since::Modified, now))
}

/// The entries of the primary that listings decide, and when the file was written that holds them, in seconds since
/// 1970; `None` if they were listed now.
async fn collect(
    source: &TreeSource,
    rsync: Option<&Rsync>,
    scope: &Scope,
) -> Result<(ManifestBuilder, Option<u64>), String> {
    let path = source.path();
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut builder = ManifestBuilder::default();
    let mut written = None;
    match source {
        TreeSource::RsyncListing(path) => {
            let file = File::open(path).map_err(|error| told(&error))?;
            let modified = file.metadata().and_then(|data| data.modified());
            let modified = modified.map_err(|error| told(&error))?;
            written = Some(seconds(modified));
            let read = builder.read_some(BufReader::new(file), |entry| is_wanted(entry, scope));
            read.map_err(|error| told(&error))?;
        }
        TreeSource::Tree(path) => {
            let absolute = std::path::absolute(path).map_err(|error| told(&error))?;
            let target = Target::local(&absolute).map_err(|error| told(&error))?;
            let mut failed = None;
            let mut on_entry = |entry: &Entry<'_>| {
                if failed.is_none() && is_wanted(entry, scope) {
                    failed = builder.add(entry).err();
                }
            };
            let rsync = rsync.ok_or_else(|| told(&"there is no rsync that may list it"))?;
            match rsync.list(&target, &mut on_entry).await.end {
                // What we cannot read is not released.
                ListingEnd::Whole | ListingEnd::Gaps => {}
                ListingEnd::Budget(which) => {
                    return Err(told(&format!("the tree is too large to be listed ({which})")));
                }
                ListingEnd::Failed { detail, .. } => return Err(told(&detail)),
            }
            if let Some(error) = failed {
                return Err(told(&error));
            }
        }
    }
    Ok((builder, written))
}

/// Seconds since 1970.
fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

/// Whether an entry may lie in a directory that listings decide.
fn is_wanted(entry: &Entry<'_>, scope: &Scope) -> bool {
    let path = match entry.kind {
        EntryKind::Other => return false,
        EntryKind::Directory => &*entry.path,
        EntryKind::File => entry.split().map_or(&b""[..], |(parent, _)| parent),
    };
    match (std::str::from_utf8(path), entry.kind) {
        (Ok(name), EntryKind::File) => scope.covers(name),
        // Of what is above a repository it counts whether it is released.
        (Ok(name), _) => scope.reaches(name),
        (Err(_), _) => false,
    }
}

/// What a manifest is said to be of.
fn tree_of(source: &TreeSource) -> String {
    match source {
        TreeSource::Tree(path) => format!("tree {}", path.display()),
        TreeSource::RsyncListing(path) => format!("listing {}", path.display()),
    }
}

fn read(path: &Path, tree: &str) -> Result<Made, Unread> {
    let (payload, _) = KIND.read::<std::convert::Infallible>(path).map_err(|error| match error
        .io_error()
        .map(std::io::Error::kind)
    {
        Some(ErrorKind::NotFound) => Unread::Useless,
        Some(_) => Unread::Unreadable(error.to_string()),
        None => useless(&error),
    })?;
    let cut = || useless(&format!("{}: it is cut", path.display()));
    let (at, rest) = payload.split_first_chunk().ok_or_else(cut)?;
    let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?;
    let (found, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    if found != tree.as_bytes() {
        let found = String::from_utf8_lossy(found);
        return Err(useless(&format!("{}: is of {found} and not of {tree}", path.display())));
    }
    let manifest = Manifest::from_bytes(rest);
    let manifest = manifest.map_err(|error| useless(&format!("{}: {error}", path.display())))?;
    let at = u64::from_le_bytes(*at);
    Ok(Made { manifest: Arc::new(manifest), at, made: at })
}

/// Says that a file is as good as none.
fn useless(error: &dyn std::fmt::Display) -> Unread {
    tracing::warn!("{error}; it is made anew, and what the primary has counts as new");
    Unread::Useless
}

fn write(path: &Path, tree: &str, made: &Made) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut payload = made.at.to_le_bytes().to_vec();
    let length = u32::try_from(tree.len()).map_err(|error| told(&error))?;
    payload.extend(length.to_le_bytes());
    payload.extend(tree.as_bytes());
    payload.extend(made.manifest.to_bytes());
    let bytes = KIND.seal(&payload).map_err(|error| told(&error))?;
    drop(payload);
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| told(&error))?;
    // That the folder is not synced means no more than that an older one may come back.
    replace::write(path, &bytes).map(drop).map_err(|error| told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    const LISTING: &str = "\
drwxr-xr-x          4,096 2026/11/26 10:30:00 .
drwxr-xr-x          4,096 2026/11/26 10:30:00 9
drwxr-xr-x          4,096 2026/11/26 10:30:00 9/images
-rw-r--r--              7 2026/11/26 10:30:00 9/images/old.iso
-rw-r--r--              7 2026/11/26 10:30:00 9/os/a.rpm
-rw-r--r--              7 2026/11/26 10:30:00 9/os/repodata/repomd.xml
";

    fn wanted(now: u64, after: u64) -> Wanted {
        let scope = Arc::new(Scope::without(["9/os/repodata"].into_iter()));
        Wanted { scope, now, after }
    }

    /// Writes the primary's listing as of that time.
    fn list(folder: &Path, more: &str, at: u64) {
        let path = folder.join("listing");
        fs::write(&path, [LISTING, more].concat()).unwrap();
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(at);
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn primary(folder: &Path) -> Primary {
        let source = TreeSource::RsyncListing(folder.join("listing"));
        Primary::new(source, folder.join("listings"), Options::default())
    }

    /// Names of directories, and the number of files.
    fn files(manifest: &Manifest) -> Vec<String> {
        let names = manifest.directories().map(str::to_owned);
        names.chain([manifest.n_files().to_string()]).collect()
    }

    /// How many files a mirror without any lacks.
    fn lacking(manifest: &Manifest, settled: u64) -> u64 {
        let comparison = checks::listing::Comparison::new(manifest, "");
        let seen = comparison.report(checks::listing::Extent::Whole, settled);
        seen.filter(|seen| seen.directory == "9/images").map(|seen| seen.missing).sum()
    }

    const NEW_FILE: &str = "-rw-r--r--              9 2026/11/26 10:30:00 9/images/new.iso\n";

    #[tokio::test]
    async fn it_is_made_anew_by_its_age_and_knows_after_a_restart_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let later = NOW + MAX_AGE;
        list(folder.path(), "", NOW);
        let one = primary(folder.path());
        let first = one.manifest(&wanted(NOW, 0)).await.unwrap();
        assert_eq!(files(&first), ["", "9", "9/images", "1"], "no repository");
        assert_eq!(lacking(&first, NOW - 1), 0, "what is seen first is new");
        assert_eq!(lacking(&first, NOW), 1);
        list(folder.path(), NEW_FILE, NOW + 5);
        let same = one.manifest(&wanted(later - 1, 0)).await.unwrap();
        assert!(Arc::ptr_eq(&first, &same), "it is not that old");
        // Another process knows what this one has written.
        let other = primary(folder.path());
        let second = other.manifest(&wanted(later, 0)).await.unwrap();
        assert_eq!(files(&second), ["", "9", "9/images", "2"]);
        assert_eq!((lacking(&second, NOW), lacking(&second, later)), (1, 2));
    }

    #[tokio::test]
    async fn a_second_look_is_compared_with_what_was_listed_after_the_first() {
        let folder = tempfile::tempdir().unwrap();
        list(folder.path(), "", NOW);
        let primary = primary(folder.path());
        assert!(primary.manifest(&wanted(NOW + 10, 0)).await.is_some());
        // The file is of the time of the first look, however often it is read.
        assert_eq!(primary.manifest(&wanted(NOW + MAX_AGE, NOW)).await, None);
        list(folder.path(), NEW_FILE, NOW + 20);
        let listed = primary.manifest(&wanted(NOW + MAX_AGE, NOW)).await.unwrap();
        assert_eq!(listed.n_files(), 2);
    }

    #[tokio::test]
    async fn damage_and_another_tree_make_all_new() {
        let folder = tempfile::tempdir().unwrap();
        list(folder.path(), "", NOW);
        let other = Primary::new(
            TreeSource::RsyncListing(folder.path().join("other")),
            folder.path().join("listings"),
            Options::default(),
        );
        fs::copy(folder.path().join("listing"), folder.path().join("other")).unwrap();
        assert!(other.manifest(&wanted(NOW, 0)).await.is_some());
        let later = NOW + MAX_AGE;
        let manifest = primary(folder.path()).manifest(&wanted(later, 0)).await.unwrap();
        assert_eq!((lacking(&manifest, NOW), lacking(&manifest, later)), (0, 1));
        for (at, damaged) in [(later + 1, &b"primary\nx"[..]), (later + 2, b"")] {
            fs::write(other.file(), damaged).unwrap();
            let manifest = primary(folder.path()).manifest(&wanted(at, 0)).await.unwrap();
            assert_eq!((lacking(&manifest, at - 1), lacking(&manifest, at)), (0, 1));
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_tried_again_later_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let primary = primary(folder.path());
        assert_eq!(primary.manifest(&wanted(NOW, 0)).await, None, "there is no listing");
        list(folder.path(), "", NOW);
        assert_eq!(primary.manifest(&wanted(NOW + RETRY - 1, 0)).await, None);
        assert!(primary.manifest(&wanted(NOW + RETRY, 0)).await.is_some());
        // Another kind of file than one that can be read.
        fs::remove_file(primary.file()).unwrap();
        fs::create_dir(primary.file()).unwrap();
        let other = self::primary(folder.path());
        assert_eq!(other.manifest(&wanted(NOW, 0)).await, None);
        assert!(other.file().is_dir());
        fs::remove_dir(other.file()).unwrap();
        assert!(other.manifest(&wanted(NOW + RETRY, 0)).await.is_some());
    }

    #[tokio::test]
    async fn an_rsync_that_is_too_old_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            lowest_version: visits::rsync::Version { numbers: [99, 0, 0] },
            ..Options::default()
        };
        let source = TreeSource::Tree(folder.path().into());
        let primary = Primary::new(source, folder.path().join("listings"), options);
        assert!(primary.rsync(NOW).await.is_none());
        let failed = primary.rsync.lock().unwrap();
        assert!(failed.failure.text.contains("control.rsync_listings"), "{}", failed.failure.text);
    }
}
