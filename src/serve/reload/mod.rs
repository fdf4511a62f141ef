//! Loading data: the first time, and again on every reload.
//!
//! Data is delivered file by file, by tools that do not write atomically, so a load looks at every
//! file before and after and refuses what changed in between. A reload also refuses data that has
//! shrunk implausibly: a generator that ran against half a database is likelier than a distribution
//! that lost half of its mirrors. A refused reload changes nothing that is served; it is logged in
//! one line and counted, and the next one starts from scratch.
//!
//! Reloads run on a thread of their own: compiling Fedora's data takes seconds. At most one runs and
//! one is pending; a request that comes while one is pending adds nothing, because the pending one
//! has not looked at any file yet. They are asked for by a signal, or by [`watch`] when the files have
//! changed.
//!
//! Reading a file can take for ever, on a network file system that hangs, and no thread can be made to
//! stop that. So each load has a thread of its own, and a time limit: past it the reload is refused
//! like any other, and the next one starts with another thread. What the old one brings after all is
//! dropped. Once [`MAX_HUNG`] of them hang, reloads are refused until one has come back, so that a
//! file system that stays away costs a bounded number of threads. None of them delays the end of the
//! process.

pub mod source;
pub mod job;
pub mod watch;
pub mod history;
pub mod plausible;
pub mod error;

pub use error::Error;
pub use job::{Job, MAX_HUNG, Reloader, log_loaded};
pub use plausible::{Shrink, check_shrink, find_future};
pub use source::{Loaded, Source, StandIn};
