//! The access log: one line for each request that names a repository, for the statistics scripts.
//!
//! A worker formats the line and puts it into a queue whose bytes are bounded; a thread of its own
//! takes the lines out in batches and appends them to the file. Whatever is wrong with the file (a full disk, a
//! FIFO that nobody reads, a missing folder), an answer never waits for it: lines that find the
//! queue full or the file unusable are dropped and counted, exactly, and the log says so once per
//! episode.
//!
//! The file is opened with O_APPEND, so that logrotate's `copytruncate` works, and with O_NONBLOCK,
//! so that neither opening nor writing a FIFO can hold the thread; regular files do not notice.
//!
//! It does not rotate files: see [`Keeper::reopen`].

pub(super) mod combined;
mod file;
pub(super) mod line;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::metrics::Metrics;
use answer::LogEntry;
use encode::text::Text;
use runtime::supervise::{Supervisor, Thread};

use file::LogFile;
use line::format_line;

/// How long the thread gathers lines after the first of a batch: it bounds the wake-ups of the
/// thread, and so the system calls that workers make to wake it, to 200 a second.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes of a batch, about.
const BATCH_BYTES: usize = 64 * 1024;
/// What a line takes in the queue besides its own bytes: its place there, and the allocator's share.
const LINE_OVERHEAD: usize = 64;

/// The workers' end: where lines are put.
pub struct AccessLog {
    queue: Sender<QueuedLine>,
    room: Arc<Room>,
    metrics: Arc<Metrics>,
}

/// The owner's end: reopens the file and stops the thread.
pub struct Keeper {
    queue: Sender<QueuedLine>,
    room: Arc<Room>,
    metrics: Arc<Metrics>,
    orders: Arc<Orders>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

enum QueuedLine {
    Line(Vec<u8>),
    /// Look at the orders.
    Wake,
}

/// What the lines take that are neither written nor dropped.
struct Room {
    capacity: usize,
    n_bytes: AtomicUsize,
    n_lines: AtomicUsize,
}

impl Room {
    fn new(capacity: usize) -> Self {
        Self { capacity, n_bytes: AtomicUsize::new(0), n_lines: AtomicUsize::new(0) }
    }

    /// Takes room for a line, if there is any.
    fn take(&self, line: &[u8]) -> bool {
        let n_bytes = line.len().saturating_add(LINE_OVERHEAD);
        let used = self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let fits = used.saturating_add(n_bytes) <= self.capacity;
        match fits {
            true => self.n_lines.fetch_add(1, Ordering::Relaxed),
            false => self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed),
        };
        fits
    }

    fn give_back(&self, n_bytes: usize, n_lines: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
        self.n_lines.fetch_sub(n_lines, Ordering::Relaxed);
    }
}

/// Orders stand beside the queue, so that a full queue cannot keep them out.
#[derive(Default)]
struct Orders {
    reopen: AtomicBool,
    stop: AtomicBool,
}

impl AccessLog {
    /// Starts the thread, which opens `path`; that it cannot be opened is no error here. Lines that
    /// take more than `capacity` bytes do not wait for it.
    pub fn start(
        path: PathBuf,
        capacity: usize,
        metrics: Arc<Metrics>,
        supervisor: &Supervisor,
    ) -> io::Result<(Self, Keeper)> {
        let (queue, inbox) = mpsc::channel();
        let room = Arc::new(Room::new(capacity));
        let (ending, ended) = mpsc::sync_channel(0);
        let orders = Arc::new(Orders::default());
        let writer = Writer {
            inbox,
            room: Arc::clone(&room),
            taken: (0, 0),
            orders: Arc::clone(&orders),
            metrics: Arc::clone(&metrics),
            file: LogFile::new(path, Arc::clone(&metrics)),
        };
        // Both stay after a panic, after which the thread runs on.
        let mut owned = Some((writer, ending));
        let work = move || {
            if let Some((writer, _)) = &mut owned {
                writer.run();
            }
            if let Some((writer, ending)) = owned.take() {
                // First the queue: a line that comes once the end is known is dropped and counted.
                drop(writer);
                drop(ending);
            }
        };
        drop(supervisor.spawn(Thread::AccessLog, work)?);
        let keeper = Keeper {
            queue: queue.clone(),
            room: Arc::clone(&room),
            metrics: Arc::clone(&metrics),
            orders,
            ended,
        };
        Ok((Self { queue, room, metrics }, keeper))
    }

    /// Logs one request; never waits.
    pub fn write(&self, entry: &LogEntry<'_>, date: &str) {
        let mut line = Text::default();
        line.reserve(128);
        format_line(entry, date, &mut line);
        self.write_line(line.into_bytes());
    }

