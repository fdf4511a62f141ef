//! `mirrorlistd generate`: completions and the manual page, from the definitions of the options.

use std::process::ExitCode;

use super::output::{FAILURE, fail, finish};
use crate::cli::{Cli, Generate};

pub(super) fn run(what: Generate) -> ExitCode {
    let mut command = Cli::definition();
    let mut text = Vec::new();
    match what {
        Generate::Completions { shell } => {
            clap_complete::generate(shell, &mut command, "mirrorlistd", &mut text);
        }
        Generate::Man => {
            if let Err(error) = clap_mangen::Man::new(command).render(&mut text) {
                return fail(FAILURE, error);
            }
        }
    }
    finish(String::from_utf8_lossy(&text))
}
