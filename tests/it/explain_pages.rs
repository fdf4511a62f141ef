//! The page that explains answers: for operators, for everybody, and asked from the command line.

use std::fs;

use serde_json::Value;

use crate::admin::Watched;
use crate::golden;
use crate::server::{self, DEMO, HasBody, Server, wait_until};

/// A question about a German client of the demo data.
const ASKED: &str = "repo=demo-9&arch=x86_64&ip=192.0.2.10";

/// A server of the demo data whose page is public.
#[track_caller]
fn start_public(lines: &str, args: &[&str]) -> Watched {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("public.toml");
    let text = format!("demo = true\nlog = 'none'\n[answer]\npublic_explain = true\n{lines}");
    fs::write(&file, text).expect("a writable folder");
    let file = file.to_str().expect("a UTF-8 path").to_owned();
    Watched::start_in(folder, &[&["--config", &file], args].concat())
}

/// Exit status, stdout and stderr of the program.
#[track_caller]
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = server::run(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Replaces what differs between two runs.
fn without_generation(text: &str, watched: &Watched) -> String {
    let answer = watched.server.get(DEMO);
    text.replace(answer.header("mirrorlist-generation").expect("a generation"), "GENERATION")
}

#[test]
fn the_page_of_the_operator_has_a_form_and_the_answer_to_it() {
    let watched = Watched::start(&["--demo"]);
    let (status, head, empty) = watched.ask("GET", "/explain");
    assert_eq!(status, 200);
    assert!(head.contains("form-action 'self'"), "{head}");
    assert!(empty.contains("<form") && empty.contains("name=\"request\""), "{empty}");
    assert!(!empty.contains("role=\"alert\""), "{empty}");
    let (status, page) = watched.get(&format!("/explain?{ASKED}&client=dnf"));
    assert_eq!(status, 200);
    for part in [
        "value=\"demo-9\"",
        "value=\"192.0.2.10\"",
        "<option selected>dnf</option>",
        "What dnf does with it",
        "href=\"/explain.json?repo=demo-9&#38;arch=x86_64&#38;ip=192.0.2.10&#38;client=dnf\"",
        "seed=2",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for outside in ["src=", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside} in {page}");
    }
    golden::check("explain_page.html", &without_generation(&page, &watched));
    // The link to the same question for programs.
    let (status, json) = watched.get(&format!("/explain.json?{ASKED}&client=dnf"));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((status, &json["client"]["ip"]), (200, &Value::from("192.0.2.10")));
    assert_eq!(json["audience"], "operator");
    assert_eq!(json["reading"]["client"], "dnf");
    let (status, _, body) = watched.ask("HEAD", &format!("/explain?{ASKED}"));
    assert_eq!((status, body.as_str()), (200, ""));
}

#[test]
fn the_chances_on_the_page_are_those_of_all_mirrors() {
    let watched = start_public("max_mirrors = 1", &[]);
    let asked = "repo=demo-9&arch=x86_64&ip=192.0.2.10";
    for seed in 1..4 {
        let (_, page) = watched.get(&format!("/explain?{asked}&seed={seed}"));
        assert!(page.contains("1 not listed in this draw</summary>"), "{seed}: {page}");
        // Whichever of the two it is that this draw lists.
        for (chance, mirror) in [("90.9 %", "berlin"), ("9.1 %", "frankfurt")] {
            assert!(page.contains(&format!("<td>{chance}</td></tr>")), "{seed}: {mirror}: {page}");
        }
    }
}

#[test]
fn the_public_page_says_nothing_false_to_a_client_of_a_private_mirror() {
    let watched = start_public("", &[]);
    // Campus has the first network to itself; the second one is in none.
    for client in ["192.0.2.200", "192.0.2.10"] {
        let page = watched.server.get(&format!("/why?repo=demo-9&arch=x86_64&ip={client}")).body;
        for part in [
            "Without mirrors that serve their own networks only, here its first mirror is ",
            "of such lists.",
            "Clients in such networks may get another list.",
            "Networks of public mirrors",
        ] {
            assert!(page.contains(part), "{client}: {part} in {page}");
        }
        assert!(!page.contains("that this client can get"), "{client}: {page}");
    }
}

#[test]
fn the_page_offers_another_draw_only_where_chance_decides() {
    let watched = start_public("redirect_retry = 60", &[]);
    let (_, page) = watched.get(&format!("/explain?{ASKED}"));
    assert!(page.contains("Chance decides among equals. <a href"), "{page}");
    let (_, page) = watched.get(&format!("/explain?{ASKED}&redirect=1"));
    assert!(page.contains("The first mirror changes with client, file and time.</p>"), "{page}");
    assert!(!page.contains("Another draw"), "{page}");
}

#[test]
fn a_whole_request_may_be_the_url_of_a_repo_file() {
    let watched = Watched::start(&["--demo"]);
    let url = "https%3A%2F%2Fmirrors.example%2Fmetalink%3Frepo%3Ddemo-9%26arch%3Dx86_64";
    let (status, json) = watched.get(&format!("/explain.json?request={url}&ip=2001:db8::1"));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(status, 200, "{json}");
    assert_eq!(json["target"]["format"], "metalink");
    assert_eq!(json["request"]["host"], "mirrors.example");
    assert_eq!(json["request"]["query"], "repo=demo-9&arch=x86_64");
}

#[test]
fn what_cannot_be_explained_is_told_on_the_page() {
    let watched = Watched::start(&["--demo"]);
    for (query, status, code, message) in [
        ("", 400, "bad_form", "say what is asked for"),
        ("repo=demo-9&arch=x86_64", 400, "bad_form", "say which client"),
        ("repo=demo-9&arch=x86_64&ip=10.0.0.256", 400, "bad_form", "`10.0.0.256` is no address"),
        ("repo=%ff&ip=::1", 400, "bad_form", "the value of repo= is not UTF-8"),
        ("repo=a%00b&ip=::1", 400, "bad_form", "holds a control character"),
        ("request=/x&repo=a&ip=::1", 400, "bad_form", "leave repo= out"),
        ("request=x&ip=::1", 400, "bad_form", "`x` is no request"),
        ("request=/metalink?ip=::1&ip=::1", 400, "bad_form", "the client is named twice"),
        ("request=/mirrorlist?ip=", 400, "bad_form", "say which client"),
        ("repo=demo-9&arch=x86_64&ip=::1&client=wget", 400, "bad_form", "`wget` is no package"),
        ("repo=demo-9&arch=x86_64&ip=::1&seed=x", 400, "bad_form", "`x` is no seed"),
        ("repo=no-such&arch=x86_64&ip=::1", 404, "", "invalid repo or arch"),
        ("request=/no/such&ip=::1", 404, "no_endpoint", "no route has this path"),
        ("path=..&ip=::1", 0, "", ""),
        ("country=DE&ip=::1", 0, "", ""),
    ] {
        let (of_page, page) = watched.get(&format!("/explain?{query}"));
        let (of_json, json) = watched.get(&format!("/explain.json?{query}"));
        let json: Value = serde_json::from_str(&json).expect("JSON");
        let (told, its_code) = (&json["error"]["message"], &json["error"]["code"]);
        let (told, its_code) = (told.as_str().expect(query), its_code.as_str().expect(query));
        assert!(told.contains(message), "{query}: {told}");
        assert!(code.is_empty() || code == its_code, "{query}: {its_code}");
        assert!([400, 404].contains(&of_json), "{query}: {of_json}");
        if status > 0 {
            assert_eq!(of_json, status, "{query}");
        }
        if !query.is_empty() {
            assert_eq!(of_page, of_json, "{query}");
            assert!(page.contains("role=\"alert\""), "{query}: {page}");
        }
    }
}

#[test]
fn nothing_of_a_hostile_query_becomes_markup_or_a_crash() {
    let watched = start_public("[limits]\nexplain_per_second = 1000", &[]);
    let script = "%3Cscript%3Ealert(1)%3C/script%3E%22%27%26";
    let long = "x".repeat(7_000);
    for field in ["repo", "arch", "path", "request", "ip", "country", "client", "host", "seed", "x"]
    {
        for value in [
            script,
            "%22%20onfocus=%22a",
            "%ff%fe",
            "%00",
            "%0d%0aX:%20y",
            "%",
            "%F0%9F%A6%80",
            &long,
        ] {
            let others = match field {
                "repo" | "request" => "arch=x86_64",
                _ => "repo=demo-9&arch=x86_64",
            };
            let query = format!("{others}&{field}={value}");
            for (status, page) in [
                watched.get(&format!("/explain?{query}&ip=192.0.2.10")),
                watched.get(&format!("/explain?{query}")),
            ] {
                assert!([200, 400, 404].contains(&status), "{query}: {status} {page}");
                check_markup(&page, &query);
            }
            let answer = watched.server.get(&format!("/why?{query}"));
            assert!([200, 400, 404].contains(&answer.status()), "{query}: {answer:?}");
            check_markup(&answer.body, &query);
            assert_eq!(answer.header("x"), None);
            let json = watched.server.get(&format!("/why.json?{query}"));
            serde_json::from_str::<Value>(&json.body).expect(&query);
        }
    }
    let many = watched.server.get(&format!("/why?{}", "a=b&".repeat(1_000)));
    assert_eq!(many.status(), 400);
    assert_eq!(watched.metric("mirrorlistd_panics_total", &[]), 0.0);
    assert_eq!(watched.server.get(DEMO).status(), 200);
}

#[track_caller]
fn check_markup(page: &str, query: &str) {
    for hostile in ["<script", "</script", "\" onfocus", "\u{0}"] {
        assert!(!page.contains(hostile), "{query}: {hostile:?} in {page}");
    }
}

#[test]
fn the_public_page_is_there_only_where_it_is_switched_on() {
    let server = Server::start(&["--demo", "--log", "none"]);
    assert_eq!(server.get(&format!("/why?{ASKED}")).status(), 404);
    assert_eq!(server.get("/explain").status(), 404);
    let watched = start_public("", &[]);
    let page = watched.server.get(&format!("/fedora/why?{ASKED}"));
    assert_eq!(page.status(), 200, "{page:?}");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("private, no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("'none'")));
    assert!(page.header("date").is_some() && page.header("mirrorlist-generation").is_some());
    golden::check("explain_public_page.html", &without_generation(&page.body, &watched));
    let json = watched.server.get(&format!("/why.json?{ASKED}"));
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.header("access-control-allow-origin"), Some("*"));
    let report: Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(
        (&report["audience"], &report["client"]["country"]),
        (&"public".into(), &"DE".into())
    );
    // The page that operators have is not there.
    assert_eq!(watched.server.get("/explain").status(), 404);
    let kind = [("kind", "explanation")];
    assert_eq!(watched.metric("mirrorlistd_requests_total", &kind), 2.0);
    // They are no answers, whose times are watched.
    assert_eq!(watched.metric("mirrorlistd_answer_seconds_count", &[]), 2.0);
}

#[test]
fn somebody_who_may_not_ask_for_others_is_told_about_the_own_address() {
    let watched = start_public("allow_ip = 'none'", &[]);
    let ask = |target: &str| {
        watched.server.ask(&format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n"
        ))
    };
    let page = ask(&format!("/why?{ASKED}"));
    assert_eq!(page.status(), 200);
    assert!(page.body.contains("This is the answer for 198.51.100.7"), "{}", page.body);
    let json: Value = serde_json::from_str(&ask(&format!("/why.json?{ASKED}")).body).expect("JSON");
    assert_eq!(json["client"]["ip"], "198.51.100.7");
    let own = ask("/why?repo=demo-9&arch=x86_64&ip=198.51.100.7");
    assert!(!own.body.contains("role=\"alert\""), "{}", own.body);
    let without = ask("/why?repo=demo-9&arch=x86_64");
    assert!(without.body.contains("198.51.100.7"), "{}", without.body);
    assert!(!without.body.contains("role=\"alert\""), "{}", without.body);
}

