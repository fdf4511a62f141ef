//! MirrorManager's protobuf.

pub mod wire;
pub mod read_ahead;
