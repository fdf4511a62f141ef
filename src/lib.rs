//! A mirror director.

pub mod model;
pub mod snapshot;
pub mod compile;
pub mod answer;
