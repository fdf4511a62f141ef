//! The styles in which routes say that there is no list.

use crate::fixture::{Answer, World};

fn answer(style: &str, more: &str, request: &str) -> Answer {
    let mut world = World::standard();
    world.routes = format!(
        "map m 9=9 8=8 missing=missing\nroute r\npath /r/{{version}}/{{repo}}\nquery arch arch\n\
         query protocol protocol?\nquery country country?\nquery limit limit?\nquery ip ip?\n\
         target repo {{repo}}-{{version|map:m}}\ntarget arch {{arch}}\nerrors {style}\n{more}"
    );
    world.serve().get(request)
}

#[track_caller]
fn check(style: &str, request: &str, content_type: &str, expected: &str) {
    let answer = answer(style, "option prefer [http https]", request);
    assert_eq!(answer.text(), expected, "{style} {request}");
    assert_eq!(answer.content_type, content_type, "{style} {request}");
    assert_eq!(answer.cache_seconds, None);
}

#[test]
fn a_line() {
    let text = "text/plain";
    for (request, expected) in [
        ("/r/7/main?arch=x86_64", "404\nerror: version is unknown\n"),
        ("/r/9/main", "404\nerror: arch is missing\n"),
        ("/r/9/none?arch=a", "404\n# repo = none-9 arch = a error: invalid repo or arch\n"),
        ("/r/8/old?arch=x86_64", "404\nrepo disabled"),
        ("/r/9/main?arch=%ff", "400\nerror: the value of arch= is not UTF-8\n"),
        ("/r/9/main?arch=x86_64&limit=0", "400\nerror: the limit is not a number from 1 on\n"),
        ("/r/9/main?arch=x86_64&ip=x", "400\nerror: ip=x is no address\n"),
    ] {
        check("default", request, text, expected);
    }
}

#[test]
fn metalinks_and_json_stay_what_they_are() {
    let mut world = World::standard();
    world.routes = "route m\npath /metalink/{repo}\ntarget repo {repo}\ntarget arch x86_64\nformat metalink\n\
                    route j\npath /json/{repo}\ntarget repo {repo}\ntarget arch x86_64\nformat json\n\
                    route i\npath /iso/{repo}\ntarget repo {repo}\ntarget arch x86_64\nformat isolist\n"
        .into();
    let server = world.serve();
    let metalink = server.get("/metalink/none");
    assert_eq!((metalink.status, &*metalink.content_type), (404, "application/metalink+xml"));
    assert!(
        metalink.body.contains("<!-- # repo = none arch = x86_64 error: invalid repo or arch\n-->")
    );
    for path in ["/json/none", "/iso/none"] {
        let json = server.get(path);
        assert_eq!((json.status, &*json.content_type), (404, "application/json"));
        let expected = "{\"error\":\"# repo = none arch = x86_64 error: invalid repo or arch\"}\n";
        assert_eq!(json.body, expected);
    }
}

#[test]
fn of_the_old_lists_of_centos() {
    let text = "text/plain";
    let invalid = "200\nInvalid release/repo/arch combination\n";
    check("centos", "/r/7/main?arch=x86_64", text, invalid);
    check("centos", "/r/9/none?arch=x86_64", text, invalid);
    check("centos", "/r/9/main?arch=%ff", text, invalid);
    check("centos", "/r/9/main", text, "200\narch not specified\n");
}

#[test]
fn of_the_service_of_almalinux() {
    let json = |message: &str| {
        format!(
            "404\n{{\"result\":{{\"message\":{message}}},\"status\":\"error\",\"timestamp\":1795258889}}\n"
        )
    };
    for (request, message) in [
        ("/r/7/main?arch=x86_64", r#""Unknown version \"7\"""#),
        ("/r/9/nothing?arch=x86_64", r#""Unknown repository \"nothing\"""#),
        ("/r/8/old?arch=x86_64", r#""repo disabled""#),
    ] {
        check("alma", request, "application/json", &json(message));
    }
    for (request, expected) in [
        (
            "/r/9/main?arch=x86_64&protocol=ftp",
            "Invalid input for protocol, valid options: http, https",
        ),
        (
            "/r/9/main?arch=x86_64&country=DEU",
            "Invalid input for country, valid options are 2 letter country codes",
        ),
        ("/r/9/main", "error: arch is missing\n"),
    ] {
        check("alma", request, "text/plain", &format!("200\n{expected}"));
    }
    assert_eq!(answer("alma", "", "/r/9/main?arch=x86_64&protocol=https").status, 200);
    // Where a repository is known for its architectures, the one that is asked for is to blame.
    let mut world = World::standard();
    world.routes = "route r\npath /r/{repo}\nquery arch arch?\ntarget repo {repo}-9\n\
                    target arch {arch|literal:$basearch}\nerrors alma"
        .into();
    let body = world.serve().get("/r/main?arch=i686").body;
    assert!(body.contains(r#""Unknown architecture \"i686\"""#), "{body}");
}

#[test]
fn of_the_reference() {
    let unknown = answer("mm", "", "/r/9/none?arch=a");
    let usual = World::standard().serve().get("/mirrorlist?repo=none-9&arch=a");
    assert_eq!(unknown, usual);
    let disabled = answer("mm", "", "/r/8/old?arch=x86_64");
    assert_eq!(disabled.text(), "200\nrepo disabled");
    check("mm", "/r/9/main", "text/plain", "200\nerror: arch is missing\n");
}

#[test]
fn nothing_or_the_fallback_alone() {
    check("empty", "/r/7/main", "text/plain", "200\n");
    let fallback = answer("fallback", "option fallback https://origin.example/root", "/r/7/main");
    assert_eq!(fallback.text(), "200\nhttps://origin.example/root/\n");
    let mut world = World::standard();
    world.routes = "route r\npath /{path*}\ntarget path {path}\nformat redirect\nerrors fallback\n\
                    option fallback https://origin.example/root"
        .into();
    let server = world.serve();
    let answer = server.get("/a%20b/c");
    assert_eq!(answer.status, 302);
    assert_eq!(answer.location.as_deref(), Some("https://origin.example/root/a%20b/c"));
}
