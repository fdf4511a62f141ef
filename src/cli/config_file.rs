//! The option that names the configuration file.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The configuration file.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Read options from a TOML file; what the command line says comes first
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Data")]
    pub config: Option<PathBuf>,
}
