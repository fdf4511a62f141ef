//! Scans of a large tree: how long one takes that finds nothing new, and how much memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;
use crate::process::{command, run_measured};
use crate::report::{Figure, Report, median};

/// The files of which the report has figures.
pub(crate) const N_FILES: u64 = 1_000_000;
const MEGABYTE: f64 = 1e6;
/// Longer than any scan takes.
const LIMIT: Duration = Duration::from_secs(600);
/// An inode of ext4, and a tenth of a directory with its inode.
const BYTES_PER_FILE: f64 = 256.0 + (4_096.0 + 256.0) / 10.0;
/// A scan does not trust a file that changed so shortly before.
const SETTLED: Duration = Duration::from_secs(3);

/// Makes a tree of `n_wanted` empty files, scans it several times, and removes it.
pub(crate) fn measure(
    work: &Path,
    n_wanted: u64,
    rounds: usize,
    report: &mut Report,
) -> Result<()> {
    let (tree, index) = (work.join("tree"), work.join("scanned.index"));
    let start = Instant::now();
    let n_files = testdata::tree::make(&tree, n_wanted)?;
    let made = start.elapsed();
    sleep(SETTLED);
    let (first, _) = scan(&tree, &index)?;
    let mut times = Vec::new();
    let mut peaks = Vec::new();
    for _ in 0..rounds {
        let (time, peak) = scan(&tree, &index)?;
        times.push(time.as_secs_f64());
        peaks.push(peak as f64 / MEGABYTE);
    }
    let (time, peak) = (median(times), peaks.into_iter().fold(0.0, f64::max));
    // The figures are of that many, also in their names.
    if n_wanted == N_FILES {
        report.set(Figure::Scan, time);
        report.set(Figure::ScanMemory, peak);
    }
    // A million files are too many to keep until the end of all parts.
    let start = Instant::now();
    fs::remove_dir_all(&tree)?;
    let removed = start.elapsed();
    let text = report.section("Scanning a tree");
    let _ = writeln!(
        text,
        "{n_files} empty files, ten in a directory. They take about {:.0} MB of disk in inodes and \
         directories, took {:.0} s to make and {:.0} s to remove.\n\n\
         - first scan: {:.2} s\n\
         - next scan, with nothing new, directories and inodes in memory: {time:.2} s (median of {rounds}), \
         at most {peak:.0} MB of memory; index file {:.1} MB",
        n_files as f64 * BYTES_PER_FILE / MEGABYTE,
        made.as_secs_f64(),
        removed.as_secs_f64(),
        first.as_secs_f64(),
        fs::metadata(&index)?.len() as f64 / MEGABYTE
    );
    Ok(())
}

fn scan(tree: &Path, index: &Path) -> Result<(Duration, u64)> {
    let mut ours = command(env!("CARGO_BIN_EXE_mirrorlistd"));
    run_measured(ours.arg("scan").arg(tree).arg("-o").arg(index), LIMIT)
}
