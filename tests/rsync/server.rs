//! Servers on the loopback interface.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;

use support::debian::{Outcome, Packages};
use tempfile::TempDir;

const PACKAGES: Packages = Packages {
    suite: "the suite of rsync",
    why_root: None,
    needed: &[("rsync", "/usr/bin/rsync"), ("util-linux", "/usr/bin/setpriv")],
};

/// Returns when rsync is installed, and ends the test otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    PACKAGES.require(&OUTCOME);
}

/// What serves a connection.
type Serve = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Listens on a port of its own until the process ends, and serves each connection on a thread.
pub fn listen_at(address: impl Into<std::net::IpAddr>, serve: Serve) -> SocketAddr {
    let listener = TcpListener::bind((address.into(), 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream));
        }
    });
    address
}

pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    listen_at(Ipv4Addr::LOCALHOST, Arc::new(serve))
}

/// A tree that is served by rsync, as several modules.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// A tree with these files; a size for each.
    pub fn new<N: AsRef<OsStr>>(files: impl IntoIterator<Item = (N, u64)>) -> Self {
        require();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let tree = Self { folder };
        for path in [tree.folder.path(), &tree.path()] {
            fs::create_dir_all(path).expect("a folder");
            // The server reads it as another user.
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
        for (name, size) in files {
            let path = tree.path().join(name.as_ref());
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let file = fs::File::create(path).expect("a file");
            file.set_len(size).expect("its size");
        }
        let user =
            if rustix::process::geteuid().is_root() { "uid = nobody\ngid = nogroup\n" } else { "" };
        let secrets = tree.folder.path().join("secrets");
        fs::write(&secrets, "somebody:secret\n").expect("a write");
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("its mode");
        let path = tree.path();
        let module =
            |name: &str, more: &str| format!("[{name}]\npath = {}\n{more}\n", path.display());
        let configuration = [
            "use chroot = no\nlog file = /dev/null\nmotd file = /etc/hostname\n",
            user,
            &module("pub", ""),
            &module("busy", "max connections = -1"),
            &module(
                "locked",
                &format!("auth users = somebody\nsecrets file = {}", secrets.display()),
            ),
            &module("denied", "hosts deny = *"),
            "[gone]\npath = /nonexistent\n",
        ];
        fs::write(tree.configuration(), configuration.concat()).expect("a write");
        tree
    }

    /// Where its files are.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("rsyncd.conf")
    }

    /// Serves it.
    pub fn serve(&self) -> SocketAddr {
        self.serve_at(Ipv4Addr::LOCALHOST)
    }

    pub fn serve_at(&self, address: impl Into<std::net::IpAddr>) -> SocketAddr {
        let configuration = self.configuration();
        listen_at(address, Arc::new(move |stream| serve(&configuration, stream)))
    }
}

/// Serves a connection, as inetd has it done: with the connection as standard input.
fn serve(configuration: &Path, stream: TcpStream) {
    let mut option = std::ffi::OsString::from("--config=");
    option.push(configuration);
    let mut command = Command::new("/usr/bin/rsync");
    command.args(["--daemon", "--no-detach"]).arg(option).stdin(OwnedFd::from(stream));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.expect("rsync runs");
}
