//! stub
pub mod format;

/// Names what a snapshot holds: equal data has equal generations, on every host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Generation(pub u64);

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How much a snapshot holds.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Stats {
    /// Mirrors.
    pub hosts: usize,
    /// Directories.
    pub directories: usize,
    /// repo+arch pairs.
    pub repositories: usize,
}

/// The immutable compiled state.
pub struct Snapshot { }

impl Snapshot {
    /// What names this data.
    pub fn generation(&self) -> Generation { Generation(1) }
    /// When the source data was made, in seconds since 1970.
    pub fn created(&self) -> u64 { 0 }
    /// Counts.
    pub fn stats(&self) -> Stats { Stats::default() }
}
