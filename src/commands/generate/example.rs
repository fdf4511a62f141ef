//! The example configuration file, which explains every key.

use super::entry;
use crate::config::definition::{Absent, Definition, ValueKind};
use crate::config::written::{Chapter, LISTENER, TABLES};

const HEAD: &str = "\
# Configuration of mirrorlistd: every key there is, with its default.
#
# Lines that begin with \"#key\" are keys to uncomment; the value there is the default, or an example
# where the text says so. Options on the command line have the same names with dashes and come first.
# An unknown key is an error that names its line. After a change:
#     systemctl restart mirrorlistd
# HUP (systemctl reload) reads the data again, not this file.
#
# As shipped, it serves demo data: remove the line `demo = true`, and name your own.
#
# This file is made by `mirrorlistd generate example-config`.
";

const WIDTH: usize = 105;

/// The text of the file.
pub(super) fn text(chapters: &[Chapter]) -> String {
    let mut text = HEAD.to_owned();
    let mut title = "";
    for chapter in chapters {
        let mut options = chapter.options.iter().filter(|o| o.place().0.is_empty()).peekable();
        if options.peek().is_some() && title != chapter.title {
            title = chapter.title;
            text += &heading(&chapter.about.join(" "));
        }
        options.for_each(|option| text += &entry(option));
    }
    let about = chapters.iter().find(|chapter| is_listener(chapter));
    let about = about.map(|chapter| chapter.about.join(" ")).unwrap_or_default();
    text += &table(chapters, LISTENER, &about, &format!("#[[{LISTENER}]]\n"));
    for (name, about) in TABLES {
        text += &table(chapters, name, about, &format!("[{name}]\n"));
    }
    text
}

fn is_listener(chapter: &Chapter) -> bool {
    chapter.options.iter().any(|option| option.place().0 == LISTENER)
}

fn heading(about: &str) -> String {
    format!("\n{}", entry::wrap(about, "## ", WIDTH))
}

fn table(chapters: &[Chapter], name: &str, about: &str, header: &str) -> String {
    let options = chapters.iter().flat_map(|chapter| &chapter.options);
    let entries = options.filter(|option| option.place().0 == name).map(entry);
    format!("{}{header}{}", heading(about), entries.collect::<String>())
}

fn entry(option: &Definition) -> String {
    let mut prose = vec![entry::prose(option)];
    prose.extend(range(option));
    let (comment, value, default) = shown(option);
    prose.extend(default);
    let prose = entry::wrap(&prose.join(" "), "# ", WIDTH);
    format!("\n{prose}{comment}{} = {value}\n", option.place().1)
}

/// Describes the values of an option; `None` if the value that is shown makes them clear.
fn range(option: &Definition) -> Option<String> {
    let kind = match &option.kind {
        ValueKind::List(kind) => kind,
        kind => kind,
    };
    let is_open = matches!(kind, ValueKind::Switch | ValueKind::Text | ValueKind::Table);
    let values = entry::values(option, "\"").filter(|_| !is_open)?;
    Some(format!("Values: {values}."))
}

/// Returns the comment sign of a key (empty if it is not commented out), its value, and a text about
/// its default.
fn shown(option: &Definition) -> (&'static str, &str, Option<String>) {
    let default = match &option.absent {
        Absent::Value(value) => Some(value.plain.as_str()),
        Absent::Words(words) => Some(*words),
        _ => None,
    };
    if let Some(value) = option.shipped {
        return ("", value, default.map(|default| format!("Default: {default}.")));
    }
    if let Some(value) = option.example {
        let default = default.map_or("No default".into(), |default| format!("Default: {default}"));
        return ("#", value, Some(format!("{default}; an example:")));
    }
    match &option.absent {
        Absent::Value(value) => ("#", &value.toml, None),
        Absent::ByProfile { compatible, modern } => {
            ("#", &compatible.toml, Some(format!("Modern: {}.", modern.toml)))
        }
        // Such a row lacks an example; a test fails then.
        Absent::Words(_) | Absent::Nothing => ("#", "", None),
    }
}
