//! Writing text: every escape and every number goes through here, so that no caller can forget one.
//!
//! [`text`] holds what an answer is written into, and prepared pieces that are copied to it fast.
//! [`mod@write`] writes numbers, hex, base64 and the percent-encoding of URLs; [`xml`] escapes for XML.
//! No room is below this one: it knows bytes and characters only.

pub mod text;
pub mod write;
pub mod xml;
