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
//! It does not rotate files: see [`AccessLogControl::reopen`].

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

/// How long the thread waits for more lines after the first of a batch. It limits the wake-ups of the thread,
/// and so the system calls that workers make to wake it, to 200 a second.
const BATCH_DELAY: Duration = Duration::from_millis(5);
/// Approximate number of bytes of a batch.
const BATCH_BYTES: usize = 64 * 1024;
/// Memory of a queued line besides its own bytes: its entry in the queue, and the allocator's overhead.
const LINE_OVERHEAD: usize = 64;

/// The workers' handle: queues lines.
pub struct AccessLog {
    queue: Sender<QueuedLine>,
    memory: Arc<QueueMemory>,
    metrics: Arc<Metrics>,
}

/// The owner's end: reopens the file and stops the thread.
pub struct AccessLogControl {
    queue: Sender<QueuedLine>,
    memory: Arc<QueueMemory>,
    metrics: Arc<Metrics>,
    requests: Arc<ThreadRequests>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

enum QueuedLine {
    Line(Vec<u8>),
    /// Wakes the thread to check the requests.
    Wake,
}

/// The memory of lines that are neither written nor dropped yet, and its limit.
struct QueueMemory {
    capacity: usize,
    n_bytes: AtomicUsize,
    n_lines: AtomicUsize,
}

impl QueueMemory {
    fn new(capacity: usize) -> Self {
        Self { capacity, n_bytes: AtomicUsize::new(0), n_lines: AtomicUsize::new(0) }
    }

    /// Reserves memory for a line; returns whether it fits within the limit.
    fn reserve(&self, line: &[u8]) -> bool {
        let n_bytes = line.len().saturating_add(LINE_OVERHEAD);
        let used = self.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
        let fits = used.saturating_add(n_bytes) <= self.capacity;
        match fits {
            true => self.n_lines.fetch_add(1, Ordering::Relaxed),
            false => self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed),
        };
        fits
    }

    fn release(&self, n_bytes: usize, n_lines: usize) {
        self.n_bytes.fetch_sub(n_bytes, Ordering::Relaxed);
        self.n_lines.fetch_sub(n_lines, Ordering::Relaxed);
    }
}

/// Requests to the thread. They are not queued, so a full queue cannot block them.
#[derive(Default)]
struct ThreadRequests {
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
    ) -> io::Result<(Self, AccessLogControl)> {
        let (queue, inbox) = mpsc::channel();
        let memory = Arc::new(QueueMemory::new(capacity));
        let (ending, ended) = mpsc::sync_channel(0);
        let requests = Arc::new(ThreadRequests::default());
        let thread = LogThread {
            inbox,
            memory: Arc::clone(&memory),
            buffered: (0, 0),
            requests: Arc::clone(&requests),
            metrics: Arc::clone(&metrics),
            file: LogFile::new(path, Arc::clone(&metrics)),
        };
        // Both are kept after a panic, because the supervisor runs this closure again.
        let mut owned = Some((thread, ending));
        let work = move || {
            if let Some((thread, _)) = &mut owned {
                thread.run();
            }
            if let Some((thread, ending)) = owned.take() {
                // The queue is dropped first: a line that comes after the end is known is then dropped
                // and counted.
                drop(thread);
                drop(ending);
            }
        };
        drop(supervisor.spawn(Thread::AccessLog, work)?);
        let control = AccessLogControl {
            queue: queue.clone(),
            memory: Arc::clone(&memory),
            metrics: Arc::clone(&metrics),
            requests,
            ended,
        };
        Ok((Self { queue, memory, metrics }, control))
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
        let is_queued =
            self.memory.reserve(&line) && self.queue.send(QueuedLine::Line(line)).is_ok();
        if !is_queued {
            self.metrics.log_lines_dropped.increment();
        }
    }
}

