//! The access log: one line for each request that names a repository, for the statistics scripts.
//!
//! A worker formats the line and puts it into a bounded queue; a thread of its own takes the lines
//! out in batches and appends them to the file. Whatever is wrong with the file (a full disk, a
//! FIFO that nobody reads, a missing folder), an answer never waits for it: lines that find the
//! queue full or the file unusable are dropped and counted, exactly, and the log says so once per
//! episode.
//!
//! The file is opened with O_APPEND, so that logrotate's `copytruncate` works, and with O_NONBLOCK,
//! so that neither opening nor writing a FIFO can hold the thread; regular files do not notice.
//! A write that was cut short in the middle of a line is completed before any other line, or, when
//! that file is gone, given up.
//!
//! It does not rotate files: see [`Keeper::reopen`].

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

use crate::answer::LogEntry;
use crate::metrics::Metrics;

/// How long the thread gathers lines after the first of a batch: it bounds the wake-ups of the
/// thread, and so the system calls that workers make to wake it, to 200 a second.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes of a batch, about.
const BATCH_BYTES: usize = 64 * 1024;
/// A file that could not be opened is not tried again before this.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);
/// A reader that keeps stalling must not fill the error log: complaints are at least so far apart.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(30);

/// The workers' end: where lines are put.
pub struct AccessLog {
    queue: SyncSender<Message>,
    metrics: Arc<Metrics>,
}

/// The owner's end: reopens the file and stops the thread.
pub struct Keeper {
    queue: SyncSender<Message>,
    orders: Arc<Orders>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

enum Message {
    Line(Vec<u8>),
    /// Look at the orders.
    Wake,
}

/// Orders stand beside the queue, so that a full queue cannot keep them out.
#[derive(Default)]
struct Orders {
    reopen: AtomicBool,
    stop: AtomicBool,
}

impl AccessLog {
    /// Starts the thread, which opens `path`; that it cannot be opened is no error here.
    pub fn start(
        path: PathBuf,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> io::Result<(Self, Keeper)> {
        let (queue, inbox) = mpsc::sync_channel(capacity.max(1));
        let (ending, ended) = mpsc::sync_channel(0);
        let orders = Arc::new(Orders::default());
        let writer = Writer {
            inbox,
            capacity,
            orders: Arc::clone(&orders),
            file: LogFile::new(path, Arc::clone(&metrics)),
        };
        thread::Builder::new().name("access-log".into()).spawn(move || {
            writer.run();
            drop(ending);
        })?;
        Ok((Self { queue: queue.clone(), metrics }, Keeper { queue, orders, ended }))
    }

    /// Logs one request; never waits.
    pub fn write(&self, entry: &LogEntry<'_>, date: &str) {
        let mut line = Vec::with_capacity(128);
        format_line(entry, date, &mut line);
        match self.queue.try_send(Message::Line(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.metrics.log_lines_dropped.increment();
            }
        }
    }
}

impl Keeper {
    /// Opens the file anew, after the lines that are already queued; for logrotate.
    pub fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Writes what is queued and ends the thread; waits for it no longer than `patience`.
    pub fn stop(self, patience: Duration) {
        self.orders.stop.store(true, Ordering::SeqCst);
        self.wake();
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the access log did not finish in {patience:?}");
        }
    }

    fn wake(&self) {
        // A full queue means that the thread is awake.
        drop(self.queue.try_send(Message::Wake));
    }
}

/// The date of the present day as text, computed once a day.
#[derive(Default)]
pub struct DateCache {
    day: Option<u64>,
    text: String,
}

impl DateCache {
    /// `YYYY-MM-DD` (UTC) of `now`, in seconds since 1970.
    pub fn date(&mut self, now: u64) -> &str {
        let day = now / 86_400;
        if self.day != Some(day) {
            let (year, month, day_of_month) = civil_from_days(day);
            self.text = format!("{year:04}-{month:02}-{day_of_month:02}");
            self.day = Some(day);
        }
        &self.text
    }
}

/// The Gregorian date so many days after 1970-01-01; the last of 9999 for anything later.
///
/// Counts years and months: it runs once a day, so it need not be fast, only obvious.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut rest = days;
    let mut year = 1970;
    loop {
        let days_of_year = if is_leap(year) { 366 } else { 365 };
        if rest < days_of_year {
            break;
        }
        if year == 9999 {
            return (9999, 12, 31);
        }
        rest -= days_of_year;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days_of_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if rest < days_of_month {
            break;
        }
        rest -= days_of_month;
        month += 1;
    }
    (year, month, rest + 1)
}

