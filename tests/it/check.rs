//! `mirrorlistd check`: what it finds, what it says, how it exits, and that it leaves no trace.

use std::fs;

use serde_json::Value;
use testdata::Message as _;

use crate::fixture::World;
use crate::previous_snapshot::Store;
use crate::server::{DEMO, Server, free_port, run, wait_until};

/// Exit status, standard output and standard error of a check.
#[track_caller]
fn check(args: &[&str]) -> (i32, String, String) {
    let output = run(&[&["check"], args].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The same as JSON.
#[track_caller]
fn check_json(args: &[&str]) -> (i32, Value) {
    let (status, stdout, _) = check(&[args, &["--json"]].concat());
    let json: Value = serde_json::from_str(&stdout).expect(&stdout);
    assert_eq!(json["exit_status"], status);
    (status, json)
}

/// Options that leave nothing to warn of.
const QUIET: [&str; 4] = ["--port", "0", "-l", "none"];

#[test]
fn a_sound_snapshot_and_configuration_are_fine() {
    let store = Store::new();
    store.compile(1, &[]);
    let (file, generation) = (store.text("mirrors.snapshot"), store.generation("mirrors.snapshot"));
    let config = store.text("mirrorlistd.toml");
    let text = format!("port = 0\nlog = 'none'\nsnapshot = '{file}'\nwatch = true\n");
    fs::write(&config, text).unwrap();
    let before = store.names();
    let (status, stdout, stderr) = check(&["--config", &config]);
    assert_eq!((status, stderr.as_str()), (0, ""));
    for line in [
        format!("config: {config}"),
        "listen: http://127.0.0.1:0".into(),
        "watch quiet seconds: 5".into(),
        format!("source: snapshot {file}"),
        format!("generation: {generation}"),
        "hosts: 8".into(),
        "verdict: fine".into(),
    ] {
        assert!(stdout.lines().any(|found| found == line), "{line}: {stdout}");
    }
    let (_, json) = check_json(&["--config", &config]);
    assert_eq!(json["verdict"], "fine");
    assert_eq!(json["data"]["generation"], generation.as_str());
    assert_eq!(json["data"]["bytes"], fs::metadata(&file).unwrap().len());
    assert_eq!(json["warnings"], Value::Array(Vec::new()));
    assert_eq!(store.names(), before, "nothing is written");
}

#[test]
fn what_was_skipped_in_the_data_is_listed_as_compile_lists_it() {
    let store = Store::new();
    let mut world = World::standard();
    world.netblocks += "10.0.0.0/40 680\n";
    world.write(store.folder.path(), &world.list.encode_to_vec());
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).chain(QUIET).collect();
    let (status, stdout, stderr) = check(&inputs);
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("netblocks.txt:7: "), "{stderr}");
    assert!(stdout.contains("diagnostics: 3\n"), "{stdout}");
    let (_, json) = check_json(&inputs);
    assert_eq!(json["data"]["diagnostic_lines"].as_array().map(Vec::len), Some(3));
}

#[test]
fn data_with_which_clients_fail_are_status_1_and_served_all_the_same() {
    let store = Store::new();
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).chain(QUIET).collect();
    let weak = |world: &mut World| {
        let mut weak = crate::fixture::details(1, '1');
        (weak.sha256, weak.sha512) = (None, None);
        world.file("pub/test/9/plain/repodata", "repomd.xml", &[weak]);
    };
    let far = |world: &mut World| {
        world.directory("pub/rsync", "rsync", &[8]);
        world.repository("rsync+x86_64", "pub/rsync");
    };
    for (change, fault) in [
        (
            &weak as &dyn Fn(&mut World),
            "repomd.xml without sha256 and sha512, clients cannot verify it: pub/test/9/plain",
        ),
        (
            &far,
            "repository that no public mirror offers over http or https: rsync+x86_64 in pub/rsync",
        ),
    ] {
        let mut world = World::standard();
        change(&mut world);
        world.write(store.folder.path(), &world.list.encode_to_vec());
        let (status, stdout, stderr) = check(&inputs);
        assert_eq!(status, 1, "{stderr}");
        assert!(
            stderr
                .lines()
                .any(|line| line.starts_with("mirrorlistd: cache.proto: ") && line.contains(fault)),
            "{stderr}"
        );
        assert!(stdout.ends_with("verdict: the data are at fault\n"), "{stdout}");
        let (_, json) = check_json(&inputs);
        assert_eq!(json["data_faults"].as_array().map(Vec::len), Some(1), "{json}");
        // Most answers are sound.
        let (output, files) = (store.text("mirrors.snapshot"), store.inputs());
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let compiled = run(&[&["compile", "-o", &output], &files[..]].concat());
        assert_eq!(compiled.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&compiled.stderr).contains(fault));
    }
    // What is mended is no fault.
    let mut world = World::standard();
    world.list.hc_url_cache[0].value += "//";
    world.write(store.folder.path(), &world.list.encode_to_vec());
    let (status, _, stderr) = check(&inputs);
    assert_eq!(status, 0);
    assert!(stderr.contains("HCUrlCache: URL in an odd form, mended: 10 "), "{stderr}");
}

