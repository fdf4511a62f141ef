//! Background work of the real program: what changes is compiled, published and served, whatever happens.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use snapshot::format;
use tempfile::TempDir;
use testdata::Message as _;

use crate::fixture::World;
use crate::server::{Server, command, patient, run, wait_until};

const LIST: &str = "/mirrorlist?repo=example-9&arch=x86_64";
const METALINK: &str = "/metalink?repo=example-9&arch=x86_64";

/// A catalog with one repository and these mirrors.
fn catalog(mirrors: &[&str]) -> String {
    let head = "[distribution]\nname = \"Example Linux\"\n\n[[repository]]\nname = \"example\"\n\
                versions = [\"9\"]\narches = [\"x86_64\"]\npath = \"{version}/{arch}\"\n";
    let mirror = |key: &&str| {
        format!(
            "\n[[mirror]]\nkey = \"{key}\"\nurls = [\"https://{key}.example/pub\"]\ncountry = \"DE\"\n"
        )
    };
    head.to_owned() + &mirrors.iter().map(mirror).collect::<String>()
}

/// A folder with a catalog and a configuration. `more` are lines at the top of the configuration, `control`
/// lines of its table; HERE in them is the folder.
fn site(more: &str, control: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    replace(&path.join("catalog.toml"), &catalog(&["berlin"]));
    let config = format!(
        "catalog = 'HERE/catalog.toml'\nwatch_quiet = 1\n{more}\n[control]\nstate = 'HERE/state'\n{control}\n"
    );
    let config = config.replace("HERE", path.to_str().unwrap());
    fs::write(path.join("control.toml"), patient(&config)).unwrap();
    folder
}

/// Replaces a file as a whole.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
    fs::rename(new, path).unwrap();
}

fn serve(folder: TempDir) -> Server {
    let config = folder.path().join("control.toml");
    let config = config.to_str().unwrap().to_owned();
    Server::start_in(folder, &["--config", &config])
}

/// `mirrorlistd control`, which has begun.
fn work(folder: TempDir) -> Server {
    let mut command = command(&["control", "--config"]);
    command.arg(folder.path().join("control.toml"));
    let stderr = fs::File::create(folder.path().join("stderr")).unwrap();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    let server = Server::of(folder, command, ([127, 0, 0, 1], 0).into());
    server.wait_for_log("working on catalog ");
    server
}

