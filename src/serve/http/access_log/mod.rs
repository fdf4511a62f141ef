//! The access log: one line for each request that names a repository, for the statistics scripts.
//!
//! A worker formats the line and puts it into a queue with a limited number of bytes. A separate thread
//! takes the lines out in batches and appends them to the file. Whatever is wrong with the file (a full
//! disk, a FIFO that nobody reads, a missing folder), an answer never waits for it. If the queue is full
//! or the file is unusable, lines are dropped and counted exactly, and the error log says so once per
//! episode.
//!
//! The file is opened with O_APPEND, so that logrotate's `copytruncate` works, and with O_NONBLOCK, so
//! that neither opening nor writing a FIFO can block the thread; regular files ignore it.
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

/// How long the thread gathers lines after the first of a batch. It limits the wake-ups of the thread,
/// and so the system calls that workers make to wake it, to 200 a second.
const GATHER: Duration = Duration::from_millis(5);
/// Approximate number of bytes of a batch.
const BATCH_BYTES: usize = 64 * 1024;
/// Memory of a queued line besides its own bytes: its entry in the queue, and the allocator's overhead.
const LINE_OVERHEAD: usize = 64;

/// The workers' handle: queues lines.
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
    /// Wakes the thread to check the orders.
    Wake,
}

/// The memory of lines that are neither written nor dropped yet, and its limit.
struct Room {
    capacity: usize,
    n_bytes: AtomicUsize,
    n_lines: AtomicUsize,
}

impl Room {
    fn new(capacity: usize) -> Self {
        Self { capacity, n_bytes: AtomicUsize::new(0), n_lines: AtomicUsize::new(0) }
    }

    /// Reserves memory for a line; returns whether it fits within the limit.
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

/// Orders to the thread. They are not queued, so a full queue cannot block them.
#[derive(Default)]
struct Orders {
    reopen: AtomicBool,
    stop: AtomicBool,
}

impl AccessLog {
    /// Starts the thread, which opens `path`; a failure to open it is not an error here. At most
    /// `capacity` bytes of lines wait in the queue.
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
        // Both are kept after a panic, because the supervisor runs this closure again.
        let mut owned = Some((writer, ending));
        let work = move || {
            if let Some((writer, _)) = &mut owned {
                writer.run();
            }
            if let Some((writer, ending)) = owned.take() {
                // The queue is dropped first: a line that comes after the end is known is then dropped
                // and counted.
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

    /// Logs a line that is already formatted and ends in a newline; never waits.
    pub fn write_line(&self, line: Vec<u8>) {
        // Sending fails if the thread has ended, which happens before the workers end.
        let is_queued = self.room.take(&line) && self.queue.send(QueuedLine::Line(line)).is_ok();
        if !is_queued {
            self.metrics.log_lines_dropped.increment();
        }
    }
}

impl Keeper {
    /// Reopens the file after the lines that are already queued were written; for logrotate.
    pub fn reopen(&self) {
        self.orders.reopen.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Writes the queued lines and ends the thread; waits at most `patience` for it.
    pub fn stop(self, patience: Duration) {
        self.orders.stop.store(true, Ordering::SeqCst);
        self.wake();
        if self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            // The disk is stuck, and the process ends: the queued lines are lost.
            let n_lost = self.room.n_lines.load(Ordering::Relaxed);
            self.metrics.log_lines_dropped.add(n_lost as u64);
            tracing::warn!(
                "the access log did not finish in {patience:?}: {n_lost} lines are lost"
            );
        }
    }

    fn wake(&self) {
        // Sending fails if the thread has ended.
        drop(self.queue.send(QueuedLine::Wake));
    }
}

/// The state of the thread.
struct Writer {
    inbox: Receiver<QueuedLine>,
    room: Arc<Room>,
    /// Bytes and lines that are in the file's buffer and still count in `room`.
    taken: (usize, usize),
    orders: Arc<Orders>,
    metrics: Arc<Metrics>,
    file: LogFile,
}

impl Writer {
    fn run(&mut self) {
        self.file.open(Instant::now());
        loop {
            // Read before the queue is emptied, so that lines queued before the order are written.
            let stops = self.orders.stop.load(Ordering::SeqCst);
            // Takes no more than the queue holds, so that orders are noticed however busy the workers
            // are.
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

    /// Counts lines that come after the end as dropped.
    fn drop_the_rest(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            if let QueuedLine::Line(line) = message {
                self.room.give_back(line.len().saturating_add(LINE_OVERHEAD), 1);
                self.metrics.log_lines_dropped.increment();
            }
        }
    }

    /// Handles one message and returns the number of bytes that it took in the queue.
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
        // Nothing takes lines out of the queue, as when the disk is stuck.
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
