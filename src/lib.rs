//! A mirror director: it answers which mirrors a Linux machine should use.
//!
//! # What it does
//!
//! Package managers ask one URL of their distribution for mirrors. The answer is a text list or a
//! metalink, ordered for the client by where it is in the network and in the world, and it depends
//! on data that are replaced every few minutes while thousands of requests a second are answered.
//! So the program has two halves that never mix:
//!
//! - [`sources`], `catalog` and [`compile`]: everything that can be decided once is decided here.
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
//! start, SIGHUP, changed files ─▶ reload: load or compile, prepare, off the workers
//!                                                              └─▶ live.swap(Arc<Edition>)
//!
//! socket ─▶ http ─▶ live.load() once ─▶ answer: query, target, select, order, shape, format ─▶ body
//!                                                                      └─▶ metrics, access log
//! ```
//!
//! # Rooms
//!
//! Each room is a crate of the workspace, so Cargo lets imports point one way only. From the bottom:
//!
//! | room | what it is | stands on |
//! |---|---|---|
//! | `encode` | writing: text blocks, numbers, escapes | |
//! | [`model`] | the vocabulary: types that cannot be wrong | `encode` |
//! | [`runtime`] | threads that have an owner, opening files, the log, how often a line may repeat | |
//! | `catalog` | records and diagnostics, whatever their source | [`model`] |
//! | [`sources`] | inputs to a catalog | `catalog`, [`runtime`] |
//! | [`snapshot`] | the compiled state, its lookups and its file | [`model`], [`runtime`] |
//! | [`compile`] | a catalog to a snapshot | `catalog`, [`snapshot`] |
//! | [`answer`] | a request to an answer; pure | [`snapshot`], `encode` |
//! | [`serve`] | the network, what is published, reloads, counters, the operator's listener | all of them |
//! | this one | options, the command line, the wiring of all parts | all of them |
//!
//! Within a room no module imports another in a circle, and some outside crates are behind one module:
//! `tests/it/rooms.rs` reads the sources and says so. hyper appears in [`serve`] only, tokio there and here. Clock,
//! randomness and the output buffer come into [`answer`] as arguments, so that every answer can be tested
//! to the byte.
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
//!   (`encode::text`) in memory that was used a moment ago ([`serve::http::body`]).

pub mod config;
pub mod cli;
pub mod daemon;
pub mod commands;