#[test]
fn more_pages_than_are_allowed_are_refused_and_answers_are_not() {
    let watched = start_public("[limits]\nexplain_per_second = 1", &[]);
    let mut client = watched.server.connect();
    let request = format!("GET /why?{ASKED} HTTP/1.1\r\nHost: a\r\n\r\n");
    // Two of three in a row come within a second, however slow this host is: try until they do.
    wait_until("a page is refused", || {
        client.send(&request.repeat(3));
        let answers: Vec<_> = (0..3).map(|_| client.read_response(HasBody::Yes)).collect();
        let refused = answers.iter().find(|answer| answer.status() == 429);
        refused.is_some_and(|refused| {
            assert_eq!(refused.header("retry-after"), Some("1"));
            assert!(answers.iter().all(|answer| [200, 429].contains(&answer.status())));
            true
        })
    });
    client.send(&format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.read_response(HasBody::Yes).status(), 200);
}

#[test]
fn a_page_keeps_its_place_between_pipelined_answers() {
    let watched = start_public("[limits]\nexplain_per_second = 1000", &[]);
    let mut client = watched.server.connect();
    let list = format!("GET {DEMO} HTTP/1.1\r\nHost: a\r\n\r\n");
    let page = format!("GET /why?{ASKED} HTTP/1.1\r\nHost: a\r\n\r\n");
    client.send(&format!("{list}{page}{list}{page}{page}{list}").repeat(5));
    for _ in 0..5 {
        for is_page in [false, true, false, true, true, false] {
            let answer = client.read_response(HasBody::Yes);
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.body.starts_with("<!DOCTYPE html>"), is_page, "{}", answer.body);
        }
    }
}

