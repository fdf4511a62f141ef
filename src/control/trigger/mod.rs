//! Makes tasks when files change, and follows changes until they are published.
//!
//! Files are looked at again and again, as [`serve::reload::watch`] does and for its reasons. Looking may
//! block on a file system that hangs, so it is done on threads of the runtime's blocking pool.

mod submit;
mod files;
mod tree;
mod published;
mod follow;
#[cfg(test)]
mod elsewhere;

pub(crate) use files::{look, watch_inputs, watch_tables};
pub(crate) use follow::follow_changes;
pub(crate) use published::watch_published;
pub(crate) use submit::Trigger;
pub(crate) use tree::watch_tree;
