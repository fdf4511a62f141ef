//! Law: no answer holds what a client stumbles over. What that is says the suite of real clients
//! ([`support::lint`]); here it is asked of every golden file and of every answer of the twin
//! (`select_twin`), which are many more than clients can be run on.

use std::fs;
use std::path::Path;

use support::lint;

use crate::fixture::{Answer, World, details};

/// An answer with 200 that lists mirrors or says why it lists none.
#[track_caller]
pub(crate) fn check(answer: &Answer) {
    let causes = match &*answer.content_type {
        "text/plain" => list(&answer.body),
        _ => lint::any_metalink(&answer.body),
    };
    assert!(causes.is_empty(), "{}\n{}", causes.join("; "), answer.body);
}

/// A list may be empty if its first line says why.
fn list(body: &str) -> Vec<String> {
    let mut causes = lint::text_list(body);
    if body.lines().next().is_some_and(|line| line.contains("error: ")) {
        causes.retain(|cause| !cause.starts_with("text list names no mirror"));
    }
    causes
}

#[test]
fn each_cause_is_named() {
    let causes = lint::text_list("# repo = a\r\nhttp://a/\r\n");
    assert_eq!(causes, ["text list holds a carriage return"]);
    assert!(lint::text_list("# x\nhttp://a/\n\nhttp://b/\n")[0].contains("blank line"));
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let told = lint::order(&list(&["b", "a"]), &list(&["a", "b"])).unwrap();
    assert!(told.contains("reversed"));
    assert!(lint::order(&list(&["a", "b"]), &list(&["a", "b"])).is_none());
    assert!(lint::metalink("<metalink><files>")[0].contains("not well-formed"));
    for (body, cause) in [
        ("<a><size>0</size></a>", "zero"),
        ("<a><mm0:timestamp>0</mm0:timestamp></a>", "zero"),
        ("<a><verification>\n </verification></a>", "empty verification"),
        ("<a><url>http://a/ b</url></a>", "no plain URL"),
        ("<a>\r</a>", "carriage return"),
    ] {
        let causes = lint::any_metalink(body);
        assert!(causes.len() == 1 && causes[0].contains(cause), "{body}: {causes:?}");
    }
}

#[test]
fn every_golden_file_is_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut n_files = [0; 3];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // The folder of the shipped catalogs has requests beside the answers.
        if path.is_dir() {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let body = fs::read_to_string(&path).unwrap();
        let (kind, causes) = match &*name {
            name if name.ends_with(".xml") => (0, lint::any_metalink(&body)),
            name if name.starts_with("list_") => (1, list(&body)),
            _ => (2, Vec::new()),
        };
        n_files[kind] += 1;
        assert!(causes.is_empty(), "{name}: {}", causes.join("; "));
    }
    assert!(n_files[0] >= 12 && n_files[1] >= 7, "{n_files:?}");
}

#[test]
fn a_version_of_which_nothing_is_known_has_no_empty_elements() {
    let mut world = World::standard();
    world.list.file_details_cache.clear();
    let nothing = testdata::mirrormanager::FileDetailsType::default();
    world.file("pub/test/9/x86_64/repodata", "repomd.xml", &[nothing]);
    let only_sums =
        testdata::mirrormanager::FileDetailsType { time_stamp: 0, size: 0, ..details(1, 'a') };
    world.file("pub/test/9/source/repodata", "repomd.xml", &[only_sums]);
    let server = world.serve();
    for path in ["metalink", "metalink4"] {
        let answer = server.get(&format!("/{path}?repo=main-9&arch=x86_64"));
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("<hash") && !answer.body.contains("verification"));
        check(&answer);
        let answer = server.get(&format!("/{path}?repo=main-source-9&arch=source"));
        assert!(answer.body.contains(&"a".repeat(64)), "{}", answer.body);
        assert!(!answer.body.contains("<size>"), "{}", answer.body);
        check(&answer);
    }
}
