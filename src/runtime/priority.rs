//! The priority of threads: what works in the background stands behind what answers.
//!
//! On Linux a nice value and a policy belong to one thread, and a thread begins with those of the one that starts
//! it. Where they may not be changed, the thread goes on with the priority that it has.

use std::sync::atomic::{AtomicBool, Ordering};

use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

/// The nice value of threads that others wait for: it leaves them a tenth of a worker's share of a busy core.
///
/// On two busy cores, a reload every 200 ms took one of them half of the time, and the slowest
/// hundredth of answers waited four times as long.
const BACKGROUND: i32 = 10;
/// The same on the scale of `thread_priority`, from 0 to 99.
const BACKGROUND_OF_99: u8 = 22;
/// The policy of these threads: one that wakes up takes the core from nobody, and begins when a slice is over, at
/// most 3 ms later. It has its share nevertheless.
const BATCH: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
/// The nice value of threads that compute for seconds: a hundredth and a half of a worker's share.
const LOWEST: i32 = 19;
/// The policy of threads that compute for seconds in a process that answers. Who wakes up takes the core from them at once, where a thread
/// with the highest nice value keeps it until its slice is over, and a core that runs nothing else counts as free
/// when a place is looked for. On a core that is never free they have 3 of 1,027 parts of it.
///
/// No other thread may be idle: who holds what others wait for, as a row of a database, would hold it for
/// seconds. Nor is any where nobody answers: beside other programs that are busy all day, nothing would be published.
const IDLE: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

/// Whether this process answers.
static ANSWERS: AtomicBool = AtomicBool::new(false);

/// Says that this process answers: what computes for seconds gives way to that at once, from now on.
pub fn answers_first() {
    ANSWERS.store(true, Ordering::Relaxed);
}

/// Lowers the priority of the calling thread, and of those that it starts, below that of the workers: for
/// what is done soon, and others wait for.
pub fn lower() {
    let is_lower = rustix::process::nice(0).is_ok_and(|now| now > BACKGROUND);
    if let (false, Ok(value)) = (is_lower, ThreadPriorityValue::try_from(BACKGROUND_OF_99)) {
        set(BATCH, ThreadPriority::Crossplatform(value));
    }
    lower_to(BACKGROUND);
}

/// Lowers it as far as it goes: for work that takes seconds or minutes, such as a compile or a scan.
pub fn lower_fully() {
    if ANSWERS.load(Ordering::Relaxed) {
        // The nice value of idle threads means nothing, and is set to 0 here; `lower` reads it.
        set(IDLE, ThreadPriority::Min);
    }
    lower_to(LOWEST);
}

fn set(policy: ThreadSchedulePolicy, priority: ThreadPriority) {
    let _ = set_thread_priority_and_policy(thread_native_id(), priority, policy);
}

/// Never raises it, whatever the thread has begun with.
fn lower_to(value: i32) {
    let nice = rustix::process::nice;
    let _ = nice(0).and_then(|now| nice((value - now).max(0)));
}

#[cfg(test)]
mod tests {
    use thread_priority::unix::thread_schedule_policy;

    use super::*;

    fn now() -> (i32, ThreadSchedulePolicy) {
        (rustix::process::nice(0).unwrap(), thread_schedule_policy().unwrap())
    }

    #[test]
    fn a_thread_is_lowered_to_a_value_and_never_raised() {
        let before = now();
        let seen = std::thread::spawn(|| {
            let twice = [lower, lower].map(|lower| {
                lower();
                now()
            });
            // A thread that is started by a lowered one is not lowered twice as far.
            let started = std::thread::spawn(|| {
                lower();
                now()
            });
            let started = started.join().unwrap();
            lower_fully();
            let lowest = now();
            answers_first();
            lower_fully();
            let idle = now();
            lower();
            (twice, started, lowest, [idle, now()])
        });
        let background = if before.0 > BACKGROUND { before } else { (BACKGROUND, BATCH) };
        let lowest = (LOWEST, background.1);
        let expected = ([background; 2], background, lowest, [(LOWEST, IDLE); 2]);
        assert_eq!(seen.join().unwrap(), expected);
        assert_eq!(now(), before, "other threads stay as they are");
    }
}
