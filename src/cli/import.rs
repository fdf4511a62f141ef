//! The command line of `mirrorlistd import`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use sources::toml_catalog::is_line;

/// `mirrorlistd import`.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// AlmaLinux's files: a folder with `config.yml` and the folder of mirrors
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Data",
          required_unless_present = "cache", conflicts_with = "cache")]
    pub almalinux: Option<PathBuf>,
    /// MirrorManager's mirrors and directories (protobuf)
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Data")]
    pub cache: Option<PathBuf>,
    /// The name of the distribution, which MirrorManager's data do not say
    #[arg(long, value_name = "NAME", default_value = "Example Linux", help_heading = "Output",
          conflicts_with = "almalinux", value_parser = parse_name)]
    pub name: String,
    /// The folder to write; it must not exist yet
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub output: PathBuf,
}

/// Reads the name of a distribution, as a catalog can hold it.
fn parse_name(text: &str) -> Result<String, &'static str> {
    let wanted = "write one line of at most 200 characters, without blanks around it";
    if is_line(text) { Ok(text.to_owned()) } else { Err(wanted) }
}
