//! Lists what a mirror has, by running rsync as a child process that is trusted with nothing.
//!
//! rsync is a program of others that reads what a server, perhaps a hostile one, sends: in August 2026 alone,
//! 33 faults of it were mended, many of which a server could use against its client. So a listing is an opt-in
//! beside what HTTP shows, and
//!
//! - rsync must be of a version that is not known to be broken ([`Rsync::find`]);
//! - it is started without a shell, with an argument vector that is made of parsed parts ([`Target`]): an
//!   address that was vetted, so that no name is looked up again, a module and a path. It never reads a
//!   configuration, as its environment holds four variables of ours and its home is nowhere;
//! - it gets no privileges, and limited memory, processor time and files; it dies with the thread that started
//!   it (`prlimit` and `setpriv` of util-linux, which then become rsync);
//! - it runs in a process group of its own, which is ended as a whole: with TERM, and after five seconds with
//!   KILL; it is always waited for;
//! - what it prints is counted: bytes, lines, the length of a line, time; of messages the end is kept.
//!
//! Entries are passed on one by one and never held ([`Rsync::list`]): a full pipe slows rsync down.
//!
//! The thread that calls must live as long as the listing, or rsync is killed with it: one of the pool may not.
//! How often a mirror is listed is not decided here, nor whether an address may be connected to.
//!
//! Reading order: [`target`], `command` for what is run, `child` for its life, `lines` for its output, `end`
//! for what its exit means, [`visit`] for a mirror, `confirm` for what
//! is asked over HTTP then.

pub mod target;
pub mod version;
mod command;
mod child;
mod lines;
mod end;
mod run;
mod listing;
mod confirm;
pub mod plan;
pub mod visit;

pub use command::{Limits, Options};
pub use end::ListingEnd;
pub use listing::{Listing, Rsync, Unusable};
pub use target::Target;
pub use version::Version;

#[cfg(test)]
mod tests;
