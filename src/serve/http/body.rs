//! Memory of response bodies, reused by the worker that wrote them.
//!
//! A body lives for some microseconds, until the kernel has copied it. An allocator hands out many
//! blocks before it reuses the first, so each body would be written to memory that is in no cache.
//! Measured with metalinks of 14 KB, the kernel took twice as long to copy them as to copy the same
//! bytes again and again. Here the block that was returned last is used next.
//!
//! A worker keeps at most `SPARE` blocks, and a large one for the few bodies that do not fit into them: to free that and
//! allocate it again, its pages go to the system and are faulted in again, one by one. That cost the mix of metalinks
//! 7 % of its time (`benches/results/2026-11-28-bodies.md`). A client that reads slowly keeps its block, and further
//! bodies use newly allocated ones.

use std::cell::RefCell;

use bytes::Buf;
use http_body_util::Full;

use encode::text::Text;

/// The body of a response.
pub type Body = Full<BodyBytes>;

/// The maximum number of blocks that a worker keeps. Usually one is in use at a time; there are more
/// while the sockets of some clients are full.
const SPARE: usize = 8;
/// The size of a block in bytes. A body that fits is in one of these in the end, so that a small answer does not keep more
/// memory while it waits for its client.
const BLOCK: usize = 64 * 1024;
/// The maximum size of the large block: twice what an answer with all mirrors of Fedora takes. A larger one is freed.
const MAX_LARGE: usize = 256 * 1024;

/// The memory that a worker keeps.
#[derive(Default)]
struct Spare {
    blocks: Vec<Vec<u8>>,
    /// Without capacity until there was a body that large.
    large: Vec<u8>,
}

thread_local! {
    static SPARE_MEMORY: RefCell<Spare> = RefCell::default();
}

/// Returns an empty text to write a body into; it may reuse a block.
pub fn begin() -> Text {
    let spare = SPARE_MEMORY.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        (spare.blocks.pop(), std::mem::take(&mut spare.large))
    });
    let (block, large) = spare.unwrap_or_default();
    Text::within(block.unwrap_or_else(|| Vec::with_capacity(BLOCK)), large)
}

/// Keeps memory for the next bodies, or frees it.
fn give_back(memory: Vec<u8>) {
    // What is smaller than a block was made for one body.
    if !(BLOCK..=MAX_LARGE).contains(&memory.capacity()) {
        return;
    }
    // A thread that ends keeps none.
    let _ = SPARE_MEMORY.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if memory.capacity() == BLOCK {
            if spare.blocks.len() < SPARE {
                spare.blocks.push(memory);
            }
        } else if memory.capacity() > spare.large.capacity() {
            spare.large = memory;
        }
    });
}

/// Returns the maximum memory of a body of this length: it may be in a block, in a large one, or in one that has
/// doubled while it was written.
pub fn max_memory(n_bytes: u64) -> u64 {
    if n_bytes <= BLOCK as u64 {
        return BLOCK as u64;
    }
    n_bytes.saturating_mul(2).max(MAX_LARGE as u64)
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
    /// A body of this text. Memory that the text does not need goes back to the worker. One with more memory than is
    /// counted for its length, as the result of a compression can have, is copied.
    pub fn new(mut text: Text) -> Self {
        give_back(text.settle());
        if text.capacity() as u64 > max_memory(text.len() as u64) {
            let copy = Text::written(text.as_bytes().to_vec());
            give_back(std::mem::replace(&mut text, copy).into_memory());
        }
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
        give_back(std::mem::take(&mut self.text).into_memory());
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

    fn kept() -> (Vec<usize>, usize) {
        SPARE_MEMORY.with_borrow(|spare| {
            (spare.blocks.iter().map(Vec::capacity).collect(), spare.large.capacity())
        })
    }

    #[test]
    fn a_worker_keeps_few_blocks_and_one_that_is_large() {
        let bodies: Vec<_> = (0..100).map(|_| write("x")).collect();
        drop(bodies);
        assert_eq!(kept(), (vec![BLOCK; SPARE], 0));
        let bodies: Vec<_> = (0..100).map(|n| write(&"x".repeat(BLOCK + n))).collect();
        drop(bodies);
        let (blocks, large) = kept();
        assert_eq!(blocks, [BLOCK; SPARE]);
        assert!((BLOCK + 1..=MAX_LARGE).contains(&large));
        drop(BodyBytes::new(Text::written(b"of its own length".to_vec())));
        assert_eq!(kept(), (vec![BLOCK; SPARE], large));
        drop(write(&"x".repeat(MAX_LARGE + 1)));
        assert_eq!(kept(), (vec![BLOCK; SPARE], 0));
    }

    #[test]
    fn what_does_not_fit_into_a_block_uses_the_large_one() {
        drop(write(&"x".repeat(2 * BLOCK)));
        let (blocks, large) = kept();
        let address = SPARE_MEMORY.with_borrow(|spare| spare.large.as_ptr());
        let text = "y".repeat(BLOCK + 1);
        let body = write(&text);
        assert_eq!((body.chunk(), body.chunk().as_ptr()), (text.as_bytes(), address));
        assert_eq!(kept(), (blocks.clone(), 0));
        drop(body);
        assert_eq!(kept(), (blocks, large));
    }

    #[test]
    fn what_outgrows_the_largest_estimate_uses_the_large_block_again() {
        let write = || {
            let mut text = begin();
            text.reserve(2 * BLOCK);
            text.push_str(&"x".repeat(3 * BLOCK));
            BodyBytes::new(text)
        };
        drop(write());
        let address = SPARE_MEMORY.with_borrow(|spare| spare.large.as_ptr());
        assert_eq!(write().chunk().as_ptr(), address);
    }

    #[test]
    fn no_body_has_more_memory_than_is_counted() {
        for n_bytes in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK, 5 * BLOCK] {
            for (estimate, n_large) in [0, n_bytes, 2 * BLOCK]
                .into_iter()
                .flat_map(|estimate| [0, BLOCK + 1, 2 * BLOCK, MAX_LARGE].map(|n| (estimate, n)))
            {
                SPARE_MEMORY.with_borrow_mut(|spare| spare.large = Vec::with_capacity(n_large));
                let mut text = begin();
                text.reserve(estimate);
                text.push_str(&"z".repeat(n_bytes));
                let mut body = BodyBytes::new(text);
                let memory = std::mem::take(&mut body.text).into_memory();
                let most = max_memory(n_bytes as u64);
                assert!(memory.capacity() as u64 <= most, "{n_bytes}, {estimate}, {n_large}");
                give_back(memory);
            }
        }
        for (n_bytes, n_capacity) in [(1, BLOCK + 1), (BLOCK + 1, MAX_LARGE + 1), (10, MAX_LARGE)] {
            let mut written = Vec::with_capacity(n_capacity);
            written.resize(n_bytes, b'z');
            let body = BodyBytes::new(Text::written(written));
            assert_eq!(body.chunk(), vec![b'z'; n_bytes]);
            assert!(body.text.capacity() as u64 <= max_memory(n_bytes as u64), "{n_bytes}");
        }
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
