//! stub
use std::path::{Path, PathBuf};
use crate::snapshot::Snapshot;
/// The four MirrorManager files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorManagerFiles {
    /// mirrorlist_cache.proto
    pub cache: PathBuf,
    /// global_netblocks.txt
    pub global_netblocks: PathBuf,
    /// country_continent.csv
    pub country_continent: PathBuf,
    /// the country mmdb
    pub geoip: PathBuf,
}
/// What a snapshot is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// MirrorManager's files.
    MirrorManager(MirrorManagerFiles),
    /// The built-in demo data.
    Demo,
}
/// What was skipped or repaired; `Display` prints a line for each kind of problem.
#[derive(Debug, Default)]
pub struct Report {}
impl Report {
    /// One line for each kind of problem, with its first place and how many more there are.
    pub fn lines(&self) -> Vec<String> { Vec::new() }
}
/// One line that names the file and the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);
/// Makes a snapshot in memory. Takes seconds on Fedora's data; blocks.
pub fn compile(inputs: &Inputs) -> Result<(Snapshot, Report), Error> {
    if let Inputs::MirrorManager(files) = inputs { std::fs::metadata(&files.cache).map_err(|e| Error(format!("{}: {e}", files.cache.display())))?; }
    Ok((Snapshot {}, Report {}))
}
/// Makes a snapshot and writes it to `output` atomically.
pub fn compile_to_file(_inputs: &Inputs, _output: &Path) -> Result<(Snapshot, Report), Error> { Err(Error("stub".into())) }
