//! Paths that hold something else than the file that should be there.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rustix::process::{Signal, geteuid};

use crate::data::{LIST, start_with_data};
use crate::runs::{finish, status_of};
use crate::server::{Server, wait_until};
use crate::table::Table;

/// A refused load may take so much memory for a moment.
const MAX_BYTES: u64 = 8 << 20;
const SPARSE_BYTES: u64 = 12 << 30;

/// What it is called, and how it is made.
type Kind = (&'static str, fn(&Path));

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn make_sparse(path: &Path) {
    File::create(path).unwrap().set_len(SPARSE_BYTES).unwrap();
}

/// The most memory that the process has ever had, in bytes.
fn peak(server: &Server) -> u64 {
    let kilobytes = status_of(server, "VmHWM:");
    kilobytes.trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

pub fn snapshot_paths(table: &mut Table) {
    let (server, path) = start_with_data("");
    let kept = path.with_extension("kept");
    let before = peak(&server);
    let kinds: [Kind; 2] = [("a FIFO", make_fifo), ("12 GiB of nothing", make_sparse)];
    for (n, (kind, make)) in kinds.into_iter().enumerate() {
        fs::rename(&path, &kept).unwrap();
        make(&path);
        server.signal(Signal::HUP);
        let is_refused = || server.stderr().matches("reload refused").count() == n + 1;
        wait_until(kind, is_refused);
        assert_eq!(server.get(LIST).status(), 200);
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    let grown = peak(&server) - before;
    assert!(grown <= MAX_BYTES, "{grown} bytes");
    server.signal(Signal::HUP);
    wait_until("it reloads", || server.stderr().contains("reloaded generation"));
    finish(server);
    table.add(
        "the snapshot's path becomes a FIFO, then a sparse file of 12 GiB",
        format!("refused, reloads go on, at most {} MB more at the peak", MAX_BYTES >> 20),
        format!("2 of 2 refused, then reloaded; {:.1} MB more", grown as f64 / 1e6),
    );
}

pub fn temporary_files(table: &mut Table) {
    let folder = crate::runs::folder();
    let path = folder.path().join("mirrors.snapshot");
    // The names that versions before used.
    make_fifo(&folder.path().join(".mirrors.snapshot.tmp"));
    let other = folder.path().join(".mirrors.snapshot.previous.tmp");
    fs::write(&other, "somebody else's").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o666)).unwrap();
    let versions = crate::data::versions();
    snapshot::replace::write(&path, versions[0].bytes(), snapshot::replace::Keep::Previous)
        .unwrap();
    let written = fs::metadata(&path).unwrap();
    assert_eq!(written.uid(), geteuid().as_raw());
    assert_eq!(written.mode() & 0o133, 0, "{:o}", written.mode());
    assert_eq!(fs::read_to_string(&other).unwrap(), "somebody else's");
    table.add(
        "a FIFO and a file of somebody else lie where a compiler's temporary files used to",
        "neither opened nor adopted; the snapshot is the compiler's own",
        format!("written with mode {:o}", written.mode() & 0o777),
    );
}
