//! Properties that every option has.

use std::path::Path;

use clap::{Args, Command, FromArgMatches};

use super::Config;
use super::definition::{Absent, Definition, ValueKind};
use super::written::{LISTENER, TABLES, Written};
use answer::shaping::Shaping;

/// A configuration in which every option has an effect: real data, watched, with an admin listener.
const BASE: &str = "demo = false\nwatch = true\nadmin.listen = 'unix:/run/admin'\n\
                    answer.public_explain = true\ncontrol.state = '/state'\n\
                    cache = '/var/lib/mirrormanager/mirrorlist_cache.proto'\n\
                    findings_file = '/findings'\ncontrol.visit_mirrors = true\n\
                    control.public_pages = 'unix:/run/pages'\n";
/// The switches in it that are off by default.
const ON_IN_BASE: [&str; 3] = ["watch", "answer.public_explain", "control.visit_mirrors"];

fn options() -> Vec<Definition> {
    Written::chapters().into_iter().flat_map(|chapter| chapter.options).collect()
}

/// Every option but those of `[[listener]]`, which may occur several times in a file.
fn single_options() -> Vec<Definition> {
    options().into_iter().filter(|option| option.place().0 != LISTENER).collect()
}

fn command() -> Command {
    Written::augment_args(Command::new("serve").args_override_self(true))
}

#[track_caller]
fn parse(text: &str) -> Written {
    Written::parse(text, Path::new("m.toml")).expect(text)
}

/// The configuration that results from these flags and this file, as text that can be compared.
#[track_caller]
fn resolved(flags: &[String], file: &str) -> String {
    let words = std::iter::once("serve".to_owned()).chain(flags.iter().cloned());
    let matches = command().try_get_matches_from(words).expect("a valid command line");
    let flags = Written::from_arg_matches(&matches).expect("valid arguments");
    let config = Config::merge(&flags, parse(file), |_| false).expect("a valid configuration");
    format!("{config:#?}")
}

/// The base without a switch, and without what needs that.
fn base_without(key: &str) -> String {
    let needs = if key == "control.visit_mirrors" { "control.public_pages " } else { " " };
    let is_kept = |line: &&str| !line.starts_with(&format!("{key} ")) && !line.starts_with(needs);
    BASE.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
}

/// The configuration that results from the base with `key` set to `value`.
#[track_caller]
fn with(key: &str, value: &str) -> String {
    let kept = BASE.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let base: String = kept.map(|line| format!("{line}\n")).collect();
    resolved(&[], &format!("{base}{key} = {value}\n"))
}

/// A value that an option may have, as TOML.
fn sample(option: &Definition) -> String {
    let shown = match &option.absent {
        Absent::Value(value) => Some(value.toml.clone()),
        Absent::ByProfile { modern, .. } => Some(modern.toml.clone()),
        _ => None,
    };
    option.shipped.or(option.example).map(str::to_owned).or(shown).expect(option.key)
}

#[test]
fn every_option_has_a_name_of_its_own_and_is_explained() {
    let options = options();
    assert!(options.len() > 50, "{}", options.len());
    for (at, option) in options.iter().enumerate() {
        assert!(options[..at].iter().all(|other| other.key != option.key), "{}", option.key);
        let first = option.paragraphs.first().expect(option.key);
        assert!(!first.ends_with('.'), "{}: the first paragraph ends as help does", option.key);
        assert!(option.paragraphs[1..].iter().all(|text| text.ends_with('.')), "{}", option.key);
        assert_eq!(option.value.is_empty(), option.kind == ValueKind::Switch, "{}", option.key);
        assert!(!sample(option).is_empty(), "{}", option.key);
    }
}

#[test]
fn every_option_can_be_written() {
    for option in single_options() {
        parse(&format!("{} = {}\n", option.key, sample(&option)));
    }
    let keys = options().into_iter().filter(|option| option.place().0 == LISTENER);
    let keys = keys.map(|option| format!("{} = {}\n", option.place().1, sample(&option)));
    parse(&format!("[[{LISTENER}]]\n{}", keys.collect::<String>()));
}

