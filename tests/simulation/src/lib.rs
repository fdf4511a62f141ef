//! Several nodes on one store, with crashes, stalls, lost replies and a clock that jumps, drawn from a seed.
//!
//! A [`world`] has three nodes: the real one of the room `tasks`, each on a runtime of its own whose clock
//! is paused. The world lets each run for some milliseconds of simulated time in turn, on one thread, so
//! that the same seed makes the same history. Because each node has a runtime, a crash is a runtime that is
//! dropped with everything in it, and a stopped process is one that is not driven for a while. When it is
//! driven again, its clock has gone on (the process was stopped) or not (the machine slept).
//!
//! All nodes use one SQLite in memory through a [`mod@line`] each, which fails before and after operations,
//! delays and repeats them. Clients ask through the nodes, as the API does. What everybody has seen stands
//! in a [`journal`], and the crate `history` proves the invariants from it.
//!
//! After a few minutes the faults end. Then everything that was accepted must run and end in bounded time.
//!
//! # Deterministic
//!
//! Nothing here or in the room `tasks` may depend on the order of a hash map, on `select!` without `biased`,
//! on threads, or on a clock other than tokio's: a test runs seeds twice and compares. A kind of the
//! simulation never starts a thread; blocking threads have scenarios of their own.

pub mod clock;
pub mod journal;
pub mod line;
pub mod gate;
pub mod register;
pub mod shared;
pub mod kinds;
pub mod profile;
pub mod process;
pub mod clients;
pub mod world;

pub use profile::Profile;
pub use world::{Outcome, run, run_broken, run_careless};

#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod tests;
