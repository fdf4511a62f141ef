//! Folders of generated input files, generated once and kept under `target/bench-data`.
//!
//! A folder is generated again when its shape or the generator has changed: its stamp holds the shape
//! and a fingerprint of the generator's output for a small shape.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use sources::MirrorManagerFiles;
use testdata::fedora::{Shape, generate};
use xxhash_rust::xxh3::Xxh3;

/// The environment variable that names a folder of full-size data to use instead.
pub const VARIABLE: &str = "BENCH_DATA";

/// `target/bench-data` of the build that this program belongs to.
pub fn cache_folder() -> PathBuf {
    let target = crate::program().parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    target.join("bench-data")
}

/// Returns the folder with data of this shape, and generates them if needed.
pub fn prepare(name: &str, shape: &Shape) -> Result<PathBuf, Box<dyn Error>> {
    let folder = cache_folder().join(name);
    let stamp = format!("{shape:?} {:016x}", fingerprint()?);
    let stamp_file = folder.join("stamp");
    if fs::read_to_string(&stamp_file).is_ok_and(|kept| kept == stamp) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    generate(shape, &folder, &mut |_, _, _| {})?;
    fs::write(stamp_file, stamp)?;
    Ok(folder)
}

/// The four files in a folder.
pub fn inputs(folder: &Path) -> MirrorManagerFiles {
    MirrorManagerFiles {
        cache: folder.join("mirrorlist_cache.proto"),
        global_netblocks: folder.join("global_netblocks.txt"),
        country_continent: folder.join("country_continent.csv"),
        geoip: folder.join("GeoLite2-Country.mmdb"),
        findings: None,
    }
}

/// The lines of `requests.txt`: (path and query, client's address).
pub fn requests(folder: &Path) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let text = fs::read_to_string(folder.join("requests.txt"))?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(target, client)| (target.to_owned(), client.to_owned())).collect())
}

fn fingerprint() -> Result<u64, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let written = generate(&Shape::small(), folder.path(), &mut |_, _, _| {})?;
    let mut hasher = Xxh3::new();
    for file in written {
        hasher.update(&fs::read(folder.path().join(file.name))?);
    }
    Ok(hasher.digest())
}
