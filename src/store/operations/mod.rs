//! All operations, a file for each group, in the order of a task's life.
//!
//! | file | operations |
//! |---|---|
//! | [`enqueue`] | accept a task, once |
//! | [`claim`] | give tasks to a runner |
//! | [`renew`] | keep them; what runs now |
//! | [`finish`] | end an attempt |
//! | [`lose`] | end the attempts of runners that are gone |
//! | [`people`] | cancel, retry, pause, comment |
//! | [`node`] | a process starts and stops |
//! | [`tick`] | schedules |
//! | [`read`] | for pages, waits and metrics |
//! | [`purge`] | remove what ended long ago |
//! | [`doctor`] | look for what cannot be |

mod row;
mod event;
pub mod enqueue;
pub mod claim;
pub mod renew;
mod end;
pub mod finish;
pub mod lose;
pub mod people;
pub mod node;
pub mod tick;
pub mod read;
pub mod purge;
pub mod doctor;
