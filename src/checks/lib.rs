//! What visits to mirrors found out, and the verdicts that follow from it.
//!
//! A visit ([`observation::Visit`]) is what one look at one mirror has shown: which of its URLs answered over
//! which version of IP, the hash of each repository's `repomd.xml`, and which directories are complete.
//! Verdicts are a pure function of recorded visits, of the history of the primary tree and of the settings:
//! this crate has no clock, no network and no store, so that everything it decides can be replayed
//! ([`replay`]).
//!
//! The visits of a round are judged together ([`round`]), each mirror by itself ([`judge`]). Whoever fails
//! with many others has not failed: that is a fault of our own. What is known of a mirror is its
//! [`state`]. Findings ([`findings::Findings`]) are what the next snapshot needs of the states; [`select`] makes
//! them and keeps every directory from running empty. [`explain`] says the same in words, and [`schedule`]
//! says when to look again.
//!
//! # Decisions
//!
//! - *Probes and hashes are one visit.* Every 9 minutes at most a mirror is asked for the repositories that are
//!   due, over its URLs and versions of IP in turn. Separate probes of each of them every 10 minutes, and
//!   hashes every hour, cost 800 requests a day for 10 repositories; this costs 260.
//! - *Failures are confirmed soon*, after 1, 5 and 8 minutes, instead of at the next regular probes. So a dead
//!   mirror is down about 19 minutes after it died at the latest, and a restart of 5 minutes changes nothing.
//! - *Requests are bounded by the day* ([`allowance`]), however it fails: at most 400 for 10
//!   repositories and two URLs, and up to 40 more for each further URL; 450 in 24 hours in which our clock is set forward
//!   by hours. One that goes up and down all day is confirmed at regular visits only; of what has worked for hours a failure
//!   is confirmed soon, unless the last one was confirmed so within the last day.
//! - *A mirror that is down is tried every 25 minutes at least*, so that it comes back soon. If it has many URLs that
//!   answer with errors, two of them are tried in turn: all of them would use up the day. Only what the checks have
//!   switched off after days waits for up to 6 hours.
//! - *Durations are in credited time* ([`moment`]), so that no jump of the clock ages anything.
//! - *Faults of our own are looked for by version of IP, by scheme and in content* ([`own_fault`]), as each of these
//!   can break alone. Of what few mirrors have, a failure does not count until somebody has worked since it began,
//!   or within the [span](settings::Settings::down_span) before it; then it counts with the next one. Others are asked at
//!   once whether they work, and if there is nobody to ask, it is theirs after a day.
//! - *Content that the primary never had is not listed at once*, whether it turns out to be ahead of our scan or
//!   foreign: clients with a metalink would refuse it in either case. If more than half of the mirrors
//!   have such content, it is the scan that is doubted, and they stay.
//! - *Nothing is hidden until every mirror was visited once*, or two hours have passed. Mirrors that were there
//!   by then need not prove themselves; later ones do.

pub mod class;
pub mod observation;
pub mod findings;
pub mod settings;
pub mod moment;
pub mod inventory;
pub mod history;
pub mod state;
pub mod shared;
pub mod progress;
pub mod own_fault;
pub mod distrust;
pub mod judge;
pub mod round;
pub mod verdict;
pub mod contents;
mod carriers;
pub mod select;
pub mod allowance;
pub mod schedule;
pub mod disclosure;
pub mod explain;
pub mod propagation;
pub mod replay;
pub mod listing;
#[cfg(feature = "checkin")]
pub mod checkin;
pub mod notice;
pub mod trouble;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod simulation;
