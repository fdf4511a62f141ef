//! What all processes of a world share.

use history::Record;
use store::Store;

use crate::clock::WorldClock;
use crate::gate::Gate;
use crate::journal::Journal;
use crate::register::Register;

/// What all processes share.
#[derive(Clone)]
pub struct Shared {
    /// The store, without faults.
    pub store: Store,
    /// The time.
    pub clock: WorldClock,
    /// What was seen.
    pub journal: Journal,
    /// Where tasks publish.
    pub register: Register,
    /// What tasks leave out before they publish.
    pub careless: Option<Careless>,
    /// Where tasks of [`THREAD`](crate::kinds::THREAD) block their threads.
    pub gate: Gate,
}

impl Shared {
    /// What processes share that use this store.
    pub fn new(store: Store, clock: WorldClock, journal: Journal) -> Self {
        let (register, gate) = (Register::default(), Gate::default());
        Self { store, clock, journal, register, careless: None, gate }
    }

    /// What was seen so far.
    pub fn records(&self) -> Vec<Record> {
        self.journal.records()
    }
}

/// What a task leaves out before it publishes, to see that the simulation notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Careless {
    /// It does not ask whether it still has its claim.
    Fence,
    /// It asks, and does not hold the lock of the place meanwhile.
    Lock,
}
