//! `mirrorlistd control export` and `control import`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::server::run;

/// Runs `mirrorlistd control`, which has to end with `status`; what it printed.
#[track_caller]
fn ends_with(status: i32, args: &[&str]) -> String {
    let output = run(&[&["control"], args].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let told = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {told}");
    told
}

fn join(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// What an export of one queue is.
const FILE: &str = r#"{"mirrorlistd_store":1,"schema":SCHEMA,"numbers":{"task":7,"task_event":31,"mirror":3,"mirror_visit":5}}
{"queue":{"name":"cpu","max_running":1,"paused_at":null,"paused_by":null,"reason":null}}
{"end":{"rows":1}}
"#;

fn file() -> String {
    FILE.replace("SCHEMA", &store::schema::VERSION.to_string())
}

#[test]
fn a_store_is_moved_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| join(folder.path(), name);
    let (first, second, third) = (path("first"), path("second"), path("third"));
    fs::write(&first, file()).unwrap();
    let told = ends_with(0, &["import", "--state", &path("a"), &first]);
    assert_eq!(told, format!("{first}: 1 rows imported\n"));
    let told = ends_with(0, &["export", "--state", &path("a"), &second]);
    assert_eq!(told, format!("{second}: 1 rows exported\n"));
    assert_eq!(fs::read_to_string(&second).unwrap(), file());
    assert_eq!(fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o600);
    // The configuration may name the store.
    let config = path("control.toml");
    fs::write(&config, format!("[control]\nstate = '{}'\n", path("b"))).unwrap();
    ends_with(0, &["import", "--config", &config, &second]);
    ends_with(0, &["export", "--config", &config, &third]);
    assert_eq!(fs::read_to_string(&third).unwrap(), file());
    // Nothing is overwritten: neither a file nor a store.
    assert!(ends_with(1, &["export", "--config", &config, &third]).contains("/third: File exists"));
    assert_eq!(fs::read_to_string(&third).unwrap(), file());
    let told = ends_with(1, &["import", "--config", &config, &third]);
    assert!(told.contains("the store is not empty"), "{told}");
}

#[test]
fn an_import_that_is_broken_names_the_line_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| join(folder.path(), name);
    let (broken, whole, state) = (path("broken"), path("whole"), path("state"));
    for (from, to, expected) in [
        ("{\"end\":{\"rows\":1}}\n", "", "line 3: is missing: the file was cut off"),
        ("\"rows\":1", "\"rows\":2", "line 3: tells 2 rows"),
        ("{\"queue\"", "{\"quue\"", "line 2: names the table `quue`"),
        ("mirrorlistd_store", "other", "line 1: does not begin an export"),
    ] {
        fs::write(&broken, file().replace(from, to)).unwrap();
        let told = ends_with(1, &["import", "--state", &state, &broken]);
        assert!(told.starts_with(&format!("mirrorlistd: {broken}: {expected}")), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    fs::write(&whole, file()).unwrap();
    ends_with(0, &["import", "--state", &state, &whole]);
}

#[test]
fn a_store_that_is_used_or_missing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| join(folder.path(), name);
    let (state, file) = (path("state"), path("file"));
    let told = ends_with(1, &["export", "--state", &state, &file]);
    assert_eq!(told, format!("mirrorlistd: {state}: no store is there\n"));
    assert!(!Path::new(&state).exists() && !Path::new(&file).exists());
    assert!(ends_with(1, &["import", "--state", &state, &file]).contains("/file: No such file"));
    assert!(!Path::new(&state).exists());

    fs::write(&file, self::file()).unwrap();
    ends_with(0, &["import", "--state", &state, &file]);
    let lock = fs::File::open(Path::new(&state).join("tasks.lock")).unwrap();
    lock.lock().unwrap();
    let export = path("export");
    for args in [["export", "--state", &state, &export], ["import", "--state", &state, &file]] {
        let told = ends_with(1, &args);
        assert!(told.contains("is used by another process"), "{told}");
    }
    assert!(!Path::new(&export).exists());
}

#[test]
fn what_names_no_store_or_two_is_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = join(folder.path(), "file");
    let config = join(folder.path(), "control.toml");
    fs::write(&config, "[control]\nstat = 's'\n").unwrap();
    assert!(ends_with(2, &["export", &file]).contains("no store is named"));
    for args in [
        &["export", "--state", "s"][..],
        &["export", "--state", "s", "--store", "postgresql://a/b", &file],
        &["--state", "s", "export", &file],
        &["import", "--config", &config, &file],
    ] {
        ends_with(2, args);
    }
    let told = ends_with(2, &["import", "--store", "mysql://secret@a/b", &file]);
    assert!(!told.contains("secret"), "{told}");
}
