//! Listings by a false rsync: a script that floods, hangs, forks, ignores signals or stops in the middle.

use std::fs;
use std::process::Command;
use std::time::Duration;

use checks::class::FailureClass;
use checks::listing::Entry;
use model::base_url::BaseUrl;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::Timespec;
use tempfile::TempDir;

use super::lines::LineLimits;
use super::run::{RunLimits, StopReason, run};
use super::*;

/// A line of a listing.
const LINE: &str = "-rw-r--r--          17 2026/11/26 10:30:00 9/os/a b";

/// The begin of every script: it tells a version, and `tell` makes entries of lines, in which slashes are
/// bars. A script can write no file.
const BEGIN: &str = "#!/bin/sh
[ \"$1\" != --version ] || { echo 'rsync  version 3.5.0  protocol version 32'; exit; }
tell() { sed 's,/,|,g; s,^,-rw-r--r--  1 2026/11/26 10:30:00 ,'; }
";

struct Fake {
    folder: TempDir,
    options: Options,
}

impl Fake {
    /// An rsync that lists by this script of a shell.
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (rsync, empty) = (folder.path().join("rsync"), folder.path().join("empty"));
        // Written by another process: a child that another test starts meanwhile would inherit the open
        // file, and a file that is open for writing cannot be run.
        let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\" && mkdir \"$3\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", write, "sh", &[BEGIN, script].concat()]).args([&rsync, &empty]);
        assert!(command.status().unwrap().success());
        let options = Options { rsync, folder: empty, ..Options::default() };
        Self { folder, options }
    }

    fn with(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.options.limits);
        self
    }

    async fn rsync(&self) -> Rsync {
        Rsync::find(self.options.clone()).await.unwrap()
    }

    /// The listing and the paths of its entries; `on_entry` is called with the number of entries so far.
    async fn list(&self, mut on_entry: impl FnMut(usize) + Send) -> (Listing, Vec<String>) {
        let mut names = Vec::new();
        let mut add = |entry: &Entry<'_>| {
            names.push(String::from_utf8_lossy(&entry.path).into_owned());
            on_entry(names.len());
        };
        let listing = self.rsync().await.list(&target(), &mut add).await;
        (listing, names)
    }
}

fn target() -> Target {
    let base = BaseUrl::parse("rsync://mirror.example/pub").unwrap();
    Target::new(&base, "", "192.0.2.1:873".parse().unwrap()).unwrap()
}

#[track_caller]
fn failed(listing: &Listing, class: FailureClass) -> &str {
    match &listing.end {
        ListingEnd::Failed { class: found, detail } if *found == class => detail,
        other => panic!("{other:?} and not {class}"),
    }
}

/// That these processes have ended, and are no zombies of ours.
fn assert_gone(names: &[String]) {
    for name in names {
        let number: i32 = name.parse().unwrap();
        let Ok(process) = pidfd_open(Pid::from_raw(number).unwrap(), PidfdFlags::empty()) else {
            continue;
        };
        // It was sent KILL, and ends as soon as the system comes to it.
        let mut ended = [PollFd::new(&process, PollFlags::IN)];
        let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(poll(&mut ended, Some(&patience)), Ok(1), "process {number} is left");
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let parent = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        assert_ne!(parent, Some(&*std::process::id().to_string()), "process {number} is a zombie");
    }
}

#[tokio::test]
async fn rsync_gets_its_arguments_and_nothing_else() {
    let script = "printf '%s\n' \"$@\" | tell; env | cut -d= -f1 | sort | tell; pwd | tell
        ulimit -n | tell; cat | tell; cut -d' ' -f5 /proc/$$/stat | tell; echo $$ | tell";
    let fake = Fake::new(script).with(|limits| limits.memory = 1 << 28);
    let (listing, names) = fake.list(|_| ()).await;
    assert_eq!(listing.end, ListingEnd::Whole);
    let (words, group) = names.split_at(names.len() - 2);
    let folder = fake.options.folder.to_str().unwrap().replace('/', "|");
    let expected = [
        "--list-only",
        "-r",
        "--no-h",
        "--no-motd",
        "--timeout=60",
        "--max-alloc=268435456",
        "--contimeout=15",
        "--exclude=.~tmp~|",
        "--exclude=.snapshot|",
        "--",
        "rsync:||192.0.2.1:873|pub|",
        "HOME",
        "LC_ALL",
        "PATH",
        // The shell adds it.
        "PWD",
        "TZ",
        &folder,
        "64",
    ];
    assert_eq!(words, expected);
    assert_eq!(group[0], group[1], "it leads a group of its own");
}

