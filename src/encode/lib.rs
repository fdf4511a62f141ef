//! Writing text: all escaping and number formatting is done here, so that no caller can forget it.
//!
//! [`append`] is the interface of buffers; [`text`] holds the output buffer of an answer, and prepared
//! pieces that are copied to it fast. [`mod@write`] writes numbers, hex, base64 and the percent-encoding
//! of URLs; [`xml`] escapes for XML, and [`terminal`] for
//! terminals.
//! This crate imports no other of the workspace: it handles bytes and characters only.

pub mod append;
pub mod terminal;
pub mod text;
pub mod write;
pub mod xml;
