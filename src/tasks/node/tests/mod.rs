//! Nodes on one paused clock, over stores in memory.

mod world;
mod life;
mod faults;
mod lost;
mod hung;
mod cancel;
mod schedules;
mod shutdown;
