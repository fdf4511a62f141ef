//! Moves a whole store from one engine to the other, or to another machine, as JSON Lines.
//!
//! The first line says what it is and which schema the rows have, and the highest numbers that were given:
//! they are kept, so that a task that was purged is known as purged afterwards. Then follow all rows of all
//! tables, a line each, and a last line that counts them, so that a file that was cut off is noticed:
//!
//! ```text
//! {"mirrorlistd_store":1,"schema":1,"numbers":{"task":7,"task_event":31}}
//! {"queue":{"name":"cpu","max_running":1,"paused_at":null,"paused_by":null,"reason":null}}
//! {"task":{"id":7,"kind":"primary.scan","queue":"cpu","state":"completed",…}}
//! {"end":{"rows":2}}
//! ```
//!
//! [`Export`] and [`Import`] are operations: each is one transaction. So an export is one state of the store,
//! and an import happens as a whole or not at all. Both read or write their file within the transaction, on
//! the thread of the store, and keep a few rows in memory: they are for a process that does nothing else.
//!
//! Nobody may use the store meanwhile. With SQLite the lock of its folder sees to that. In PostgreSQL, nodes
//! that were seen a moment ago and are not stopping are in the way.

mod format;
mod export;
mod import;
mod table;

pub use export::Export;
pub use format::Moved;
pub use import::Import;

#[cfg(test)]
mod tests;
