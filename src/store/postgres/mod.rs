//! PostgreSQL: the store that several machines share.
//!
//! [`Address`] is where it is. [`Postgres`] has a thread with a runtime of its own, so that a caller who is
//! dropped in the middle, or who blocks its own runtime, holds no transaction open. `pool` keeps the
//! connections, in lanes: heartbeats have one of their own, so that pages and a burst of new tasks cannot
//! delay them. A `session` is one connection. `hints` tells other processes that something has changed.
//!
//! # What a connection remembers
//!
//! Nothing that a transaction depends on: the schema and the time limits are set in each transaction, and
//! there are no locks that outlive one. Only LISTEN and prepared statements belong to a connection; with
//! `listen=off` in the address, neither is used, and the store works through a pooler that gives every
//! transaction another connection.
//!
//! # What it does not do
//!
//! It does not encrypt: the server is reached through a unix socket, the loopback interface or a tunnel.

mod address;
mod engine;
mod fault;
mod hints;
mod passfile;
mod pool;
mod session;
mod value;

pub use address::Address;
pub use engine::Postgres;
