//! Memory of response bodies, reused by the worker that wrote them.
//!
//! A body lives for some microseconds, until the kernel has copied it. An allocator hands out many
//! blocks before it reuses the first, so each body would be written to memory that is in no cache.
//! Measured with metalinks of 14 KB, the kernel took twice as long to copy them as to copy the same
//! bytes again and again. Here the block that was returned last is used next.
//!
//! A worker keeps at most `SPARE` blocks. A client that reads slowly keeps its block, and further bodies
//! use newly allocated ones.

use std::cell::RefCell;

use bytes::Buf;
use http_body_util::Full;

use encode::text::Text;

/// The body of a response.
pub type Body = Full<BodyBytes>;

/// The maximum number of blocks that a worker keeps. Usually one is in use at a time; there are more
/// while the sockets of some clients are full.
const SPARE: usize = 8;
/// A block that has grown beyond this is freed: no usual answer needs it, and a small answer in it would
/// keep all of its memory while it waits for its client.
const MAX_BYTES: usize = 64 * 1024;

thread_local! {
    static BLOCKS: RefCell<Vec<Text>> = const { RefCell::new(Vec::new()) };
}

/// Returns an empty text to write a body into; it may reuse a block.
pub fn begin() -> Text {
    let block = BLOCKS.try_with(|blocks| blocks.borrow_mut().pop());
    block.ok().flatten().unwrap_or_default()
}

/// Returns the maximum memory of a body of this length: it may be in a reused block, or in one that has
/// doubled while it was written.
pub fn max_memory(n_bytes: u64) -> u64 {
    n_bytes.saturating_mul(2).max(MAX_BYTES as u64)
}

/// Copies the body into memory of its own length, and returns its block to the worker.
pub fn compact(body: Body) -> Body {
    let Some(block) = body.into_inner() else { return Body::default() };
    Body::new(BodyBytes::new(Text::written(block.chunk().to_vec())))
}

/// A body, some of which may have been sent.
#[derive(Debug)]
pub struct BodyBytes {
    text: Text,
    n_sent: usize,
}

impl BodyBytes {
    /// A body of this text.
    pub fn new(text: Text) -> Self {
        Self { text, n_sent: 0 }
    }
}

impl Buf for BodyBytes {
    fn remaining(&self) -> usize {
        self.text.as_bytes().len() - self.n_sent
    }

    fn chunk(&self) -> &[u8] {
        self.text.as_bytes().get(self.n_sent..).unwrap_or(&[])
    }

    fn advance(&mut self, n: usize) {
        self.n_sent = self.n_sent.saturating_add(n).min(self.text.as_bytes().len());
    }
}

impl Drop for BodyBytes {
    fn drop(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        if text.capacity() == 0 || text.capacity() > MAX_BYTES {
            return;
        }
        text.clear();
        // A thread that ends keeps no blocks.
        let _ = BLOCKS.try_with(|blocks| {
            let mut blocks = blocks.borrow_mut();
            if blocks.len() < SPARE {
                blocks.push(text);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encode::append::Append;

    fn write(text: &str) -> BodyBytes {
        let mut body = begin();
        assert!(body.is_empty());
        body.push_str(text);
        BodyBytes::new(body)
    }

    #[test]
    fn the_block_that_came_back_last_is_the_next_one() {
        let first = write(&"x".repeat(100));
        let second = write("y");
        let address = second.chunk().as_ptr();
        drop(first);
        drop(second);
        let third = write("z");
        assert_eq!(third.chunk(), b"z");
        assert_eq!(third.chunk().as_ptr(), address);
    }

    #[test]
    fn a_worker_keeps_few_blocks_and_none_that_is_huge() {
        let blocks: Vec<_> = (0..100).map(|_| write("x")).collect();
        drop(blocks);
        drop(BodyBytes::new(Text::written(Vec::with_capacity(MAX_BYTES + 1))));
        BLOCKS.with_borrow(|blocks| {
            assert_eq!(blocks.len(), SPARE);
            assert!(blocks.iter().all(|block| block.capacity() <= MAX_BYTES));
        });
    }

    #[test]
    fn what_was_sent_is_not_sent_again() {
        let mut block = write("0123456789");
        block.advance(4);
        assert_eq!((block.remaining(), block.chunk()), (6, &b"456789"[..]));
        block.advance(100);
        assert_eq!((block.remaining(), block.chunk()), (0, &b""[..]));
    }
}
