//! A thread that writes lines to stderr or stdout, so that no other thread waits for them.
//!
//! Other threads append to a buffer that is bounded in bytes; the thread takes all of it and writes it.
//! A reader that has stopped reading blocks this thread only. If the disk is full or the reader is gone,
//! the lines that could not be written are dropped and counted, and their number is logged as soon as
//! writing succeeds again.
//!
//! `tracing-appender` has such a thread as well, but it bounds its queue in lines of any length, does
//! not report how many it dropped, and ends at the first panic.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use crate::supervise::{Supervisor, Thread};

/// The sending half of the queue of lines; clones share the thread.
#[derive(Clone)]
pub struct LineWriter(Arc<Shared>);

struct Shared {
    /// The most bytes that may wait.
    capacity: usize,
    state: Mutex<State>,
    /// Notified when there are lines to write, and when they have been written.
    changed: Condvar,
    n_dropped: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Whole lines that wait for the thread.
    pending: Vec<u8>,
    /// Whether the thread has taken lines and not written them yet.
    is_writing: bool,
    /// Whether the last write failed. The next line causes the next attempt.
    has_failed: bool,
    /// Lines that were dropped and not reported yet.
    n_unreported: u64,
    /// The reason why the last of them was dropped.
    reason: String,
}

impl State {
    /// Whether there is nothing to write now.
    fn is_idle(&self) -> bool {
        self.pending.is_empty() && (self.n_unreported == 0 || self.has_failed)
    }

    fn drop_lines(&mut self, n: u64, reason: impl ToString) {
        self.n_unreported += n;
        self.reason = reason.to_string();
    }
}

