//! Where a store may lie, and who may use it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statfs};

use crate::error::Error;

/// The file in the folder of a store.
pub const FILE: &str = "tasks.sqlite";
/// The file whose lock says that a process is in charge of the store.
const LOCK: &str = "tasks.lock";

/// File systems on which SQLite's write-ahead log loses data, by the number that statfs(2) names. Shared
/// memory does not reach other hosts, and locks often do not either.
const NETWORK_FILE_SYSTEMS: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9p"),
    (0x6573_5546, "FUSE"),
    (0x6573_5543, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x7461_636f, "OCFS2"),
    (0x0116_1970, "GFS2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x7372_7279, "VirtualBox's shared folder"),
    (0x6a65_6a63, "virtiofs"),
];

/// A folder of which this process is in charge, until this is dropped.
pub(super) struct Location {
    /// The file of the store.
    pub(super) file: PathBuf,
    _lock: File,
}

impl Location {
    /// Makes the folder if it is missing, and takes charge of it.
    pub(super) fn take(folder: &Path) -> Result<Self, Error> {
        let open = |reason: String| Error::Open { place: folder.display().to_string(), reason };
        let made = DirBuilder::new().recursive(true).mode(0o750).create(folder);
        made.map_err(|error| open(format!("cannot be made: {error}")))?;
        let folder = fs::canonicalize(folder).map_err(|error| open(error.to_string()))?;
        refuse_network(&folder)?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| open(format!("cannot be written: {error}")))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let file = folder.join(FILE);
                // SQLite would make it readable for all. Its log gets the mode of the file.
                let mut made = OpenOptions::new();
                made.create(true).truncate(false).write(true).mode(0o600);
                made.open(&file)
                    .map_err(|error| open(format!("{FILE} cannot be written: {error}")))?;
                Ok(Self { file, _lock: lock })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse(folder)),
            Err(error) => Err(open(format!("cannot be locked: {error}"))),
        }
    }
}

fn refuse_network(folder: &Path) -> Result<(), Error> {
    // A folder that cannot be looked at fails when it is used.
    let Ok(found) = statfs(folder) else { return Ok(()) };
    match name_of_network(found.f_type as u64) {
        Some(file_system) => Err(Error::NetworkFileSystem { path: folder.to_owned(), file_system }),
        None => Ok(()),
    }
}

/// The name of a file system by its number, if SQLite must not be used on it.
fn name_of_network(number: u64) -> Option<&'static str> {
    // The number is 32 bits wide, and signed on some machines.
    let number = number & 0xffff_ffff;
    NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_by_their_numbers() {
        let names = [0x6969, 0xff53_4d42, 0x0102_1997, 0x6a65_6a63].map(name_of_network);
        assert_eq!(names, [Some("NFS"), Some("CIFS"), Some("9p"), Some("virtiofs")]);
        // Where f_type is a signed number of 32 bits, the kernel's number comes with ones before it.
        assert_eq!(name_of_network(0xffff_ffff_ff53_4d42), Some("CIFS"));
        for local in [0xef53_u64, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630] {
            assert_eq!(name_of_network(local), None, "{local:#x}");
        }
    }

    #[test]
    fn a_network_file_system_is_refused_by_name() {
        let error = Error::NetworkFileSystem { path: "/srv/state".into(), file_system: "NFS" };
        let message = error.to_string();
        assert!(message.starts_with("/srv/state: lies on NFS"), "{message}");
    }

    #[test]
    fn a_local_folder_is_made_and_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        let taken = Location::take(&below).unwrap();
        assert!(matches!(Location::take(&below), Err(Error::InUse(_))));
        drop(taken);
        Location::take(&below).unwrap();
    }
}
