//! Checks what a configuration needs of the host, without changing anything there.

use std::fs;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::path::Path;

use rustix::fs::{Access, access};
use socket2::SockAddr;

use crate::config::Config;
use serve::http::socket::{Address, bind_tcp};
use serve::http::socket_file::{self, Occupant};

/// The problems of a configuration on this host.
#[derive(Default)]
pub(super) struct Findings {
    /// Problems that would keep the server from starting.
    pub(super) faults: Vec<String>,
    /// Problems with which the server would start.
    pub(super) warnings: Vec<String>,
}

/// Checks addresses and logs. Returns the addresses that are in use, which are the server's own when it
/// is running.
pub(super) fn check(config: &Config, findings: &mut Findings) -> Vec<String> {
    let admin = config.admin.as_ref().map(|admin| &admin.address);
    let addresses: Vec<_> = config.public_addresses().chain(admin).collect();
    let mut in_use = Vec::new();
    for (at, address) in addresses.iter().enumerate() {
        let is_any_port = matches!(address, Address::Tcp(address) if address.port() == 0);
        if addresses.iter().take(at).any(|before| before == address) && !is_any_port {
            findings.faults.push(format!("{address} is named twice as an address to listen on"));
        } else if let Some(before) =
            addresses.iter().take(at).find(|before| overlap(before, address))
        {
            findings.faults.push(format!(
                "cannot listen on {address} and {before} together: they have addresses in common"
            ));
        }
        match check_address(address) {
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
        if let Some(reason) = find_log_fault(path) {
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

/// Whether one of two different addresses includes the other, so that listening on the second one fails.
/// Binding does not show this: sockets that may reuse addresses, as the server's, can both be bound
/// until one listens, and while the server is running, each is in use anyway.
fn overlap(one: &Address, other: &Address) -> bool {
    let (Address::Tcp(one), Address::Tcp(other)) = (one, other) else { return false };
    if one.port() != other.port() || one.port() == 0 {
        return false;
    }
    // The server's `::` includes IPv4, and IPv4 is IPv4 when it is written as IPv6.
    let (one, other) = (one.ip().to_canonical(), other.ip().to_canonical());
    let includes = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    one == other || includes(one, other) || includes(other, one)
}

/// The result of checking whether an address can be listened on.
enum Availability {
    Free,
    /// It is in use; the normal case beside a running server.
    InUse,
    /// It fails for this user or at this moment, which may differ for the server.
    Doubtful(String),
    /// It always fails.
    None(String),
}

fn check_address(address: &Address) -> Availability {
    match address {
        // The socket never listens: a server that starts meanwhile is not disturbed, and no client
        // can connect.
        Address::Tcp(address) => match bind_tcp(*address) {
            Ok(_) => Availability::Free,
            Err(error) => match error.kind() {
                ErrorKind::AddrInUse => Availability::InUse,
                ErrorKind::PermissionDenied => {
                    Availability::Doubtful(format!("{error}, for the user of this command"))
                }
                _ => Availability::None(error.to_string()),
            },
        },
        Address::Unix(path) => check_socket(path),
    }
}

fn check_socket(path: &Path) -> Availability {
    if let Err(error) = SockAddr::unix(path) {
        return Availability::None(error.to_string());
    }
    match socket_file::find_occupant(path) {
        Occupant::File => Availability::None("it exists and is no socket".into()),
        Occupant::Listener => Availability::InUse,
        // The server replaces it.
        Occupant::Abandoned => Availability::Free,
        Occupant::Nobody => match find_folder_fault(path) {
            None => Availability::Free,
            // systemd creates the directory with RuntimeDirectory=.
            Some(reason) => Availability::Doubtful(format!("{reason}; does the unit make it?")),
        },
    }
}

fn find_log_fault(path: &Path) -> Option<String> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Some("it is a folder".into()),
        Ok(_) => access(path, Access::WRITE_OK).err().map(for_this_user),
        Err(error) if error.kind() == ErrorKind::NotFound => find_folder_fault(path),
        Err(error) => Some(error.to_string()),
    }
}

/// Finds the reason why no file can be created at `path`, if there is one.
pub(super) fn find_folder_fault(path: &Path) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_overlap_where_one_includes_the_other() {
        for (one, other, expected) in [
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::]:80", "[::1]:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("[::]:80", "127.0.0.1:81", false),
            ("[::]:0", "127.0.0.1:0", false),
            ("[::]:80", "unix:/run/a", false),
        ] {
            let parse = |text: &str| text.parse::<Address>().expect("an address");
            let (one, other) = (parse(one), parse(other));
            assert_eq!(overlap(&one, &other), expected, "{one} {other}");
            assert_eq!(overlap(&other, &one), expected, "{other} {one}");
        }
    }
}
