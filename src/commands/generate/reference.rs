//! The reference chapter of the handbook: every option, every command and every metric.

use clap::{Arg, Command};

use super::entry;
use crate::config::definition::Definition;
use crate::config::written::{Chapter, LISTENER};
use serve::admin::metric::{LabelKey, Metric};
use serve::admin::metric_table::METRICS;

const HEAD: &str = "\
# Reference: options, commands and metrics

<!-- Made by `mirrorlistd generate reference`; changes belong into src/config/sections, src/cli.rs and
src/serve/admin/metric_table.rs. -->

An option is a key of the configuration file (`--config FILE`, TOML), and most are flags of the command
line as well; the command line beats the file. Keys below stand with their table: `limits.max_headers`
is `max_headers` in the table `[limits]`. An unknown key is an error that names its line. Flags may be
written with dashes or underscores; of a repeated one the last counts, except where it says that it may
be repeated. `mirrorlistd generate example-config` prints a file with every key in it.
";

const WIDTH: usize = 105;

const METRICS_HEAD: &str = "
## Metrics

What `/metrics` of the [admin listener](watching.md) offers, in the text format of OpenMetrics. Names do
not change. Nothing that a client sends becomes a label.

| metric | kind | labels | |
|---|---|---|---|
";

#[cfg(feature = "control")]
const METRICS_OF_TASKS_HEAD: &str = "
Those of background work (`mirrorlistd control`, or `serve` with a table `[control]`):

| metric | kind | labels | |
|---|---|---|---|
";

/// Chapters of the handbook that say more about sections, by the title of the section.
const CHAPTERS: [(&str, &str, &str); 7] = [
    ("Data", "Data and snapshots", "data.md"),
    ("Data", "Where clients are", "geography.md"),
    ("Serving", "Listeners, proxies and client addresses", "listeners.md"),
    ("Answers", "Shaping answers", "answers.md"),
    ("Admin", "Watching it", "watching.md"),
    ("Process", "Operating", "operating.md"),
    ("Logging", "Operating", "operating.md#access-log"),
];

/// The chapter, as Markdown.
pub(super) fn text(mut command: Command, chapters: &[Chapter]) -> String {
    command.build();
    let mut text = HEAD.to_owned();
    let mut title = "";
    for chapter in chapters {
        if title != chapter.title {
            title = chapter.title;
            text += &format!("\n## {title}\n");
            chapter.about.iter().for_each(|about| text += &paragraph(about));
            let more = CHAPTERS.iter().filter(|(of, _, _)| *of == title);
            more.for_each(|(_, name, path)| text += &format!("\nMore in [{name}]({path}).\n"));
        }
        chapter.options.iter().for_each(|option| text += &option_entry(&command, option));
    }
    text += "\n## Commands\n";
    let is_option = |arg: &Arg| {
        let mut options = chapters.iter().flat_map(|chapter| &chapter.options);
        options.any(|option| arg.get_id() == option.id)
    };
    for subcommand in command.get_subcommands() {
        text += &command_entry("mirrorlistd", subcommand, &is_option);
    }
    let of_tasks = control_metrics();
    text + METRICS_HEAD + &METRICS.iter().map(metric_row).collect::<String>() + &of_tasks
}

/// The metrics of background work.
#[cfg(feature = "control")]
fn control_metrics() -> String {
    let row = |metric: &control::metrics::table::ControlMetric| {
        let label = |(key, values): &control::metrics::table::ControlLabel| {
            label_text(&LabelKey { key, values: *values })
        };
        let labels: Vec<_> = metric.labels.iter().map(label).collect();
        let (name, kind) = (metric.full_name(), metric.kind.as_str());
        format!("| `{name}` | {kind} | {} | {} |\n", labels.join("; "), metric.help)
    };
    METRICS_OF_TASKS_HEAD.to_owned() + &control::metrics::all().map(row).collect::<String>()
}

