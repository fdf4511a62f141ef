//! A mirror director: it answers which mirrors a Linux machine should use.
//!
//! # What it does
//!
//! Package managers ask one URL of their distribution for mirrors. The answer is a text list or a
//! metalink, ordered for the client by where it is in the network and in the world, and it depends
//! on data that are replaced every few minutes while thousands of requests a second are answered.
//! So the program has two halves that never mix:
//!
//! - [`sources`], [`catalog`] and [`compile`]: everything that can be decided once is decided here.
//!   Sources read files, the catalog checks their records, which become diagnostics where they are bad,
//!   and the compiler lays the rest out as an immutable [`snapshot`].
//! - [`answer`]: a request looks up, orders and writes. It parses no data, allocates nothing for each
//!   mirror, takes no lock, never waits, and sees exactly one snapshot. What is the same in every answer is
//!   prepared once, when a snapshot is loaded ([`answer::prepared`]).
//!
//! ```text
//! input files ─▶ sources ─▶ catalog::Builder ─▶ Catalog ─▶ compile ─▶ snapshot::tables ─▶ Snapshot
//!                                                                         │     ▲
//!                                                snapshot::format (file) ◀┘─────┘
//! start, SIGHUP, changed files ─▶ reload: load or compile and prepare off the workers ─▶ live.swap(Arc<Edition>)
//!
//! socket ─▶ http ─▶ live.load() once ─▶ answer: query, target, select, order, shape, format ─▶ body
//!                                                                      └─▶ metrics, access log
//! ```
//!
//! # Layers
//!
//! Imports point downwards only; `tests/it/layers.rs` reads the sources and says so.
//!
//! | level | modules | what they are |
//! |---|---|---|
//! | 0 | [`encode`] | writing: text blocks, numbers, escapes |
//! | 1 | [`model`], [`supervise`], [`regular_file`], [`rate_limiter`] | the vocabulary: types that cannot be wrong; threads and their owner; opening files; how often a line may repeat |
//! | 2 | [`catalog`], [`snapshot`], [`mod@log`] | records and diagnostics, whatever their source; the compiled state, its lookups and its file; what is said to the operator |
//! | 3 | [`sources`], [`compile`], [`answer`], [`metrics`] | inputs to a catalog, a catalog to a snapshot; answering; counters |
//! | 4 | [`build`], [`live`] | inputs to a snapshot, and the published edition: a snapshot, and what [`answer`] prepared from it |
//! | 5 | [`http`], [`reload`] | the network, and loading data |
//! | 6 | [`admin`], [`signal`], [`systemd`] | the operator's window, events, the supervisor |
//! | 7 | [`config`] | the options, what the operator wrote, and what the program uses |
//! | 8 | [`cli`] | the command line |
//! | 9 | [`daemon`] | the wiring |
//! | 10 | [`commands`] | serve, compile, inspect, check, generate |
//!
//! tokio and hyper appear from level 5 up. Clock, randomness and the output buffer come into
//! [`answer`] as arguments, so that every answer can be tested to the byte.
//!
//! # Invariants
//!
//! 1. A request sees one generation of data; every answer names it in a header.
//! 2. Nothing from a request or a data file reaches a panic. One that happens all the same costs its
//!    request (500, a counter, a log line), never a worker.
//! 3. A failed reload changes nothing that is served.
//! 4. Lookups never mutate, and netblocks are found by a covering-prefix search.
//! 5. What goes into XML, JSON, a header or a log line is escaped by the writer.
//! 6. Logging and metrics never slow or stop an answer.
//! 7. No byte of a snapshot file is decoded before its checksum is verified.
//! 8. No `unsafe`.
//!
//! # Where this differs from the first design, and why
//!
//! - The protobuf is not decoded with prost: for Fedora's 305 MB that takes 3.6 to 7 s and 2.6 GB,
//!   because it holds 17 million tiny messages. [`sources::mirrormanager::wire`] walks the bytes instead;
//!   the whole compilation takes about 1.9 s. The tests compare it with prost.
//! - `ip_network_table` allocates to find all covering prefixes, so [`snapshot::trie`] links each
//!   netblock to the next wider one and follows the links from the longest match.
//! - A walk down its trie meets several lines of memory that no cache holds, and building and freeing
//!   it is most of a reload. So a table of the blocks /16 of IPv4 answers before it where a block is
//!   not divided, and snapshots of equal networks share both (`snapshot::networks`). Where mirrors
//!   have no network at all, a bit says so ([`snapshot::trie::SparseTable`]).
//! - Bodies are bytes and not `String`s, put together from blocks of fixed size
//!   ([`encode::text`]) in memory that was used a moment ago ([`http::body`]).

// Whatever a request, a file or a signal holds, it must not be able to end an answer: what can panic
// is written down with its proof, or not used.
#![deny(
    clippy::expect_used,
    clippy::get_unwrap,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used,
        reason = "a test that meets the unexpected must fail, loudly and at that line"
    )
)]

pub mod encode;
pub mod model;
pub mod supervise;
pub mod regular_file;
pub mod rate_limiter;
pub mod snapshot;
pub mod log;
pub mod catalog;
pub mod sources;
pub mod compile;
pub mod build;
pub mod answer;
pub mod live;
pub mod metrics;
pub mod http;
pub mod reload;
pub mod admin;
pub mod config;
pub mod cli;
pub mod signal;
pub mod systemd;
pub mod daemon;
pub mod commands;
