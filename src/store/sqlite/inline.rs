//! A store in memory, used on the thread that asks: for tests and simulations.

use std::sync::{Mutex, PoisonError};

use super::clock::Clock;
use super::connection::Connection;
use crate::error::Error;
use crate::operation::Operation;

/// A store in memory.
pub struct Inline(Mutex<Connection>);

impl Inline {
    /// An empty store.
    pub fn new(clock: Clock) -> Result<Self, Error> {
        Ok(Self(Mutex::new(Connection::in_memory(clock)?)))
    }

    /// Runs an operation at once.
    pub(crate) fn run<O: Operation>(&self, operation: &O) -> Result<O::Reply, Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).run(operation)
    }
}
