//! The half that knows: runs background work, and shows it.
//!
//! `kinds` are what there is to do: scan the primary tree, compile a snapshot, and so on. The
//! [component](component::Control) starts the store, the node that runs tasks, and the `trigger`s, which
//! make tasks when files change. `api` and [`pages`] are how people and programs ask, on the operator's
//! listener ([`serve::admin::part`]); `requests` is what both do with who asks for a task.
//!
//! Nothing of it is on the way of an answer: a server goes on from its last good snapshot, whatever happens
//! here.

pub mod access;
pub mod api;
pub mod metrics;
pub mod options;
pub mod freshness;
pub(crate) mod kinds;
pub(crate) mod trigger;
pub(crate) mod requests;
pub(crate) mod aside;
pub mod component;
pub mod pages;
pub mod mirrors;
pub mod part;
pub mod public;

pub use component::{Control, Handle};
pub use options::Options;
