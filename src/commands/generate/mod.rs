//! `mirrorlistd generate`: generates documents about options and metrics from their definitions.

mod entry;
mod example;
mod manual;
mod reference;

use std::process::ExitCode;

use super::output::{FAILURE, fail, finish};
use crate::cli::{Cli, Generate};
use crate::config::written::Written;

pub(super) fn run(what: Generate) -> ExitCode {
    let mut command = Cli::definition();
    let chapters = Written::chapters();
    let text = match what {
        Generate::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut command, "mirrorlistd", &mut text);
            text
        }
        Generate::Man => match manual::page(command, &chapters) {
            Ok(text) => text,
            Err(error) => return fail(FAILURE, error),
        },
        Generate::ExampleConfig => example::text(&chapters).into_bytes(),
        Generate::Reference => reference::text(command, &chapters).into_bytes(),
    };
    finish(String::from_utf8_lossy(&text))
}
