//! The real clients against the real server: dnf, librepo, zypper, aria2, apt and curl, from Debian's
//! packages, ask a real `mirrorlistd` for mirrors of a real repository and download from them.
//!
//! Reading order: [`packages`] installs the clients, [`repository`] makes an old and a new version
//! of a small repository and [`debian_repository`] of one for apt, [`mirror`] serves them well and badly on
//! 127.0.0.11-19, [`data`] describes those mirrors in MirrorManager's format and [`primary`] in a catalog
//! with a scanned tree, [`director`] runs `mirrorlistd` with that data, [`recorder`] stands before it and
//! keeps what clients really sent, [`stage`] is all of it together, [`client`] runs the programs,
//! [`support::lint`] says what is wrong with an answer. The other modules are the cases.
//!
//! A failure says first what the answers that were recorded have wrong with them, then what the
//! client printed, then every request that was seen. Nothing depends on fixed ports or folders, and
//! every process is ended by the handle that started it.

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

use support::{debian, lint, proxy};

support::runs_the_program!();

mod packages;
mod repository;
mod debian_repository;
mod mirror;
mod data;
mod primary;
mod director;
mod recorder;
mod stage;
mod client;
mod web_server;

mod dnf;
mod librepo;
mod zypper;
mod aria2;
mod apt;
mod pacman;
mod answers;
mod reload;
mod behind_proxies;
mod worst_data;
mod scan;
mod rescan;
mod checked;
mod first_steps;

use std::process::ExitCode;

use debian::suite::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    suite.add_all(dnf::TESTS);
    suite.add_all(librepo::TESTS);
    suite.add_all(zypper::TESTS);
    suite.add_all(aria2::TESTS);
    suite.add_all(apt::TESTS);
    suite.add_all(pacman::TESTS);
    suite.add_all(answers::TESTS);
    suite.add_all(reload::TESTS);
    suite.add_all(behind_proxies::TESTS);
    suite.add_all(worst_data::TESTS);
    suite.add_all(scan::TESTS);
    suite.add_all(rescan::TESTS);
    suite.add_all(checked::TESTS);
    suite.add_all(first_steps::TESTS);
    suite.run()
}
