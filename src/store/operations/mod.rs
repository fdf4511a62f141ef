//! All operations, a file for each group, in the order of a task's life.
//!
//! | file | operations |
//! |---|---|
//! | [`enqueue`] | accept a task, once |
//! | [`claim`] | give tasks to a runner |
//! | [`renew`] | keep them; what runs now |
//! | [`give_back`] | give back what a runner never heard of |
//! | [`finish`] | end an attempt |
//! | [`lose`] | end the attempts of runners that are gone |
//! | [`people`] | cancel, retry, pause, comment |
//! | [`node`] | a process starts and stops |
//! | [`tick`] | schedules |
//! | [`run_schedule`] | a schedule is run now |
//! | [`read`] | for pages, waits and metrics |
//! | [`mirror`] | what is known of mirrors, and visits to them |
//! | [`purge`] | remove what ended long ago |
//! | [`doctor`] | look for what cannot be |
//!
//! All of them lock rows in one order, which `lock` tells.

mod row;
mod event;
mod lock;
pub mod enqueue;
pub mod claim;
pub mod renew;
mod end;
pub mod give_back;
pub mod finish;
pub mod lose;
pub mod people;
pub mod node;
pub mod tick;
pub mod run_schedule;
pub mod read;
pub mod mirror;
pub mod purge;
pub mod doctor;
