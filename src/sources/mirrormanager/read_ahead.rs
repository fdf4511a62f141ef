//! Reads a file on one thread while another parses it.
//!
//! Copying Fedora's 300 MB out of the page cache takes a sixth of the time that the compiler spends
//! on them (by perf), and reading from a disk takes more; another core can do that meanwhile.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Blocks that are read ahead at most.
const AHEAD: usize = 4;

/// The bytes of an input that a thread reads ahead.
pub struct ReadAhead {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: SyncSender<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    /// Whether the end of the input, or an error, has been returned.
    has_ended: bool,
}

impl ReadAhead {
    /// Starts the thread; it ends with the input, or when this is dropped.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        input: impl Read + Send + 'scope,
    ) -> io::Result<Self> {
        let (send_full, full) = sync_channel(AHEAD);
        // Capacity for all blocks that exist, so that returning one never waits.
        let (empty, receive_empty) = sync_channel(AHEAD + 2);
        let thread = thread::Builder::new().name("read-ahead".into());
        thread.spawn_scoped(scope, move || read_all(input, &send_full, &receive_empty))?;
        Ok(Self { full, empty, block: Vec::new(), at: 0, has_ended: false })
    }
}

fn read_all(
    mut input: impl Read,
    full: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) {
    loop {
        let mut block = empty.try_recv().unwrap_or_default();
        block.clear();
        let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        let is_end = !matches!(read, Ok(n) if n > 0);
        // Bytes read before an error are sent first, because the error message says how far the file
        // was read.
        if read.is_err() && !block.is_empty() && full.send(Ok(std::mem::take(&mut block))).is_err()
        {
            return;
        }
        // Sending fails if the parser has stopped.
        if full.send(read.map(|_| block)).is_err() || is_end {
            return;
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(out)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at >= self.block.len() && !self.has_ended {
            // If the channel closes before the end was sent, the thread has panicked and data are
            // missing.
            let ended = || Err(io::Error::other("its reader has panicked"));
            let received = self.full.recv().unwrap_or_else(|_| ended());
            self.has_ended = !matches!(&received, Ok(block) if !block.is_empty());
            let used = std::mem::replace(&mut self.block, received?);
            self.at = 0;
            drop(self.empty.try_send(used));
        }
        Ok(self.block.get(self.at..).unwrap_or(&[]))
    }

    fn consume(&mut self, n: usize) {
        self.at = self.at.saturating_add(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(input: impl Read + Send) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        thread::scope(|scope| ReadAhead::start(scope, input)?.read_to_end(&mut bytes))?;
        Ok(bytes)
    }

    #[test]
    fn everything_is_read_in_its_order() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[1]).collect();
            assert!(read_back(&bytes[..]).expect("memory can be read") == bytes, "{length}");
        }
    }

    #[test]
    fn a_reader_that_panics_is_no_end_of_the_file() {
        struct Panicking(usize);
        impl Read for Panicking {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                assert!(self.0 < 3, "as the test asks");
                Ok(out.len().min(BLOCK))
            }
        }
        let mut outcome = Ok(0);
        // The scope panics as well, at its end.
        let scope = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            thread::scope(|scope| {
                outcome = ReadAhead::start(scope, Panicking(0))
                    .and_then(|mut reader| reader.read_to_end(&mut Vec::new()));
            });
        }));
        assert!(scope.is_err());
        let error = outcome.expect_err("it is told");
        assert_eq!(error.to_string(), "its reader has panicked");
    }

    #[test]
    fn an_error_is_told_and_the_thread_ends() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 2 { Err(io::ErrorKind::InvalidData.into()) } else { Ok(out.len()) }
            }
        }
        let error = read_back(Broken(0)).expect_err("an error is not lost");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_reader_that_stops_early_leaves_no_thread_behind() {
        let first = thread::scope(|scope| {
            let mut reader = ReadAhead::start(scope, io::repeat(7))?;
            reader.fill_buf().map(<[u8]>::to_vec)
        });
        assert!(first.expect("memory can be read").iter().all(|&byte| byte == 7));
    }
}