/// Makes a directory that everybody may read.
fn make_directory(path: &Path) {
    fs::create_dir(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Writes a `repomd.xml` of this revision, as a repository has it.
fn write_repomd(folder: &Path, revision: u64) {
    let repodata = folder.join("tree/9/x86_64/repodata");
    let above: Vec<_> = repodata.ancestors().take_while(|above| *above != folder).collect();
    for directory in above.into_iter().rev().filter(|directory| !directory.exists()) {
        make_directory(directory);
    }
    let text = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>{revision}</revision></repomd>\n"
    );
    replace(&repodata.join("repomd.xml"), &text);
}

#[test]
fn a_catalog_that_is_edited_is_published_and_served() {
    let mut server = serve(site("", ""));
    assert!(server.get(LIST).body.contains("https://berlin.example/pub/9/x86_64/"));
    replace(&server.path("catalog.toml"), &catalog(&["berlin", "paris"]));
    wait_until("the new mirror is served", || {
        server.get(LIST).body.contains("https://paris.example/pub/9/x86_64/")
    });
    // What is served is the file that was published.
    let published = format::read(&server.path("state/mirrors.snapshot")).unwrap();
    let served = server.get(LIST);
    assert_eq!(
        served.header("mirrorlist-generation"),
        Some(published.generation().to_string().as_str())
    );
    // A catalog that cannot be compiled changes nothing, and the log has every reason.
    let broken = catalog(&["berlin"]) + "\n[[mirror]]\nkey = \"a b\"\ncuntry = \"DE\"\n";
    replace(&server.path("catalog.toml"), &broken);
    server.wait_for_log("snapshot.compile failed: ");
    server.wait_for_log("cuntry");
    assert!(server.get(LIST).body.contains("https://paris.example/"));
    // After a restart, the last good snapshot is served although the catalog is still broken.
    server.stop();
    let folder = std::mem::replace(&mut server.folder, tempfile::tempdir().unwrap());
    let server = serve(folder);
    assert!(server.get(LIST).body.contains("https://paris.example/"));
}

#[test]
fn a_tree_that_changes_is_scanned_and_served_with_its_checksums() {
    let folder = site("index = 'HERE/primary.index'", "tree = 'HERE/tree'");
    let path = folder.path().to_owned();
    write_repomd(&path, 1);
    // There is no index yet: it serves without one, until the first scan has made it.
    let server = serve(folder);
    wait_until("a metalink is served", || server.get(METALINK).status() == 200);
    let before = server.get(METALINK).body;
    write_repomd(&path, 22);
    wait_until("the new checksum is served", || {
        let now = server.get(METALINK).body;
        now != before && now.contains("sha256")
    });
}

/// The schedule would make it ten minutes later.
#[test]
fn an_index_that_somebody_removes_is_made_again() {
    let folder = site("index = 'HERE/primary.index'", "tree = 'HERE/tree'");
    write_repomd(folder.path(), 1);
    let server = serve(folder);
    wait_until("a metalink is served", || server.get(METALINK).status() == 200);
    let index = server.path("primary.index");
    fs::remove_file(&index).unwrap();
    server.wait_for_log(
        "primary.index is not there yet: the task primary.scan makes it, and is asked for",
    );
    wait_until("it is there again", || index.exists());
    wait_until("its metalink is served", || server.get(METALINK).body.contains("sha256"));
}

/// The schedule would find it ten minutes later.
#[test]
fn the_first_repository_of_an_empty_tree_is_noticed() {
    let folder = site("index = 'HERE/primary.index'", "tree = 'HERE/tree'");
    let path = folder.path().to_owned();
    make_directory(&path.join("tree"));
    let server = serve(folder);
    // The last thing that is done at the start.
    server.wait_for_log("holds no directory that a mirror carries");
    assert_eq!(server.get(METALINK).status(), 404);
    write_repomd(&path, 1);
    wait_until("its checksum is served", || server.get(METALINK).body.contains("sha256"));
}

#[test]
fn what_checks_have_found_is_published_with_the_catalog() {
    let findings = |mirrors: &str| format!("{{\"format\":1,\"made\":1,\"mirrors\":{{{mirrors}}}}}");
    let hidden = r#""berlin":{"hidden":{"reason":"down","since":1}}"#;
    let folder = site("findings_file = 'HERE/findings.json'", "");
    let file = folder.path().join("findings.json");
    replace(&folder.path().join("catalog.toml"), &catalog(&["berlin", "paris"]));
    replace(&file, &findings(hidden));
    let server = serve(folder);
    let lists =
        |mirror: &str| server.get(LIST).body.contains(&format!("https://{mirror}.example/"));
    assert!(lists("paris") && !lists("berlin"));
    // The file is watched as the catalog is.
    replace(&file, &findings(""));
    wait_until("the mirror is listed again", || lists("berlin"));
    replace(&file, &findings(hidden));
    wait_until("the mirror is left out again", || !lists("berlin"));
}

#[test]
fn a_snapshot_that_somebody_removes_or_replaces_is_published_again() {
    let remove = |file: &Path| fs::remove_file(file).unwrap();
    let replace_by_another = |file: &Path| {
        let other = file.with_file_name("other.toml");
        replace(&other, &catalog(&["berlin", "paris"]));
        let (other, file) = (other.to_str().unwrap(), file.to_str().unwrap());
        let compiled = run(&["compile", "--catalog", other, "-o", file]);
        assert!(compiled.status.success(), "{compiled:?}");
    };
    for spoil in [&remove as &dyn Fn(&Path), &replace_by_another] {
        let mut worker = work(site("", ""));
        let file = worker.path("state/mirrors.snapshot");
        let generation = || format::read_generation(&file).ok();
        worker.wait_for_log("published ");
        let published = generation();
        assert!(published.is_some());
        spoil(&file);
        worker.wait_for_log("somebody has removed or replaced it");
        wait_until("it is published again", || generation() == published);
        worker.stop();
    }
}

#[test]
fn a_server_starts_before_its_networks_are_built() {
    let folder = site(
        "geoip = 'HERE/networks.geography'",
        "country_tables = ['HERE/countries.csv']\ngeography_file = 'HERE/networks.geography'",
    );
    replace(&folder.path().join("countries.csv"), "192.0.2.0/24,DE\n");
    let server = serve(folder);
    let list = format!("{LIST}&ip=192.0.2.10");
    wait_until("the networks are built and served", || {
        server.get(&list).body.contains("country = DE")
    });
    assert!(server.path("networks.geography").exists());
}

#[test]
fn mirrormanagers_data_are_served_before_their_networks_are_built() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::standard();
    let files = world.write(folder.path(), &world.list.encode_to_vec());
    fs::remove_file(&files.geoip).unwrap();
    replace(&folder.path().join("countries.csv"), "198.18.0.0/24,DE\n");
    let config = "cache = 'HERE/cache.proto'\nglobal_netblocks = 'HERE/netblocks.txt'\n\
                  cccsv = 'HERE/continents.csv'\ngeoip = 'HERE/country.mmdb'\nlog = 'none'\n\
                  [control]\nstate = 'HERE/state'\ncountry_tables = ['HERE/countries.csv']\n\
                  geography_file = 'HERE/country.mmdb'\n";
    let config = config.replace("HERE", folder.path().to_str().unwrap());
    fs::write(folder.path().join("control.toml"), patient(&config)).unwrap();
    let server = serve(folder);
    let list = "/mirrorlist?repo=main-9&arch=x86_64&ip=198.18.0.10";
    assert_eq!(server.get(list).status(), 200);
    wait_until("the networks are built and served", || {
        server.get(list).body.contains("country = DE")
    });
}

