//! The counters of the process: plain atomics that cost an answer a few nanoseconds.
//!
//! The counters that each request changes are split into shards, about one per worker: two threads that
//! add to the same cache line wait for each other, about 50 ns each time. Readers add up the shards. All
//! other events are rare enough for one counter each.
//!
//! Every label is an enum ([`labels`]), so text from a client can never become one; the exception is
//! [`countme`], whose repositories come from the data. Counters only grow; gauges are documented as
//! such. They are independent of each other: a reader may see a request counted whose connection is not
//! counted yet.
//!
//! This module knows no names of metrics and writes no exposition; [`crate::admin::metric_table`] and
//! [`crate::admin::prometheus`] do.

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
    Label, LogLineOutcome, Phase, PrivateClient, ReloadOutcome, ReloadTrigger, RequestKind,
    StatusClass,
};