fn format_line(entry: &LogEntry<'_>, date: &str, out: &mut Vec<u8>) {
    let country = entry.country.as_ref().map_or("N/A", |country| country.as_str());
    // Writing to a Vec cannot fail.
    let _ = write!(out, "IP: {}; DATE: {date}; COUNTRY: {country}; REPO: ", entry.client);
    push_field(&entry.repo, out);
    out.extend_from_slice(b"; ARCH: ");
    push_field(&entry.arch, out);
    out.push(b'\n');
}

/// Appends text that a client chose, so that it stays one field: the scripts split at whitespace
/// and strip `;`, so an empty field would shift or end them.
fn push_field(text: &str, out: &mut Vec<u8>) {
    if text.is_empty() {
        out.extend_from_slice(b"N/A");
    }
    let mut utf8 = [0; 4];
    for c in text.chars() {
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        if c.is_whitespace() || c.is_control() || c == ';' || c == '%' {
            for byte in bytes {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.extend_from_slice(bytes);
        }
    }
}

/// The thread.
struct Writer {
    inbox: Receiver<Message>,
    capacity: usize,
    orders: Arc<Orders>,
    file: LogFile,
}

impl Writer {
    fn run(mut self) {
        self.file.open(Instant::now());
        while let Ok(message) = self.inbox.recv() {
            self.take(message);
            if !self.orders.stop.load(Ordering::SeqCst) {
                thread::sleep(GATHER);
            }
            // One look for each place in the queue: orders are heard, however busy the workers are.
            for _ in 0..=self.capacity {
                let Ok(message) = self.inbox.try_recv() else {
                    break;
                };
                self.take(message);
            }
            self.file.flush(Instant::now());
            if self.orders.reopen.swap(false, Ordering::SeqCst) {
                self.file.reopen(Instant::now());
            }
            if self.orders.stop.load(Ordering::SeqCst) {
                break;
            }
        }
        self.file.give_up();
    }

    fn take(&mut self, message: Message) {
        if let Message::Line(line) = message {
            self.file.pending.extend_from_slice(&line);
            if self.file.pending.len() >= BATCH_BYTES {
                self.file.flush(Instant::now());
            }
        }
    }
}

/// The file, and the lines that are on their way to it.
struct LogFile {
    path: PathBuf,
    file: Option<OpenFile>,
    /// When opening may be tried again.
    next_open: Option<Instant>,
    /// Whole lines, but for the first one while `begun_in` says so.
    pending: Vec<u8>,
    /// The file that holds the beginning of the first pending line.
    begun_in: Option<Identity>,
    trouble: Option<Trouble>,
    last_complaint: Option<Instant>,
    metrics: Arc<Metrics>,
}

struct OpenFile {
    file: File,
    identity: Identity,
}

/// Device and inode.
type Identity = (u64, u64);

/// An episode of failures, from the first one to the next batch that is written.
struct Trouble {
    n_dropped: u64,
    was_reported: bool,
}

impl LogFile {
    fn new(path: PathBuf, metrics: Arc<Metrics>) -> Self {
        Self {
            path,
            file: None,
            next_open: None,
            pending: Vec::new(),
            begun_in: None,
            trouble: None,
            last_complaint: None,
            metrics,
        }
    }

    /// Opens the file unless it is open or was tried a moment ago.
    fn open(&mut self, now: Instant) {
        if self.file.is_some() || self.next_open.is_some_and(|next| now < next) {
            return;
        }
        let opened = OpenOptions::new()
            .append(true)
            .create(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&self.path)
            .and_then(|file| {
                let meta = file.metadata()?;
                Ok((OpenFile { file, identity: (meta.dev(), meta.ino()) }, meta.is_file()))
            });
        match opened {
            Ok((open, is_regular)) => {
                // The rest of a line belongs behind its beginning. The new reader of a FIFO has
                // not seen the beginning, though the FIFO is the same.
                if self.begun_in.is_some_and(|begun| begun != open.identity || !is_regular) {
                    self.drop_begun_line();
                }
                self.file = Some(open);
                self.next_open = None;
            }
            Err(error) => {
                self.next_open = Some(now + REOPEN_INTERVAL);
                self.complain(&error, now);
            }
        }
    }

    fn reopen(&mut self, now: Instant) {
        self.file = None;
        self.next_open = None;
        self.open(now);
    }

    /// Writes what is pending; drops what cannot be written now, but for the rest of a line that
    /// has been begun.
    fn flush(&mut self, now: Instant) {
        let mut n_done = 0;
        while n_done < self.pending.len() {
            self.open(now);
            let Some(open) = &mut self.file else { break };
            // `open` may have dropped the begun line from the front, but only before the first
            // write of this call, because this loop ends at the first error.
            let rest = self.pending.get(n_done..).unwrap_or_default();
            match open.file.write(rest) {
                Ok(0) => {
                    self.fail(&io::ErrorKind::WriteZero.into(), now);
                    break;
                }
                Ok(n) => {
                    let written = rest.get(..n).unwrap_or_default();
                    self.metrics.log_lines_written.add(count_lines(written));
                    self.begun_in = (written.last() != Some(&b'\n')).then_some(open.identity);
                    n_done += n;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.fail(&error, now);
                    break;
                }
            }
        }
        let was_empty = self.pending.is_empty();
        self.pending.drain(..n_done.min(self.pending.len()));
        if !self.pending.is_empty() {
            self.drop_whole_lines();
        } else if !was_empty {
            self.recover();
        }
    }

    /// A write failed: keeps the file where waiting helps, closes it where opening it anew may.
    fn fail(&mut self, error: &io::Error, now: Instant) {
        self.complain(error, now);
        let waiting_helps = matches!(
            error.raw_os_error(),
            Some(libc::EAGAIN | libc::ENOSPC | libc::EDQUOT | libc::EFBIG)
        );
        if !waiting_helps {
            self.file = None;
            self.next_open = Some(now + REOPEN_INTERVAL);
        }
    }

    fn drop_whole_lines(&mut self) {
        let n_kept = match self.begun_in {
            Some(_) => end_of_first_line(&self.pending),
            None => 0,
        };
        let n_dropped = count_lines(self.pending.get(n_kept..).unwrap_or_default());
        self.pending.truncate(n_kept);
        self.count_dropped(n_dropped);
    }

    fn drop_begun_line(&mut self) {
        self.begun_in = None;
        self.pending.drain(..end_of_first_line(&self.pending));
        self.count_dropped(1);
    }

    /// The end of the thread: what could not be written is lost.
    fn give_up(&mut self) {
        let n_dropped = count_lines(&self.pending);
        self.pending.clear();
        self.count_dropped(n_dropped);
    }

    fn count_dropped(&mut self, n: u64) {
        self.metrics.log_lines_dropped.add(n);
        if let Some(trouble) = &mut self.trouble {
            trouble.n_dropped += n;
        }
    }

    fn complain(&mut self, error: &io::Error, now: Instant) {
        if self.trouble.is_some() {
            return;
        }
        let was_reported =
            self.last_complaint.is_none_or(|last| now.duration_since(last) >= COMPLAINT_INTERVAL);
        if was_reported {
            self.last_complaint = Some(now);
            tracing::warn!("access log {}: {error}; dropping lines", self.path.display());
        }
        self.trouble = Some(Trouble { n_dropped: 0, was_reported });
    }

    fn recover(&mut self) {
        if let Some(Trouble { n_dropped, was_reported: true }) = self.trouble.take() {
            let path = self.path.display();
            tracing::info!("access log {path}: works again; {n_dropped} lines were dropped");
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&b| b == b'\n').count() as u64
}

/// The length of the first line with its newline.
fn end_of_first_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::geo::Country;
    use std::borrow::Cow;

    fn entry<'a>(repo: &'a str, arch: &'a str) -> LogEntry<'a> {
        LogEntry {
            client: "194.140.93.10".parse().expect("a valid literal"),
            country: Country::parse("es"),
            repo: Cow::Borrowed(repo),
            arch: Cow::Borrowed(arch),
        }
    }

    fn line(entry: &LogEntry<'_>) -> String {
        let mut out = Vec::new();
        format_line(entry, "2026-11-21", &mut out);
        String::from_utf8(out).expect("lines are UTF-8")
    }

    #[test]
    fn a_line_is_what_the_statistics_scripts_read() {
        assert_eq!(
            line(&entry("fedora-40", "x86_64")),
            "IP: 194.140.93.10; DATE: 2026-11-21; COUNTRY: ES; REPO: fedora-40; ARCH: x86_64\n"
        );
        let unknown = LogEntry { country: None, ..entry("fedora-40", "x86_64") };
        assert!(line(&unknown).contains("COUNTRY: N/A; "));
    }

    #[test]
    fn a_client_cannot_add_fields_or_lines() {
        let hostile = line(&entry("a b;\n\r\u{2028}%20ü", "x\ty"));
        assert!(
            hostile.ends_with("REPO: a%20b%3B%0A%0D%E2%80%A8%2520ü; ARCH: x%09y\n"),
            "{hostile}"
        );
        assert_eq!(hostile.split_whitespace().count(), 10);
        assert_eq!(line(&entry("", "")).split_whitespace().count(), 10);
    }

    #[test]
    fn dates_are_gregorian() {
        let cases = [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (789, (1972, 2, 29)),
            (790, (1972, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_322, (2000, 12, 31)),
            (11_323, (2001, 1, 1)),
            (20_778, (2026, 11, 21)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
            (2_932_896, (9999, 12, 31)),
            (u64::MAX, (9999, 12, 31)),
        ];
        for (days, date) in cases {
            assert_eq!(civil_from_days(days), date, "{days}");
        }
        let mut cache = DateCache::default();
        assert_eq!(cache.date(86_399), "1970-01-01");
        assert_eq!(cache.date(86_400), "1970-01-02");
    }

    /// Puts lines into a log file and tells what became of them.
    struct Bench {
        file: LogFile,
        metrics: Arc<Metrics>,
    }

    impl Bench {
        fn new(path: PathBuf) -> Self {
            let metrics = Arc::new(Metrics::default());
            Self { file: LogFile::new(path, Arc::clone(&metrics)), metrics }
        }

        fn put(&mut self, lines: &str, now: Instant) {
            self.file.pending.extend_from_slice(lines.as_bytes());
            self.file.flush(now);
        }

        #[track_caller]
        fn check(&self, written: u64, dropped: u64) {
            let counts =
                (self.metrics.log_lines_written.get(), self.metrics.log_lines_dropped.get());
            assert_eq!(counts, (written, dropped));
        }
    }

    #[test]
    fn a_full_disk_drops_lines_and_counts_them() {
        let mut bench = Bench::new("/dev/full".into());
        let now = Instant::now();
        bench.put("a\nb\n", now);
        bench.put("c\n", now);
        bench.check(0, 3);
    }

    #[test]
    fn a_missing_folder_is_tried_again_after_a_second() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("later/access.log");
        let mut bench = Bench::new(path.clone());
        let start = Instant::now();
        bench.put("a\n", start);
        std::fs::create_dir(folder.path().join("later")).expect("a folder");
        bench.put("b\n", start + REOPEN_INTERVAL / 2);
        bench.check(0, 2);
        bench.put("c\n", start + REOPEN_INTERVAL);
        bench.check(1, 2);
        assert_eq!(std::fs::read_to_string(path).expect("the log"), "c\n");
    }

    #[test]
    fn a_line_cut_short_is_completed_before_any_other() {
        use std::io::Read;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        let mut bench = Bench::new(path.clone());
        let now = Instant::now();
        bench.put("nobody reads\n", now);
        bench.check(0, 1);

        let mut reader = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path)
            .expect("a FIFO can be opened for reading");
        // A pipe holds 64 KiB: the second line is cut.
        let long = format!("{}\n", "x".repeat(40_000));
        let later = now + REOPEN_INTERVAL;
        bench.put(&format!("{long}{long}lost\n"), later);
        bench.check(1, 2);
        bench.put("lost as well\n", later);
        bench.check(1, 3);
        let mut text = String::new();
        let mut read_all = || drop(reader.read_to_string(&mut text));
        read_all();
        bench.put("last\n", later);
        read_all();
        bench.check(3, 3);
        assert_eq!(text, format!("{long}{long}last\n"));
    }

    #[test]
    fn a_begun_line_is_given_up_when_its_file_is_rotated_away() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("access.log");
        let mut bench = Bench::new(path.clone());
        let now = Instant::now();
        bench.put("a\n", now);
        // As a short write would leave it.
        bench.file.pending = b"rest of b\n".to_vec();
        bench.file.begun_in = bench.file.file.as_ref().map(|open| open.identity);
        std::fs::rename(&path, folder.path().join("access.log.1")).expect("a rename");
        bench.file.reopen(now);
        bench.put("c\n", now);
        bench.check(2, 1);
        assert_eq!(std::fs::read_to_string(path).expect("the log"), "c\n");
    }

    #[test]
    fn the_thread_writes_everything_before_it_ends() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("access.log");
        let metrics = Arc::new(Metrics::default());
        let (log, keeper) = AccessLog::start(path.clone(), 1_000, Arc::clone(&metrics))
            .expect("a thread can be started");
        for _ in 0..500 {
            log.write(&entry("fedora-40", "x86_64"), "2026-11-21");
        }
        keeper.stop(Duration::from_secs(20));
        let written = std::fs::read_to_string(path).expect("the log");
        assert_eq!(written.lines().count(), 500);
        assert_eq!(metrics.log_lines_written.get(), 500);
        log.write(&entry("late", "x86_64"), "2026-11-21");
        assert_eq!(metrics.log_lines_dropped.get(), 1);
    }
}
