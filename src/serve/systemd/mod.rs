//! The protocols of systemd, or of another supervisor that uses them: sockets and notifications.
//!
//! [`sockets`] takes the listening sockets that were opened before the process started. [`notify`] sends
//! messages, and [`report`] decides which and when: the server is ready, reloads, stops. If the
//! environment lacks the variables of a protocol, its module does nothing.

pub mod sockets;
pub mod notify;
pub mod report;
