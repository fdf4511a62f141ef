//! `mirrorlistd mirror replay`: judges recorded visits again.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use crate::cli::ReplayArgs;
use crate::commands::meant::meant;
use crate::commands::output::{FAILURE, fail, finish};
use checks::disclosure::Disclosure;
use checks::distrust::Distrusted;
use checks::explain::{Gate, explain};
use checks::replay::{Replayed, replay};
use encode::terminal::printable;
use runtime::log;

pub(super) fn run(args: &ReplayArgs) -> ExitCode {
    log::install(None);
    let path = args.file.display();
    let file = match File::open(&args.file) {
        Ok(file) => file,
        Err(error) => return fail(FAILURE, format_args!("{path}: {error}")),
    };
    let replayed = match replay(BufReader::new(file)) {
        Ok(replayed) => replayed,
        Err(error) => return fail(FAILURE, format_args!("{path}: {error}")),
    };
    let known = &replayed.checks.inventory.mirrors;
    if let Some(key) = &args.mirror
        && !known.contains_key(key)
    {
        let keys: Vec<&str> = known.keys().map(String::as_str).collect();
        let meant = meant(key, &keys);
        return fail(FAILURE, format_args!("{path}: there is no mirror `{key}`; {meant}"));
    }
    let wanted = |key: &&String| args.mirror.as_ref().is_none_or(|wanted| wanted == *key);
    let keys: Vec<&String> = known.keys().filter(wanted).collect();
    match args.json {
        true => finish(format_args!("{:#}\n", as_json(&replayed, &keys))),
        false => finish(as_text(&replayed, &keys)),
    }
}

fn gates(replayed: &Replayed, distrusted: &Distrusted, key: &str) -> Vec<Gate> {
    let checks = &replayed.checks;
    let state = checks.register.mirrors.get(key).cloned().unwrap_or_default();
    let entry = checks.inventory.mirrors.get(key).cloned().unwrap_or_default();
    explain(&state, &entry, &checks.view(), distrusted, Disclosure::Full)
}

fn as_text(replayed: &Replayed, keys: &[&String]) -> String {
    let mut text = String::new();
    let distrusted = replayed.checks.select().distrusted;
    for key in keys {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{}", printable(key));
        for gate in gates(replayed, &distrusted, key) {
            let _ = writeln!(text, "  {}", printable(&gate.to_string()));
        }
    }
    let n_events = replayed.events.iter().filter(|(key, _)| keys.contains(&key)).count();
    let _ = writeln!(
        text,
        "{} mirrors, {n_events} events, {} rounds with a fault of our own",
        keys.len(),
        replayed.n_own_faults
    );
    text
}

fn as_json(replayed: &Replayed, keys: &[&String]) -> Value {
    let distrusted = replayed.checks.select().distrusted;
    let mirrors: Map<String, Value> = keys
        .iter()
        .map(|key| {
            let gates: Vec<_> = gates(replayed, &distrusted, key).iter().map(gate).collect();
            let events = replayed.events.iter().filter(|(of, _)| of == *key);
            let events: Vec<_> = events.map(|(_, event)| json!(event)).collect();
            ((*key).clone(), json!({ "gates": gates, "events": events }))
        })
        .collect();
    json!({ "mirrors": mirrors, "rounds_with_own_fault": replayed.n_own_faults })
}

/// What a gate is about, whether the mirror passes, and what is the case.
fn gate(gate: &Gate) -> Value {
    json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
}