#[test]
fn the_combined_log_does_not_tell_who_asked_about_whom() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("combined.log");
    let watched = start_public("", &["--combined-log", log.to_str().expect("a UTF-8 path")]);
    watched.server.ask(&format!(
        "GET /why?{ASKED} HTTP/1.1\r\nHost: a\r\nReferer: http://a/why?{ASKED}\r\n\r\n"
    ));
    wait_until("the line is written", || {
        fs::read_to_string(&log).is_ok_and(|text| text.ends_with('\n'))
    });
    let text = fs::read_to_string(&log).expect("a log");
    assert!(text.contains("\"GET /why HTTP/1.1\" 200 "), "{text}");
    assert!(!text.contains("192.0.2.10"), "{text}");
}

#[test]
fn the_command_asks_a_running_server() {
    let watched = Watched::start(&["--demo"]);
    let admin = watched.admin_address();
    let asked = ["--ip", "192.0.2.10", "repo=demo-9&arch=x86_64"];
    let (code, stdout, stderr) = run(&[&["explain", "--admin", &admin][..], &asked].concat());
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    // It is what the command makes of the same data.
    let (code, of_file, _) = run(&[&["explain", "--demo"][..], &asked].concat());
    assert_eq!(code, Some(0));
    assert_eq!(stdout, of_file);
    let json = [&["explain", "--admin", &admin, "--json"][..], &asked].concat();
    let (code, json, _) = run(&json);
    assert_eq!(code, Some(0));
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let answer = watched.server.get(DEMO);
    assert_eq!(json["generation"].as_str(), answer.header("mirrorlist-generation"));
}

#[test]
fn the_command_says_why_a_server_does_not_explain() {
    let watched = Watched::start(&["--demo"]);
    let admin = watched.admin_address();
    #[track_caller]
    fn check(admin: &str, request: &str, expected_code: i32, expected: &str) {
        let args = ["explain", "--admin", admin, "--ip", "192.0.2.10", request];
        let (code, stdout, stderr) = run(&args);
        assert_eq!(code, Some(expected_code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
        assert_eq!(stdout, "");
    }
    check(&admin, "repo=no-such&arch=x86_64", 1, "invalid repo or arch");
    check(&admin, "/no/such", 1, "no route has this path");
    let public = watched.server.address.to_string();
    check(&public, "repo=demo-9&arch=x86_64", 1, "is not the admin listener of mirrorlistd");
    // What the server's own options say of data is not overruled.
    let (code, _, stderr) = run(&["explain", "--admin", &admin, "--demo", "repo=a&arch=b"]);
    assert_eq!(code, Some(2), "{stderr}");
    let nobody = format!("{admin}.none");
    check(&nobody, "repo=demo-9&arch=x86_64", 1, "cannot connect to unix:");
}
