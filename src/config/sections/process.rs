//! The threads of the process, and its end.

use std::thread;

use crate::config::section_macro::section;
use crate::config::values::Count;

section! {
    /// The process: its threads, and how it ends.
    pub struct ProcessOptions in "Process" {
        /// Threads that answer requests
        workers: Count<1, 1_024> {
            key: "workers",
            flag: (long),
            value: "N",
            otherwise: "one for each core",
            example: "2",
        }
        /// How long TERM lets requests finish
        ///
        /// `TimeoutStopSec=` in the unit must be longer.
        grace: Count<0, 86_400> {
            key: "limits.grace_seconds",
            flag: (long),
            value: "SECONDS",
            default: Count::of(30),
        }
    }
}

impl ProcessOptions {
    /// The number of threads that answer.
    pub fn n_workers(&self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        self.workers.map_or_else(cores, Count::as_usize)
    }
}
