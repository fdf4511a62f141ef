//! A mirror director: an HTTP server that tells Linux machines which mirrors to use.
//!
//! # What it does
//!
//! Package managers ask one URL of their distribution for mirrors. The answer is a text list or a
//! metalink, ordered for the client by its network and its location. It depends on data that are
//! replaced every few minutes while thousands of requests a second are answered. So the program has two
//! separate halves:
//!
//! - [`sources`], `catalog` and [`compile`]: everything that can be decided once is decided here.
//!   Sources read files, the catalog checks their records and reports bad ones as diagnostics, and the
//!   compiler stores the rest as an immutable [`snapshot`].
//! - [`answer`]: a request looks up mirrors, orders them and writes the answer. It parses no data files,
//!   takes no lock, never waits, and uses exactly one snapshot; a text list or a metalink allocates nothing
//!   per mirror. Text that is the same in every answer is prepared once, when a snapshot is loaded
//!   ([`answer::prepared`]).
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
//! Each room is a crate of the workspace, so imports between rooms are the dependencies of their
//! manifests, and never form a circle. In this drawing a room stands one line above the highest of those
//! that it builds on:
//!
//! ```text
//! mirrorlistd
//! control
//! serve
//! explain    quality
//! answer     compile    sources    visits
//! catalog    checks     scan       snapshot
//! index      routes     tasks
//! model      store
//! encode     runtime
//! ```
//!
//! | room | contents | builds on |
//! |---|---|---|
//! | `encode` | writing: text blocks, numbers, escapes | |
//! | [`model`] | the types of the domain, always valid | `encode` |
//! | [`runtime`] | supervised threads, opening files, the log, a rate limiter | |
//! | `routes` | the route table: which requests of a catalog get which answer | `encode`, `model` |
//! | `catalog` | records and diagnostics, whatever their source | `model`, `routes` |
//! | `index` | what a scan has found in the primary tree, and its file | `model`, `runtime` |
//! | `scan` | walks the primary tree and makes an index of it | `index`, `model`, `runtime` |
//! | [`sources`] | turns input files into a catalog | `catalog`, `checks`, `index`, `model`, `routes`, `runtime` |
//! | [`snapshot`] | the compiled state, its lookups and its file | `model`, `routes`, `runtime` |
//! | [`compile`] | turns a catalog into a snapshot | `catalog`, `checks`, `model`, `snapshot` |
//! | [`answer`] | turns a request into an answer; pure | `encode`, `model`, `routes`, `snapshot` |
//! | [`explain`] | turns the explanation of an answer into a report | `answer`, `encode`, `model`, `snapshot` |
//! | [`quality`] | measures how well clients are served | `answer`, `encode`, `model`, `runtime`, `snapshot` |
//! | [`serve`] | the network, the published data, reloads, counters, the admin listener | `answer`, `catalog`, `compile`, `encode`, `explain`, `model`, `runtime`, `snapshot`, `sources` |
//! | `store` | the rows of tasks, in SQLite or PostgreSQL | `runtime` |
//! | `tasks` | runs tasks: claims, heartbeats, reaping, schedules | `runtime`, `store` |
//! | `checks` | what visits to mirrors found out, and the verdicts that follow; pure | `encode`, `index`, `model` |
//! | `visits` | visits mirrors over HTTP(S) and rsync | `checks`, `encode`, `model`, `runtime` |
//! | `control` | the half that knows: kinds of tasks, their API and pages | `catalog`, `checks`, `compile`, `encode`, `index`, `model`, `runtime`, `scan`, `serve`, `snapshot`, `sources`, `store`, `tasks`, `visits` |
//! | `mirrorlistd` | this one: options, the command line, the wiring of all parts | `answer`, `catalog`, `checks`, `compile`, `control`, `encode`, `explain`, `index`, `model`, `quality`, `runtime`, `scan`, `serve`, `snapshot`, `sources`, `store`, `tasks`, `visits` |
//!
//! `tests/it/map.rs` compares the drawing and the table with the manifests.
//!
//! Modules of a room do not import each other in a circle, and some outside crates are used by a single
//! module: `tests/it/rooms.rs` checks this in the sources. hyper is used in [`serve`], `visits` and
//! `control` only, tokio there, in `store` and `tasks`, and here. Clock, randomness and the output buffer are arguments of [`answer`], so that tests can
//! compare every answer byte for byte.
//!
//! # Invariants
//!
//! 1. A request uses one generation of data; every answer names it in a header.
//! 2. Nothing in a request or a data file can cause a panic. If one happens all the same, its request
//!    fails (500, a counter, a log line), and the worker goes on.
//! 3. A failed reload changes nothing that is served.
//! 4. Lookups never mutate, and netblocks are found by a covering-prefix search.
//! 5. The writer escapes all text in XML, JSON, headers and log lines.
//! 6. Logging and metrics never delay or block an answer.
//! 7. No byte of a snapshot file is decoded before its checksum is verified.
//! 8. No `unsafe`.
//!
//! # Design decisions
//!
//! - The protobuf is not decoded with prost: for Fedora's 305 MB that takes 3.6 to 7 s and 2.6 GB,
//!   because it holds 17 million tiny messages. [`sources::mirrormanager::wire`] scans the bytes
//!   instead; the whole compilation takes about 1.9 s. The tests compare it with prost.
//! - `ip_network_table` allocates to find all covering prefixes, so [`snapshot::trie`] links each
//!   netblock to the next wider one and follows the links from the longest match.
//! - A lookup in its trie has several cache misses, and building and freeing the trie takes most of a
//!   reload. So a table of the IPv4 blocks of length /16 is read first, and suffices where a block is
//!   not divided; snapshots with equal networks share both (`snapshot::networks`). A bit marks the
//!   blocks in which mirrors have no network at all ([`snapshot::trie::SparseTable`]).
//! - Bodies are bytes and not `String`s. They are put together from blocks of fixed size
//!   (`encode::text`), in memory that is reused while it is still in the cache ([`serve::http::body`]).

pub mod config;
pub mod cli;
pub mod daemon;
pub mod commands;
