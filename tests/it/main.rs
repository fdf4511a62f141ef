//! Tests of the program as its users meet it: the real binary, real sockets, real signals.

#![allow(clippy::panic, reason = "a test that panics fails, which is the point")]

mod server;

mod access_log;
mod command_line;
mod drain;
mod http;
mod reload;
