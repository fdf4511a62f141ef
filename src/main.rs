//! mirrorlistd
fn main() {}
