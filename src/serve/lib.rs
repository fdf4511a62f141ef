//! Everything around an answer: HTTP, the published snapshot, reloads, counters, the operator's listener,
//! signals and the supervisor.
//!
//! Modules import downwards only, in this order: `systemd`, `admin`, `reload` and `http`, `live`,
//! `build_snapshot`, and `metrics`. tokio and hyper are here and in no room below.

pub mod metrics;
pub mod build_snapshot;
pub mod live;
pub mod http;
pub mod reload;
pub mod admin;
pub mod signal;
pub mod systemd;
