//! The connection slots of the admin listener: a fixed number, from which a new connection always gets
//! one.
//!
//! Anyone who can reach the listener can hold slots without sending a request. So a connection never
//! waits for a slot: when all are taken, the connection whose last request is oldest is evicted. Only
//! complete requests count, so a client that sends byte by byte, or leaves an answer unread, counts as
//! silent.
//!
//! Connections in the middle of an answer give way after those that are not, the oldest request first: who opens many
//! connections and says nothing cuts off nobody. Connections whose request waits (`waits`) give way last: their clients
//! are silent by agreement. There are fewer of them than slots.
//!
//! The order is by events, not by the clock: each accepted connection and each complete request takes
//! the next number.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Connections of the operator at the same time; beyond that, the connection that has been silent longest is closed.
pub const MAX_CONNECTIONS: usize = 64;

/// A fixed number of slots.
pub(super) struct ConnectionSlots {
    limit: usize,
    last_number: AtomicU64,
    taken: Mutex<Vec<Arc<SlotState>>>,
}

/// One connection's slot; dropping it frees the slot.
pub(super) struct ConnectionSlot<'a> {
    slots: &'a ConnectionSlots,
    state: Arc<SlotState>,
}

#[derive(Default)]
struct SlotState {
    /// The number of its last request, or of its start if it has sent none.
    last_request: AtomicU64,
    /// Whether its request waits.
    is_waiting: AtomicBool,
    /// Whether an answer is on its way.
    is_answering: AtomicBool,
    evicted: Notify,
}

/// Marks a connection whose request waits, until this is dropped.
pub(super) struct WaitingSlot(Arc<SlotState>);

impl Drop for WaitingSlot {
    fn drop(&mut self) {
        self.0.is_waiting.store(false, Ordering::Relaxed);
    }
}

/// Whether taking a slot evicted another connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    Free,
    Evicted,
}

impl ConnectionSlots {
    /// Creates `limit` slots, at least one.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), last_number: AtomicU64::new(0), taken: Mutex::default() }
    }

    /// Takes a slot. If none is free, evicts the connection that has been silent longest.
    pub(super) fn take(&self) -> (ConnectionSlot<'_>, Taken) {
        let state = Arc::new(SlotState::default());
        state.last_request.store(self.next_number(), Ordering::Relaxed);
        let mut taken = self.taken();
        let mut outcome = Taken::Free;
        if taken.len() >= self.limit {
            let order = |(_, state): &(usize, &Arc<SlotState>)| {
                let is_waiting = state.is_waiting.load(Ordering::Relaxed);
                let is_answering = state.is_answering.load(Ordering::Relaxed);
                (is_waiting, is_answering, state.last_request.load(Ordering::Relaxed))
            };
            let silent = taken.iter().enumerate().min_by_key(order).map(|(at, _)| at);
            if let Some(at) = silent {
                taken.swap_remove(at).evicted.notify_one();
                outcome = Taken::Evicted;
            }
        }
        taken.push(Arc::clone(&state));
        (ConnectionSlot { slots: self, state }, outcome)
    }

    fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed)
    }

    /// Only the listener's thread takes this lock.
    fn taken(&self) -> MutexGuard<'_, Vec<Arc<SlotState>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionSlot<'_> {
    /// Records a request. To be called for each complete request.
    pub(super) fn note_request(&self) {
        self.state.last_request.store(self.slots.next_number(), Ordering::Relaxed);
    }

    /// Says whether an answer is on its way.
    pub(super) fn set_answering(&self, is_answering: bool) {
        self.state.is_answering.store(is_answering, Ordering::Relaxed);
    }

    /// Marks the connection while its request waits.
    pub(super) fn begin_wait(&self) -> WaitingSlot {
        self.state.is_waiting.store(true, Ordering::Relaxed);
        WaitingSlot(Arc::clone(&self.state))
    }

    /// Whether its request waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.state.is_waiting.load(Ordering::Relaxed)
    }

    /// Returns when the slot was given to another connection.
    pub(super) async fn evicted(&self) {
        self.state.evicted.notified().await;
    }
}

impl Drop for ConnectionSlot<'_> {
    fn drop(&mut self) {
        self.slots.taken().retain(|state| !Arc::ptr_eq(state, &self.state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether this slot was given to another connection. Consumes the notification.
    async fn is_evicted(slot: &ConnectionSlot<'_>) -> bool {
        tokio::select! {
            biased;
            () = slot.evicted() => true,
            () = std::future::ready(()) => false,
        }
    }

    #[tokio::test]
    async fn the_longest_silent_gives_way() {
        let slots = ConnectionSlots::new(3);
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

    #[tokio::test]
    async fn those_that_wait_give_way_last() {
        let slots = ConnectionSlots::new(2);
        let [(first, _), (second, _)] = [slots.take(), slots.take()];
        let wait = first.begin_wait();
        let (third, _) = slots.take();
        assert!(!is_evicted(&first).await && is_evicted(&second).await);
        drop(wait);
        let (_fourth, _) = slots.take();
        assert!(is_evicted(&first).await && !is_evicted(&third).await);
    }

    #[test]
    fn slots_come_back_once() {
        let slots = ConnectionSlots::new(2);
        let (first, _) = slots.take();
        let (_second, _) = slots.take();
        let (third, taken) = slots.take();
        assert_eq!(taken, Taken::Evicted);
        // It has lost its slot already, so dropping it frees no other slot.
        drop(first);
        assert_eq!(slots.taken().len(), 2);
        drop(third);
        assert_eq!(slots.take().1, Taken::Free);
    }

    #[tokio::test]
    async fn silent_connections_give_way_before_those_in_the_middle_of_an_answer() {
        let slots = ConnectionSlots::new(2);
        let (answering, _) = slots.take();
        answering.note_request();
        answering.set_answering(true);
        let (silent, _) = slots.take();
        let (new, taken) = slots.take();
        assert_eq!(taken, Taken::Evicted);
        assert!(is_evicted(&silent).await && !is_evicted(&answering).await);
        // Nobody holds all slots by answers that are not read.
        new.note_request();
        new.set_answering(true);
        let (_newest, taken) = slots.take();
        assert_eq!(taken, Taken::Evicted);
        assert!(is_evicted(&answering).await && !is_evicted(&new).await);
    }
}
