//! Tasks on a real PostgreSQL, and in real processes.
//!
//! The server comes from Debian's package; each test that needs one starts its own in a temporary folder
//! ([`support::postgres`]). What needs neither a server nor a process is a unit test of the rooms `store`
//! and `tasks`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a test says what went wrong by panicking and what it measured by printing"
)]

#[macro_use(tests)]
extern crate support;

support::runs_the_program!();

mod stores;
mod process;
mod watched;

mod harness;
mod engine;
mod locks;
mod model;
mod traps;
mod transfer;
mod mirrors;
mod sweeps;
mod killed;
mod stopped;
mod sites;
mod circles;
mod aborted;
mod clocks;
mod overload;
mod disks;
mod pooler;

use std::process::ExitCode;

use support::debian::suite::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    suite.add_all(harness::TESTS);
    suite.add_all(engine::TESTS);
    suite.add_all(locks::TESTS);
    suite.add_all(model::TESTS);
    suite.add_all(traps::TESTS);
    suite.add_all(transfer::TESTS);
    suite.add_all(mirrors::TESTS);
    suite.add_all(sweeps::TESTS);
    suite.add_all(killed::TESTS);
    suite.add_all(stopped::TESTS);
    suite.add_all(sites::TESTS);
    suite.add_all(circles::TESTS);
    suite.add_all(aborted::TESTS);
    suite.add_all(clocks::TESTS);
    suite.add_all(overload::TESTS);
    suite.add_all(disks::TESTS);
    suite.add_all(pooler::TESTS);
    suite.run()
}
