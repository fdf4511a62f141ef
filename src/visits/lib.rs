//! Visits mirrors: asks each one over HTTP(S), for each version of IP, and by rsync where that is wanted.
//!
//! It returns what it saw ([`checks::observation::Visit`]) and judges nothing.