impl LineWriter {
    /// Starts the thread. At most `capacity` bytes wait for it, and as many are being written.
    pub fn start(
        supervisor: &Supervisor,
        thread: Thread,
        target: impl Write + Send + 'static,
        capacity: usize,
    ) -> io::Result<Self> {
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { capacity, state, changed, n_dropped: AtomicU64::new(0) });
        let (ours, mut target) = (Arc::clone(&shared), target);
        // The thread is not joined: it may be blocked, and lives as long as the process.
        drop(supervisor.spawn(thread, move || ours.run(&mut target))?);
        Ok(Self(shared))
    }

    /// Writes whole lines, or drops and counts them. Never waits for the target.
    pub fn write_lines(&self, lines: &[u8]) {
        let mut state = self.0.lock();
        if state.pending.len().saturating_add(lines.len()) > self.0.capacity {
            let n = count_lines(lines);
            self.0.n_dropped.fetch_add(n, Ordering::Relaxed);
            state.drop_lines(n, "they were more than could be written");
        } else {
            state.pending.extend_from_slice(lines);
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// How many lines were dropped since the start.
    pub fn n_dropped(&self) -> u64 {
        self.0.n_dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, but no longer than `patience`.
    pub fn flush(&self, patience: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.is_idle();
        drop(self.0.changed.wait_timeout_while(self.0.lock(), patience, is_busy));
    }
}

/// The writer of a tracing subscriber, which writes whole lines, one call for each event.
impl Write for LineWriter {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_lines(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave the state inconsistent, so poisoning is ignored.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, target: &mut impl Write) {
        // Whether the last line in the target is incomplete.
        let mut is_cut = false;
        loop {
            let (lines, n_reported) = self.take();
            let outcome = write_all(target, &lines, &mut is_cut);
            let mut state = self.lock();
            state.is_writing = false;
            state.has_failed = outcome.is_err();
            if let Err((rest, error)) = outcome {
                // The line that reports dropped lines does not count as one.
                let n_lost = count_lines(rest) - u64::from(n_reported > 0 && !rest.is_empty());
                self.n_dropped.fetch_add(n_lost, Ordering::Relaxed);
                state.drop_lines(n_lost + n_reported, error);
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for lines to write, or for dropped lines to report. Returns the lines, of which the last
    /// one is the report if there is one, and the number that it reports.
    fn take(&self) -> (Vec<u8>, u64) {
        let mut state = self.lock();
        state.is_writing = false;
        let waited = self.changed.wait_while(state, |state| state.is_idle());
        state = waited.unwrap_or_else(PoisonError::into_inner);
        state.is_writing = true;
        let mut lines = std::mem::take(&mut state.pending);
        let n_reported = std::mem::take(&mut state.n_unreported);
        if n_reported > 0 {
            let reason = std::mem::take(&mut state.reason);
            let note =
                format!("mirrorlistd: {n_reported} lines of this log were dropped: {reason}\n");
            lines.extend_from_slice(note.as_bytes());
        }
        (lines, n_reported)
    }
}

/// Writes everything, or returns the rest from the first line that was not written completely.
fn write_all<'a>(
    target: &mut impl Write,
    lines: &'a [u8],
    is_cut: &mut bool,
) -> Result<(), (&'a [u8], io::Error)> {
    let mut rest = lines;
    while !rest.is_empty() {
        // An incomplete line in the target is ended first.
        let written = match target.write(if *is_cut { b"\n" } else { rest }) {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        };
        match written {
            Ok(_) if *is_cut => *is_cut = false,
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let n_done = lines.len() - rest.len();
                let done = lines.get(..n_done).unwrap_or_default();
                *is_cut |= done.last().is_some_and(|&byte| byte != b'\n');
                let begin = done.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
                return Err((lines.get(begin..).unwrap_or_default(), error));
            }
        }
    }
    Ok(())
}

fn count_lines(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// A standard stream with a descriptor of its own, which bypasses the locks of the standard library.
/// Another process that shares the stream may have made it non-blocking: then a write polls until it is
/// writable.
pub struct LogStream(File);

impl LogStream {
    /// The stream behind `descriptor`.
    pub fn of(descriptor: impl AsFd) -> io::Result<Self> {
        descriptor.as_fd().try_clone_to_owned().map(|own| Self(own.into()))
    }
}

impl Write for LogStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.0, PollFlags::OUT)], None)?;
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(120);

    fn start(target: impl Write + Send + 'static, capacity: usize) -> LineWriter {
        let supervisor = Supervisor::default();
        LineWriter::start(&supervisor, Thread::Log, target, capacity).expect("a thread")
    }

    #[test]
    fn a_pipe_that_nobody_reads_costs_lines_and_no_time_and_each_is_counted() {
        const N: u64 = 20_000;
        let (reader, writer) = io::pipe().expect("a pipe");
        let log = start(LogStream::of(writer).expect("a descriptor"), 10_000);
        for n in 0..N {
            log.write_lines(format!("line {n} of a log with some length\n").as_bytes());
        }
        let n_dropped = log.n_dropped();
        assert!(n_dropped > N / 2, "{n_dropped}");
        let (mut n_read, mut n_reported) = (0, 0);
        let mut lines = BufReader::new(reader).lines();
        let end = " lines of this log were dropped: they were more than could be written";
        while n_read + n_reported < N {
            let line = lines.next().expect("a pipe without end").expect("a line");
            match line.strip_prefix("mirrorlistd: ").and_then(|rest| rest.strip_suffix(end)) {
                Some(number) => n_reported += number.parse::<u64>().expect("a number"),
                None => {
                    assert!(line.starts_with("line "), "{line}");
                    n_read += 1;
                }
            }
        }
        assert_eq!((n_read + n_reported, n_reported), (N, n_dropped));
    }

    /// A target that takes bytes up to a limit, then fails until the limit is raised.
    struct Disk {
        room: usize,
        more: mpsc::Receiver<usize>,
        content: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.room += self.more.try_iter().sum::<usize>();
            let n = bytes.len().min(self.room);
            self.room -= n;
            self.content.send(bytes[..n].to_vec()).expect("the test listens");
            if n == 0 { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_lines_and_what_was_cut_off_is_ended() {
        let (give, more) = mpsc::channel();
        let (content, written) = mpsc::channel();
        let log = start(Disk { room: 8, more, content }, 1_000);
        log.write_lines(b"first\nsecond\nthird\n");
        log.flush(PATIENCE);
        assert_eq!(log.n_dropped(), 2, "one of them is there in part");
        log.write_lines(b"fourth\n");
        log.flush(PATIENCE);
        assert_eq!(log.n_dropped(), 3);
        give.send(1_000).expect("the disk lives");
        log.write_lines(b"fifth\n");
        log.flush(PATIENCE);
        assert_eq!(log.n_dropped(), 3);
        let text = String::from_utf8(written.try_iter().flatten().collect()).expect("UTF-8");
        let reason = "No space left on device (os error 28)";
        let note = format!("mirrorlistd: 3 lines of this log were dropped: {reason}\n");
        assert_eq!(text, format!("first\nse\nfifth\n{note}"));
    }

    #[test]
    fn what_is_longer_than_all_the_room_is_dropped() {
        let (_give, more) = mpsc::channel();
        let (content, written) = mpsc::channel();
        let log = start(Disk { room: 1_000, more, content }, 10);
        log.write_lines(b"0123456789\n");
        log.write_lines(b"012345678\n");
        log.flush(PATIENCE);
        let text = String::from_utf8(written.try_iter().flatten().collect()).expect("UTF-8");
        assert!(text.contains("012345678\n"), "{text}");
        assert!(!text.contains("0123456789"), "{text}");
        assert!(text.contains("1 lines of this log were dropped"), "{text}");
        assert_eq!(log.n_dropped(), 1);
    }
}
