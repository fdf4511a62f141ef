//! The store of tasks: rows that survive crashes, with an owner, a fence and a history.
//!
//! A *task* is a piece of background work: a scan, a compile, a visit of mirrors. Its row says who runs it
//! now. Rows are kept by SQLite on one machine, and by PostgreSQL where several share them. Both do the same,
//! because every [`Operation`] is written once, over the few things that a [`Transaction`] can do.
//!
//! Reading order: [`record`] has what rows say, [`schema`] their tables. [`operation`] defines transactions
//! and operations, [`operations`] has all of them, a file for each group. [`Store`] runs them, and
//! [`sqlite`] and `postgres` are its engines, and [`transfer`] moves a store from one to the other.
//! In builds for tests, [`fail_at`] aborts the process at a point that has a name.
//!
//! # How a task is run once
//!
//! A runner *claims* a row: `state` becomes `running`, and `claim` grows by one. The claim is the fence:
//! every later write of the runner names it, and is refused once the row has a higher one. A runner *renews*
//! its rows again and again, which counts `beat` up. Who sees a beat stand still may *reap* the row, again by
//! comparing claim and beat in the statement that writes. So no decision about who is alive reads a clock of
//! another machine, and of two ends of one claim, one is accepted.
//!
//! A process that finds a row under its own name whose claim it was never told of *gives it back*: the reply
//! was lost on its way, and the task has not begun.
//!
//! # Whose files
//!
//! A task may be about files that only some machines have. Then it names their *site*, and only nodes of that
//! site are given it.
//!
//! # What it does not do
//!
//! - It does not decide when a runner is dead, or when a schedule is looked at: the room `tasks` does.
//! - It has no state before `enqueued`: nothing is prepared step by step before it may run.
//! - It promises no exactly-once effects: a runner that publishes must check its fence first.

pub mod record;
pub mod error;
pub mod operation;
pub mod schema;
pub mod operations;
pub mod sqlite;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod transfer;
pub mod fail_at;
mod store;

pub use error::Error;
pub use operation::{Hint, Operation, Transaction};
pub use store::{Delay, Hook, Store};
