//! Chooses the thread for a new connection: the one with the least work.
//!
//! The number of connections is a poor measure of work: a client that opens 100 and leaves them idle
//! would move all new ones to the other threads. So a thread's load is the share of its time in which it
//! was busy, as the runtime measures it anyway, averaged over the last few tenths of a second.
//! Connections that were placed since the last measurement are not visible in it, so each adds
//! `NEW_CONNECTION_LOAD`; this fades with the average while the measurement replaces it. Among threads of
//! equal load, the one with the fewest connections is chosen.
//!
//! The clock and the measurements come in as arguments; nothing here runs for a request.

use std::time::{Duration, Instant};

/// The minimum time that one measurement covers.
const INTERVAL: Duration = Duration::from_millis(100);
/// The load of a thread that is busy all the time.
const FULL_LOAD: u64 = 1_000;
/// The load that a new connection is assumed to bring: a hundredth of a thread, about 400 answers a
/// second. That is enough to spread a burst evenly over idle threads, and little compared with the load
/// of a busy thread.
const NEW_CONNECTION_LOAD: u64 = 10;

/// The present state of a thread.
#[derive(Clone, Copy, Debug)]
pub struct ThreadReading {
    /// The time in which it was busy since it began.
    pub busy: Duration,
    /// Connections that it has.
    pub n_connections: usize,
}

/// The loads of all threads.
#[derive(Debug)]
pub struct Placement {
    measured: Instant,
    threads: Vec<ThreadLoad>,
}

#[derive(Clone, Default, Debug)]
struct ThreadLoad {
    /// Its busy time when it was last measured.
    busy: Duration,
    /// The share of its time in which it was busy, in thousandths.
    load: u64,
}

impl Placement {
    /// Creates a placement for `n_threads` threads that begin now.
    pub fn new(n_threads: usize, now: Instant) -> Self {
        Self { measured: now, threads: vec![ThreadLoad::default(); n_threads] }
    }

    /// Chooses the thread for a new connection: the index of one of `readings`, or `None` if there are
    /// none.
    pub fn choose(
        &mut self,
        now: Instant,
        readings: impl Iterator<Item = ThreadReading> + Clone,
    ) -> Option<usize> {
        let elapsed = now.saturating_duration_since(self.measured);
        if elapsed >= INTERVAL {
            self.measured = now;
            for (thread, reading) in self.threads.iter_mut().zip(readings.clone()) {
                thread.measure(reading.busy, elapsed);
            }
        }
        let threads = self.threads.iter_mut().zip(readings).enumerate();
        let (index, (thread, _)) =
            threads.min_by_key(|(_, (thread, reading))| (thread.load, reading.n_connections))?;
        thread.load = thread.load.saturating_add(NEW_CONNECTION_LOAD);
        Some(index)
    }
}

impl ThreadLoad {
    fn measure(&mut self, busy: Duration, elapsed: Duration) {
        let share = busy.saturating_sub(self.busy).as_micros().saturating_mul(FULL_LOAD.into());
        let share = share.checked_div(elapsed.as_micros()).unwrap_or(0).min(FULL_LOAD.into());
        let share = u64::try_from(share).unwrap_or(FULL_LOAD);
        self.load = self.load.saturating_add(share) / 2;
        self.busy = busy;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Threads {
        now: Instant,
        placement: Placement,
        readings: Vec<ThreadReading>,
    }

    impl Threads {
        fn new(connections: &[usize]) -> Self {
            let now = Instant::now();
            let reading = |&n_connections| ThreadReading { busy: Duration::ZERO, n_connections };
            Self {
                now,
                placement: Placement::new(connections.len(), now),
                readings: connections.iter().map(reading).collect(),
            }
        }

        /// Places `n` connections, and returns how many each thread got.
        fn place_connections(&mut self, n: usize) -> Vec<usize> {
            let mut placed = vec![0; self.readings.len()];
            for _ in 0..n {
                let chosen = self.placement.choose(self.now, self.readings.iter().copied());
                let chosen = chosen.expect("there are threads");
                self.readings[chosen].n_connections += 1;
                placed[chosen] += 1;
            }
            placed
        }

        /// Lets time pass, in which each thread is busy for the given percentage.
        fn pass_time(&mut self, time: Duration, busy: &[u32]) {
            self.now += time;
            for (reading, hundredths) in self.readings.iter_mut().zip(busy) {
                reading.busy += time * *hundredths / 100;
            }
        }
    }

    #[test]
    fn idle_connections_do_not_keep_new_ones_away() {
        let mut threads = Threads::new(&[100, 100, 100, 100, 100, 100, 100, 0]);
        assert_eq!(threads.place_connections(80), [10; 8]);
        threads.pass_time(Duration::from_secs(60), &[0; 8]);
        assert_eq!(threads.place_connections(80), [10; 8]);
    }

    #[test]
    fn a_busy_thread_gets_no_more_while_others_have_time() {
        let mut threads = Threads::new(&[1, 50, 50]);
        for _ in 0..10 {
            threads.pass_time(INTERVAL, &[100, 5, 5]);
            assert_eq!(threads.place_connections(4), [0, 2, 2]);
        }
        // It has become idle, and the others are half busy.
        for _ in 0..10 {
            threads.pass_time(INTERVAL, &[0, 50, 50]);
            threads.place_connections(1);
        }
        assert_eq!(threads.place_connections(3), [3, 0, 0]);
    }

    #[test]
    fn equal_loads_go_by_the_number_of_connections() {
        let mut threads = Threads::new(&[3, 1, 2]);
        assert_eq!(threads.place_connections(1), [0, 1, 0]);
        let mut threads = Threads::new(&[0, 0, 0]);
        assert_eq!(threads.place_connections(7), [3, 2, 2]);
    }

    #[test]
    fn odd_clocks_and_no_threads_are_no_trouble() {
        let mut none = Placement::new(0, Instant::now());
        assert_eq!(none.choose(Instant::now(), std::iter::empty()), None);
        let mut threads = Threads::new(&[0, 0]);
        threads.readings[0].busy = Duration::MAX;
        threads.now += INTERVAL;
        assert_eq!(threads.place_connections(1), [0, 1]);
        threads.readings[0].busy = Duration::ZERO;
        threads.now += Duration::from_secs(1 << 40);
        assert_eq!(threads.place_connections(2).iter().sum::<usize>(), 2);
    }
}
