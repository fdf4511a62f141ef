//! Routes and maps.

use std::collections::BTreeSet;

use super::super::{route_keys, write};
use super::broken_lines::{break_lines, is_code, key_of, with_line};
use super::{SMALL, parsed, refused};
use crate::declared::Declaration;
use crate::declared::build::build;
use routes::{CatalogNames, Value, WrittenRoute};

/// A catalog with every key of routes.
pub(super) const ROUTES: &str = include_str!("routes.toml");

/// Appends routes to a small catalog, which has 14 lines.
#[track_caller]
fn faults(lines: &str) -> String {
    refused(&format!("{SMALL}{lines}\n"))
}

#[test]
fn routes_are_read_with_their_maps_and_tests() {
    let declaration = parsed(ROUTES);
    assert_eq!((declaration.routes.len(), declaration.maps.len()), (5, 1));
    let route = &declaration.routes[0];
    assert_eq!((route.name.as_str(), route.rank, route.strict), ("lists", 2, true));
    assert_eq!(route.hosts, ["mirrors.example.org", "lists.example.org"]);
    let rules: Vec<_> = route.query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(rules, ["arch", "protocol", "country"]);
    assert_eq!(route.options[0], ("limit".to_owned(), Value::Number(10)));
    assert_eq!(route.tests[1].status, Some(404));
    assert_eq!(declaration.routes[1].hosts, ["apt.example.org"]);
    assert_eq!(declaration.maps[0].entries[1], ("10".to_owned(), "10.2".to_owned()));
}

#[test]
fn what_is_written_is_read_again() {
    let declaration = parsed(ROUTES);
    let again = parsed(&write(&declaration));
    let shown = |declaration: Declaration| format!("{:#?}", declaration.without_places());
    assert_eq!(shown(again), shown(declaration));
}

#[test]
fn every_key_of_routes_is_in_the_example() {
    for table in route_keys::TABLES {
        let mut inside = false;
        let mut found = BTreeSet::new();
        for line in ROUTES.lines().filter(|line| is_code(line)) {
            if line.starts_with('[') {
                inside = line == table.head;
            }
            if table.name == "route" && line.starts_with("[route.") {
                found.insert(line.trim_matches(['[', ']']).trim_start_matches("route."));
            }
            if let Some(key) = key_of(line) {
                let inline = format!("route.{key}") == table.name;
                let inner = line.split_once("= { ").and_then(|(_, inner)| key_of(inner));
                found.extend(inner.filter(|_| inline));
                found.extend(inside.then_some(key));
            }
        }
        if table.name == "route" {
            found.insert("test");
        }
        for key in table.names() {
            assert!(found.contains(key), "{} {key} is in the example", table.head);
        }
    }
}

/// The reader refuses keys before the crate `routes` sees them, so both must know the same.
#[test]
fn targets_and_options_are_those_that_routes_know() {
    let route = |target: &str, option: &str| WrittenRoute {
        name: "r".to_owned(),
        path: "/".to_owned(),
        target: vec![(target.to_owned(), Value::Text("https://a".to_owned()))],
        options: vec![(option.to_owned(), Value::Number(1))],
        ..WrittenRoute::default()
    };
    let told = |target: &str, option: &str| -> Vec<String> {
        let (_, faults) = routes::compile(&[route(target, option)], &[], &CatalogNames::default());
        faults.iter().map(ToString::to_string).collect()
    };
    for option in route_keys::OPTIONS.names() {
        let told = told("path", option);
        assert!(!told.iter().any(|fault| fault.contains("is no key")), "{told:?}");
    }
    for target in route_keys::TARGET.names() {
        let told = told(target, "limit");
        assert!(!told.iter().any(|fault| fault.contains("is no key")), "{told:?}");
    }
    let words = |text: &str| -> Vec<String> {
        let list = text.split_once("write ").expect("a list").1;
        let list = list.replace(" or ", ", ").replace(" with ", ", ");
        list.split(", ").map(str::to_owned).collect()
    };
    let known = words(&told("path", "x")[0]);
    assert_eq!(known, route_keys::OPTIONS.names().collect::<Vec<_>>());
    let known = words(&told("x", "limit")[0]);
    assert_eq!(known, route_keys::TARGET.names().collect::<Vec<_>>());
}

#[test]
fn breaking_any_line_is_a_fault_that_names_it() {
    let is_fine = |head: &str, broken: &str| {
        let Some((key, value)) = broken.split_once(" = ") else { return false };
        // Parameters and what is in a map may have any name.
        let has_names = head == "[route.query]" || head.starts_with("[map.");
        let is_renamed = has_names && key.ends_with('x');
        is_renamed || head.starts_with("[map.") && value == "\"\"" || (key, value) == ("rank", "-1")
    };
    let n_lines = break_lines(ROUTES, is_fine);
    assert!(n_lines > 80, "lines are found: {n_lines}");
}

