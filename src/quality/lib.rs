//! Measures how good answers are: draws clients, asks for each of them as a client would, and computes
//! figures from what they get.
//!
//! `clients` come from the networks of the data in proportion to their size (`territory`), or from an
//! access log (`access_log`). [`measure()`] asks one question (`subject`) for each of them, once for
//! every policy, through [`answer::respond`], and reads the lists as a client does (`list`). So it measures
//! what is served and cannot differ from it. `distance` says how far mirrors are, `fairness` compares first
//! places with bandwidth, `worst` names the countries that are served worst, and why. `figures` is the table
//! of all figures; `condition` compares one of them with a number. A [`report`] is written as JSON by serde,
//! or as text (`text`).
//!
//! Equal data, options and seeds give equal reports: each client has its own random numbers, whatever the number
//! of threads.
//!
//! It selects and orders nothing itself, with two exceptions that are compared with answers: the limit (the
//! nearest mirrors, whatever their load), and the fair share of a mirror.

pub mod figures;
pub mod condition;
mod weighted;
mod error;
mod territory;
pub mod access_log;
mod clients;
mod subject;
mod list;
mod distance;
mod candidates;
mod fairness;
mod asking;
mod summary;
pub mod worst;
pub mod report;
pub mod text;
mod measure;

pub use clients::Drawing;
pub use error::Error;
pub use measure::{Plan, Policy, measure};
pub use subject::Choice;
