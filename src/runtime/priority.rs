//! The priority of threads: what works in the background stands behind what answers.

use std::cell::Cell;

/// The nice value of background threads: it leaves them a tenth of a worker's share of a busy core.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread, and of those that it starts, below that of the workers. Does
/// nothing in a thread that has called it before.
///
/// On two busy cores, a reload every 200 ms took one of them half of the time, and the slowest
/// hundredth of answers waited four times as long.
pub fn lower() {
    thread_local! {
        static IS_LOWERED: Cell<bool> = const { Cell::new(false) };
    }
    // The value is added to that of the thread, and threads of a pool come here for each job.
    if IS_LOWERED.replace(true) {
        return;
    }
    // On Linux a nice value belongs to one thread. Where it may not be changed, the thread goes on with
    // normal priority.
    let _ = rustix::process::nice(NICE);
}
