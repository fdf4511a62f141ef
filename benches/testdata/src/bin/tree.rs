//! Writes [`testdata::tree`] from the command line.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Make a tree of empty packages and small repositories.
#[derive(Parser)]
#[command(name = "tree")]
struct Options {
    /// Folder to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// How many files, in directories of ten.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    files: u64,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match testdata::tree::make(&options.out, options.files) {
        Ok(n) => {
            if io::stdout().is_terminal() {
                // A terminal that is gone is no failure.
                let _ = writeln!(io::stdout(), "{}: {n} files", options.out.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{}: {error}", options.out.display());
            ExitCode::FAILURE
        }
    }
}
