//! Texts about options that example file, manual page and reference share.

use clap::{Arg, Command};

use crate::config::definition::{Absent, Definition, ValueKind};

/// Adds a final dot where it is missing: the first paragraph of an option has none.
pub(super) fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', ':']) { "" } else { "." };
    format!("{text}{end}")
}

/// The whole documentation of an option, as one paragraph.
pub(super) fn prose(option: &Definition) -> String {
    let sentences = option.paragraphs.iter().map(|paragraph| sentence(paragraph));
    sentences.collect::<Vec<_>>().join(" ")
}

/// Describes the values of an option; `None` if the name of the value says enough. `quote` is put
/// around words.
pub(super) fn values(option: &Definition, quote: &str) -> Option<String> {
    of_kind(&option.kind, option.value, quote)
}

fn of_kind(kind: &ValueKind, value: &str, quote: &str) -> Option<String> {
    match kind {
        ValueKind::Switch => Some(format!("{quote}true{quote} or {quote}false{quote}")),
        ValueKind::Number { min, max } => {
            let unit = match value {
                "SECONDS" => " seconds",
                "BYTES" => " bytes",
                _ => "",
            };
            Some(format!("{} to {}{unit}", grouped(*min), grouped(*max)))
        }
        ValueKind::Choice(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("{quote}{word}{quote}")).collect();
            Some(match words.split_last() {
                Some((last, others @ [_, ..])) => format!("{} or {last}", others.join(", ")),
                _ => words.concat(),
            })
        }
        ValueKind::List(kind) => Some(match of_kind(kind, value, quote) {
            Some(each) => format!("a list of {each}"),
            None => format!("a list of {value}"),
        }),
        ValueKind::Table => Some("a table of names and what they stand for".into()),
        ValueKind::Text => None,
    }
}

/// A number, with commas between groups of three digits.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Describes the default of an option; `quote` is put around values.
pub(super) fn default(option: &Definition, quote: &str) -> Option<String> {
    match &option.absent {
        Absent::Value(value) => Some(format!("{quote}{}{quote}", value.toml)),
        Absent::ByProfile { compatible, modern } => Some(format!(
            "{quote}{}{quote}, with the profile {quote}modern{quote} {quote}{}{quote}",
            compatible.toml, modern.toml
        )),
        Absent::Words(words) => Some((*words).to_owned()),
        Absent::Nothing => None,
    }
}

/// The flag of an option, short form first: `-c`, `--cache FILE`. Some belong to one subcommand only.
pub(super) fn flag(command: &Command, option: &Definition) -> Option<Vec<String>> {
    let below = command.get_subcommands().flat_map(Command::get_arguments);
    let mut arguments = command.get_arguments().chain(below);
    arguments.find(|arg| arg.get_id() == option.id).map(spellings)
}

/// The spellings of an argument: its short form, and its long form with the name of its value.
pub(super) fn spellings(arg: &Arg) -> Vec<String> {
    let names = || arg.get_value_names().unwrap_or_default().iter();
    let value = match arg.get_action().takes_values() {
        true => names().map(|name| format!(" {name}")).collect(),
        false => String::new(),
    };
    let Some(long) = arg.get_long() else { return vec![value.trim().to_owned()] };
    let short = arg.get_short().map(|short| format!("-{short}"));
    short.into_iter().chain([format!("--{long}{value}")]).collect()
}

/// Wraps text into lines of at most `width` bytes where that is possible, each with `prefix`.
pub(super) fn wrap(text: &str, prefix: &str, width: usize) -> String {
    let mut wrapped = String::new();
    let mut line = String::from(prefix);
    for word in text.split_whitespace() {
        if line.len() > prefix.len() && line.len() + 1 + word.len() > width {
            wrapped += &format!("{}\n", line.trim_end());
            line = prefix.to_owned();
        }
        if line.len() > prefix.len() {
            line.push(' ');
        }
        line += word;
    }
    wrapped + &format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_between_words() {
        assert_eq!(wrap("one two three", "# ", 9), "# one two\n# three\n");
        assert_eq!(wrap("unbreakable", "# ", 4), "# unbreakable\n");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(4_294_967_295), "4,294,967,295");
    }

    #[test]
    fn words_are_listed() {
        let kind = ValueKind::Choice(["a", "b", "c"].map(str::to_owned).into());
        assert_eq!(of_kind(&kind, "", "`").as_deref(), Some("`a`, `b` or `c`"));
    }
}
