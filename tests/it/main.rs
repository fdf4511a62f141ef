//! Everything that is tested from outside, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected must fail, loudly and at that line"
)]

mod layers;
mod snapshot_file;
