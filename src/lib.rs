//! A mirror director: it answers which mirrors a Linux machine should use.

pub mod model;
pub mod snapshot;
pub mod compile;
pub mod answer;
