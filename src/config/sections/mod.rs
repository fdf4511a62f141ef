//! The options, one section for each component: what the operator wrote, and what the component makes
//! of it.

pub mod data;
pub mod listen;
pub mod http;
pub mod answer;
pub mod admin;
#[cfg(feature = "control")]
pub mod control;
#[cfg(feature = "control")]
pub mod control_error;
pub mod log;
pub mod process;
