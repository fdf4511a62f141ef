//! What a configuration needs of the host, looked at without leaving a trace.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::{Access, access};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Config;
use crate::http::socket::Address;

/// What is wrong with a configuration on this host.
#[derive(Default)]
pub(super) struct Findings {
    /// What would keep the server from starting.
    pub(super) faults: Vec<String>,
    /// What would not.
    pub(super) warnings: Vec<String>,
}

/// Looks at addresses and logs; gives the addresses back that somebody listens on, which are the
/// server's own when it is running.
pub(super) fn look(config: &Config, findings: &mut Findings) -> Vec<String> {
    let addresses: Vec<_> = config.public_addresses().chain(&config.admin).collect();
    let mut in_use = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let is_any_port = matches!(address, Address::Tcp(address) if address.port() == 0);
        if addresses.iter().take(at).any(|before| before == address) && !is_any_port {
            findings.faults.push(format!("{address} is named twice as an address to listen on"));
        }
        match look_at_address(address) {
            Availability::Free => {}
            Availability::InUse => in_use.push(address.url().to_string()),
            Availability::Doubtful(reason) => {
                findings.warnings.push(format!("cannot listen on {address}: {reason}"));
            }
            Availability::None(reason) => {
                findings.faults.push(format!("cannot listen on {address}: {reason}"));
            }
        }
    }
    let logs = [&config.access_log, &config.combined_log];
    for path in logs.into_iter().flatten() {
        if let Some(reason) = find_log_trouble(path) {
            findings.warnings.push(format!(
                "{}: {reason}; the server starts, and counts the lines that are lost",
                path.display()
            ));
        }
    }
    if config.access_log.is_some() && config.access_log == config.combined_log {
        findings.warnings.push("the access log and the combined log are the same file".into());
    }
    in_use
}

/// Whether an address can be listened on.
enum Availability {
    Free,
    /// Not now; the normal case beside a server that runs.
    InUse,
    /// Not as this user or not at this moment, which may differ for the server.
    Doubtful(String),
    /// Never.
    None(String),
}

fn look_at_address(address: &Address) -> Availability {
    match address {
        Address::Tcp(address) => match bind(*address) {
            Ok(()) => Availability::Free,
            Err(error) => match error.kind() {
                ErrorKind::AddrInUse => Availability::InUse,
                ErrorKind::PermissionDenied => {
                    Availability::Doubtful(format!("{error}, for the user of this command"))
                }
                _ => Availability::None(error.to_string()),
            },
        },
        Address::Unix(path) => look_at_socket(path),
    }
}

/// Binds as the server does, but does not listen: a server that starts meanwhile is not disturbed,
/// and no client ever gets here.
fn bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.ip() == IpAddr::from([0_u16; 8]) {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())
}

fn look_at_socket(path: &Path) -> Availability {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.file_type().is_socket() => {
            Availability::None("it exists and is no socket".into())
        }
        Ok(_) if UnixStream::connect(path).is_ok() => Availability::InUse,
        // Left behind: the server replaces it.
        Ok(_) => Availability::Free,
        Err(_) => match find_folder_trouble(path) {
            None => Availability::Free,
            // systemd makes it with RuntimeDirectory=.
            Some(reason) => Availability::Doubtful(format!("{reason}; does the unit make it?")),
        },
    }
}

fn find_log_trouble(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Some("it is a folder".into()),
        Ok(_) => access(path, Access::WRITE_OK).err().map(for_this_user),
        Err(error) if error.kind() == ErrorKind::NotFound => find_folder_trouble(path),
        Err(error) => Some(error.to_string()),
    }
}

/// Why no file can be made at `path`.
fn find_folder_trouble(path: &Path) -> Option<String> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match fs::metadata(folder) {
        Ok(meta) if !meta.is_dir() => Some(format!("{} is no folder", folder.display())),
        Ok(_) => access(folder, Access::WRITE_OK | Access::EXEC_OK).err().map(for_this_user),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Some(format!("the folder {} does not exist", folder.display()))
        }
        Err(error) => Some(error.to_string()),
    }
}

fn for_this_user(error: rustix::io::Errno) -> String {
    format!("{error}, for the user of this command")
}
