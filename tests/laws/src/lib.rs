//! The bodies of the fuzz targets, as functions that take bytes.
//!
//! Each asserts a law, and not only that nothing panics. `tests/fuzz/fuzz_targets/` calls them with the
//! inputs of libFuzzer, `tests/it/corpus.rs` with those in `tests/fuzz/corpus/`, so that findings are
//! tested again where cargo-fuzz is not installed.

pub mod xml;
pub mod answers;
pub mod catalogs;
pub mod checkins;
pub mod client_address;
pub mod inputs;
pub mod geographies;
pub mod requests;
pub mod route_tables;
pub mod routed;
pub mod snapshots;
pub mod task_api;
pub mod trees;

/// A function that takes any bytes, and panics when a law is broken.
pub type Target = fn(&[u8]);

/// Every target, with the name of its file in `fuzz_targets/` and its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 26] = [
    ("query", answers::query),
    ("x_forwarded_for", client_address::x_forwarded_for),
    ("forwarded", client_address::forwarded),
    ("proxy_protocol", client_address::proxy_protocol),
    ("mirrormanager", inputs::mirrormanager),
    ("country_continent", inputs::country_continent),
    ("country_table", geographies::country_table),
    ("system_table", geographies::system_table),
    ("geography_file", geographies::geography_file),
    ("config", inputs::config),
    ("almalinux", inputs::almalinux),
    ("catalog", catalogs::catalog),
    ("snapshot", snapshots::snapshot),
    ("forged_snapshot", snapshots::forged_snapshot),
    ("negotiation", requests::negotiation),
    ("route", requests::route),
    ("request", routed::request),
    ("route_table", route_tables::route_table),
    ("stored_routes", route_tables::stored_routes),
    ("index", trees::index),
    ("repomd", trees::repomd),
    ("checkin", checkins::checkin),
    ("report_mirror", checkins::report_mirror),
    ("task_api", task_api::task_api),
    ("task_number", task_api::task_number),
    ("task_list", task_api::task_list),
];
