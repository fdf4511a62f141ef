//! The manual page: the commands and flags from clap, and the keys of the configuration file.

use std::io;

use clap::Command;
use clap_mangen::Man;

use super::entry;
use crate::config::definition::Definition;
use crate::config::written::Chapter;

const ABOUT: &str = "The file of --config is TOML. An unknown key is an error. What the command line \
                     says beats the file.";

/// The page, as roff.
pub(super) fn page(command: Command, chapters: &[Chapter]) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    page.extend(keys(&command, chapters).into_bytes());
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn keys(command: &Command, chapters: &[Chapter]) -> String {
    let mut text = format!(".SH \"CONFIGURATION FILE\"\n{}\n", escape(ABOUT));
    for option in chapters.iter().flat_map(|chapter| &chapter.options) {
        text += &format!(".TP\n\\fB{}\\fR\n{}\n", escape(option.key), entry_text(command, option));
    }
    text
}

fn entry_text(command: &Command, option: &Definition) -> String {
    if let Some(flag) = entry::flag(command, option) {
        return escape(&format!("As {}.", flag.join(", ")));
    }
    let values = entry::values(option, "").map(|values| format!(" Values: {values}."));
    let default = entry::default(option, "").map(|default| format!(" Default: {default}."));
    let prose = entry::prose(option);
    escape(&format!("{prose}{}{}", values.unwrap_or_default(), default.unwrap_or_default()))
}

/// Escapes a line of text for roff.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