#[test]
fn an_alias_of_what_is_not_there_is_a_warning() {
    let store = Store::new();
    let config = store.text("mirrorlistd.toml");
    let aliases = "'9Server' = '9'\n'x' = 'nowhere'\n";
    fs::write(&config, format!("port = 0\nlog = 'none'\n[answer.aliases]\n{aliases}")).unwrap();
    let (status, _, stderr) = check(&["--demo", "--config", &config]);
    assert_eq!(status, 0, "{stderr}");
    let warning =
        "warning: the alias `x` stands for `nowhere`, which is no directory or repository";
    assert!(stderr.contains(warning), "{stderr}");
    // The start says the same.
    let server = Server::start(&["--demo", "--config", &config]);
    let line = warning.strip_prefix("warning: ").unwrap();
    wait_until("the start says so", || server.stderr().contains(line));
    drop(server);
    fs::write(&config, "[answer]\naliases = { a = 'b/c', b = 'a' }\n").unwrap();
    let (status, _, stderr) = check(&["--config", &config]);
    assert_eq!(status, 2);
    assert!(stderr.contains(":2: the alias `a` leads round in a circle"), "{stderr}");
}

#[test]
fn data_that_cannot_be_served_are_status_1() {
    let store = Store::new();
    store.compile(1, &[]);
    let first = store.generation("mirrors.snapshot");
    store.compile(2, &[]);
    store.damage("mirrors.snapshot");
    let file = store.text("mirrors.snapshot");
    let args = [&["--snapshot", &file], &QUIET[..]].concat();
    let (status, stdout, stderr) = check(&args);
    assert_eq!(status, 1);
    assert!(
        stderr.contains(&format!("mirrorlistd: {file}: is damaged: its checksum is")),
        "{stderr}"
    );
    let stand_in = format!("would serve generation {first}, from {file}.previous\n");
    assert!(stderr.contains(&stand_in), "{stderr}");
    assert!(stdout.ends_with("verdict: the data are at fault, 1 warning\n"), "{stdout}");
    let (_, json) = check_json(&args);
    assert_eq!(json["data"], Value::Null);
    assert_eq!(json["data_faults"].as_array().map(Vec::len), Some(1));

    let (status, _, stderr) = check(&[&["--cache", "/nonexistent/cache"], &QUIET[..]].concat());
    assert_eq!(status, 1);
    assert!(stderr.starts_with("mirrorlistd: /nonexistent/cache: No such file"), "{stderr}");
}

#[test]
fn data_that_have_shrunk_are_status_1_where_there_is_something_to_compare_with() {
    let store = Store::new();
    store.compile(1, &[]);
    let mut small = World::standard();
    small.list.repo_arch_to_directory_name.truncate(1);
    small.write(store.folder.path(), &small.list.encode_to_vec());
    let (inputs, file) = (store.inputs(), store.text("mirrors.snapshot"));
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).chain(QUIET).collect();
    assert_eq!(check(&inputs).0, 0);
    let (status, _, stderr) = check(&[&inputs[..], &["--previous", &file]].concat());
    assert_eq!(status, 1);
    let shrink = "mirrorlistd: implausible shrink: repositories fell from 5 to 1 (--allow-shrink";
    assert!(stderr.contains(shrink), "{stderr}");
    let accepted = ["--previous", &file, "--allow-shrink"];
    assert_eq!(check(&[&inputs[..], &accepted].concat()).0, 0);
    // The first deployment.
    let absent = ["--previous", "/nonexistent/snapshot"];
    let (status, _, stderr) = check(&[&inputs[..], &absent].concat());
    assert_eq!(status, 0);
    let warning = "warning: there is nothing to compare the data with: /nonexistent/snapshot: No";
    assert!(stderr.contains(warning), "{stderr}");
}

