//! The priority of threads: what works in the background stands behind what answers.
//!
//! On Linux a nice value belongs to one thread, and a thread begins with that of the one that starts it. Where
//! it may not be changed, the thread goes on with the priority that it has.

/// The nice value of threads that others wait for: it leaves them a tenth of a worker's share of a busy core.
///
/// On two busy cores, a reload every 200 ms took one of them half of the time, and the slowest
/// hundredth of answers waited four times as long.
const BACKGROUND: i32 = 10;
/// The nice value of threads that compute for seconds: a hundredth and a half of a worker's share.
const LOWEST: i32 = 19;

/// Lowers the priority of the calling thread, and of those that it starts, below that of the workers: for
/// what is done soon, and others wait for.
pub fn lower() {
    lower_to(BACKGROUND);
}

/// Lowers it as far as it goes: for work that takes seconds or minutes, such as a compile or a scan.
pub fn lower_fully() {
    lower_to(LOWEST);
}

/// Never raises it, whatever the thread has begun with.
fn lower_to(value: i32) {
    let nice = rustix::process::nice;
    let _ = nice(0).and_then(|now| nice((value - now).max(0)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> i32 {
        rustix::process::nice(0).unwrap()
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
            lower();
            (twice, started, lowest, now())
        });
        let background = BACKGROUND.max(before);
        assert_eq!(seen.join().unwrap(), ([background; 2], background, LOWEST, LOWEST));
        assert_eq!(now(), before, "other threads stay as they are");
    }
}
