//! Counters: what happened, in plain atomics that cost an answer a few nanoseconds.
//!
//! What each request counts is kept in a shard, of which there is one for each worker or so: two
//! threads that add to the same cache line take turns, at about 50 ns each. Readers add the shards
//! up. Everything else happens so rarely that one counter for all does.
//!
//! Every label is an enum ([`labels`]), so nothing that a client sends can become one; the
//! exception is [`countme`], whose repositories come from the data. Counters only ever grow, gauges
//! are named so. They are independent of each other: a reader may see a request counted whose
//! connection is not yet.
//!
//! It does not write any exposition format; that is the business of [`crate::admin`].

#![allow(
    clippy::indexing_slicing,
    reason = "every array here has a place for each value of the enum, or of the match, that is its \
              index"
)]

pub mod labels;
mod counter;
pub mod histogram;
pub mod countme;
mod all_counters;
pub mod client_check;

pub use all_counters::{AnswerTimer, Metrics};
pub use counter::Counter;
pub use labels::{
    Label, Phase, PrivateClient, ReloadOutcome, ReloadTrigger, RequestKind, StatusClass,
};