#[tokio::test]
async fn entries_are_passed_on_and_odd_lines_are_counted() {
    let fake = Fake::new(&format!(
        "for i in $(seq 200); do echo '{LINE}'$i; done; echo; echo 'motd of the server'"
    ));
    let (listing, names) = fake.list(|_| ()).await;
    assert_eq!(listing.end, ListingEnd::Whole);
    assert_eq!((listing.entries, listing.odd_lines, names.len()), (200, 1, 200));
    assert_eq!((&*names[0], &*names[199]), ("9/os/a b1", "9/os/a b200"));
}

#[tokio::test]
async fn a_flood_ends_at_the_limits() {
    let flood = || Fake::new(&format!("yes -- '{LINE}'"));
    let (listing, names) = flood().with(|limits| limits.lines = 1_000).list(|_| ()).await;
    assert_eq!((listing.end, names.len()), (ListingEnd::Budget("lines"), 1_000));
    let (listing, _) = flood().with(|limits| limits.bytes = 1 << 20).list(|_| ()).await;
    assert_eq!(listing.end, ListingEnd::Budget("bytes"));
    let most = (1 << 20) + (64 << 10);
    assert!((1 << 20..=most).contains(&listing.bytes), "{}", listing.bytes);
    // A greeting without end, and a line without end.
    let (listing, _) =
        Fake::new("yes welcome").with(|limits| limits.lines = 1_000).list(|_| ()).await;
    assert_eq!(failed(&listing, FailureClass::RsyncProtocol), "1000 of 1000 lines are no entries");
    let (listing, _) = Fake::new("tr '\\0' x < /dev/zero")
        .with(|limits| limits.bytes = 1 << 20)
        .list(|_| ())
        .await;
    assert_eq!((listing.end, listing.entries), (ListingEnd::Budget("bytes"), 0));
}

#[tokio::test]
async fn messages_without_end_do_not_block_and_are_cut() {
    let script = "yes 'rsync: some message' | head -c 1000000 >&2; echo '@ERROR: Unknown module' >&2; exit 5";
    let (listing, _) = Fake::new(script).list(|_| ()).await;
    assert_eq!(failed(&listing, FailureClass::RsyncModule), "@ERROR: Unknown module (exit 5)");
}

#[tokio::test]
async fn half_a_line_makes_a_listing_void() {
    let (listing, _) = Fake::new(&format!("echo '{LINE}'; printf %s '-rw-r--r--   1 2026/11/'"))
        .list(|_| ())
        .await;
    assert_eq!(failed(&listing, FailureClass::Truncated), "ends within a line");
}

/// With the first entry, the time of the listing is over.
fn end_time(n_entries: usize) {
    if n_entries == 1 {
        tokio::time::pause();
        tokio::spawn(async {
            tokio::time::advance(Limits::default().whole).await;
            tokio::time::resume();
        });
    }
}

/// A script that tells its process and one that it starts, in one piece, and waits for ever.
const HANGS: &str = "sleep 1000 & printf '%s\n' $$ $! | tell; while :; do wait; done";

#[tokio::test]
async fn what_hangs_is_ended_with_its_group_at_the_end_of_its_time() {
    let (listing, names) = Fake::new(HANGS).list(end_time).await;
    assert_eq!((listing.end, names.len()), (ListingEnd::Budget("wall"), 2));
    assert_gone(&names);
}

#[tokio::test]
async fn what_ignores_term_is_killed() {
    let fake = Fake::new(&["trap '' TERM; ", HANGS].concat());
    let fake = fake.with(|limits| limits.patience = Duration::from_millis(1));
    let (listing, names) = fake.list(end_time).await;
    assert_eq!((listing.end, names.len()), (ListingEnd::Budget("wall"), 2));
    assert_gone(&names);
}

/// TERM is enough for what listens to it: the time until KILL would be longer than any test may take.
#[tokio::test]
async fn what_listens_to_term_ends_by_itself() {
    let script = "trap '' PIPE; trap 'exit 20' TERM; while :; do echo x; done 2> /dev/null";
    let fake = Fake::new(script);
    let limits = RunLimits {
        whole: Duration::from_secs(10_000),
        patience: Duration::from_secs(10_000),
        output: LineLimits { bytes: 1 << 20, lines: 10, line: 100 },
    };
    let ended = run(fake.options.list(&target()), &limits, &mut |_| ()).await.unwrap();
    assert_eq!(ended.status.unwrap().code(), Some(20));
    assert_eq!(ended.stopped, Some(StopReason::Output(lines::Exceeded::Lines)));
}

