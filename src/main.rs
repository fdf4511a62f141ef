//! The program: parses the command line, runs the command, exits.

use std::process::ExitCode;

use clap::Parser;
use mirrorlistd::cli::Cli;
use mirrorlistd::commands;

/// Answers make a few buffers per request on every core, and a reload frees tens of megabytes on
/// another thread than the one that allocated them; glibc's allocator keeps such memory in its
/// arenas, while mimalloc gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    commands::run(Cli::parse())
}
