//! What visits do with each behaviour of mirrors.

mod stage;
mod probes;
mod redirects;
mod guarded;
mod hostile;
mod hashes;
mod samples;
mod budgets;
mod polite;
mod real;
