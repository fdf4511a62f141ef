//! Listings of a real rsync server, by the real rsync that mirrors are listed with.
//!
//! [`server`] runs the server: for each connection an rsync of its own, as inetd does. `listings` and `visits` have the tests.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test says what went wrong by panicking; nothing here is an interface"
)]

#[macro_use(tests)]
extern crate support;

mod server;
mod listings;
mod visits;

use std::process::ExitCode;

use support::debian::suite::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    suite.add_all(listings::TESTS);
    suite.add_all(visits::TESTS);
    suite.run()
}
