//! Pages of tasks for people, on the operator's listener: what runs, what waits, what failed and why, and
//! forms that run, cancel, pause.
//!
//! Reading order: [`answer`] finds the page of a path, reads the store, and has it written; `act` does what a
//! form asks, and answers with 303, so that loading the page again does nothing twice. Each page is a module
//! with its data, its values and its template in `templates/`: `overview`, `list` (its filter is in `filter`),
//! `task` (`timings` and `json_view` are parts of it), `schedules`, `nodes`, `run_form`, `message`. All are
//! functions from data to HTML. `frame` is what stands around them, `rows` and `display` are how tasks, times
//! and foreign texts look, `fields` reads forms, and `path` has the addresses.
//!
//! Pages about mirrors, which everybody may see, are in [`mirrors`].
//!
//! Pages need no script. Each has a bounded size, whatever the store holds: rows are counted, texts are cut
//! (`display::Shown`), and what is left out is in the JSON that each page links to. The template escapes all
//! text; characters that could turn or hide the text around them are spelled out.
//!
//! # What it does not do
//!
//! It does not decide who may change things: [`Access`](crate::access::Access) does.

mod display;
mod fields;
mod frame;
mod rows;
mod overview;
mod filter;
mod path;
mod list;
mod timings;
mod json_view;
mod task;
mod schedules;
mod nodes;
mod run_form;
mod message;
mod reply;
mod read;
mod act;
mod handler;
pub mod mirrors;

pub use handler::answer;
pub use path::{PATHS, answers};
