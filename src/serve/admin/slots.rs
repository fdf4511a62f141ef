//! Which connections the admin listener has: a fixed number of slots, and always room for one more.
//!
//! Whoever can reach the listener can hold slots without asking anything. So nobody waits for a slot:
//! when all are taken, the connection whose last request is longest ago gives way to the new one. Only
//! complete requests count, so a client that sends one byte after another, or leaves an answer unread,
//! is as silent as one that sends nothing.
//!
//! The order is one of events and not of the clock: each accepted connection and each complete request
//! takes the next number.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The slots.
pub(super) struct Slots {
    limit: usize,
    last_number: AtomicU64,
    taken: Mutex<Vec<Arc<SlotState>>>,
}

/// One connection's slot, for as long as it is held.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    state: Arc<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// The number of its last request, or of its beginning.
    last_request: AtomicU64,
    evicted: Notify,
}

/// Whether somebody else had to give way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    Free,
    Evicted,
}

impl Slots {
    /// So many slots, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), last_number: AtomicU64::new(0), taken: Mutex::default() }
    }

    /// Takes a slot; where none is free, that of the connection that has been silent longest.
    pub(super) fn take(&self) -> (Slot<'_>, Taken) {
        let state = Arc::new(SlotState::default());
        state.last_request.store(self.next_number(), Ordering::Relaxed);
        let mut taken = self.taken();
        let mut outcome = Taken::Free;
        if taken.len() >= self.limit {
            let last_request =
                |(_, state): &(usize, &Arc<SlotState>)| state.last_request.load(Ordering::Relaxed);
            let silent = taken.iter().enumerate().min_by_key(last_request).map(|(at, _)| at);
            if let Some(at) = silent {
                taken.swap_remove(at).evicted.notify_one();
                outcome = Taken::Evicted;
            }
        }
        taken.push(Arc::clone(&state));
        (Slot { slots: self, state }, outcome)
    }

    fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Only the thread of the listener locks it.
    fn taken(&self) -> MutexGuard<'_, Vec<Arc<SlotState>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// To be called for each complete request.
    pub(super) fn note_request(&self) {
        self.state.last_request.store(self.slots.next_number(), Ordering::Relaxed);
    }

    /// Returns when the slot belongs to somebody else.
    pub(super) async fn evicted(&self) {
        self.state.evicted.notified().await;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.taken().retain(|state| !Arc::ptr_eq(state, &self.state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this slot has been given to somebody else. Consumes the notice.
    async fn is_evicted(slot: &Slot<'_>) -> bool {
        tokio::select! {
            biased;
            () = slot.evicted() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_longest_silent_gives_way() {
        let slots = Slots::new(3);
        let [(first, _), (second, _), (third, taken)] = [slots.take(), slots.take(), slots.take()];
        assert_eq!(taken, Taken::Free);
        first.note_request();
        let (fourth, taken) = slots.take();
        assert_eq!(taken, Taken::Evicted);
        let (fifth, _) = slots.take();
        let mut evicted = Vec::new();
        for slot in [&first, &second, &third, &fourth, &fifth] {
            evicted.push(is_evicted(slot).await);
        }
        assert_eq!(evicted, [false, true, true, false, false]);
    }

    #[test]
    fn slots_come_back_once() {
        let slots = Slots::new(2);
        let (first, _) = slots.take();
        let (_second, _) = slots.take();
        let (third, taken) = slots.take();
        assert_eq!(taken, Taken::Evicted);
        // It has lost its slot already, and frees nobody else's.
        drop(first);
        assert_eq!(slots.taken().len(), 2);
        drop(third);
        assert_eq!(slots.take().1, Taken::Free);
    }
}
