//! Micro benches: each step of an answer and of the compiler, next to the obvious structure where
//! that tells something, and one hostile input per parser.
//!
//!     cargo bench --bench micro [-- FILTER]
//!
//! They work on full-size data where `benches/run` has made it (or `BENCH_DATA` names it), else on
//! small data. Allocations are counted by the same run: what divan prints below a bench is the
//! number of heap operations per iteration.

#![allow(clippy::print_stderr, reason = "says which data it works on")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that meets the unexpected must fail"
)]

mod corpus;
mod lookup;
mod choose;
mod render;
mod respond;
mod request;
mod route;
mod snapshot;
mod compile;

support::runs_the_program!();

use divan::AllocProfiler;
use mimalloc::MiMalloc;

/// The allocator of the program, with a counter around it.
#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

/// Requests per sample where each iteration takes the next one: a sample then is a mix, and the first
/// ones, which find cold caches, do not decide.
const REQUESTS: u32 = 2_000;

fn main() {
    // Before the first bench, so that what it prints stands before the table.
    std::sync::LazyLock::force(&corpus::CORPUS);
    divan::main();
}
