//! Starting, refusing to start, and saying why.

use crate::golden;
use crate::server::{DEMO, Server, run};

#[test]
fn without_data_it_serves_the_demo_and_says_so() {
    let server = Server::start(&[]);
    assert!(server.address.ip().is_loopback());
    assert!(server.greeting.contains("demo data, not real mirrors"), "{}", server.greeting);
    let examples: Vec<&str> = server
        .greeting
        .lines()
        .filter_map(|line| line.trim().strip_prefix("curl 'http://")?.strip_suffix('\''))
        .collect();
    assert_eq!(examples.len(), 2, "{}", server.greeting);
    for example in examples {
        let target = example.strip_prefix(&server.address.to_string()).expect("the real address");
        assert_eq!(server.get(target).status(), 200, "{target}");
    }
}

#[test]
fn double_colon_is_every_address_of_both_families() {
    let mut server = Server::start(&["--listen", "::"]);
    let port = server.address.port();
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        server.address = address.parse().expect("an address");
        assert_eq!(server.get(DEMO).status(), 200, "{address}");
    }
}

#[test]
fn a_port_in_use_is_one_line_and_status_1() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let output = run(&["--demo", "--port", &port, "--log-level", "warn"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        stderr,
        format!(
            "mirrorlistd: cannot listen on 127.0.0.1:{port}: Address already in use (os error 98)\n"
        )
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn data_that_is_missing_is_one_line_that_names_it_and_status_1() {
    for args in [["--cache", "/nonexistent/cache"], ["--snapshot", "/nonexistent/snapshot"]] {
        let output = run(&[&["--port", "0"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(args[1]), "{stderr}");
    }
}

#[test]
fn usage_errors_are_status_2_on_stderr() {
    for args in [
        &["--port", "70000"][..],
        &["--port", "-1"],
        &["--listen", "nowhere"],
        &["--no-such-option"],
        &["no-such-command"],
        &["--trusted-proxy", "10.0.0.0/40"],
        &["--snapshot", "a", "--cache", "b"],
        &["compile"],
        &["inspect"],
        &["--config", "/nonexistent.toml"],
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn help_and_version_are_status_0_on_stdout() {
    for args in [&["--help"][..], &["-h"], &["--version"], &["serve", "--help"], &["compile", "-h"]]
    {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(!output.stdout.is_empty(), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn completions_and_the_manual_page_know_the_options() {
    for args in [&["generate", "completions", "bash"][..], &["generate", "man"]] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let text = String::from_utf8_lossy(&output.stdout).replace('\\', "");
        assert!(text.contains("--trusted-proxy"), "{args:?}");
    }
}

/// What a command prints.
#[track_caller]
fn generated(what: &str) -> String {
    let output = run(&["generate", what]);
    assert_eq!(output.status.code(), Some(0), "{what}");
    assert!(output.stderr.is_empty(), "{what}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_example_configuration_is_the_generated_one() {
    golden::check_file("contrib/mirrorlistd.toml", &generated("example-config"));
}

#[test]
fn the_reference_of_options_is_the_generated_one() {
    golden::check_file("contrib/handbook/reference.md", &generated("reference"));
}

#[test]
fn help_manual_page_and_reference_name_every_flag_and_every_key() {
    let help = String::from_utf8(run(&["--help"]).stdout).expect("UTF-8");
    let manual = generated("man").replace('\\', "");
    let reference = generated("reference");
    // Examples spell some of them with underscores.
    let is_flag = |word: &&str| word.starts_with("--") && !word.contains('_');
    let flags: Vec<&str> = help.split_whitespace().filter(is_flag).collect();
    assert!(flags.len() > 20, "{flags:?}");
    for flag in flags {
        let flag = flag.trim_end_matches([',', '.', ')', ';']);
        assert!(manual.contains(flag), "{flag} is not in the manual page");
        let is_told = ["--help", "--version"].contains(&flag) || reference.contains(flag);
        assert!(is_told, "{flag} is not in the reference");
    }
    let keys: Vec<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'))
        .collect();
    let keys: Vec<&str> = keys.into_iter().filter(|key| !key.contains(' ')).collect();
    assert!(keys.len() > 50, "{keys:?}");
    for key in keys {
        assert!(manual.contains(key), "{key} is not in the manual page");
    }
}

#[test]
fn a_broken_configuration_is_one_line_with_its_place() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    let path = path.to_str().expect("a UTF-8 path");
    for (text, expected) in [
        ("port = 0\n\nlisen = '::'\n", ":3: unknown key `lisen`"),
        ("[limits]\nmax_heders = 1\n", ":2: unknown key `max_heders`"),
        ("listen = 'nowhere'\n", ":1: `nowhere` is no IPv4 or IPv6 address"),
        ("port = 70000\n", ":1: invalid value: integer `70000`"),
    ] {
        std::fs::write(path, text).expect("a write");
        let output = run(&["--config", path]);
        assert_eq!(output.status.code(), Some(2), "{text}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.starts_with(&format!("mirrorlistd: {path}{expected}")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn a_configuration_file_is_used() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("mirrorlistd.toml");
    std::fs::write(&path, "demo = true\nlisten = '::1'\n").expect("a write");
    let path = path.to_str().expect("a UTF-8 path").to_owned();
    let server = Server::start_in(folder, &["--config", &path]);
    assert!(server.address.is_ipv6());
    assert_eq!(server.get(DEMO).status(), 200);
}