/// Without background work, there are none of it.
#[cfg(not(feature = "control"))]
fn control_metrics() -> String {
    String::new()
}

fn metric_row(metric: &Metric) -> String {
    let labels: Vec<_> = metric.labels.iter().map(label_text).collect();
    let note = if metric.note.is_empty() { String::new() } else { format!("; {}", metric.note) };
    let (name, kind, help) = (metric.full_name(), metric.kind(), metric.help);
    format!("| `{name}` | {kind} | {} | {help}{note} |\n", labels.join("; "))
}

/// A label and its values, where they are known beforehand.
fn label_text(label: &LabelKey) -> String {
    let values: Vec<_> = (label.values)().iter().map(|value| format!("`{value}`")).collect();
    match values.is_empty() {
        true => format!("`{}`", label.key),
        false => format!("`{}`: {}", label.key, values.join(", ")),
    }
}

fn paragraph(text: &str) -> String {
    format!("\n{}", entry::wrap(&entry::sentence(text), "", WIDTH))
}

fn option_entry(command: &Command, option: &Definition) -> String {
    let mut text = format!("\n### `{}`\n", option.key);
    let mut facts = Vec::new();
    if let Some(flag) = entry::flag(command, option) {
        facts.push(format!("flag `{}`", flag.join("`, `")));
    }
    if let Some(values) = entry::values(option, "`") {
        facts.push(values);
    }
    if let Some(default) = entry::default(option, "`") {
        facts.push(format!("default: {default}"));
    }
    if !facts.is_empty() {
        text += &format!("\n{}\n", facts.join("; "));
    }
    option.paragraphs.iter().for_each(|lines| text += &paragraph(lines));
    if let Some(example) = option.example {
        let key = if option.place().0 == LISTENER { option.place().1 } else { option.key };
        text += &format!("\n```text\n{key} = {example}\n```\n");
    }
    text
}

/// The entry of a command: its arguments that are none of the options above, then its subcommands.
fn command_entry(path: &str, command: &Command, is_option: &impl Fn(&Arg) -> bool) -> String {
    let path = format!("{path} {}", command.get_name());
    let mut text = format!("\n### `{path}`\n");
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    about.iter().flat_map(|about| about.split("\n\n")).for_each(|about| text += &paragraph(about));
    let arguments: Vec<_> = command.get_arguments().collect();
    if arguments.iter().any(|arg| is_option(arg)) {
        let has = |id: &str| arguments.iter().any(|arg| arg.get_id() == id);
        let which = match (has("listen"), has("profile")) {
            _ if has("control_state") => {
                "the flags of [Data](#data) that name inputs, those of [Background work](#background-work), \
                 and those of [Admin](#admin)"
            }
            (true, _) => "every flag above but those of [Background work](#background-work)",
            (false, true) => {
                "the flags of [Data](#data) that name data, and those of [Answers](#answers)"
            }
            (false, false) => "the flags of [Data](#data) that name inputs",
        };
        text += &format!("\nTakes {which}.\n");
    }
    // What stands before subcommands may stand after them, and is told once.
    let is_inherited = |arg: &Arg| arg.is_global_set() && path.matches(' ').count() > 1;
    let is_own = |arg: &&&Arg| {
        !is_option(arg) && !is_inherited(arg) && arg.get_id() != "help" && arg.get_id() != "version"
    };
    let mut own = arguments.iter().filter(is_own).peekable();
    if own.peek().is_some() {
        text += "\n| argument | meaning |\n|---|---|\n";
    }
    for arg in own {
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
        let help = help.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let values: Vec<_> = arg.get_possible_values();
        let values: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
        let values = match arg.get_action().takes_values() && !values.is_empty() {
            true => format!(" ({})", values.join(", ")),
            false => String::new(),
        };
        text += &format!("| `{}` | {help}{values} |\n", entry::spellings(arg).join("`, `"));
    }
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        text += &command_entry(&path, subcommand, is_option);
    }
    text
}
