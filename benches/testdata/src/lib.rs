//! Deterministic Fedora-shaped mirror data, and the encoders that small test fixtures use.
//!
//! Reading order: [`mirrormanager`] is the protobuf, [`mmdb`] the GeoIP file format; both write
//! whatever a test hands them. [`fedora`] makes a whole folder of inputs in real proportions from
//! a [`fedora::Shape`] and a seed: the same shape gives the same bytes on every run and machine,
//! so nothing here asks a clock, a hash map's order or a random source.
//!
//! It deliberately knows nothing of the server: data made by the code under test proves nothing.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod fedora;
pub mod catalog;
pub mod tree;
pub mod demo;
pub mod mirrormanager;
pub mod mmdb;

pub mod countries;
pub mod network;
mod rng;

pub use prost::Message;
