//! Everything that is tested from outside, in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test that meets the unexpected must fail, loudly and at that line"
)]

use support::{fixture, golden, server};

support::runs_the_program!();

mod answers;
mod apt_steps;
mod lint_law;
mod select_twin;
mod nearest_twin;
mod findings;
mod first_mirror;
mod render_law;
mod input_files;
mod joins;
mod bad_records;
mod streaming_twin;
mod suites;
#[cfg(feature = "control")]
mod control;
#[cfg(feature = "control")]
mod mirror_commands;
#[cfg(feature = "control")]
mod mirror_owners;
mod mirror_sweeps;
#[cfg(feature = "control")]
mod store_move;
#[cfg(feature = "control")]
mod task_commands;
#[cfg(feature = "control")]
mod task_api;
#[cfg(feature = "control")]
mod task_of_control;

mod catalog;

mod access_log;
mod admin;
mod admin_listener;
mod canonical;
mod catalog_reference;
mod unique;
mod check;
mod check_and_load;
mod client_address;
mod command_line;
mod compression;
mod corpus;
mod dependencies;
mod drain;
mod explain;
mod explain_pages;
mod public_explanations;
mod formats;
mod cities;
mod geography;
mod geography_versions;
mod nearest_city;
mod http;
mod init;
mod inspect;
mod irregular;
mod interrupted_writes;
mod rooms;
mod same_for_all;
mod scan;
mod limits;
mod linger;
mod map;
mod listeners;
mod previous_snapshot;
mod quality;
mod quality_causes;
mod provenance;
mod redirects;
mod reload;
mod snapshot_file;
mod snapshot_versions;
mod data_precedence;
mod stdio;
mod systemd;
mod watch;
