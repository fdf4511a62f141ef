//! Everything that is tested from outside, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected must fail, loudly and at that line"
)]

mod access_log;
mod command_line;
mod drain;
mod formats;
mod golden;
mod http;
mod layers;
mod limits;
mod reload;
mod server;
mod snapshot_file;
