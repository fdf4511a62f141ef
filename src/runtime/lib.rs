//! What every part needs of its process: threads that have an owner, files that are what they seem, the
//! log, and how often a line may repeat. It knows nothing of mirrors.

pub mod supervise;
pub mod regular_file;
pub mod rate_limiter;
pub mod log;
