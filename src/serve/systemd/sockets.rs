//! Sockets that were opened before the process started: `LISTEN_FDS`, `LISTEN_PID`, `LISTEN_FDNAMES`.
//!
//! They are the descriptors from 3 on. The crate `listenfd` turns their numbers into sockets, which
//! takes `unsafe`, marks them close-on-exec and removes the variables from the environment. It checks
//! less than is needed here (it needs no `LISTEN_PID`, and accepts any number of descriptors), so the
//! variables are checked before it reads them.
//!
//! The program executes itself once before this runs (see `main.rs`). That keeps the process id, the
//! environment and the descriptors, so none of them may be changed earlier.

use std::env::{self, VarError};
use std::io;

use listenfd::ListenFd;
use socket2::SockRef;

use crate::http::socket::InheritedSocket;

/// The maximum number of sockets: more than any service manager passes.
const MAX_SOCKETS: usize = 1_024;

/// A socket and the name that it was given (`FileDescriptorName=`; by default that of the unit).
#[derive(Debug)]
pub struct NamedSocket {
    /// The name; empty if none was given.
    pub name: String,
    /// It listens already.
    pub socket: InheritedSocket,
}

/// The reason why the sockets cannot be used: one line.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] Reason);

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{variable}=`{value}` is no number in the environment")]
    Number { variable: &'static str, value: String },
    #[error("LISTEN_FDS={0} is more than {MAX_SOCKETS}")]
    TooMany(usize),
    #[error("LISTEN_FDNAMES names {n_names} sockets and LISTEN_FDS hands over {n_sockets}")]
    Names { n_names: usize, n_sockets: usize },
    #[error("descriptor {descriptor} of LISTEN_FDS: {error}")]
    Descriptor { descriptor: usize, error: io::Error },
    #[error("descriptor {0} of LISTEN_FDS: not a listening TCP or unix stream socket")]
    NotListening(usize),
}

/// Takes the sockets, in their order; returns none if none were passed to this process. To be called
/// once, before any thread is started, because it changes the environment.
pub fn take() -> Result<Vec<NamedSocket>, Error> {
    let own_pid = std::process::id();
    let Some(names) = parse(read, own_pid)? else { return Ok(Vec::new()) };
    let mut descriptors = ListenFd::from_env();
    let sockets = names.into_iter().enumerate().map(|(index, name)| {
        let socket = take_one(&mut descriptors, index)?;
        Ok(NamedSocket { name, socket })
    });
    sockets.collect()
}

fn read(variable: &'static str) -> Option<String> {
    match env::var(variable) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

/// Returns the names of the sockets; `None` if there are none, or if they are for another process.
fn parse(
    read: impl Fn(&'static str) -> Option<String>,
    own_pid: u32,
) -> Result<Option<Vec<String>>, Reason> {
    let (Some(pid), Some(n_sockets)) = (read("LISTEN_PID"), read("LISTEN_FDS")) else {
        return Ok(None);
    };
    if parse_number("LISTEN_PID", pid)? != own_pid as usize {
        return Ok(None);
    }
    let n_sockets = parse_number("LISTEN_FDS", n_sockets)?;
    if n_sockets > MAX_SOCKETS {
        return Err(Reason::TooMany(n_sockets));
    }
    let names: Vec<String> = match read("LISTEN_FDNAMES") {
        Some(names) if n_sockets > 0 => names.split(':').map(str::to_owned).collect(),
        _ => vec![String::new(); n_sockets],
    };
    if names.len() != n_sockets {
        return Err(Reason::Names { n_names: names.len(), n_sockets });
    }
    Ok(Some(names))
}

fn parse_number(variable: &'static str, value: String) -> Result<usize, Reason> {
    value.parse().map_err(|_| Reason::Number { variable, value })
}

fn take_one(descriptors: &mut ListenFd, index: usize) -> Result<InheritedSocket, Reason> {
    // Descriptors count from 3.
    let descriptor = index + 3;
    let listening = |is_listener: io::Result<bool>| match is_listener {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(Reason::NotListening(descriptor)),
    };
    // A descriptor of the wrong kind is not taken out by the failed attempt.
    if let Ok(Some(socket)) = descriptors.take_unix_listener(index) {
        listening(SockRef::from(&socket).is_listener())?;
        return Ok(InheritedSocket::Unix(socket));
    }
    match descriptors.take_tcp_listener(index) {
        Ok(Some(socket)) => {
            listening(SockRef::from(&socket).is_listener())?;
            Ok(InheritedSocket::Tcp(socket))
        }
        Ok(None) => Err(Reason::NotListening(descriptor)),
        Err(error) => Err(Reason::Descriptor { descriptor, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and the result for process 7.
    #[test]
    fn the_variables_are_checked() {
        for (pid, n, names, expected) in [
            ("", "", "", "none"),
            ("7", "", "", "none"),
            ("", "1", "", "none"),
            ("8", "1", "", "none"),
            ("7", "0", "", "[]"),
            ("7", "0", "a", "[]"),
            ("7", "1", "", "[\"\"]"),
            ("7", "2", "", "[\"\", \"\"]"),
            ("7", "2", "a:b", "[\"a\", \"b\"]"),
            ("7", "2", "a:", "[\"a\", \"\"]"),
            ("7", "1", "a:b", "LISTEN_FDNAMES names 2 sockets and LISTEN_FDS hands over 1"),
            ("7", "x", "", "LISTEN_FDS=`x` is no number in the environment"),
            ("7", "-1", "", "LISTEN_FDS=`-1` is no number in the environment"),
            ("7", "99999", "", "LISTEN_FDS=99999 is more than 1024"),
            ("me", "1", "", "LISTEN_PID=`me` is no number in the environment"),
        ] {
            let read = |variable: &str| {
                let value = match variable {
                    "LISTEN_PID" => pid,
                    "LISTEN_FDS" => n,
                    _ => names,
                };
                (!value.is_empty()).then(|| value.to_owned())
            };
            let found = match parse(read, 7) {
                Ok(Some(names)) => format!("{names:?}"),
                Ok(None) => "none".into(),
                Err(reason) => reason.to_string(),
            };
            assert_eq!(found, expected, "{pid} {n} {names}");
        }
    }
}
