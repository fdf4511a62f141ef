//! What systemd, or another supervisor that speaks its protocols, gives this process.
//!
//! [`sockets`] takes the listening sockets that were opened before the process started. Without the
//! variables of the protocol in the environment it does nothing.

pub mod sockets;
