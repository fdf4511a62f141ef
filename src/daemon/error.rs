//! Why the process cannot work.

use std::io;

#[cfg(feature = "control")]
use ::control::component::Error as ControlError;
use runtime::supervise::Thread;
use serve::http::socket::Address;
use serve::reload;
use serve::systemd::sockets;

/// The reason why the process cannot serve; the message is one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first data could not be loaded.
    #[error("{0}")]
    Load(#[from] reload::Error),
    /// Background work cannot start.
    #[cfg(feature = "control")]
    #[error("{0}")]
    Control(#[from] ControlError),
    /// The token file cannot be used.
    #[cfg(feature = "control")]
    #[error("{0}")]
    TokenFile(#[from] ::control::access::file_fault::Error),
    /// Another process works under the name of this node.
    #[cfg(feature = "control")]
    #[error("{0}")]
    Superseded(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    PublicAddress {
        /// The configured address.
        address: Address,
        /// The system's error.
        error: io::Error,
    },
    /// The inherited sockets cannot be used to serve.
    #[error("{0}")]
    InheritedSockets(#[from] sockets::Error),
    /// An inherited socket has a name that no listener has.
    #[error("inherited socket `{name}`: no [[listener]] has this name; there are {known}")]
    UnknownName {
        /// The socket's name.
        name: String,
        /// The names of listeners.
        known: String,
    },
    /// A call to the system failed.
    #[error("cannot {what}: {error}")]
    System {
        /// What was tried, as in "cannot …".
        what: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// A part that should run as long as the process ended earlier.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
    /// A thread that the process needs was given up after repeated panics.
    #[error("the thread `{}` panicked again and again; what had begun was finished", .0.as_str())]
    GaveUp(Thread),
}

impl Error {
    /// Whether the configuration is at fault, and no part of the system.
    pub fn is_of_configuration(&self) -> bool {
        match self {
            #[cfg(feature = "control")]
            Self::TokenFile(error) => error.is_of_configuration(),
            #[cfg(feature = "control")]
            // A start under the same name would end the other process, and so on.
            Self::Superseded(_) => true,
            #[cfg(feature = "control")]
            Self::Control(ControlError::Options(_)) => true,
            #[cfg(feature = "control")]
            Self::Control(ControlError::Checks(error)) => error.is_of_configuration(),
            _ => false,
        }
    }
}

/// An error of a call to the system: what was tried, as in "cannot …".
pub(super) fn failed_to(what: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| Error::System { what, error }
}
