//! A gate at which threads wait, in real time.

use std::sync::{Arc, Condvar, Mutex};

/// A gate that is closed until it is opened. Clones are the same one.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Opens it for good.
    pub fn open(&self) {
        *self.0.0.lock().expect("nobody panics in here") = true;
        self.0.1.notify_all();
    }

    /// Blocks the thread until it is open.
    pub fn pass(&self) {
        let is_open = self.0.0.lock().expect("nobody panics in here");
        drop(self.0.1.wait_while(is_open, |is_open| !*is_open).expect("nobody panics in here"));
    }
}
