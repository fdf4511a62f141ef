//! Unix sockets as files: binding one where none is, or in place of one that was left behind.
//!
//! Whether anybody listens on a socket shows only when connecting to it, and a socket that is bound
//! does not listen yet. So everybody who starts locks the folder from the look at what is there until
//! the own socket listens; otherwise two that start together could take each other's socket for an
//! abandoned one, and one of them would listen where nobody ever finds it. The folder itself is locked
//! because a file for the purpose would stay behind.

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

/// Others hold the lock for a few system calls.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_INTERVAL: Duration = Duration::from_millis(5);

/// What is where a socket is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occupant {
    /// Nothing, as far as can be seen.
    Nobody,
    /// A socket that nobody listens on.
    Abandoned,
    /// A socket that somebody listens on, or that cannot be told apart from one.
    Listener,
    /// A file of another kind.
    File,
}

/// Looks what is at `path`. Never waits: connecting to a listener that does not accept would, for
/// ever, once its backlog is full.
pub fn look(path: &Path) -> Occupant {
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

/// Binds and listens. Replaces what a killed process has left behind; a socket that somebody listens
/// on stays, and so does a file of any other kind: the address is then in use.
pub(super) fn bind(path: &Path, mode: Mode, backlog: i32) -> io::Result<(Socket, SocketFile)> {
    // Held until the end.
    let _lock = lock_folder(path)?;
    if look(path) == Occupant::Abandoned {
        fs::remove_file(path)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::new(path)?;
    if let Some(mode) = mode {
        // Before it listens: until then nobody gets in, whatever the umask has left open.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    socket.listen(backlog)?;
    Ok((socket, file))
}

/// Locks the folder of `path`; `None` where that is not possible, as in a folder that may be written
/// and not read, or on a file system without locks.
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
            Err(Errno::WOULDBLOCK) if start.elapsed() >= LOCK_PATIENCE => {
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
        // Somebody may have removed it and put another there.
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
        assert_eq!(look(&path), Occupant::Nobody);
        let address = SockAddr::unix(&path).expect("a short path");
        let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        listener.bind(&address).expect("a free path");
        assert_eq!(look(&path), Occupant::Abandoned);
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
        assert_eq!(look(&path), Occupant::Listener);
        let error = bind(&path, None, 4_096).err().expect("somebody listens");
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(look(&path), Occupant::Abandoned);
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
