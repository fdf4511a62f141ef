//! The faults that the program must survive, each against a running server and with its figure.
//!
//! Counts are asserted: no answer lost, no generation mixed, every dropped line counted, the
//! process alive. Sizes that only the program decides are asserted as well. Times and rates depend on
//! the machine: they are only reported, in one table at the end, beside their targets.
//!
//! The rows run one after another, as each of them measures the machine as well. `cargo test --test
//! faults -- WORD` runs those whose names contain a word.
//!
//! What is not here: what the file of a snapshot survives byte by byte (`tests/it/snapshot_file.rs`),
//! and what happens when its writer finds the disk full (`tests/it/interrupted_writes.rs`). That a
//! panic costs one answer is a unit test in `src/serve/http/connection.rs`: no request is known that
//! causes one, and a way to cause one has no place in the program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "a test says what went wrong by panicking and what it measured by printing"
)]

use support::{debian, fixture, proxy, server};

support::runs_the_program!();

mod packages;
mod table;
mod data;
mod load;
mod runs;
mod upstreams;

mod reloads;
mod accept;
mod slow;
mod idle;
mod log;
mod stderr;
mod bad_files;
mod stop;
mod smuggling;
mod proxies;
mod paths;
mod connection_limit;
mod memory;
mod pipelines;
mod clock;
mod admin_connections;
mod private_mirrors;
mod irregular;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use debian::suite::Suite;
use table::Table;

/// What a row is called, and what it does.
type Row = (&'static str, fn(&mut Table));

const ROWS: &[Row] = &[
    ("reloads_under_load_lose_nothing_and_mix_nothing", reloads::under_load),
    ("damaged_snapshots_change_nothing_that_is_served", reloads::damaged_snapshots),
    ("injected_accept_errors_are_waited_out", accept::injected_errors),
    ("a_low_limit_of_open_files_makes_clients_wait", accept::low_file_limit),
    ("files_that_run_out_later_make_clients_wait", accept::files_run_out),
    ("slow_clients_are_closed_and_others_served", slow::slow_clients),
    ("idle_connections_take_little_memory", idle::idle_connections),
    ("a_bad_log_costs_no_answer_and_every_line_is_counted", log::bad_logs),
    ("a_stderr_that_takes_nothing_costs_lines_and_nothing_else", stderr::bad_streams),
    ("reads_that_fail_are_tried_again", bad_files::failing_reads),
    ("a_file_system_that_hangs_holds_nothing_up", bad_files::hanging_reads),
    ("what_cannot_be_synced_is_told_as_it_is", bad_files::failing_syncs),
    ("a_compiler_that_is_killed_leaves_whole_files", bad_files::killed_compilers),
    ("a_stop_completes_every_answer", stop::under_load),
    ("ambiguous_requests_get_one_answer_and_the_end", smuggling::direct),
    ("odd_requests_that_are_sound_are_answered", smuggling::sound),
    ("nginx_and_the_server_count_the_same_requests", smuggling::through_nginx),
    ("one_client_behind_a_proxy_harms_no_other", proxies::one_client_harms_no_other),
    ("no_redirect_leads_back_to_a_proxy", paths::no_redirect_leads_back),
    ("paths_mean_the_same_through_every_proxy", paths::mean_the_same_through_every_proxy),
    ("kept_connections_give_way_to_others", connection_limit::kept_connections),
    ("an_answer_on_its_way_is_not_cut_for_others", connection_limit::answers_stay),
    ("unread_answers_take_bounded_memory", memory::unread_answers),
    ("pipelined_megabytes_leave_little_behind", memory::pipelined_megabytes),
    ("a_stalled_log_takes_bounded_memory", memory::stalled_log),
    ("a_client_that_pipelines_without_end_does_not_stop_others", pipelines::without_end),
    ("a_clock_that_goes_anywhere_costs_no_answer", clock::goes_anywhere),
    ("a_limit_of_file_sizes_costs_lines_and_nothing_else", log::limited_file),
    ("silent_connections_do_not_keep_the_operator_out", admin_connections::silent_connections),
    ("strangers_find_no_private_mirror", private_mirrors::scan),
    ("a_snapshot_path_that_holds_no_file_is_refused", irregular::snapshot_paths),
    ("temporary_names_that_are_taken_are_left_alone", irregular::temporary_files),
];

fn main() -> ExitCode {
    let mut suite = Suite::from_args();
    // Each row measures the machine as well.
    suite.arguments.test_threads = Some(1);
    let figures = Arc::new(Mutex::new(Table::default()));
    for (name, row) in ROWS {
        let figures = Arc::clone(&figures);
        suite.add(name, move || {
            let mut table = Table::default();
            row(&mut table);
            figures.lock().unwrap().append(table);
        });
    }
    let code = suite.run();
    print!("{}", figures.lock().unwrap());
    code
}
