//! Makes tasks when files change.
//!
//! Files are looked at again and again, as [`serve::reload::watch`] does and for its reasons. Looking may
//! block on a file system that hangs, so it is done on threads of the runtime's blocking pool.

mod submit;
mod files;
mod tree;

pub(crate) use files::{watch_inputs, watch_tables};
pub(crate) use submit::Trigger;
pub(crate) use tree::watch_tree;
