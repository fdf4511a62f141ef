//! Which data are served when several are named, or none.

use std::fs;

use crate::previous_snapshot::Store;
use crate::server::run;

/// Status and stderr of `mirrorlistd COMMAND --config FILE` with this file.
fn outcome(config: &str, command: &[&str]) -> (i32, String) {
    let store = Store::new();
    let path = store.text("m.toml");
    fs::write(&path, config).unwrap();
    let output = run(&[command, &["--config", &path]].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), stderr.replace(&path, "m.toml"))
}

#[test]
fn a_file_that_names_two_sources_is_a_configuration_error_everywhere() {
    let config = "port = 0\ndemo = true\ncache = '/nonexistent/cache'\n";
    let expected = "mirrorlistd: m.toml:3: `cache` names data, and so does `demo = true` above: \
                    keep one of them\n";
    // Also where the command line names a third: the file says what it does not mean.
    for command in
        [&["serve"][..], &["check"], &["compile", "-o", "/nonexistent/out"], &["serve", "--demo"]]
    {
        assert_eq!(outcome(config, command), (2, expected.into()), "{command:?}");
    }
    let (status, stderr) = outcome("snapshot = '/s'\ngeoip = '/g'\n", &["serve"]);
    assert_eq!(status, 2);
    assert!(stderr.contains("m.toml:2: `geoip` names data, and so does `snapshot`"), "{stderr}");
}

#[test]
fn without_data_and_without_the_demo_there_is_nothing_to_serve() {
    let expected = "/var/lib/mirrormanager/mirrorlist_cache.proto: No such file or directory";
    for command in
        [&["serve", "--port", "0", "-l", "none"], &["check", "--port", "0", "-l", "none"]]
    {
        let (status, stderr) = outcome("demo = false\n", command);
        assert_eq!(status, 1, "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}
