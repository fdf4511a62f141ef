//! Everything around an answer: HTTP, the published snapshot, reloads, counters, the admin listener,
//! signals and the protocols of systemd.
//!
//! Modules import downwards only, in this order: `systemd`, `admin`, `reload` and `http`, `pages`, `live`,
//! `build_snapshot`, and `metrics`. The crates below this one use neither tokio nor hyper.

pub mod metrics;
pub mod build_snapshot;
pub mod live;
pub mod pages;
pub mod http;
pub mod reload;
pub mod admin;
pub mod signal;
pub mod systemd;
