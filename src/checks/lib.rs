//! What visits to mirrors found out, and the verdicts that follow from it.
//!
//! A visit ([`observation::Visit`]) is what one look at one mirror has shown: which of its URLs answered over
//! which version of IP, the hash of each repository's `repomd.xml`, and which directories are complete.
//! Verdicts are a pure function of recorded visits, of the history of the primary tree and of the settings:
//! this crate has no clock, no network and no store, so that everything it decides can be replayed.
//!
//! Findings ([`findings::Findings`]) are what the next snapshot needs of the verdicts.

pub mod class;
pub mod observation;
pub mod findings;
