//! The half that knows: runs background work, and shows it.
//!
//! `kinds` are what there is to do: scan the primary tree, compile a snapshot, and so on. The component
//! starts the store, the node that runs tasks, and what makes tasks when files change. `api` and `pages` are
//! how people and programs ask, on the operator's listener ([`serve::admin::part`]).
//!
//! Nothing of it is on the way of an answer: a server goes on from its last good snapshot, whatever happens
//! here.

pub mod access;
