//! The formats of an answer: each module writes one, from one [`Document`](crate::document::Document).

pub mod mirrorlist;
pub mod metalink;
pub mod metalink4;
pub mod json;
