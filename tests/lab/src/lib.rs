//! Synthetic mirrors that do everything that mirrors do: serve, lie, stall, break off, redirect in circles.
//!
//! A [`mirror::Mirror`] has files and a [`mirror::Behaviour`]. It is served in two ways:
//!
//! - on a network in memory ([`network::VirtualNetwork`]), with names of its own ([`names::Names`]), under
//!   paused time: a mirror that sends a byte a second costs a test nothing, and any address can be used, also
//!   private ones, because nothing leaves the process. [`world::World`] puts this together.
//! - on loopback ([`loopback::LoopbackMirror`]), for the real network and for programs that are tested whole.
//!
//! Both speak TLS with certificates of an [`authority::Authority`] made for the test.

pub mod authority;
pub mod mirror;
pub mod serve;
pub mod names;
pub mod network;
pub mod loopback;
pub mod world;

#[cfg(test)]
mod scenarios;