#[test]
fn a_task_that_does_not_stop_holds_the_end_no_longer_than_it_may_whatever_is_signalled() {
    for serves in [true, false] {
        let folder =
            site("[admin]\nlisten = 'unix:HERE/socket'", "test_kinds = true\nstop_seconds = 1");
        let mut server = if serves { serve(folder) } else { work(folder) };
        let admin = format!("unix:{}", server.path("socket").display());
        let task = |args: &[&str]| run(&[&["task"], args, &["--admin", &admin]].concat());
        // Its thread ends only with the process.
        wait_until("the task is accepted", || {
            task(&["run", "--detach", "test.sleep", "block", "seconds=86400"]).status.success()
        });
        wait_until("it runs", || {
            let list = task(&["list", "--kind", "test.sleep", "--state", "running"]);
            String::from_utf8_lossy(&list.stdout).contains("test.sleep")
        });
        // Signals that come without end would put the end off for ever if each one began the time anew.
        let mut status = None;
        wait_until("it ends", || {
            server.signal(Signal::TERM);
            status = server.status();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0), "{}", server.stderr());
        assert!(server.stderr().contains("does not stop in time"), "{}", server.stderr());
    }
}

#[test]
fn a_catalog_that_was_only_touched_keeps_its_generation() {
    let folder = site("", "");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (catalog, file) = (path("catalog.toml"), path("mirrors.snapshot"));
    let compile = || {
        let compiled = run(&["compile", "--catalog", &catalog, "-o", &file]);
        assert!(compiled.status.success(), "{compiled:?}");
        format::read_generation(Path::new(&file)).unwrap()
    };
    let first = compile();
    let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    fs::File::options().write(true).open(&catalog).unwrap().set_times(times).unwrap();
    assert_eq!(compile(), first);
}

#[test]
fn work_that_was_killed_is_done_at_the_next_start() {
    let mut worker = work(site("", ""));
    worker.signal(Signal::KILL);
    worker.wait();
    let folder = std::mem::replace(&mut worker.folder, tempfile::tempdir().unwrap());
    replace(&folder.path().join("catalog.toml"), &catalog(&["berlin", "paris"]));
    let mut worker = work(folder);
    let snapshot = worker.path("state/mirrors.snapshot");
    wait_until("both mirrors are published", || {
        format::read(&snapshot).is_ok_and(|snapshot| snapshot.stats().hosts == 2)
    });
    worker.stop();
    let names = fs::read_dir(worker.path("state")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_str().unwrap().ends_with(".tmp")), "{names:?}");
}