#[test]
fn an_unknown_key_is_refused_in_each_table() {
    let headers = TABLES.iter().map(|(table, _)| format!("[{table}]"));
    let listener = format!("[[{LISTENER}]]");
    for header in headers.chain([String::new(), listener]) {
        let text = format!("{header}\nno_such_key = 1\n");
        let error = Written::parse(&text, Path::new("m.toml")).expect_err(&text).to_string();
        assert!(error.starts_with("m.toml:2: unknown key `no_such_key`, "), "{error}");
    }
    // A key of one table is unknown in another.
    for option in single_options() {
        let (table, name) = option.place();
        let elsewhere = if table == "admin" { "limits" } else { "admin" };
        let text = format!("[{elsewhere}]\n{name} = {}\n", sample(&option));
        assert!(Written::parse(&text, Path::new("m.toml")).is_err(), "{text}");
    }
}

#[test]
fn each_default_that_is_shown_is_the_one_that_is_used() {
    let base = resolved(&[], BASE);
    for option in single_options() {
        if let Absent::Value(value) = &option.absent
            && !ON_IN_BASE.contains(&option.key)
        {
            assert_eq!(with(option.key, &value.toml), base, "{} = {}", option.key, value.toml);
        }
    }
    for key in ON_IN_BASE {
        let without = base_without(key);
        let off = format!("{without}{key} = false\n");
        assert_eq!(resolved(&[], &off), resolved(&[], &without));
    }
    for profile in ["compatible", "modern"] {
        let head = format!("answer.profile = '{profile}'\n");
        for option in options() {
            if let Absent::ByProfile { compatible, modern } = &option.absent {
                let value = if profile == "modern" { modern } else { compatible };
                let written = format!("{head}{} = {}\n", option.key, value.toml);
                assert_eq!(resolved(&[], &written), resolved(&[], &head), "{written}");
            }
        }
    }
}

#[test]
fn the_defaults_are_those_of_the_components() {
    let merge = |file| {
        Config::merge(&Written::default(), file, |_| false)
            .expect("a valid configuration")
            .http
            .answer
    };
    let answer = merge(Written::default());
    assert_eq!(format!("{answer:?}"), format!("{:?}", answer::Options::default()));
    let modern = merge(parse("answer.profile = 'modern'"));
    assert_eq!(modern.shaping, Shaping::modern());
}

#[test]
fn each_number_has_an_effect_and_the_bounds_that_are_told() {
    for option in single_options() {
        let ValueKind::Number { min, max } = option.kind else { continue };
        let with = |number: u32| with(option.key, &number.to_string());
        assert_ne!(with(min), with(max), "{} does nothing", option.key);
        for outside in [i64::from(min) - 1, i64::from(max) + 1] {
            let text = format!("{} = {outside}\n", option.key);
            assert!(Written::parse(&text, Path::new("m.toml")).is_err(), "{text}");
        }
    }
}

#[test]
fn each_word_that_is_told_is_known_and_no_other_one() {
    for option in single_options() {
        let ValueKind::Choice(words) = &option.kind else { continue };
        for word in words {
            parse(&format!("{} = '{word}'\n", option.key));
        }
        let text = format!("{} = 'no-such-word'\n", option.key);
        assert!(Written::parse(&text, Path::new("m.toml")).is_err(), "{text}");
    }
}

#[test]
fn a_flag_does_what_its_key_does() {
    let command = command();
    let mut n_flags = 0;
    for option in single_options() {
        let Some(arg) = command.get_arguments().find(|arg| arg.get_id() == option.id) else {
            continue;
        };
        n_flags += 1;
        let long = format!("--{}", arg.get_long().expect(option.key));
        let sample = if option.kind == ValueKind::Switch { "true".into() } else { sample(&option) };
        let line = format!("value = {sample}");
        let mut table: toml::Table = toml::from_str(&line).expect("a value");
        let flags = match table.remove("value") {
            Some(toml::Value::Boolean(true)) => vec![long],
            Some(toml::Value::Array(values)) => {
                values.iter().map(|value| format!("{long}={}", plain(value))).collect()
            }
            Some(value) => vec![format!("{long}={}", plain(&value))],
            None => Vec::new(),
        };
        // These go with a catalog.
        let base = match option.key {
            "index" | "findings_file" => "catalog = '/c'\n",
            _ => "",
        };
        let key = resolved(&[], &format!("{base}{} = {sample}\n", option.key));
        assert_eq!(resolved(&flags, base), key, "{flags:?}");
    }
    assert!(n_flags > 20, "{n_flags}");
}

fn plain(value: &toml::Value) -> String {
    let number = || value.as_integer().expect("a text or a number").to_string();
    value.as_str().map_or_else(number, str::to_owned)
}
