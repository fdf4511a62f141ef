//! What everybody in the world has seen.

use std::sync::{Arc, Mutex};

use history::{Record, Seen};

use crate::clock::WorldClock;

/// Takes down what was seen. Clones write into one.
#[derive(Clone)]
pub struct Journal {
    clock: WorldClock,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Journal {
    /// An empty one.
    pub fn new(clock: WorldClock) -> Self {
        Self { clock, records: Arc::default() }
    }

    /// Takes down what `who` has seen just now.
    pub fn saw(&self, who: &str, seen: Seen) {
        let at = u64::try_from(self.clock.now()).unwrap_or(0);
        let record = Record { at, who: who.to_owned(), seen };
        self.records.lock().expect("nobody panics in here").push(record);
    }

    /// Takes down something for readers.
    pub fn note(&self, who: &str, text: impl Into<String>) {
        self.saw(who, Seen::Note { text: text.into() });
    }

    /// Everything so far.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().expect("nobody panics in here").clone()
    }
}
