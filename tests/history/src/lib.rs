//! Proves from what clients and runners have seen, and from the rows of the store at the end, that tasks
//! are what they promise: the invariants I1 to I10 and I12.
//!
//! A [`Record`] is something that somebody has seen; a history is a list of them, also as lines of JSON.
//! [`Rows`] is what the store holds at the end. [`check`] returns the violations that it finds, each with
//! what proves it.
//!
//! | invariant | |
//! |---|---|
//! | I1 | a task whose enqueueing was acknowledged is not lost: it has a row, or was purged after its end |
//! | | a request that is repeated is told the same task |
//! | I2 | the claim of a task grows by one with each claim, and never falls; no claim is given twice |
//! | I3 | of one claim, one end is accepted, and none once there is a higher claim |
//! | | what has begun is not given back as if it had not |
//! | I4 | no more tasks of a queue run than its budget allows, at any time |
//! | I5 | of one unique key, one task is enqueued or running |
//! | I6 | a slot of a schedule makes one task |
//! | I7 | what has ended does not change |
//! | I8 | a task whose cancel was acknowledged ends cancelled, or had ended before |
//! | I9 | what was asked for while it ran begins to run after that |
//! | I10 | an effect of an earlier run is never made after an effect of a later one |
//!
//! The order of the store is that of its events (`task_event`), which are written in the same transaction
//! as the change that they tell of. The order of records is that in which they were written down: by one
//! observer exactly, between several by their clocks, so that rules over records say only what bad clocks
//! cannot make false.

mod record;
mod rows;
mod replay;
mod check;

pub use check::{Violation, check, check_all_ended, check_none_lost};
pub use record::{Answer, Record, Seen, from_lines, to_lines};
pub use rows::Rows;

#[cfg(test)]
mod tests;
