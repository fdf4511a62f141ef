//! Routes of a catalog, over the wire.

use super::{Files, SMALLEST, serve};
use crate::server::{Client, HasBody, Server, patient};

const ROUTES: &str = r#"
[[route]]
name    = "list"
path    = "/list/{repo}"
query   = { arch = "arch?" }
target  = { repo = "{repo}", arch = "{arch|default:x86_64}" }
options = { header = false }

[[route]]
name    = "static"
path    = "/static/{repo}"
target  = { repo = "{repo}", arch = "{arch|literal:$basearch}" }
options = { header = false, order = "name", cache = 300, content_type = "text/plain; charset=utf-8" }

[[route]]
name    = "get"
path    = "/get/{path*}"
target  = { path = "{path}" }
format  = "redirect"

[[route]]
name    = "other"
host    = ["other.example"]
path    = "/"
target  = { url = "https://fixed.example/x" }
"#;

fn start(config: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mirrorlistd.toml");
    std::fs::write(&file, patient(config)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let catalog = folder.path().join("catalog.toml");
    std::fs::write(&catalog, [SMALLEST, ROUTES].concat()).unwrap();
    let catalog = catalog.to_str().unwrap().to_owned();
    let log = folder.path().join("access.log").to_str().unwrap().to_owned();
    Server::start_in(folder, &["--config", &file, "--catalog", &catalog, "-l", &log])
}

#[test]
fn each_request_finds_its_route_or_is_told_that_there_is_none() {
    let server = start("");
    let list = server.get("/list/baseos-9");
    assert_eq!((list.status(), list.header("content-type")), (200, Some("text/plain")));
    assert!(list.body.contains("://mirror.berlin.example/"), "{}", list.body);
    // The answer depends on the client's address, and on no header.
    assert_eq!((list.header("cache-control"), list.header("vary")), (Some("private"), None));
    let built_in = server.get("/mirrorlist?repo=baseos-9&arch=x86_64");
    assert_eq!((built_in.status(), built_in.header("vary")), (200, Some("accept")));

    let same_for_all = server.get("/static/baseos-9");
    assert_eq!(same_for_all.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(same_for_all.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(same_for_all.body.contains("/$basearch/"), "{}", same_for_all.body);
    let unknown = server.get("/static/none");
    assert_eq!((unknown.status(), unknown.header("cache-control")), (404, Some("private")));

    let redirect = server.get("/get/9/BaseOS/x86_64/os/a.rpm");
    assert_eq!(redirect.status(), 302);
    assert!(redirect.header("location").is_some_and(|url| url.ends_with("/os/a.rpm")));

    let nothing = server.get("/");
    assert_eq!(nothing.status(), 404);
    let message = "not found: no route has this path and query; other paths here end in /mirrorlist, \
                   /metalink or /metalink4\n";
    assert_eq!(nothing.body, message);
    let other = server.ask("GET / HTTP/1.1\r\nHost: Other.example:80\r\n\r\n");
    assert_eq!((other.status(), &*other.body), (200, "https://fixed.example/x\n"));
    server.wait_for_lines("access.log", 4);
    let log = std::fs::read_to_string(server.path("access.log")).unwrap();
    let lines: Vec<_> = log.lines().filter_map(|line| line.split_once("REPO: ")).collect();
    let lines: Vec<_> = lines.into_iter().map(|(_, names)| names).collect();
    assert_eq!(
        lines,
        [
            "baseos-9; ARCH: x86_64",
            "baseos-9; ARCH: x86_64",
            "baseos-9; ARCH: $basearch",
            "none; ARCH: $basearch",
        ]
    );
}

#[test]
fn methods_are_those_of_other_answers() {
    let server = start("");
    let ask = |method: &str, target: &str, has_body: HasBody| {
        let mut client = Client::connect(server.address);
        client.send(&format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.read_response(has_body)
    };
    let (get, head) = (
        ask("GET", "/static/baseos-9", HasBody::Yes),
        ask("HEAD", "/static/baseos-9", HasBody::No),
    );
    assert_eq!((head.status(), head.headers()), (200, get.headers()));
    let options = ask("OPTIONS", "/list/baseos-9", HasBody::No);
    assert_eq!((options.status(), options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
    assert_eq!(ask("OPTIONS", "/nothing", HasBody::Yes).status(), 404);
    assert_eq!(ask("POST", "/list/baseos-9", HasBody::Yes).status(), 405);
}

#[test]
fn compressed_answers_vary_by_what_the_client_can_read() {
    let server = start("answer.compress = true\n");
    assert_eq!(server.get("/list/baseos-9").header("vary"), Some("accept-encoding"));
    let built_in = server.get("/mirrorlist?repo=baseos-9&arch=x86_64");
    assert_eq!(built_in.header("vary"), Some("accept, accept-encoding"));
}

/// A catalog with one repository in this directory, and a list for each of its architectures.
fn each_arch(path: &str, arches: &str) -> String {
    format!(
        r#"
        [distribution]
        name   = "Example Linux"
        origin = "https://origin.example"
        [[repository]]
        name   = "core"
        arches = [{arches}]
        path   = "{path}"
        [[mirror]]
        key     = "berlin"
        urls    = ["https://berlin.example/pub"]
        country = "DE"
        [[route]]
        name   = "each"
        path   = "/{{repo}}"
        target = {{ repo = "{{repo}}", arch = "{{arch|literal:$basearch}}" }}
        query  = {{ arch = "arch?" }}
        "#
    )
}

#[test]
fn the_word_for_each_architecture_stands_only_where_the_template_has_it() {
    for (path, arches, expected) in [
        ("alarm/{arch}/core", "\"arm\"", "alarm/$basearch/core"),
        ("alarm2/{arch}/core", "\"arm\", \"aarch64\"", "alarm2/$basearch/core"),
        ("el9-x86_64/{arch}", "\"x86_64\", \"aarch64\"", "el9-x86_64/$basearch"),
        ("x~y/{arch}/{arch}", "\"x\", \"y\"", "x~y/$basearch/$basearch"),
        ("x86_64", "\"x86_64\"", "x86_64"),
    ] {
        let files = Files::new(&each_arch(path, arches));
        assert_eq!(
            files.serve().get("/core").urls(),
            [
                format!("https://berlin.example/pub/{expected}/"),
                format!("https://origin.example/{expected}/"),
            ]
        );
        let report = files.report();
        assert!(!report.iter().any(|line| line.contains("each architecture")), "{report:?}");
    }
}

#[test]
fn a_repository_in_differing_directories_is_told_as_that() {
    let other =
        "[[repository]]\nname = \"core\"\narches = [\"aarch64\"]\npath = \"other/{arch}\"\n";
    let catalog = [&each_arch("main/{arch}", "\"x86_64\""), other].concat();
    let server = serve(&catalog);
    let expected = "404\n# repo = core arch = $basearch error: the directories of its architectures differ \
                    in more than their names\n";
    assert_eq!(server.get("/core").text(), expected);
    assert_eq!(server.get("/core?arch=x86_64").status, 200);
    let unknown = "404\n# repo = none arch = $basearch error: invalid repo or arch\n";
    assert_eq!(server.get("/none").text(), unknown);
}
