//! Runs tasks: claims them, keeps them with heartbeats, ends those of the dead, and makes those of schedules.
//!
//! Reading order: a [`kind`] says what a task of it does, and how it is treated. [`run`] is what the code of
//! a kind sees of its task. [`Tasks`] is what everybody else asks: to accept tasks, to wait for them, to
//! cancel them.
//!
//! # What it does not do
//!
//! - It knows no kind: those are in the room `control`.
//! - It speaks no SQL: the room `store` does.

pub mod failure;
pub mod request;
pub mod run;
pub mod kind;
pub mod changes;
mod service;
pub mod numbers;
pub mod status;
pub mod liveness;
pub mod node;

pub use failure::{Failure, Stop};
pub use kind::{Kind, Kinds, Output, Policy};
pub use request::{Args, Request};
pub use run::Run;
pub use service::{SubmitError, Tasks};
