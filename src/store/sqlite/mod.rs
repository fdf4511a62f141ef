//! SQLite: the store of one machine, one file.
//!
//! One connection writes, on a thread of its own, and another one reads for pages. Both belong to
//! [`Sqlite`]; [`Inline`] is a store in memory for tests, used on the thread that asks. `location` finds
//! out whether a folder can hold a store, and keeps other processes away from it.
//!
//! A write is on the disk before it is answered (`synchronous=FULL`): who was told that a task is accepted
//! finds it after a power cut.

mod clock;
mod connection;
mod inline;
mod jobs;
mod location;
mod threads;

pub use clock::{Clock, system_clock};
pub use inline::{Inline, Rewrite};
pub use location::FILE;
pub use threads::Sqlite;
