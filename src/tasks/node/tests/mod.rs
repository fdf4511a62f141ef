//! Nodes on one paused clock, over stores in memory.

#[allow(dead_code, reason = "not all tests are there yet")]
mod world;
mod life;

use std::time::Duration;

use store::record::State;
use tokio::time::Instant;
#[allow(unused_imports)]
use world::*;
