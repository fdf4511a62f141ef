//! A large catalog with the index of its tree: how long compiling takes, and how much memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use index::{Directory, File, Index, Version};
use model::checksum::Checksums;
use testdata::catalog::Shape;

use crate::Result;
use crate::process::{command, run_measured};
use crate::report::{Figure, Report, median};

const MEGABYTE: f64 = 1e6;
/// Longer than any compilation takes.
const LIMIT: Duration = Duration::from_secs(300);

/// Compiles the catalog with the tables of networks and countries in `geography`, and reports it.
pub(crate) fn measure(
    work: &Path,
    geography: &Path,
    n_rounds: usize,
    report: &mut Report,
) -> Result<()> {
    let mut rows = String::new();
    for (name, shape) in [("large", Shape::large()), ("differing", Shape::differing())] {
        let (catalog, index) = (work.join(name), work.join(format!("{name}.index")));
        if !catalog.exists() {
            testdata::catalog::write(&shape, &catalog)?;
            make_index(&shape)?.write(&index)?;
        }
        let mut times = Vec::new();
        let mut peaks = Vec::new();
        for _ in 0..n_rounds {
            let snapshot = work.join("catalog.snapshot");
            let (time, peak) = compile(&catalog, &index, geography, &snapshot)?;
            times.push(time.as_secs_f64());
            peaks.push(peak as f64 / MEGABYTE);
        }
        let (time, peak) = (median(times), peaks.into_iter().fold(0.0, f64::max));
        if !shape.differing {
            report.set(Figure::CompileCatalog, time);
            report.set(Figure::CompileCatalogMemory, peak);
        }
        let what = match shape.differing {
            true => "each carries something else",
            false => "a third carries parts of it",
        };
        let _ = writeln!(
            rows,
            "- {} mirrors, {what}; {} repositories, {} directories: {time:.2} s (median of {n_rounds}), at \
             most {peak:.0} MB of memory; index file {:.1} MB",
            shape.mirrors,
            shape.repositories * shape.versions * shape.arches,
            shape.directories().len(),
            fs::metadata(&index)?.len() as f64 / MEGABYTE
        );
    }
    let text = report.section("Compiling a catalog");
    let _ = writeln!(text, "With both tables of networks.\n\n{rows}");
    Ok(())
}

/// Compiles once: how long it took, and the peak of its memory in bytes.
fn compile(catalog: &Path, index: &Path, geography: &Path, out: &Path) -> Result<(Duration, u64)> {
    let mut ours = command(env!("CARGO_BIN_EXE_mirrorlistd"));
    ours.arg("compile").arg("--catalog").arg(catalog).arg("--index").arg(index);
    ours.arg("--global_netblocks").arg(geography.join("global_netblocks.txt"));
    ours.arg("--geoip").arg(geography.join("GeoLite2-Country.mmdb")).arg("-o").arg(out);
    run_measured(&mut ours, LIMIT)
}

fn make_index(shape: &Shape) -> Result<Index> {
    let directory = |name: String| {
        let mut directory = Directory { name: name.as_str().into(), ..Directory::default() };
        if name.ends_with("/repodata") {
            let versions = vec![version(0, None), version(1, Some(1_790_000_000))];
            directory.files = vec![File { name: "repomd.xml".into(), versions, stamp: None }];
        }
        directory
    };
    let directories = shape.directories().into_iter().map(directory).collect();
    Ok(Index::new(1_790_000_000, directories, Vec::new())?)
}

fn version(age: u64, replaced: Option<u64>) -> Version {
    let byte = u8::try_from(age).unwrap_or(0);
    Version {
        timestamp: 1_789_900_000 - age,
        size: 4_000 + age,
        checksums: Checksums {
            md5: Some([byte; 16]),
            sha1: Some([byte; 20]),
            sha256: Some([byte; 32]),
            sha512: Some([[byte; 32]; 2]),
        },
        replaced,
    }
}
