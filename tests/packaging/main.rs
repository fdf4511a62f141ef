//! What `contrib/` ships, as an operator uses it: the packages are built, installed on a scratch host,
//! and started by a real systemd from the units in them, with the configuration in them.
//!
//! Reading order: [`packages`] installs the tools, [`built`] builds the packages, [`host`] is a scratch
//! copy of this host with its own systemd, files and network. The other modules are the cases.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub,
    reason = "a test says what went wrong by panicking; nothing here is an interface"
)]

#[macro_use(tests)]
extern crate support;

use support::debian;

support::runs_the_program!();

mod packages;
mod built;
mod host;
mod promql;
mod session;

mod package;
mod service;
mod scripts;
mod units;
mod configuration;
mod watching;
mod container;
mod image;
mod completions;
mod handbook;

use std::process::ExitCode;

use debian::suite::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    suite.add_all(host::TESTS);
    suite.add_all(promql::TESTS);
    suite.add_all(package::TESTS);
    suite.add_all(service::TESTS);
    suite.add_all(scripts::TESTS);
    suite.add_all(units::TESTS);
    suite.add_all(configuration::TESTS);
    suite.add_all(watching::TESTS);
    suite.add_all(container::TESTS);
    suite.add_all(image::TESTS);
    suite.add_all(completions::TESTS);
    suite.add_all(handbook::TESTS);
    suite.run()
}
