//! What the definition of the command line takes from the table of options: help, defaults, names of values.

use clap::{Arg, ValueHint};

use crate::config::definition::{Absent, Definition, ValueKind};

/// Adds to a command and to those below it what the rows of options tell, and the spelling of their
/// flags with underscores.
pub(super) fn complete(command: clap::Command, options: &[Definition]) -> clap::Command {
    let describe = |arg: Arg| match options.iter().find(|option| arg.get_id() == option.id) {
        Some(option) => complete_option(arg, option),
        None => arg,
    };
    command.mut_args(describe).mut_subcommands(|command| complete(command, options))
}

/// Gives `--admin` of `explain` its own meaning: no listener is opened, one is asked. The server has data and
/// options of its own, so those that the command line has for others are refused beside it.
pub(super) fn asks_running_server(explain: clap::Command, options: &[Definition]) -> clap::Command {
    let known = explain.get_arguments().map(|arg| arg.get_id().clone());
    // Some options are in the file only.
    let of_serve = known.filter(|id| {
        id == "config" || (id != "admin" && options.iter().any(|option| option.id == id))
    });
    let of_serve: Vec<_> = of_serve.collect();
    explain.mut_arg("admin", |arg| {
        arg.help("Ask the running server whose admin listener is there: ADDR:PORT or unix:PATH")
            .long_help(
                "Ask the running server whose admin listener is there: ADDR:PORT or unix:PATH\n\n\
                 The answer is that of the data and the options which it uses now, so no others are \
                 given. What is printed is the same.",
            )
            .help_heading("Explain")
            .conflicts_with_all(of_serve)
    })
}

fn complete_option(arg: Arg, option: &Definition) -> Arg {
    let arg = match arg.get_action().takes_values() {
        true => arg.value_name(option.value),
        false => arg,
    };
    // Those of `control` have names that other commands use as well.
    let id = option.id.strip_prefix("control_").unwrap_or(option.id);
    let arg = if id.contains('_') { arg.alias(id) } else { arg };
    let arg = match option.value {
        "FILE" => arg.value_hint(ValueHint::FilePath),
        "PATH" => arg.value_hint(ValueHint::AnyPath),
        "FOLDER" => arg.value_hint(ValueHint::DirPath),
        "URL" => arg.value_hint(ValueHint::Url),
        _ => arg,
    };
    let (Some((first, rest)), Some(default)) = (option.paragraphs.split_first(), default(option))
    else {
        return arg;
    };
    let short = format!("{first} [default: {default}]");
    let long = std::iter::once(short.as_str()).chain(rest.iter().map(String::as_str));
    let long = long.collect::<Vec<_>>().join("\n\n");
    // As clap does: one paragraph is short help only.
    let arg = if rest.is_empty() { arg } else { arg.long_help(long) };
    arg.help(short)
}

/// What help says of the default; a switch is off without saying so.
fn default(option: &Definition) -> Option<&str> {
    match &option.absent {
        Absent::Value(value) if option.kind != ValueKind::Switch => Some(&value.plain),
        Absent::Words(words) => Some(words),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::Cli;

    #[test]
    fn a_running_server_is_asked_by_its_own_options() {
        let definition = Cli::definition();
        let explain = definition.find_subcommand("explain").expect("a command");
        let args = || explain.get_arguments().filter(|arg| !arg.is_positional());
        let admin = args().find(|arg| arg.get_id() == "admin").expect("an option");
        let refused = explain.get_arg_conflicts_with(admin);
        for arg in args().filter(|arg| arg.get_help_heading() != Some("Explain")) {
            assert!(refused.iter().any(|one| one.get_id() == arg.get_id()), "{arg}");
        }
        for option in ["--profile=modern", "--allow-ip=none", "-m1", "--demo", "--config=a"] {
            let line = ["mirrorlistd", "explain", "--admin=[::1]:1", "path=a", option];
            assert_eq!(Cli::parse(line).expect_err(option).exit_code(), 2, "{option}");
        }
        let line = ["mirrorlistd", "explain", "--admin=[::1]:1", "path=a", "--seed=2", "--json"];
        Cli::parse(line).expect("its own options");
    }
}