#[test]
fn a_second_process_is_kept_out_of_a_state_folder() {
    let mut worker = work(site("", ""));
    let config = worker.path("control.toml");
    let second = run(&["control", "--config", config.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("is used by another process"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    worker.stop();
}

#[test]
fn a_store_that_cannot_be_made_ends_the_start_with_one_line() {
    let folder = site("", "");
    fs::write(folder.path().join("state"), "a file").unwrap();
    let config = folder.path().join("control.toml");
    for args in [&["control", "--config"][..], &["--config"]] {
        let output = run(&[args, &[config.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.starts_with("mirrorlistd: ") && told.contains("/state: "), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("control.toml");
    for (text, expected) in [
        ("[control]\nstat = 's'\n", "control.toml:2: unknown key `stat`"),
        ("[control]\nscan_every = 0\n", "control.toml:2: 0 is not in 1 to 31536000"),
        ("[control]\nscan_every = 31536001\n", "control.toml:2: 31536001 is not in 1 to 31536000"),
        (
            "[control]\nstate = 's'\nstore = 'postgresql://a/b'\n",
            "control.toml:3: `store` excludes",
        ),
        (
            "[control]\nstore = 'mysql://hunter2@a/b'\n",
            "control.toml:2: an address of PostgreSQL begins",
        ),
        (
            "[control]\nstore = 'postgresql://me:hunter2@a:x/b'\n",
            "control.toml:2: the address of the store is none of PostgreSQL's",
        ),
        (
            "[control]\nstore = 'postgresql://me:hunter2@a/b?sslmode=require'\n",
            "control.toml:2: sslmode=require: connections to PostgreSQL are not encrypted",
        ),
        ("[control]\nnode = 'a b'\n", "control.toml:2: `a b` is no name of a node"),
        ("snapshot = 's'\n[control]\nstate = 's'\n", "control.toml:1: `snapshot` names a snapshot"),
        ("[control]\ntree = 't'\n", "no store is named"),
        ("[control]\nstate = 's'\ntree = 't'\n", "`control.tree` is scanned into the index"),
        ("[control]\nstate = 's'\ngeography_file = 't'\n", "needs `control.country_tables`"),
        ("[control]\nstate = 's'\nasn_tables = ['t']\n", "need `control.geography_file`"),
        ("[control]\nstate = 's'\nrsync_listings = true\n", "`control.rsync_listings`"),
        ("[control]\ncontact = 'a b'\n", "control.toml:2: `a b` is no contact: a contact is 1"),
        ("[control]\npublic_pages = 'here'\n", "control.toml:2: `here` is neither ADDR:PORT"),
    ] {
        fs::write(&config, text).unwrap();
        let output = run(&["control", "--config", config.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}: {told}");
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("hunter2"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}

#[test]
fn a_token_file_that_others_may_read_is_a_fault_of_the_configuration() {
    let folder = site("", "token_file = 'HERE/tokens'");
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, "a-token-that-is-long-enough-to-be-one\n").unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o644)).unwrap();
    let config = folder.path().join("control.toml");
    let config = config.to_str().unwrap();
    let output = run(&["control", "--config", config, "--admin", "127.0.0.1:0"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("/tokens: has mode 644"), "{told}");
    let output = run(&["check", "--config", config]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("/tokens: has mode 644"), "{told}");
}

#[test]
fn a_secret_that_cannot_sign_is_a_fault_of_the_configuration() {
    let more = "findings_file = 'HERE/state/findings.json'";
    let webhook = "visit_mirrors = true\nwebhook = 'https://hooks.example.org/'";
    let folder = site(more, &format!("{webhook}\nwebhook_secret_file = 'HERE/secret'"));
    let secret = folder.path().join("secret");
    fs::write(&secret, "short\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let config = folder.path().join("control.toml");
    let config = config.to_str().unwrap();
    let refused = |args: &[&str], expected: &str| {
        let output = run(&[args, &["--config", config]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("`control.webhook_secret_file`: /"), "{told}");
        assert!(told.contains(expected), "{told}");
    };
    refused(&["control", "--admin", "127.0.0.1:0"], "/secret: has no secret of 16 characters");
    refused(&[], "/secret: has no secret of 16 characters");
    refused(&["check"], "/secret: has no secret of 16 characters");
    fs::remove_file(&secret).unwrap();
    refused(&["control"], "/secret: No such file");
    refused(&["check"], "/secret: No such file");
}

#[test]
fn authorities_that_cannot_be_read_are_a_fault_of_who_has_named_them() {
    let more = "findings_file = 'HERE/state/findings.json'";
    let folder = site(more, "visit_mirrors = true");
    let config = folder.path().join("control.toml");
    let mut control = command(&["control", "--config", config.to_str().unwrap()]);
    // With others that can be read it starts.
    control.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", "/nowhere/ca.pem");
    let output = control.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let expected = "mirrorlistd: SSL_CERT_FILE=/nowhere/ca.pem: no root certificate can be read: ";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_check_finds_a_token_file_and_a_folder_that_are_none() {
    let folder = site("", "token_file = 'HERE/tokens'");
    fs::write(folder.path().join("state"), "a file").unwrap();
    let config = folder.path().join("control.toml");
    let output = run(&["check", "--config", config.to_str().unwrap()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("/tokens: ") && told.contains("/state: is no folder"), "{told}");
}