    /// Logs a line that is formatted already, with its end; never waits.
    pub fn write_line(&self, line: Vec<u8>) {
        // The thread ends before the workers do when the process ends.
        let is_queued = self.room.take(&line) && self.queue.send(QueuedLine::Line(line)).is_ok();
        if !is_queued {
            self.metrics.log_lines_dropped.increment();
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
            // The disk is stuck, and the process ends: they are lost.
            let n_lost = self.room.n_lines.load(Ordering::Relaxed);
            self.metrics.log_lines_dropped.add(n_lost as u64);
            tracing::warn!(
                "the access log did not finish in {patience:?}: {n_lost} lines are lost"
            );
        }
    }

    fn wake(&self) {
        // Fails where the thread has ended.
        drop(self.queue.send(QueuedLine::Wake));
    }
}

/// The thread.
struct Writer {
    inbox: Receiver<QueuedLine>,
    room: Arc<Room>,
    /// Bytes and lines that are with the file and have not given their room back.
    taken: (usize, usize),
    orders: Arc<Orders>,
    metrics: Arc<Metrics>,
    file: LogFile,
}

impl Writer {
    fn run(&mut self) {
        self.file.open(Instant::now());
        loop {
            // Read before the queue is emptied: what was queued before the order is then written.
            let stops = self.orders.stop.load(Ordering::SeqCst);
            // No more than the queue holds: orders are heard, however busy the workers are.
            let mut n_taken = 0;
            while n_taken <= self.room.capacity
                && let Ok(message) = self.inbox.try_recv()
            {
                n_taken += self.take(message);
            }
            self.flush();
            if self.orders.reopen.swap(false, Ordering::SeqCst) {
                self.file.reopen(Instant::now());
            }
            if stops {
                break;
            }
            // The message that came with the order may have been taken already.
            if self.orders.stop.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(message) = self.inbox.recv() else { break };
            self.take(message);
            if !self.orders.stop.load(Ordering::SeqCst) {
                thread::sleep(GATHER);
            }
        }
        self.drop_the_rest();
        self.file.give_up();
    }

    /// Counts what has come after the end as dropped.
    fn drop_the_rest(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            if let QueuedLine::Line(line) = message {
                self.room.give_back(line.len().saturating_add(LINE_OVERHEAD), 1);
                self.metrics.log_lines_dropped.increment();
            }
        }
    }

    /// Returns how many bytes of the queue it was.
    fn take(&mut self, message: QueuedLine) -> usize {
        let QueuedLine::Line(line) = message else {
            return LINE_OVERHEAD;
        };
        self.file.pending.extend_from_slice(&line);
        let n_bytes = line.len().saturating_add(LINE_OVERHEAD);
        self.taken = (self.taken.0 + n_bytes, self.taken.1 + 1);
        if self.file.pending.len() >= BATCH_BYTES {
            self.flush();
        }
        n_bytes
    }

    fn flush(&mut self) {
        self.file.flush(Instant::now());
        let (n_bytes, n_lines) = std::mem::take(&mut self.taken);
        self.room.give_back(n_bytes, n_lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_thread_writes_everything_before_it_ends() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("access.log");
        let metrics = Arc::new(Metrics::default());
        let counted = Arc::clone(&metrics);
        let (log, keeper) =
            AccessLog::start(path.clone(), 1 << 20, counted, &Supervisor::default())
                .expect("a thread can be started");
        let entry = LogEntry {
            client: Ipv4Addr::LOCALHOST.into(),
            country: None,
            repo: "fedora-40".into(),
            arch: "x86_64".into(),
        };
        for _ in 0..500 {
            log.write(&entry, "2026-11-21");
        }
        keeper.stop(Duration::from_secs(120));
        let written = std::fs::read_to_string(path).expect("the log");
        assert_eq!(written.lines().count(), 500);
        assert_eq!(metrics.log_lines_written.get(), 500);
        log.write(&entry, "2026-11-21");
        assert_eq!(metrics.log_lines_dropped.get(), 1);
    }

    #[test]
    fn the_queue_is_bounded_in_bytes() {
        let metrics = Arc::new(Metrics::default());
        let (queue, inbox) = mpsc::channel();
        let room = Arc::new(Room::new(1_000));
        let log = AccessLog { queue, room: Arc::clone(&room), metrics: Arc::clone(&metrics) };
        // Nobody takes anything out, as when the disk is stuck.
        for _ in 0..20 {
            log.write_line(vec![b'x'; 200 - LINE_OVERHEAD]);
        }
        assert_eq!(inbox.try_iter().count(), 5);
        assert_eq!(metrics.log_lines_dropped.get(), 15);
        assert_eq!(room.n_bytes.load(Ordering::Relaxed), 1_000);
        assert_eq!(room.n_lines.load(Ordering::Relaxed), 5);
        log.write_line(vec![b'x'; 10_000]);
        assert_eq!(metrics.log_lines_dropped.get(), 16);
    }
}
