//! Loading data: the first time, and again on every reload.
//!
//! Data is delivered file by file, by tools that do not write atomically. So a load checks every file
//! before and after reading, and fails if one has changed in between. A reload also refuses data that
//! has shrunk implausibly: a generator that ran against half a database is likelier than a distribution
//! that lost half of its mirrors. A refused reload changes nothing that is served. It is logged in one
//! line and counted, and the next one starts from scratch.
//!
//! Reloads run on a thread of their own, because compiling Fedora's data takes seconds. At most one runs
//! and one is pending. A request that comes while one is pending adds nothing, because the pending one
//! has not read any file yet. A signal requests a reload, and so does [`watch`] when the files have
//! changed.
//!
//! Reading a file can block forever on a network file system that hangs, and a thread cannot be stopped.
//! So each load has a thread of its own and a time limit. Beyond the limit the reload is refused like
//! any other, the next one uses another thread, and a late result of the old thread is dropped. Once
//! [`MAX_HUNG`] threads hang, reloads are refused until one of them ends, so that a file system that
//! stays away costs a bounded number of threads. None of them delays the end of the process.

pub mod load;
pub mod job;
pub mod debounce;
pub mod watch;
pub mod history;
pub mod plausible;
pub mod error;

pub use error::Error;
pub use job::{Job, MAX_HUNG, Reloader, log_loaded};
pub use load::{Loaded, Source, StandIn};
pub use plausible::{Shrink, check_shrink, find_future};
