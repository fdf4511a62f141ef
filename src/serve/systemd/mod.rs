//! What systemd, or another supervisor that speaks its protocols, gives this process and wants to know.
//!
//! [`sockets`] takes the listening sockets that were opened before the process started, [`notify`]
//! sends messages, [`report`] decides which: that it serves, reloads, stops. Without the variables of
//! the protocols in the environment, nothing of this does anything.

pub mod sockets;
pub mod notify;
pub mod report;
