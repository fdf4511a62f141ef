//! `contrib/mirrorlistd.toml`: the program accepts it as shipped and with every key uncommented, and
//! it holds every key that there is.
//!
//! Which keys there are is asked of the program: it names those of a level when it meets an unknown
//! one. So a new key that is missing in the file fails here.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::built::{PROGRAM, contrib_text, read_until_listening};

tests! {
    the_shipped_file_is_accepted,
    it_is_accepted_with_every_key_uncommented,
    it_holds_every_key_that_the_program_knows,
    every_key_is_explained,
    an_unknown_key_is_an_error_with_its_line_at_each_level,
    the_reference_names_every_key,
}

const NAME: &str = "mirrorlistd.toml";
const UNKNOWN: &str = "no_such_key";

/// Starts the program with this file, and everything that touches the host overruled; what it said
/// until it listened, or ended.
fn try_out(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(&folder, text);
    let said = read_until_listening(&mut child);
    if said.is_ok() {
        child.kill().unwrap();
        child.wait().unwrap();
        return Ok(());
    }
    let status = child.wait().unwrap();
    let stderr = fs::read_to_string(folder.path().join("stderr")).unwrap();
    let place = format!("mirrorlistd: {}:", folder.path().join(NAME).display());
    match stderr.strip_prefix(&place) {
        Some(rest) if status.code() == Some(2) => Err(rest.trim_end().to_owned()),
        _ => panic!("{status} {said:?} {stderr}"),
    }
}

fn start(folder: &TempDir, text: &str) -> Child {
    let path = folder.path().join(NAME);
    // The folders of the packaged service.
    let here = folder.path().to_str().unwrap();
    let text = text.replace("/run/mirrorlistd", here).replace("/var/lib/mirrorlistd", here);
    fs::write(&path, text).unwrap();
    Command::new(PROGRAM)
        .args(["--demo", "--port", "0", "--listen", "127.0.0.1", "--log", "none", "--config"])
        .arg(path)
        .arg(format!("--admin=unix:{}", folder.path().join("admin").display()))
        .arg(format!("--combined-log={}", folder.path().join("combined").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(folder.path().join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

/// The file with every key uncommented. Prose has a blank after its `#`, keys have none.
fn uncommented() -> String {
    let text = contrib_text(NAME);
    let is_key = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let lines =
        text.lines().map(|line| line.strip_prefix('#').filter(|r| is_key(r)).unwrap_or(line));
    lines.map(|line| format!("{line}\n")).collect()
}

/// The header of a table, as a list of `""` (the top), `answer`, `[listener]`.
fn headers(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    let tables =
        lines.filter_map(|(at, line)| Some((at + 1, line.strip_prefix('[')?.strip_suffix(']')?)));
    std::iter::once((0, "")).chain(tables).collect()
}

/// The keys of a table, as the program names them.
fn known_keys(header: &str) -> Option<Vec<String>> {
    let table = if header.is_empty() { String::new() } else { format!("[{header}]\n") };
    let error = try_out(&format!("{table}{UNKNOWN} = 1\n")).expect_err("an unknown key");
    let (_, known) = error.split_once(&format!("unknown key `{UNKNOWN}`"))?;
    // `…, known keys are `a`, `b``
    Some(known.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Every key of every table, as `key` and `table.key`, and the headers of the tables.
fn all_keys() -> (Vec<String>, Vec<String>) {
    let mut keys = Vec::new();
    let mut tables = Vec::new();
    for key in known_keys("").expect("the top is a table") {
        // A table, an array of tables, or a value, which an unknown key in it tells apart.
        let found = [key.clone(), format!("[{key}]")].into_iter().find_map(|header| {
            let keys = known_keys(&header)?;
            Some((header, keys))
        });
        match found {
            Some((header, inner)) => {
                keys.extend(inner.iter().map(|inner| format!("{key}.{inner}")));
                tables.push(header);
            }
            None => keys.push(key),
        }
    }
    (keys, tables)
}

/// The keys that a text gives a value.
fn given_keys(text: &str) -> Vec<String> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_matches(['[', ']']).to_owned() + ".";
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            keys.push(format!("{table}{key}"));
        }
    }
    keys
}

fn the_shipped_file_is_accepted() {
    assert_eq!(try_out(&contrib_text(NAME)), Ok(()));
}

fn it_is_accepted_with_every_key_uncommented() {
    // But for the other ways to name the data, of which one is allowed, and for what tasks find on a host.
    let text = uncommented();
    let other = [
        "snapshot",
        "catalog",
        "almalinux",
        "index",
        "findings_file",
        "cache",
        "global_netblocks",
        "cccsv",
        "geoip",
        "internet2_netblocks",
        "store",
        "tree",
        "rsync_listing",
        "geography_file",
        "token_file",
        // They need visits, which are off.
        "public_pages",
        "webhook",
        "webhook_secret_file",
    ];
    let is_other = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| other.contains(&key));
    let lines = text.lines().map(|line| if is_other(line) { "" } else { line });
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    assert_eq!(try_out(&text), Ok(()));
}

fn it_holds_every_key_that_the_program_knows() {
    let (mut known, tables) = all_keys();
    assert!(known.len() > 30 && tables.len() >= 3, "{known:?} {tables:?}");
    let mut given = given_keys(&uncommented());
    known.sort();
    given.sort();
    assert_eq!(known, given);
}

fn every_key_is_explained() {
    let text = contrib_text(NAME);
    let is_prose = |line: &str| line.starts_with("# ") || line.starts_with("## ");
    let mut explained = false;
    for line in text.lines() {
        // An explanation is good for the keys below it, up to a blank line.
        explained = !line.is_empty() && (explained || is_prose(line));
        let is_key = line.contains(" = ") && !is_prose(line);
        assert!(!is_key || explained, "{line} is not explained");
    }
}

fn an_unknown_key_is_an_error_with_its_line_at_each_level() {
    let text = uncommented();
    for (line, header) in headers(&text) {
        let mut lines: Vec<&str> = text.lines().collect();
        let bad = format!("{UNKNOWN} = 1");
        lines.insert(line, &bad);
        let error = try_out(&lines.join("\n")).expect_err(header);
        let expected = format!("{}: unknown key `{UNKNOWN}`", line + 1);
        assert!(error.starts_with(&expected), "[{header}]: {error}, not {expected}");
    }
    let error = try_out(&format!("{text}[{UNKNOWN}]\n")).expect_err("an unknown table");
    assert!(error.contains(&format!("unknown key `{UNKNOWN}`")), "{error}");
}

fn the_reference_names_every_key() {
    let reference = contrib_text("handbook/reference.md");
    for key in all_keys().0 {
        assert!(reference.contains(&format!("\n### `{key}`\n")), "{key} is not in the reference");
    }
}
