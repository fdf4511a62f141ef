//! Services of the process that every part uses: supervised threads and their priority, reading and replacing files, the log,
//! and a rate limiter for its lines. This crate knows nothing of mirrors.

pub mod supervise;
pub mod priority;
pub mod regular_file;
pub mod replace;
pub mod write_lock;
pub mod sealed;
pub mod rate_limiter;
pub mod log;
