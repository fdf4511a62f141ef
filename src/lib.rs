//! A mirror director: it answers which mirrors a Linux machine should use.

pub mod model;
pub mod snapshot;
pub mod compile;
pub mod answer;
pub mod live;
pub mod metrics;
pub mod http;
pub mod reload;
pub mod config;
pub mod cli;
pub mod signal;
pub mod log;
pub mod daemon;
pub mod commands;