#[test]
fn a_configuration_that_cannot_be_used_is_status_2() {
    let store = Store::new();
    let config = store.text("mirrorlistd.toml");
    fs::write(&config, "port = 0\nlisen = '::'\n").unwrap();
    let expected = format!("{config}:2: unknown key `lisen`");
    let (status, stdout, stderr) = check(&["--config", &config]);
    assert_eq!((status, stdout.as_str()), (2, "verdict: the configuration is at fault\n"));
    assert!(stderr.starts_with(&format!("mirrorlistd: {expected}")), "{stderr}");
    let (_, json) = check_json(&["--config", &config]);
    let fault = json["configuration_faults"][0].as_str().unwrap();
    assert!(fault.starts_with(&expected), "{json}");

    assert_eq!(run(&["check", "--port", "70000"]).status.code(), Some(2));
    // An address of the block for documentation is no host's own.
    let (status, _, stderr) = check(&["--demo", "--listen", "192.0.2.1"]);
    assert_eq!(status, 2);
    assert!(stderr.contains("cannot listen on 192.0.2.1:3000: Cannot assign"), "{stderr}");
    fs::write(store.path("file"), "").unwrap();
    let admin = format!("unix:{}", store.text("file"));
    let (status, _, stderr) = check(&["--demo", "--port", "0", "--admin", &admin]);
    assert_eq!(status, 2);
    let expected = format!("mirrorlistd: cannot listen on {admin}: it exists and is no socket\n");
    assert!(stderr.contains(&expected), "{stderr}");
    let twice = ["--demo", "--port", "65000", "--admin", "127.0.0.1:65000"];
    let (status, _, stderr) = check(&twice);
    assert_eq!(status, 2);
    assert!(stderr.contains("127.0.0.1:65000 is named twice"), "{stderr}");
    let wide = ["--demo", "--listen", "::", "--port", "65000", "--admin", "127.0.0.1:65000"];
    let (status, _, stderr) = check(&wide);
    assert_eq!(status, 2);
    let together = "cannot listen on 127.0.0.1:65000 and [::]:65000 together";
    assert!(stderr.contains(together), "{stderr}");
    let long = format!("unix:/tmp/{}", "x".repeat(108));
    let (status, _, stderr) = check(&["--demo", "--port", "0", "--admin", &long]);
    assert_eq!(status, 2);
    assert!(stderr.contains(&format!("cannot listen on {long}: ")), "{stderr}");
    // The configuration comes first where both are at fault.
    let both = ["--snapshot", "/nonexistent/s", "--listen", "192.0.2.1"];
    assert_eq!(check(&both).0, 2);
}

#[test]
fn what_would_be_lost_is_a_warning() {
    let store = Store::new();
    let log = store.text("missing/access.log");
    let admin = format!("unix:{}", store.text("missing/admin"));
    let args =
        ["--demo", "--port", "0", "--watch", "-l", &log, "--combined-log", &log, "--admin", &admin];
    let (status, json) = check_json(&args);
    assert_eq!(status, 0, "{json}");
    let missing = store.text("missing");
    let lost = "the server starts, and counts the lines that are lost";
    let warnings = [
        format!(
            "cannot listen on {admin}: the folder {missing} does not exist; does the unit make it?"
        ),
        format!("{log}: the folder {missing} does not exist; {lost}"),
        format!("{log}: the folder {missing} does not exist; {lost}"),
        "the access log and the combined log are the same file".into(),
        "no data are given: the built-in demo data would be served".into(),
        "there is no file to watch".into(),
    ];
    assert_eq!(json["warnings"], Value::from(warnings.to_vec()), "{json:#}");
    assert!(!store.path("missing").exists());
    let folder = store.folder.path().to_str().unwrap();
    let (_, _, stderr) = check(&["--demo", "--port", "0", "-l", folder]);
    assert!(stderr.contains(&format!("warning: {folder}: it is a folder; {lost}")), "{stderr}");

    let mut world = World::standard();
    world.list.time = 32_503_680_000;
    world.list.file_details_cache.clear();
    world.write(store.folder.path(), &world.list.encode_to_vec());
    let inputs = store.inputs();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).chain(QUIET).collect();
    let (status, _, stderr) = check(&inputs);
    assert_eq!(status, 0, "{stderr}");
    assert!(stderr.contains("made in the future, 3000-01-01T00:00:00Z: a clock"), "{stderr}");
    assert!(stderr.contains("hold no file with checksums"), "{stderr}");
}

#[test]
fn it_runs_beside_a_server_and_disturbs_nobody() {
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let (status, json) = check_json(&["--demo", "--port", &port]);
    assert_eq!(status, 0, "{json}");
    assert_eq!(json["configuration"]["in_use"][0], format!("http://127.0.0.1:{port}"));
    assert_eq!(server.get(DEMO).status(), 200);
    // Nor is anything left of it that would be in the way of a server.
    let free = free_port().to_string();
    assert_eq!(check(&["--demo", "--port", &free]).0, 0);
    let server = Server::start(&["--port", &free]);
    assert_eq!(server.address.port().to_string(), free);
}