#[test]
fn a_parameter_of_another_name_fails_its_tests() {
    let n = ROUTES.lines().position(|line| line == "protocol = \"protocol?\"").expect("a line");
    let told = refused(&with_line(ROUTES, n, "protocols = \"protocol?\""));
    let expected =
        "c.toml:43: route.test.get: `/mirrorlist/9/baseos?protocol=https` is answered by no route";
    assert_eq!(told, expected);
}

#[test]
fn unknown_keys_get_the_nearest_known_one() {
    let head = "[[route]]\nname = \"a\"\npath = \"/a\"\n";
    for (lines, expected) in [
        ("hots = \"a\"", "18: route.hots: is not a key of [[route]]: did you mean `host`?"),
        (
            "target = { pth = \"a\" }",
            "18: route.target.pth: is not a key of [route.target]: did you mean `path`?",
        ),
        (
            "target = { path = \"a\" }\noptions = { limt = 1 }",
            "19: route.options.limt: is not a key of [route.options]: did you mean `limit`?",
        ),
        (
            "target = { path = \"a\" }\n[[route.test]]\nget = \"/a\"\nstats = 404",
            "21: route.test.stats: is not a key of [[route.test]]: did you mean `status`?",
        ),
        (
            "target = { path = \"a\" }\nfinal_newline = false",
            "19: route.final_newline: is not a key of [[route]]: it belongs into [route.options]",
        ),
    ] {
        let told = faults(&format!("{head}{lines}"));
        assert!(told.lines().any(|line| line == format!("c.toml:{expected}")), "{told}");
    }
    let told = faults("[[rout]]\nname = \"a\"");
    assert_eq!(told, "c.toml:15: rout: is not a key of a catalog: did you mean `route`?");
}

#[test]
fn all_faults_of_all_routes_are_told_at_once() {
    let told = faults(
        "[[route]]\nname = \"a\"\npath = \"a\"\ntarget = { path = \"x\" }\nformat = \"xml\"\n\
         [[route]]\nname = \"b\"\npath = \"/b/{x}\"\ntarget = { repo = \"{x|map:none}\" }\n\
         [[route]]\npath = \"/c\"\ntarget = { path = 1 }\noptions = { limit = 0, header = \"a\\tb\" }\n\
         [route.query]\na = 1\n\"b c\" = \"-\"\n\
         [map]\nm = \"x\"\n\
         [map.n]\n\"9\" = 9\n[map.o]\n9.1 = \"9.2\"",
    );
    let expected = "\
c.toml:17: route.path: `a` is no path: a path begins with `/`
c.toml:19: route.format: `xml` is unknown: write text, metalink, metalink4, json, apt, pacman, urpmi, redirect or isolist
c.toml:23: route.target.repo: there is no map `none`; known are `n`, `o`
c.toml:24: route.name: is missing: write name = \"mirrorlist\"
c.toml:27: route.options.header: \"a\\tb\" is no text of one line: write it without control characters
c.toml:29: route.query.a: 1 is no text: write it in quotes
c.toml:32: map.m: \"x\" is no single table: write one table, with its head in single brackets
c.toml:34: map.n.9: 9 is no text: write it in quotes
c.toml:36: map.o.9: a table is no text: write the name in quotes if it holds a dot, as in \"9.1\" = \"9.1\"";
    assert_eq!(told, expected);
}

#[test]
fn what_routes_lead_to_is_checked() {
    let route =
        |lines: &str| faults(&format!("[[route]]\nname = \"a\"\npath = \"/a/{{x}}\"\n{lines}"));
    assert_eq!(
        route("target = { category = \"{x}-all\" }"),
        "c.toml:18: route.target.category: no group of the catalog has a name that this can make; known are `core`"
    );
    assert_eq!(
        route("target = { category = \"cor\" }"),
        "c.toml:18: route.target.category: no group of the catalog has a name that this can make: did you \
         mean `core`?"
    );
    assert_eq!(
        faults(
            "[[route]]\nname = \"a\"\npath = \"/a\"\ntarget = { path = \"x\" }\n\
                [[route]]\nname = \"a\"\npath = \"/b\"\ntarget = { path = \"x\" }\n"
        ),
        "c.toml:20: route.name: `a` is the name of two routes: also at c.toml:15"
    );
    let test = "target = { repo = \"baseos-{x}\", arch = \"x86_64\" }\n[[route.test]]\n";
    assert_eq!(
        route(&format!("{test}get = \"/a/9\"\nrepo = \"baseos-10\"")),
        "c.toml:21: route.test.repo: `/a/9` gives `baseos-9`, not `baseos-10`"
    );
    assert_eq!(
        route(&format!("{test}get = \"/a/11\"")),
        "c.toml:20: route.test.get: `/a/11` gives no list: there is no repository `baseos-11`"
    );
    assert_eq!(
        route(&format!("{test}get = \"/b\"\nstatus = 200")),
        "c.toml:20: route.test.get: `/b` is answered by no route"
    );
    // Aliases and redirects, also of several steps, lead to repositories.
    let text = SMALL.replace("groups = [\"core\"]", "aliases = [\"base\"]");
    let more = "[redirects]\nold = \"older\"\nolder = \"base-9\"\n\
                [[route]]\nname = \"a\"\npath = \"/a/{x}\"\n\
                target = { repo = \"{x}\", arch = \"x86_64\" }\n\
                [[route.test]]\nget = \"/a/old\"\nrepo = \"old\"\n\
                [[route.test]]\nget = \"/a/base-10\"\n\
                [[route.test]]\nget = \"/a/lost\"\nstatus = 404\n";
    parsed(&format!("{text}{more}"));
}

