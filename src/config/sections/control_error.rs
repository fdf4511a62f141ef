//! Why background work cannot be done as it is configured.

use std::path::PathBuf;

/// Background work cannot be done as it is configured.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControlError {
    /// Nothing says where tasks are kept.
    #[error(
        "no store is named for background work: set `state` in `[control]` (`--state`), a folder on a local \
         disk, or `store`, a PostgreSQL"
    )]
    NoStore,
    /// Two places are named for tasks.
    #[error("`state` and `store` in `[control]` both name a store: keep one of them")]
    TwoStores,
    /// The data are compiled already.
    #[error(
        "`snapshot` names a snapshot, and background work has nothing to compile: name a catalog or other \
         inputs, and the file to publish as `control.snapshot`"
    )]
    Compiled,
    /// Nothing says which file to publish.
    #[error("`control.store` needs `control.snapshot`: the file to publish")]
    NoSnapshot,
    /// Two places are named for the tree.
    #[error("`tree` and `rsync_listing` in `[control]` both name a tree: keep one of them")]
    TwoTrees,
    /// Nothing says which index a scan writes.
    #[error(
        "`control.{0}` is scanned into the index of a catalog: name that file as `index`, and the catalog"
    )]
    NoIndex(&'static str),
    /// Nothing says where the findings of visits are written.
    #[error("`control.visit_mirrors` needs `findings_file`: the file that visits write")]
    NoFindings,
    /// Nobody finds out what is to be told, or nobody is told.
    #[error("`control.{0}` needs `control.{1}`")]
    NothingToTell(&'static str, &'static str),
    /// Nothing says which geography file is built.
    #[error(
        "`control.country_tables` and `control.asn_tables` need `control.geography_file`: the file to build"
    )]
    NoGeographyFile,
    /// Nothing says of what the geography file is built.
    #[error("`control.geography_file` needs `control.country_tables` or `control.asn_tables`")]
    NoTables,
    /// The file that is built would replace a table.
    #[error("{} is both a table and the `control.geography_file` that is built from it", .0.display())]
    TableReplaced(PathBuf),
}
