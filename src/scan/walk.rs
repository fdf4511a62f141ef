//! Walks a tree with several threads.
//!
//! Directories that are found wait in a list; each thread takes the one found last, reads it, looks at its
//! files, and adds its subdirectories. So one thread goes down before it goes on, and the list stays short.
//! Reading a warm tree is system calls, which several threads do at the same time; with a cold tree or a
//! network they wait together instead of one after the other.
//!
//! A directory is always listed anew. Skipping those whose time of modification has not changed was left
//! out: most of the time is spent opening directories, which is needed to see their time.

use std::ffi::CStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;

use super::findings::{Findings, Problem};
use super::history::Memory;
use super::links::{Links, MAX_LINKS};
use super::names::{self, REPOMD};
use super::progress::Progress;
use super::read_file::{OpenDirectory, Reading};
use super::tree::{self, Tree};
use index::{Directory, Index, MAX_VERSIONS, Stamp};
use model::MAX_NAME;

/// What all threads of a walk use.
pub(super) struct Walk<'a> {
    pub(super) tree: &'a Tree,
    /// What the last scan found.
    pub(super) former: Option<&'a Index>,
    pub(super) memory: Memory,
    /// Now, in nanoseconds since 1970.
    pub(super) now: i128,
    pub(super) n_threads: usize,
    pub(super) progress: &'a Progress,
    /// The most directories of the tree.
    pub(super) max_directories: usize,
    /// How many directories there are so far, with those that wait to be read.
    pub(super) n_found: AtomicUsize,
}

/// What a walk has found.
#[derive(Default)]
pub(super) struct Walked {
    /// Directories, in any order.
    pub(super) directories: Vec<Directory>,
    pub(super) links: Links,
    pub(super) findings: Findings,
    pub(super) counts: Counts,
    /// Directories that others may not read, in any order.
    pub(super) unreleased: Vec<String>,
    /// Directories that had a `repomd.xml` not long ago and have none now, in any order.
    pub(super) without_repomd: Vec<String>,
}

/// What a walk has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// Files with checksums that were read.
    pub(super) n_read: u64,
    /// Files with checksums that are as they were.
    pub(super) n_same: u64,
    /// Directories that others may not read.
    pub(super) n_unreleased_directories: u64,
    /// Files that would get checksums, but others may not read them.
    pub(super) n_unreleased_files: u64,
}

/// The reason why a tree cannot be walked.
#[derive(Debug)]
pub(super) enum WalkError {
    /// A directory cannot be read.
    Directory(String, Errno),
    /// There are too many directories.
    TooMany,
    /// The system has no threads.
    Threads(std::io::Error),
    /// Somebody has stopped it.
    Stopped,
}

