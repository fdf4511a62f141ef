//! The formats of answers.

pub mod mirrorlist;
pub mod metalink;
pub mod metalink4;
pub mod json;
pub mod apt;
pub mod pacman;
pub mod urpmi;
pub mod isolist;
