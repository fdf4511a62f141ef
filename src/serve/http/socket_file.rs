//! The files of unix sockets: binding a new one, or replacing one that was left behind.
//!
//! Only connecting shows whether a process listens on a socket, and a socket that is bound does not
//! listen yet. So each server locks the folder from the check of the path until its own socket listens.
//! Otherwise two servers that start together could each take the other's socket for an abandoned one,
//! and one of them would listen on a socket without a file. The folder itself is locked, because a
//! separate lock file would stay behind.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::address::Mode;

/// How long to wait for the lock; others hold it for a few system calls.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// The kind of file at the path of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occupant {
    /// No file, as far as can be seen.
    Nobody,
    /// A socket without a listener.
    Abandoned,
    /// A socket with a listener, or one that cannot be told apart from it.
    Listener,
    /// A file of another kind.
    File,
}

/// Checks what is at `path`. Never blocks: a blocking connect would wait forever for a listener that
/// does not accept and whose backlog is full.
pub fn find_occupant(path: &Path) -> Occupant {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => Occupant::File,
        Ok(_) => match connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Occupant::Abandoned,
            _ => Occupant::Listener,
        },
        Err(_) => Occupant::Nobody,
    }
}

fn connect(path: &Path) -> io::Result<()> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)
}

/// Binds and listens. Replaces a socket that a killed process has left behind. If another process
/// listens on it, or the file is of any other kind, this fails because the address is in use.
pub(super) fn bind(path: &Path, mode: Mode, backlog: i32) -> io::Result<(Socket, SocketFile)> {
    // Held until the end.
    let _lock = lock_folder(path)?;
    if find_occupant(path) == Occupant::Abandoned {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    if let Some(mode) = mode {
        // Set before it listens: until then no client can connect, whatever the umask allows.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok((socket, file))
}

/// Locks the folder of `path`; `None` if that is not possible, as in a folder that can be written but
/// not read, or on a file system without locks.
fn lock_folder(path: &Path) -> io::Result<Option<File>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let Ok(folder) = File::open(folder) else { return Ok(None) };
    let start = Instant::now();
    loop {
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(folder)),
            Err(Errno::WOULDBLOCK) if start.elapsed() >= LOCK_TIMEOUT => {
                return Err(io::Error::other("somebody holds a lock on its folder"));
            }
            Err(Errno::WOULDBLOCK | Errno::INTR) => thread::sleep(LOCK_INTERVAL),
            Err(_) => return Ok(None),
        }
    }
}

/// The file of a unix socket; removed when dropped.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: Self::identify(path)? })
    }

    fn identify(path: &Path) -> io::Result<(u64, u64)> {
        fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The file may have been removed and replaced by another.
        if Self::identify(&self.path).is_ok_and(|identity| identity == self.identity) {
            // If that fails, the next start removes it.
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_listener_with_a_full_backlog_is_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("socket");
        assert_eq!(find_occupant(&path), Occupant::Nobody);
        let address = SockAddr::unix(&path).expect("a short path");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        listener.bind(&address).expect("a free path");
        assert_eq!(find_occupant(&path), Occupant::Abandoned);
        listener.listen(0).expect("a socket");
        let mut clients = Vec::new();
        loop {
            let client = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            client.set_nonblocking(true).expect("a socket");
            match client.connect(&address) {
                Ok(()) => clients.push(client),
                Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(find_occupant(&path), Occupant::Listener);
        let error = bind(&path, None, 4_096).err().expect("somebody listens");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(find_occupant(&path), Occupant::Abandoned);
    }

    #[test]
    fn of_many_that_start_together_one_listens_and_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("socket");
        for _ in 0..100 {
            drop(UnixListener::bind(&path).expect("a free path"));
            let barrier = Barrier::new(4);
            let start = || {
                barrier.wait();
                bind(&path, None, 4_096)
            };
            let outcomes: Vec<_> = thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
            });
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
            UnixStream::connect(&path).expect("it listens");
        }
    }
}