impl AccessLogControl {
    /// Reopens the file after the lines that are already queued were written; for logrotate.
    pub fn reopen(&self) {
        self.requests.reopen.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Writes the queued lines and ends the thread; waits at most `timeout` for it.
    pub fn stop(self, timeout: Duration) {
        self.requests.stop.store(true, Ordering::SeqCst);
        self.wake();
        if self.ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            // The disk is stuck, and the process ends: the queued lines are lost.
            let n_lost = self.memory.n_lines.load(Ordering::Relaxed);
            self.metrics.log_lines_dropped.add(n_lost as u64);
            tracing::warn!("the access log did not finish in {timeout:?}: {n_lost} lines are lost");
        }
    }

    fn wake(&self) {
        // Sending fails if the thread has ended.
        drop(self.queue.send(QueuedLine::Wake));
    }
}

/// The state of the thread.
struct LogThread {
    inbox: Receiver<QueuedLine>,
    memory: Arc<QueueMemory>,
    /// Bytes and lines that are in the file's buffer and still count in `memory`.
    buffered: (usize, usize),
    requests: Arc<ThreadRequests>,
    metrics: Arc<Metrics>,
    file: LogFile,
}

impl LogThread {
    fn run(&mut self) {
        self.file.open(Instant::now());
        loop {
            // Read before the queue is emptied, so that lines queued before the request are written.
            let stops = self.requests.stop.load(Ordering::SeqCst);
            // Takes no more than the queue holds, so that a request is noticed however busy the workers
            // are.
            let mut n_received = 0;
            while n_received <= self.memory.capacity
                && let Ok(message) = self.inbox.try_recv()
            {
                n_received += self.receive(message);
            }
            self.flush();
            if self.requests.reopen.swap(false, Ordering::SeqCst) {
                self.file.reopen(Instant::now());
            }
            if stops {
                break;
            }
            // The message that came with the request may have been received already.
            if self.requests.stop.load(Ordering::SeqCst) {
                continue;
            }
            let Ok(message) = self.inbox.recv() else { break };
            self.receive(message);
            if !self.requests.stop.load(Ordering::SeqCst) {
                thread::sleep(BATCH_DELAY);
            }
        }
        self.drop_queued_lines();
        self.file.drop_pending_lines();
    }

    /// Counts lines that come after the end as dropped.
    fn drop_queued_lines(&mut self) {
        while let Ok(message) = self.inbox.try_recv() {
            if let QueuedLine::Line(line) = message {
                self.memory.release(line.len().saturating_add(LINE_OVERHEAD), 1);
                self.metrics.log_lines_dropped.increment();
            }
        }
    }

    /// Handles one message and returns the number of bytes that it took in the queue.
    fn receive(&mut self, message: QueuedLine) -> usize {
        let QueuedLine::Line(line) = message else {
            return LINE_OVERHEAD;
        };
        self.file.pending.extend_from_slice(&line);
        let n_bytes = line.len().saturating_add(LINE_OVERHEAD);
        self.buffered = (self.buffered.0 + n_bytes, self.buffered.1 + 1);
        if self.file.pending.len() >= BATCH_BYTES {
            self.flush();
        }
        n_bytes
    }

    fn flush(&mut self) {
        self.file.flush(Instant::now());
        let (n_bytes, n_lines) = std::mem::take(&mut self.buffered);
        self.memory.release(n_bytes, n_lines);
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
        let (log, control) =
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
        control.stop(Duration::from_secs(120));
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
        let memory = Arc::new(QueueMemory::new(1_000));
        let log = AccessLog { queue, memory: Arc::clone(&memory), metrics: Arc::clone(&metrics) };
        // Nothing takes lines out of the queue, as when the disk is stuck.
        for _ in 0..20 {
            log.write_line(vec![b'x'; 200 - LINE_OVERHEAD]);
        }
        assert_eq!(inbox.try_iter().count(), 5);
        assert_eq!(metrics.log_lines_dropped.get(), 15);
        assert_eq!(memory.n_bytes.load(Ordering::Relaxed), 1_000);
        assert_eq!(memory.n_lines.load(Ordering::Relaxed), 5);
        log.write_line(vec![b'x'; 10_000]);
        assert_eq!(metrics.log_lines_dropped.get(), 16);
    }
}
