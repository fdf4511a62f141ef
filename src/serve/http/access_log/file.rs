//! The file of the access log, and the handling of write errors.
//!
//! After a short write, the rest of the line is written before any other line, or dropped if the file
//! has been replaced. Everything else that cannot be written at once is dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::metrics::Metrics;
use runtime::rate_limiter::{LOG_INTERVAL, RateLimiter};

/// The time after which a file that could not be opened is tried again.
const REOPEN_INTERVAL: Duration = Duration::from_secs(1);

/// The file, and the lines that wait to be written.
pub(super) struct LogFile {
    path: PathBuf,
    file: Option<OpenFile>,
    /// When opening may be tried again.
    next_open: Option<Instant>,
    /// Whole lines. If `cut_line_in` is set, the first one is the rest of a line.
    pub(super) pending: Vec<u8>,
    /// The file that holds the beginning of the first pending line.
    cut_line_in: Option<Identity>,
    failure: Option<WriteFailure>,
    /// Limits error messages: a reader that keeps stalling must not fill the error log.
    warnings: RateLimiter,
    metrics: Arc<Metrics>,
}

struct OpenFile {
    file: File,
    identity: Identity,
}

/// Device and inode.
type Identity = (u64, u64);

/// A series of write failures, from the first one to the next successful batch.
struct WriteFailure {
    n_dropped: u64,
    was_reported: bool,
}

impl LogFile {
    /// Creates the log file without opening it.
    pub(super) fn new(path: PathBuf, metrics: Arc<Metrics>) -> Self {
        Self {
            path,
            file: None,
            next_open: None,
            pending: Vec::new(),
            cut_line_in: None,
            failure: None,
            warnings: RateLimiter::new(LOG_INTERVAL),
            metrics,
        }
    }

    /// Opens the file, unless it is open or was tried less than `REOPEN_INTERVAL` ago.
    pub(super) fn open(&mut self, now: Instant) {
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
                // The rest of a line must follow its beginning. A new reader of a FIFO has not seen the
                // beginning, though the FIFO is the same.
                if self.cut_line_in.is_some_and(|begun| begun != open.identity || !is_regular) {
                    self.drop_cut_line();
                }
                self.file = Some(open);
                self.next_open = None;
            }
            Err(error) => {
                self.next_open = Some(now + REOPEN_INTERVAL);
                self.warn(&error, now);
            }
        }
    }

    /// Opens the file again, even if it was tried a moment ago.
    pub(super) fn reopen(&mut self, now: Instant) {
        self.file = None;
        self.next_open = None;
        self.open(now);
    }

    /// Writes the pending lines, and drops those that cannot be written now, apart from the rest of a
    /// line that was partly written.
    pub(super) fn flush(&mut self, now: Instant) {
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
                    self.cut_line_in = (written.last() != Some(&b'\n')).then_some(open.identity);
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

    /// Handles a write error: keeps the file if waiting may help, closes it if opening it again may.
    fn fail(&mut self, error: &io::Error, now: Instant) {
        self.warn(error, now);
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
        let n_kept = match self.cut_line_in {
            Some(_) => end_of_first_line(&self.pending),
            None => 0,
        };
        let n_dropped = count_lines(self.pending.get(n_kept..).unwrap_or_default());
        self.pending.truncate(n_kept);
        self.count_dropped(n_dropped);
    }

    fn drop_cut_line(&mut self) {
        self.cut_line_in = None;
        self.pending.drain(..end_of_first_line(&self.pending));
        self.count_dropped(1);
    }

    /// Drops and counts the pending lines at the end of the thread.
    pub(super) fn drop_pending_lines(&mut self) {
        let n_dropped = count_lines(&self.pending);
        self.pending.clear();
        self.count_dropped(n_dropped);
    }

    fn count_dropped(&mut self, n: u64) {
        self.metrics.log_lines_dropped.add(n);
        if let Some(failure) = &mut self.failure {
            failure.n_dropped += n;
        }
    }

    fn warn(&mut self, error: &io::Error, now: Instant) {
        if self.failure.is_some() {
            return;
        }
        let was_reported = self.warnings.take(now);
        if was_reported {
            tracing::warn!("access log {}: {error}; dropping lines", self.path.display());
        }
        self.failure = Some(WriteFailure { n_dropped: 0, was_reported });
    }

    fn recover(&mut self) {
        if let Some(WriteFailure { n_dropped, was_reported: true }) = self.failure.take() {
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

    /// Puts lines into a log file and checks how many were written and dropped.
    struct Fixture {
        file: LogFile,
        metrics: Arc<Metrics>,
    }

    impl Fixture {
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
        let mut fixture = Fixture::new("/dev/full".into());
        let now = Instant::now();
        fixture.put("a\nb\n", now);
        fixture.put("c\n", now);
        fixture.check(0, 3);
    }

    #[test]
    fn a_missing_folder_is_tried_again_after_a_second() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("later/access.log");
        let mut fixture = Fixture::new(path.clone());
        let start = Instant::now();
        fixture.put("a\n", start);
        std::fs::create_dir(folder.path().join("later")).expect("a folder");
        fixture.put("b\n", start + REOPEN_INTERVAL / 2);
        fixture.check(0, 2);
        fixture.put("c\n", start + REOPEN_INTERVAL);
        fixture.check(1, 2);
        assert_eq!(std::fs::read_to_string(path).expect("the log"), "c\n");
    }

    #[test]
    fn a_line_cut_short_is_completed_before_any_other() {
        use std::io::Read;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo");
        assert!(made.success());
        let mut fixture = Fixture::new(path.clone());
        let now = Instant::now();
        fixture.put("nobody reads\n", now);
        fixture.check(0, 1);

        let mut reader = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path)
            .expect("a FIFO can be opened for reading");
        // A pipe holds 64 KiB: the second line is cut.
        let long = format!("{}\n", "x".repeat(40_000));
        let later = now + REOPEN_INTERVAL;
        fixture.put(&format!("{long}{long}lost\n"), later);
        fixture.check(1, 2);
        fixture.put("lost as well\n", later);
        fixture.check(1, 3);
        let mut text = String::new();
        let mut read_all = || drop(reader.read_to_string(&mut text));
        read_all();
        fixture.put("last\n", later);
        read_all();
        fixture.check(3, 3);
        assert_eq!(text, format!("{long}{long}last\n"));
    }

    #[test]
    fn a_begun_line_is_given_up_when_its_file_is_rotated_away() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("access.log");
        let mut fixture = Fixture::new(path.clone());
        let now = Instant::now();
        fixture.put("a\n", now);
        // The state after a short write.
        fixture.file.pending = b"rest of b\n".to_vec();
        fixture.file.cut_line_in = fixture.file.file.as_ref().map(|open| open.identity);
        std::fs::rename(&path, folder.path().join("access.log.1")).expect("a rename");
        fixture.file.reopen(now);
        fixture.put("c\n", now);
        fixture.check(2, 1);
        assert_eq!(std::fs::read_to_string(path).expect("the log"), "c\n");
    }
}
