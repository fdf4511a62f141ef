//! Pages about mirrors for everybody: all of them, each of them, and how changes spread; and the same for programs.
//!
//! All are made of a [survey](crate::mirrors::survey), once for each of them and when the first one asks for it, and
//! kept compressed ([`MirrorPages`], in `shelf`). So a request is a copy, whoever asks how often, and pages never wait
//! for what the checks do. `path` has the addresses, with the few filters that there are, so that the number of pages
//! is bounded.
//!
//! Reading order: `list` is `/mirrors`, `one` is `/mirror/KEY`, `spread` is `/propagation` and `repository` is
//! `/propagation/REPO`, with a curve of `chart`. `json` has the same for programs; `archweb` and `mirmon` are exports in
//! the forms of others, which tools read. `words` is how things are called, `frame` is what stands around a page.
//!
//! # What they do not do
//!
//! They change nothing and know no users, so they can be shown to everybody, by a listener of their own as well as by
//! that of the operator.

mod words;
mod path;
mod frame;
mod list;
mod one;
mod chart;
mod spread;
mod repository;
mod json;
mod archweb;
mod mirmon;
mod shelf;

pub use path::{PATHS, answers};
pub use shelf::MirrorPages;