#[test]
fn what_is_probably_not_meant_is_a_diagnostic() {
    let text = SMALL.replace(
        "[[mirror]]",
        "[[repository]]\nname = \"extra-x\"\narches = [\"x86_64\"]\npath = \"x\"\ngroups = [\"gone\"]\n\
         disabled = true\n\
         [[repository]]\nname = \"extras\"\narches = [\"x86_64\"]\npath = \"extras/a\"\n\
         [[repository]]\nname = \"extras\"\narches = [\"i686\"]\npath = \"extras/b\"\n[[mirror]]",
    );
    let text = format!(
        "{text}[[route]]\nname = \"a\"\npath = \"/metalink/{{x}}\"\nquery = {{ q = \"y?\" }}\n\
         target = {{ repo = \"extras\", arch = \"{{arch|literal:$basearch}}\" }}\n\
         [[route]]\nname = \"b\"\npath = \"/b/{{x}}\"\n\
         target = {{ repo = \"extra-{{x}}\", arch = \"x86_64\" }}\nformat = \"metalink\"\n\
         [[route]]\nname = \"c\"\npath = \"/c/{{x}}\"\n\
         target = {{ category = \"gone\" }}\n\
         [[route]]\nname = \"d\"\npath = \"/d\"\n\
         target = {{ repo = \"baseos9\", arch = \"x86_64\" }}\n\
         [[route]]\nname = \"e\"\npath = \"/e\"\n\
         target = {{ repo = \"baseos-9\", arch = \"ppc\" }}\n\
         [map.m]\na = \"b\"\n"
    );
    let declaration = parsed(&text);
    let mut report = catalog::Report::default();
    build(&declaration, None, "c.toml", 0, &mut report).expect("few repositories");
    let mut lines = report.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "c.toml:31: text list at a URL that holds the word `metalink`, which dnf reads as XML: route `a`: \
             path = \"/metalink/{x}\"",
            "c.toml:32: parameter whose variable nothing uses (write \"-\" to ignore it): route `a`: \
             query.q = \"y?\"",
            "c.toml:33: repositories for which nothing can stand for each architecture, as their directories \
             differ in more than that: clients get an error: route `a`: target.arch = \
             \"{arch|literal:$basearch}\" (1, such as extras)",
            "c.toml:36: metalink at a URL without the word `metalink`, which dnf reads with `metalink=` only: \
             route `b`: path = \"/b/{x}\"",
            "c.toml:37: all that a route can name is switched off: clients get no mirrors: route `b`: \
             target.repo = \"extra-{x}\" (such as extra-x)",
            "c.toml:42: all that a route can name is switched off: clients get no mirrors: route `c`: \
             target.category = \"gone\" (such as gone)",
            "c.toml:46: route that can make the name of no repository: route `d`: target.repo = \"baseos9\": did \
             you mean `baseos-9`?",
            "c.toml:50: route that can make the name of no architecture of its repositories: route `e`: \
             target.arch = \"ppc\" (such as baseos-9)",
            "c.toml:51: map that no route uses: map `m`",
        ]
    );
}

#[test]
fn heads_of_routes_and_tests_in_the_wrong_brackets_are_told() {
    let is_no = |what: &str, write: &str| format!("{what} is no list of tables: write {write}");
    let route = "[[route]]\nname = \"a\"\npath = \"/a\"\ntarget = { path = \"x\" }\n";
    let double = "its head in double brackets, as in";
    assert_eq!(
        faults(&route.replace("[[route]]", "[route]")),
        format!("c.toml:15: route: {}", is_no("a table", &format!("{double} [[route]]")))
    );
    assert_eq!(
        faults("[[route.test]]\nget = \"/a\"\n"),
        format!(
            "c.toml:15: route: {}",
            is_no("a table", "[[route.test]] below the [[route]] that it tests")
        )
    );
    assert_eq!(
        faults(&format!("{route}test = \"x\"\n")),
        format!("c.toml:19: route.test: {}", is_no("\"x\"", &format!("{double} [[route.test]]")))
    );
}
