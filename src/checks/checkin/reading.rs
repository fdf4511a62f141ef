//! Reads JSON that comes in pieces, and no more of it than is accepted.

use std::cell::Cell;
use std::io::{self, Read};

use super::error::CheckinError;

/// The longest string as it is written, where a character may take six bytes: a path has at most 4,096.
const MAX_STRING: usize = 6 * 4_096;

/// The deepest list or object. A check-in has three levels.
const MAX_DEPTH: usize = 64;

/// Passes JSON on and stops at a limit: of all bytes, of those of one string, which the parser would otherwise
/// hold whole, or of levels, of which it remembers each one.
pub(super) struct LimitedJson<'l, R> {
    inner: R,
    /// May become another one while it is read.
    limit: &'l Cell<u64>,
    n_read: u64,
    state: State,
    /// How many lists and objects are open.
    depth: usize,
    /// The limit that was exceeded.
    fault: Option<CheckinError>,
}

#[derive(Clone, Copy)]
enum State {
    Outside,
    /// Within a string of so many bytes.
    String(usize),
    /// Likewise, behind a backslash.
    Escape(usize),
}

impl<'l, R: Read> LimitedJson<'l, R> {
    pub(super) fn new(inner: R, limit: &'l Cell<u64>) -> Self {
        Self { inner, limit, n_read: 0, state: State::Outside, depth: 0, fault: None }
    }

    /// The limit that was exceeded, if one was. Reading has failed then.
    pub(super) fn take_fault(&mut self) -> Option<CheckinError> {
        self.fault.take()
    }

    pub(super) fn inner(&mut self) -> &mut R {
        &mut self.inner
    }

    fn check(&mut self, piece: &[u8]) -> Result<(), CheckinError> {
        self.n_read = self.n_read.saturating_add(piece.len() as u64);
        if self.n_read > self.limit.get() {
            return Err(CheckinError::TooLongUnpacked(self.limit.get()));
        }
        for &byte in piece {
            self.state = match (self.state, byte) {
                (State::Outside, b'"') => State::String(0),
                (State::Outside, b'[' | b'{') => {
                    self.depth += 1;
                    State::Outside
                }
                (State::Outside, b']' | b'}') => {
                    self.depth = self.depth.saturating_sub(1);
                    State::Outside
                }
                (State::Outside, _) => State::Outside,
                (State::String(_), b'"') => State::Outside,
                (State::String(n), b'\\') => State::Escape(n + 1),
                (State::String(n) | State::Escape(n), _) => State::String(n + 1),
            };
            if matches!(self.state, State::String(n) if n > MAX_STRING) {
                return Err(CheckinError::LongString(MAX_STRING));
            }
            if self.depth > MAX_DEPTH {
                return Err(CheckinError::TooDeep(MAX_DEPTH));
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for LimitedJson<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let checked = self.check(buffer.get(..n).unwrap_or_default());
        checked.map(|()| n).map_err(|fault| {
            self.fault = Some(fault);
            io::Error::from(io::ErrorKind::InvalidData)
        })
    }
}