/// A grandchild that keeps the pipe open does not keep the listing.
#[tokio::test]
async fn what_rsync_leaves_behind_is_killed() {
    let (listing, names) = Fake::new("sleep 1000 & echo $! | tell; exit 0").list(|_| ()).await;
    assert_eq!((listing.end, names.len()), (ListingEnd::Whole, 1));
    assert_gone(&names);
}

#[tokio::test]
async fn a_dropped_listing_is_killed() {
    let fake = Fake::new(HANGS);
    let rsync = fake.rsync().await;
    let (told, mut names) = tokio::sync::mpsc::unbounded_channel();
    let (target, mut on_entry) = (target(), move |entry: &Entry<'_>| {
        told.send(String::from_utf8_lossy(&entry.path).into_owned()).unwrap();
    });
    let mut processes = Vec::new();
    tokio::select! {
        _ = rsync.list(&target, &mut on_entry) => panic!("it hangs"),
        n = names.recv_many(&mut processes, 2) => assert!(n > 0),
    }
    // Its leader is waited for in the background, when the next child ends.
    let number: i32 = processes[0].parse().unwrap();
    let process = pidfd_open(Pid::from_raw(number).unwrap(), PidfdFlags::empty());
    if let Ok(process) = process {
        let mut ended = [PollFd::new(&process, PollFlags::IN)];
        let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(poll(&mut ended, Some(&patience)), Ok(1), "process {number} is left");
    }
}

#[tokio::test]
async fn an_rsync_with_known_faults_is_refused() {
    async fn unusable(options: Options) -> String {
        Rsync::find(options).await.map(|_| ()).unwrap_err().to_string()
    }
    let options = Fake::new("").options;
    let fake = Fake::new("");
    let lowest_version = Version::parse("3.5.1").unwrap();
    let error = unusable(Options { lowest_version, ..fake.options.clone() }).await;
    assert!(error.ends_with("/rsync is of version 3.5.0, and at least 3.5.1 is needed"), "{error}");
    let error = unusable(Options { rsync: "/bin/true".into(), ..fake.options.clone() }).await;
    assert!(error.starts_with("/bin/true does not tell its version: "), "{error}");
    let error = unusable(Options { rsync: "/nonexistent".into(), ..fake.options.clone() }).await;
    assert!(error.contains("No such file"), "{error}");
    let error = unusable(Options { prlimit: "/nonexistent".into(), ..fake.options.clone() }).await;
    assert!(error.starts_with("/nonexistent: No such file"), "{error}");
    let folder = fake.folder.path().to_owned();
    let error = unusable(Options { folder, ..fake.options.clone() }).await;
    assert!(error.ends_with(": is not empty, and rsync is to run in a folder that is"), "{error}");
    let error = unusable(options).await;
    assert!(error.contains("No such file"), "its folder was removed: {error}");
}

/// Whatever its end, a run leaves nothing behind.
#[tokio::test]
async fn many_runs_leave_no_process_and_no_descriptor() {
    const ALONE: &str = "MIRRORLISTD_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        // In a process of its own, as other tests have children and descriptors.
        let name = "rsync::tests::many_runs_leave_no_process_and_no_descriptor";
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args([name, "--exact"]).env(ALONE, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let script = format!(
        "echo $$ | tell; for last; do :; done
        case $last in
            */0/) exit 0;;
            */1/) kill -9 $$;;
            */2/) sleep 1000 & exit 12;;
            */3/) yes -- '{LINE}';;
        esac"
    );
    let fake = Fake::new(&script).with(|limits| limits.lines = 100);
    let rsync = fake.rsync().await;
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let base = BaseUrl::parse("rsync://mirror.example/pub").unwrap();
    let mut processes = Vec::new();
    let before = descriptors();
    for n in 0..200 {
        let directory = (n % 4).to_string();
        let target = Target::new(&base, &directory, "192.0.2.1:873".parse().unwrap()).unwrap();
        let mut first = None;
        let mut on_entry = |entry: &Entry<'_>| {
            first.get_or_insert_with(|| String::from_utf8_lossy(&entry.path).into_owned());
        };
        let listing = rsync.list(&target, &mut on_entry).await;
        match n % 4 {
            0 => assert_eq!(listing.end, ListingEnd::Whole),
            1 => assert_eq!(
                failed(&listing, FailureClass::OwnNetwork),
                "rsync was ended by signal 9"
            ),
            2 => assert_eq!(failed(&listing, FailureClass::RsyncProtocol), "exit 12"),
            _ => assert_eq!(listing.end, ListingEnd::Budget("lines")),
        }
        processes.extend(first);
    }
    assert_eq!(processes.len(), 200);
    assert_gone(&processes);
    assert_eq!(descriptors(), before);
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children, "");
}
