//! `mirrorlistd init`: a catalog to start from.

use std::fs;

use crate::server::run;

#[test]
fn init_writes_a_valid_catalog_says_what_is_next_and_overwrites_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("my catalog");
    let path = folder.join("catalog.toml");
    let [folder, file] = [&folder, &path].map(|path| path.to_str().unwrap());
    let output = run(&["init", folder]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    for line in [
        format!("  mirrorlistd check --catalog '{file}'"),
        format!("  mirrorlistd serve --catalog '{file}'"),
        "  curl 'http://127.0.0.1:3000/mirrorlist?repo=baseos-9&arch=x86_64'".into(),
    ] {
        assert!(stdout.lines().any(|told| told == line), "{stdout}");
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(sources::toml_catalog::parse(file, &text).is_ok());
    fs::write(&path, "mine").unwrap();
    let output = run(&["init", folder]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("mirrorlistd: {file}: is there already; it is not changed\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
