//! A large catalog with the index of its tree: how long compiling takes, and how much memory.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use index::{Directory, File, Index, Version};
use model::checksum::Checksums;
use testdata::catalog::Shape;

use crate::Result;
use crate::process::{Process, command};
use crate::report::{Report, median};

const MEGABYTE: f64 = 1e6;
/// How often the peak of memory is read.
const INTERVAL: Duration = Duration::from_millis(2);

/// Compiles the catalog with the tables of networks and countries in `geography`, and reports it.
pub(crate) fn measure(
    work: &Path,
    geography: &Path,
    rounds: usize,
    report: &mut Report,
) -> Result<()> {
    let shape = Shape::large();
    let (catalog, index) = (work.join("catalog"), work.join("tree.index"));
    if !catalog.exists() {
        testdata::catalog::write(&shape, &catalog)?;
        make_index(&shape)?.write(&index)?;
    }
    let mut times = Vec::new();
    let mut peaks = Vec::new();
    for _ in 0..rounds {
        let (time, peak) = compile(&catalog, &index, geography, &work.join("catalog.snapshot"))?;
        times.push(time.as_secs_f64());
        peaks.push(peak as f64 / MEGABYTE);
    }
    let text = report.section("Compiling a catalog");
    let _ = writeln!(
        text,
        "{} mirrors, {} directories, with both tables of networks: {:.2} s (median of {rounds}), at \
         most {:.0} MB of memory; index file {:.1} MB.",
        shape.mirrors,
        shape.directories().len(),
        median(times.iter().copied()),
        peaks.iter().copied().fold(0.0, f64::max),
        fs::metadata(&index)?.len() as f64 / MEGABYTE
    );
    Ok(())
}

/// Compiles once: how long it took, and the peak of its memory in bytes.
fn compile(catalog: &Path, index: &Path, geography: &Path, out: &Path) -> Result<(Duration, u64)> {
    let mut ours = command(env!("CARGO_BIN_EXE_mirrorlistd"));
    ours.arg("compile").arg("--catalog").arg(catalog).arg("--index").arg(index);
    ours.arg("--global_netblocks").arg(geography.join("global_netblocks.txt"));
    ours.arg("--geoip").arg(geography.join("GeoLite2-Country.mmdb")).arg("-o").arg(out);
    ours.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let start = Instant::now();
    let mut process = Process::start(&mut ours)?;
    let mut peak = 0;
    loop {
        if let Some(status) = process.child().try_wait()? {
            return match status.success() {
                true => Ok((start.elapsed(), peak)),
                false => Err(format!("compile: {status}").into()),
            };
        }
        // An ended process has no memory.
        peak = process.memory().map_or(peak, |memory| memory.peak.max(peak));
        sleep(INTERVAL);
    }
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
