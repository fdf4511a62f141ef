//! One binary for all integration tests: they share the fixture, and link once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that meets the unexpected ends"
)]

mod fixture;
mod answers;
mod inputs;
mod bad_records;
mod render_law;
mod select_twin;
mod streaming_twin;
