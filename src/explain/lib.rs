//! Turns the explanation of an answer into a report for people and programs.
//!
//! [`report()`] asks [`answer::explain`](mod@answer::explain), which runs the code that answers requests, and
//! makes a [`Report`] of it: names in place of ids, in an order in which it can be read. The report is the
//! JSON of `mirrorlistd explain --json` and of the pages; [`text`] shows it in a terminal. [`reading`] says
//! what a package manager does with the list.
//!
//! Whom a report is for decides whether private mirrors are in it ([`Audience`]).
//!
//! This room decides nothing about mirrors. It has no clock and no chance of its own: both are in the
//! [`Question`].

mod audience;
mod package_manager;
mod question;
pub mod report;
pub mod reading;
mod reader;
mod wording;
mod making;
mod page;
pub mod text;

pub use audience::Audience;
pub use making::report;
pub use package_manager::{PackageManager, UnknownPackageManager};
pub use question::Question;
pub use report::{Refused, Report};
pub use wording::tier_title;