impl Walk<'_> {
    /// Walks the tree from these directories on. Those in `known`, which are in order, have been walked
    /// before: they are read again without what lies below, and what is found in them and counted is not
    /// told again.
    pub(super) fn run(
        &self,
        starts: Vec<String>,
        known: &[Directory],
    ) -> Result<Walked, WalkError> {
        let queue = Queue::new(starts);
        thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut failed = None;
            for _ in 0..self.n_threads.max(1) {
                let thread = thread::Builder::new().name("scan".into());
                match thread.spawn_scoped(scope, || self.work(&queue, known)) {
                    Ok(thread) => threads.push(thread),
                    // Those that there are suffice.
                    Err(error) => failed = Some(error),
                }
            }
            if let (Some(error), true) = (failed, threads.is_empty()) {
                return Err(WalkError::Threads(error));
            }
            let mut all = Walked::default();
            let mut outcome = Ok(());
            for thread in threads {
                match thread.join() {
                    Ok(Ok(walked)) => all.append(walked),
                    Ok(Err(error)) => outcome = Err(error),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            outcome.map(|()| all)
        })
    }

    /// Takes directories from the queue until there are no more.
    fn work(&self, queue: &Queue, known: &[Directory]) -> Result<Walked, WalkError> {
        let mut walked = Walked::default();
        while let Some(task) = queue.take() {
            if self.progress.is_stopped() {
                queue.stop();
                return Err(WalkError::Stopped);
            }
            let is_known = names::find(known, task.name()).is_some();
            let outcome = match is_known {
                true => self.read_again(task.name(), &mut walked).map(|()| Vec::new()),
                false => self.read_directory(task.name(), &mut walked),
            };
            match outcome.and_then(|below| self.count(below)) {
                Ok(below) => task.done(below),
                Err(error) => {
                    queue.stop();
                    return Err(error);
                }
            }
        }
        Ok(walked)
    }

    /// Counts directories that are about to wait.
    fn count(&self, below: Vec<String>) -> Result<Vec<String>, WalkError> {
        let n_before = self.n_found.fetch_add(below.len(), Ordering::Relaxed);
        match n_before.saturating_add(below.len()) > self.max_directories {
            true => Err(WalkError::TooMany),
            false => Ok(below),
        }
    }

    /// Reads a directory again.
    fn read_again(&self, name: &str, walked: &mut Walked) -> Result<(), WalkError> {
        let mut again = Walked::default();
        self.read_directory(name, &mut again)?;
        let counts = Counts { n_read: again.counts.n_read, ..Counts::default() };
        walked.append(Walked { findings: Findings::default(), counts, ..again });
        Ok(())
    }

    /// Reads a directory; returns its subdirectories.
    fn read_directory(&self, name: &str, walked: &mut Walked) -> Result<Vec<String>, WalkError> {
        let failed = |error| WalkError::Directory(name.to_owned(), error);
        let mut entries = Entries::default();
        let (mut open, changed) = match self.open(name, walked) {
            Ok(Some(open)) => open,
            Ok(None) => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        while let Some(entry) = open.read() {
            let entry = entry.map_err(failed)?;
            let kind = match entry.file_type() {
                // Some file systems do not tell in a listing.
                FileType::Unknown => {
                    let directory = open.fd().map_err(failed)?;
                    match tree::stat_entry(directory, entry.file_name()) {
                        Ok(stat) => tree::kind(&stat),
                        Err(error) if tree::is_gone(error) => continue,
                        Err(error) => return Err(failed(error)),
                    }
                }
                kind => kind,
            };
            entries.add(name, entry.file_name(), kind, &mut walked.findings);
        }
        self.progress.add(entries.n_files);
        let directory = open.fd().map_err(failed)?;
        for link in entries.links {
            let path = names::join(name, &link);
            match rustix::fs::readlinkat(directory, &*link, Vec::new()) {
                Ok(target) => walked.add_link(path, &target),
                // It has become something else, which the next scan sees.
                Err(Errno::INVAL) => {}
                Err(error) if tree::is_gone(error) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let parent = OpenDirectory { tree: self.tree, directory, name, now: self.now };
        let former = self.former.and_then(|index| index.find(name));
        let n_former = former.map(|former| former.n_files);
        let mut files = Vec::new();
        entries.listed.sort_unstable();
        for file in &entries.listed {
            let former = former.and_then(|former| names::find_file(former, file));
            // What it names may have come or gone, although it is as it was.
            let is_to_be_read = file == REPOMD && n_former != Some(entries.n_files);
            let stamp = former.and_then(|file| file.stamp).filter(|_| !is_to_be_read);
            files.extend(self.read_file(&parent, file, former, stamp, walked));
        }
        let had_repomd = former.is_some_and(|former| names::find_file(former, REPOMD).is_some());
        if had_repomd && !entries.has_repomd && self.memory.is_recent(changed) {
            walked.without_repomd.push(name.to_owned());
        }
        walked.directories.push(Directory { name: name.into(), n_files: entries.n_files, files });
        Ok(entries.directories)
    }

    /// Opens a directory, with the time of its last change in seconds since 1970; `None` if it is gone or
    /// not released.
    fn open(&self, name: &str, walked: &mut Walked) -> Result<Option<(Dir, i64)>, Errno> {
        let opened = self.tree.open_directory(name);
        let stat = match &opened {
            Ok(directory) => rustix::fs::fstat(directory),
            // Its mode can be seen all the same.
            Err(Errno::ACCESS) => self.tree.stat(name),
            Err(error) => Err(*error),
        };
        match (opened, stat) {
            (_, Err(error)) if tree::is_gone(error) && !name.is_empty() => Ok(None),
            (_, Err(error)) => Err(error),
            // How the tree itself is served is up to the web server.
            (_, Ok(stat)) if !tree::is_released(&stat) && !name.is_empty() => {
                walked.counts.n_unreleased_directories += 1;
                walked.unreleased.push(name.to_owned());
                Ok(None)
            }
            (Err(error), _) => Err(error),
            (Ok(directory), Ok(stat)) => {
                Dir::new(directory).map(|directory| Some((directory, stat.st_ctime)))
            }
        }
    }

    fn read_file(
        &self,
        parent: &OpenDirectory<'_>,
        name: &str,
        former: Option<&index::File>,
        stamp: Option<Stamp>,
        walked: &mut Walked,
    ) -> Option<index::File> {
        let counts = &mut walked.counts;
        match parent.read_if_changed(name, stamp) {
            Reading::Same => {
                counts.n_same += 1;
                former.map(|file| self.memory.keep(file))
            }
            Reading::Read(version, stamp) => {
                counts.n_read += 1;
                self.progress.add_read();
                let mut file = self.memory.update(former, name, version, stamp);
                let n_versions = file.versions.len();
                if n_versions > MAX_VERSIONS {
                    let path = names::join(parent.name, name);
                    walked.findings.add(Problem::TooManyVersions, path);
                    file.versions.truncate(MAX_VERSIONS);
                }
                Some(file)
            }
            Reading::Unreleased => {
                counts.n_unreleased_files += 1;
                former.and_then(|file| self.memory.withdraw(file))
            }
            Reading::Gone => None,
            Reading::Unusable(reason) => {
                let path = names::join(parent.name, name);
                let held = former.filter(|file| !file.is_withdrawn());
                let problem = if held.is_some() { Problem::HeldBack } else { Problem::Unusable };
                walked.findings.add(problem, format_args!("{path} {reason}"));
                former.and_then(|file| match held {
                    Some(file) => Some(self.memory.hold(file)),
                    None => self.memory.withdraw(file),
                })
            }
        }
    }
}

/// The entries of a directory.
#[derive(Default)]
struct Entries {
    n_files: u64,
    /// Whether there is a `repomd.xml`, of whatever kind.
    has_repomd: bool,
    /// Names of files that get checksums.
    listed: Vec<String>,
    links: Vec<String>,
    /// Full names of subdirectories.
    directories: Vec<String>,
}

impl Entries {
    fn add(&mut self, directory: &str, name: &CStr, kind: FileType, findings: &mut Findings) {
        if matches!(name.to_bytes(), b"." | b"..") {
            return;
        }
        let Ok(name) = name.to_str() else {
            let shown = name.to_bytes().escape_ascii();
            return findings.add(Problem::NotText, names::join(directory, &shown.to_string()));
        };
        if name.chars().any(char::is_control) {
            return findings.add(Problem::Control, names::join(directory, name));
        }
        self.has_repomd |= name == REPOMD;
        match kind {
            FileType::RegularFile => {
                self.n_files += 1;
                if names::is_listed(name) {
                    self.listed.push(name.to_owned());
                }
            }
            FileType::Symlink => {
                if name == REPOMD {
                    findings.add(Problem::LinkedIndex, names::join(directory, name));
                } else if names::is_listed(name) {
                    findings.add(Problem::LinkedChecksums, names::join(directory, name));
                }
                self.links.push(name.to_owned());
            }
            FileType::Directory => {
                let path = names::join(directory, name);
                if names::is_left_out(name) {
                } else if path.len() > MAX_NAME {
                    findings.add(Problem::TooLong, path);
                } else if names::is_too_deep(&path) {
                    findings.add(Problem::TooDeep, path);
                } else {
                    self.directories.push(path);
                }
            }
            _ => findings.add(Problem::Special, names::join(directory, name)),
        }
    }
}

impl Walked {
    fn add_link(&mut self, path: String, target: &CStr) {
        match target.to_str() {
            _ if path.len() > MAX_NAME => self.findings.add(Problem::TooLong, path),
            Err(_) => self.findings.add(Problem::NotText, path),
            Ok(_) if self.links.len() >= MAX_LINKS => {
                self.findings.add(Problem::TooManyLinks, path);
            }
            Ok(target) => drop(self.links.insert(path, target.to_owned())),
        }
    }

    /// Adds what a second walk has found. Its record of a directory replaces that of the first.
    pub(super) fn renew(&mut self, mut again: Self) {
        again.directories.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.without_repomd.retain(|name| names::find(&again.directories, name).is_none());
        let first = std::mem::take(&mut self.directories);
        self.append(again);
        self.directories.extend(first);
        // The sort is stable: of two records, that of the second walk comes first.
        self.directories.sort_by(|one, other| one.name.cmp(&other.name));
        self.directories.dedup_by(|later, earlier| later.name == earlier.name);
    }

    /// Adds what another thread has found.
    fn append(&mut self, other: Self) {
        self.directories.extend(other.directories);
        self.links.extend(other.links);
        self.findings.append(other.findings);
        let Counts { n_read, n_same, n_unreleased_directories, n_unreleased_files } = other.counts;
        self.counts.n_read += n_read;
        self.counts.n_same += n_same;
        self.counts.n_unreleased_directories += n_unreleased_directories;
        self.counts.n_unreleased_files += n_unreleased_files;
        self.unreleased.extend(other.unreleased);
        self.without_repomd.extend(other.without_repomd);
    }
}

/// Directories that are to be read.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: Vec<String>,
    /// How many directories are being read, which may have subdirectories.
    n_busy: usize,
    is_stopped: bool,
}

impl Queue {
    fn new(waiting: Vec<String>) -> Self {
        let state = State { waiting, n_busy: 0, is_stopped: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing can panic while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a directory, and waits for one if another thread may find some; `None` at the end.
    fn take(&self) -> Option<Task<'_>> {
        let mut state = self.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if let Some(name) = state.waiting.pop() {
                state.n_busy += 1;
                return Some(Task { queue: self, name });
            }
            if state.n_busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }
}

/// A directory that a thread reads. When it is dropped, the others need not wait for it any more.
struct Task<'a> {
    queue: &'a Queue,
    name: String,
}

impl Task<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn done(self, below: Vec<String>) {
        self.queue.lock().waiting.extend(below);
    }
}

impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.queue.lock().n_busy -= 1;
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir_all, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Directories are counted when they are found, so those that wait are bounded as well.
    #[test]
    fn a_tree_has_a_limited_number_of_directories() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["", "a", "b", "b/c"] {
            let path = folder.path().join(name);
            create_dir_all(&path).expect("a folder");
            set_permissions(&path, Permissions::from_mode(0o755)).expect("its mode");
        }
        let tree = Tree::open(folder.path()).expect("a folder");
        let run = |max_directories| {
            let walk = Walk {
                tree: &tree,
                former: None,
                memory: Memory { now: 0, keep: 0 },
                now: 0,
                n_threads: 2,
                progress: &Progress::default(),
                max_directories,
                n_found: AtomicUsize::new(1),
            };
            walk.run(vec![String::new()], &[])
        };
        assert_eq!(run(4).expect("four are four").directories.len(), 4);
        for max_directories in [1, 2, 3] {
            assert!(matches!(run(max_directories), Err(WalkError::TooMany)), "{max_directories}");
        }
    }
}
