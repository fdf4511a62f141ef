//! Pages of tasks and of mirrors: their HTML as golden files, their forms, and how they fare in a real browser.
//!
//! Reading order: [`samples`] makes stores in which much has happened, by the operations that make it happen
//! in earnest, at times of its own. `golden` compares pages with files, `hostile` has texts and sizes that
//! nobody should meet, `forms` sends forms, and `mirrors` has the pages of mirrors. [`site`] serves pages on a port, [`chromium`] drives a headless
//! browser over a pipe, `browser` looks at the pages in it, and [`axe`] gets the rules of accessibility that
//! it applies.

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

extern crate mirrorlistd_control as control;
#[macro_use(tests)]
extern crate support;

use support::{debian, golden as files};

mod samples;
mod asking;
mod golden;
mod hostile;
mod forms;
mod mirrors;
mod site;
mod axe;
mod chromium;
mod browser;

use std::process::ExitCode;

use debian::suite::Suite;

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    suite.add_all(golden::TESTS);
    suite.add_all(hostile::TESTS);
    suite.add_all(forms::TESTS);
    suite.add_all(mirrors::TESTS);
    suite.add_all(browser::TESTS);
    suite.run()
}
