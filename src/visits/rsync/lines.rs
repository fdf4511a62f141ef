//! Splits output into lines, and counts it.

/// Splits output that comes in pieces into lines.
pub(super) struct Lines {
    limits: LineLimits,
    /// The begin of a line whose end has not come yet.
    begun: Vec<u8>,
    /// Whether the line that has begun is too long: the rest of it is skipped.
    is_too_long: bool,
    counts: Counts,
}

/// Limits of output.
#[derive(Clone, Copy)]
pub(super) struct LineLimits {
    /// Bytes of all lines.
    pub(super) bytes: u64,
    /// Lines.
    pub(super) lines: u64,
    /// Bytes of a line.
    pub(super) line: usize,
}

/// What has come so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counts {
    /// Bytes.
    pub(super) bytes: u64,
    /// Lines, also those that are too long.
    pub(super) lines: u64,
    /// Lines that are too long.
    pub(super) long_lines: u64,
}

/// A limit that was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exceeded {
    /// [`LineLimits::bytes`].
    Bytes,
    /// [`LineLimits::lines`].
    Lines,
}

impl Lines {
    pub(super) fn new(limits: LineLimits) -> Self {
        Self { limits, begun: Vec::new(), is_too_long: false, counts: Counts::default() }
    }

    /// Takes the next piece, and calls `on_line` with each line that ends in it. At a limit it ends early.
    pub(super) fn take(
        &mut self,
        mut piece: &[u8],
        on_line: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), Exceeded> {
        while let Some(end) = piece.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
            piece = rest.get(1..).unwrap_or_default();
            self.count(line.len() as u64 + 1)?;
            if self.counts.lines >= self.limits.lines {
                return Err(Exceeded::Lines);
            }
            self.counts.lines += 1;
            if self.is_too_long || self.begun.len() + line.len() > self.limits.line {
                self.counts.long_lines += 1;
            } else if self.begun.is_empty() {
                on_line(line);
            } else {
                self.begun.extend_from_slice(line);
                on_line(&self.begun);
            }
            self.begun.clear();
            self.is_too_long = false;
        }
        self.count(piece.len() as u64)?;
        self.is_too_long |= self.begun.len() + piece.len() > self.limits.line;
        match self.is_too_long {
            true => self.begun.clear(),
            false => self.begun.extend_from_slice(piece),
        }
        Ok(())
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether the output ends within a line.
    pub(super) fn is_cut(&self) -> bool {
        self.is_too_long || !self.begun.is_empty()
    }

    fn count(&mut self, n: u64) -> Result<(), Exceeded> {
        self.counts.bytes += n;
        match self.counts.bytes > self.limits.bytes {
            true => Err(Exceeded::Bytes),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LineLimits = LineLimits { bytes: 100, lines: 6, line: 8 };

    fn split(limits: LineLimits, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Lines, Result<(), Exceeded>) {
        let mut lines = Lines::new(limits);
        let mut found = Vec::new();
        let mut on_line = |line: &[u8]| found.push(line.to_vec());
        let end = pieces.iter().try_for_each(|piece| lines.take(piece, &mut on_line));
        (found, lines, end)
    }

    /// How output is cut into pieces makes no difference.
    #[test]
    fn every_cut_gives_the_lines_of_the_whole() {
        let text = b"one\n\n12345678\n123456789\nlong long long\nlast";
        let expected: [&[u8]; 3] = [b"one", b"", b"12345678"];
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                let (found, lines, end) = split(LIMITS, &pieces);
                assert_eq!((found.as_slice(), end), (&expected.map(<[u8]>::to_vec)[..], Ok(())));
                let counts = Counts { bytes: text.len() as u64, lines: 5, long_lines: 2 };
                assert_eq!((lines.counts(), lines.is_cut()), (counts, true));
            }
        }
    }

    #[test]
    fn output_ends_at_its_limits() {
        let (found, _, end) = split(LIMITS, &[b"1\n2\n3\n4\n5\n6\n", b"7\n"]);
        assert_eq!((found.len(), end), (6, Err(Exceeded::Lines)));
        let (found, lines, end) = split(LIMITS, &[&[b'x'; 60], &[b'x'; 40], b"x"]);
        assert_eq!((found.len(), end), (0, Err(Exceeded::Bytes)));
        assert!(lines.begun.capacity() <= 8, "what is too long is not kept");
    }
}
