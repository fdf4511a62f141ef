//! What is said about routes that are not right.

use crate::limits::{MAX_ENTRIES, MAX_MAPS, MAX_ROUTES};
use crate::notation::read;
use crate::{CatalogNames, Map, RouteTable, Stored, Value, WrittenRoute, check_tests, compile};

/// Compares all faults of a notation, and whether there is a table.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let notes = read(text);
    let (table, faults) = compile(&notes.routes, &notes.maps, &notes.names);
    let all_are_warnings = faults.iter().all(|fault| fault.is_warning());
    assert_eq!(table.is_some(), all_are_warnings);
    let mut lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    if let Some(table) = table {
        let failed = check_tests(&table, &notes.routes, &notes.names);
        lines.extend(failed.iter().map(ToString::to_string));
    }
    assert_eq!(lines, expected);
}

/// Compares the faults of a route with this line more.
#[track_caller]
fn check_line(line: &str, expected: &str) {
    let target = if line.contains("target") { "" } else { "target path {a}\n" };
    check(
        &format!("map m 9=9.8\nroute x\npath /{{v:map:m}}/{{a}}\nquery q -\n{target}{line}"),
        &[&format!("route `x`: {expected}")],
    );
}

#[test]
fn each_value_is_checked() {
    for (line, expected) in [
        (
            "host a:80",
            "host: `a:80` is no host: write a name such as mirrors.example.org, without a port",
        ),
        ("host a\nhost A", "host: `a` is listed twice"),
        (
            "format xml",
            "format: `xml` is unknown: write text, metalink, metalink4, json, apt, pacman, urpmi, redirect or isolist",
        ),
        ("errors x", "errors: `x` is unknown: write default, centos, alma, mm, empty or fallback"),
        ("query q q?", "query.q: the parameter `q` is given twice"),
        ("query r a?", "query.r: the variable `a` is filled twice"),
        (
            "query r Flag?",
            "query.r: `Flag?` is no rule: write `variable?` (may be left out), `variable!` (must be there for the route to match), `variable` (its absence is an error), `variable:list`, `country:region`, `=value`, `flag` or `-`",
        ),
        (
            "query a&b -",
            "query.a&b: `a&b` is no parameter: write up to 32 of the characters A-Z a-z 0-9 - . _ ~ [ ]",
        ),
        ("target repo {a}", "target.arch: is missing: write arch = \"{arch}\" beside repo"),
        ("target arch {a}", "target: write one target: repo with arch, path, category or url"),
        (
            "target path {a}\ntarget url https://a",
            "target: write one target: repo with arch, path, category or url",
        ),
        ("target path {a}\ntarget path {a}", "target.path: this key is given twice"),
        ("target path [a]", "target.path: write a text, not a list"),
        ("target file {a}", "target.file: is no key: write repo with arch, path, category or url"),
        (
            "target path {b}",
            "target.path: nothing fills the variable `b`: name it in the path or the query, or add `|default:X`",
        ),
        (
            "target path {a|big}",
            "target.path: `big` is no filter: write lower, upper, map:NAME, default:X, literal:X or strip:SUFFIX",
        ),
        ("target path {a|map:n}", "target.path: there is no map `n`"),
        ("target path {a", "target.path: `{a` has no closing brace"),
        ("target path a}", "target.path: the character '}' cannot stand here"),
        (
            "target url a/b",
            "target.url: `a/b` is no URL: write one that begins with http:// or https://, without a user name and without blanks",
        ),
        (
            "target url https://me:secret@a.example/b",
            "target.url: `https://…@a.example/b` is no URL: write one that begins with http:// or https://, without a user name and without blanks",
        ),
        ("target url []", "target.url: the list is empty: leave it out, or write at least one"),
        (
            "option limit 0",
            "options.limit: 0 is too small or too large: write a number from 1 to 10000",
        ),
        ("option limit x", "options.limit: write a number, not \"x\""),
        ("option header 1", "options.header: write true, false or a text, not 1"),
        (
            "option prefer [http gopher]",
            "options.prefer: `gopher` is unknown: write https, http, ftp, rsync",
        ),
        ("option prefer [http http]", "options.prefer: `http` is listed twice"),
        (
            "option order best",
            "options.order: `best` is unknown: write tier, nearest, random, name or static",
        ),
        (
            "option fallback a",
            "options.fallback: has no scheme out of https, http, ftp, rsync: write a URL such as https://download.example.org/pub",
        ),
        (
            "option suffix {b}",
            "options.suffix: nothing fills the variable `b`: name it in the path or the query, or add `|default:X`",
        ),
        (
            "option color 1",
            "options.color: is no key: write limit, minimum, urls_per_mirror, prefer, header, final_newline, trailing_slash, suffix, fallback, order, country_only, content_type, cache, commented or plain",
        ),
        (
            "option header false\nformat metalink4",
            "options.header: changes nothing in the format metalink4: leave it out; it goes with text, apt or pacman",
        ),
        (
            "option final_newline false\nformat json",
            "options.final_newline: changes nothing in the format json: leave it out; it goes with text",
        ),
        (
            "option trailing_slash false\nformat isolist",
            "options.trailing_slash: changes nothing in the format isolist: leave it out; it goes with text, json, apt, pacman, urpmi or redirect",
        ),
        (
            "option suffix x\nformat metalink",
            "options.suffix: changes nothing in the format metalink: leave it out; it goes with text, json, apt, pacman, urpmi or redirect",
        ),
        (
            "option content_type text/plain\nformat redirect",
            "options.content_type: changes nothing in the format redirect: leave it out; it goes with text, metalink, metalink4, json, apt, pacman, urpmi or isolist",
        ),
        (
            "option commented true",
            "options.commented: changes nothing in the format text: leave it out; it goes with pacman",
        ),
        (
            "option plain true",
            "options.plain: changes nothing in the format text: leave it out; it goes with apt",
        ),
        ("option country_only 1", "options.country_only: write true or false, not 1"),
        (
            "option content_type text",
            "options.content_type: `text` is no media type: write one such as `text/plain; charset=utf-8`",
        ),
        (
            "option content_type text/plain; charset=ü",
            "options.content_type: `text/plain; charset=ü` is no media type: write one such as `text/plain; charset=utf-8`",
        ),
        (
            "option content_type text/\tplain",
            "options.content_type: the character '\\t' cannot stand here",
        ),
        (
            "option cache 86401\noption order name",
            "options.cache: 86401 is too small or too large: write a number from 1 to 86400",
        ),
        (
            "option cache 60",
            "options.cache: caches may keep only what is the same for all clients: write order = \"static\" or \"name\", without country_only",
        ),
        (
            "option cache 60\noption order random",
            "options.cache: caches may keep only what is the same for all clients: write order = \"static\" or \"name\", without country_only",
        ),
        (
            "option cache 60\noption order static\noption country_only true",
            "options.cache: caches may keep only what is the same for all clients: write order = \"static\" or \"name\", without country_only",
        ),
        (
            "option cache 60\noption order nearest",
            "options.cache: caches may keep only what is the same for all clients: write order = \"static\" or \"name\", without country_only",
        ),
        (
            "option minimum 9\noption order nearest",
            "options.minimum: changes nothing here: write it with order = \"tier\" and without country_only, or leave it out",
        ),
        (
            "option minimum 9\noption order random",
            "options.minimum: changes nothing here: write it with order = \"tier\" and without country_only, or leave it out",
        ),
        (
            "option minimum 0\noption country_only true",
            "options.minimum: changes nothing here: write it with order = \"tier\" and without country_only, or leave it out",
        ),
        // What can change nothing, or leads to errors alone.
        (
            "target url https://a.example/{a}\noption limit 1",
            "options.limit: changes nothing where the target is url: leave it out",
        ),
        (
            "target url https://a.example/{a}\noption fallback https://b.example",
            "options.fallback: changes nothing where the target is url: leave it out",
        ),
        (
            "target url https://a.example/{a}\nquery proto protocol?",
            "query.proto: the variable `protocol` changes nothing where the target is url: write \"-\" to ignore the parameter",
        ),
        (
            "format metalink4\ntarget url https://a.example/{a}",
            "format: clients of a metalink of target url would get nothing but an error: write another format, or a target of one directory or file",
        ),
        (
            "format metalink4\ntarget category {a}",
            "format: clients of a metalink of target category would get nothing but an error: write another format, or a target of one directory or file",
        ),
        (
            "format metalink4\ntarget repo {a}\ntarget arch {b|literal:$arch}\nquery b b?",
            "format: clients of a metalink of target arch with literal: would get nothing but an error: write another format, or a target of one directory or file",
        ),
        (
            "format redirect\noption prefer [rsync ftp]",
            "options.prefer: a redirect leads to http or https alone: add one of them",
        ),
        (
            "option prefer [http]\noption fallback https://a.example",
            "options.fallback: is never listed, as prefer lacks `https`: add it there, or write a URL of another protocol",
        ),
        (
            "errors fallback",
            "errors: there is no fallback: write it as the option fallback, even if it is the origin",
        ),
        (
            "errors fallback\nformat metalink4\noption fallback https://a.example",
            "errors: a metalink cannot hold the fallback: write another style of errors",
        ),
        (
            "target url [https://a.example/{a} https://a.example/{a}]",
            "target.url: `https://a.example/{a}` is listed twice",
        ),
        (
            "target url [https://{v}.a.example/{a} https://b.example:8{a}/]",
            "target.url: the variable `a` can hold any host: use it behind the host alone, or look it up with `|map:NAME`",
        ),
        (
            "target url https://{h}/{a}\nquery h h",
            "target.url: the variable `h` can hold any host: use it behind the host alone, or look it up with `|map:NAME`",
        ),
        (
            "target repo {b|literal:$x}\ntarget arch {a}\nquery b b?",
            "target.repo: the filter literal stands for each architecture: write it in arch, and default here",
        ),
        (
            "test /9/a format=metalnik",
            "test.format: `metalnik` is unknown: write text, metalink, metalink4, json, apt, pacman, urpmi, redirect or isolist",
        ),
        (
            "test /9/a host=a:x",
            "test.host: `a:x` is no host: write a name such as mirrors.example.org, without a port",
        ),
        // Not known any more, or not yet.
        ("target page {a}", "target.page: is no key: write repo with arch, path, category or url"),
        (
            "option order distance",
            "options.order: `distance` is unknown: write tier, nearest, random, name or static",
        ),
        (
            "query v infra?",
            "query.v: nothing uses the variable `infra`: write \"-\" to ignore the parameter",
        ),
        // Warnings.
        (
            "query r b?",
            "query.r: nothing uses the variable `b`: write \"-\" to ignore the parameter",
        ),
        (
            "format metalink",
            "path: dnf reads `mirrorlist=` as a text list unless the URL holds the word `metalink`; such a list works with `metalink=` only",
        ),
        (
            "host metalink.example",
            "path: dnf reads a URL that holds the word `metalink` as XML, and this is a text list",
        ),
        // Tests.
        ("test 9/a", "test.get: `9/a` is no request: write a path, as in /mirrorlist?repo=x"),
        ("test /9", "test.get: `/9` is answered by no route"),
        ("test /9/a repo=b", "test.repo: `/9/a` gives no repo, and so not `b`"),
        ("test /9/a path=b", "test.path: `/9/a` gives `a`, not `b`"),
        ("test /9/a status=404", "test.status: `/9/a` gives `200`, not `404`"),
        ("test /9/a format=json", "test.format: `/9/a` gives `text`, not `json`"),
        (
            "target repo {a|map:m}\ntarget arch x\ntest /9/a",
            "test.get: `/9/a` gives no list: a is unknown",
        ),
    ] {
        check_line(line, expected);
    }
    check_line(
        "query r b?\ntarget path {b}",
        "target.path: a request may leave `b` out: add `|default:X`, or take its `?` away in the query",
    );
}

#[test]
fn fixed_urls_go_with_what_is_said_of_their_text() {
    check(
        "route x\npath /{country}\nquery q q\nquery r redirect?\nquery c countme?\n\
         target url https://a.example/{country}/{q}\n\
         query s s!\nquery arch arch?\noption header false\noption cache 60\noption fallback https://b.example\nerrors fallback",
        &[],
    );
}

#[test]
fn routes_that_match_one_request_are_refused_with_that_request() {
    check(
        "route a\nhost a.example\npath /{x}/{y:digits}\nquery q =1\ntarget path x\n\
         route b\nhost b.example\nhost a.example\npath /{x:word}/{y}\nquery r flag\nrank 0\ntarget path x\n\
         route c\nhost a.example\npath /{x:letters}/{y}\nquery q r!\nquery r -\ntarget path x{r|default:}",
        &[
            // `=value` comes before a parameter of any value.
            "route `c`: path: route `b` matches `/a/a?q=x&r=x` on a.example as well, and neither comes first: give one of them a `rank`",
        ],
    );
    for (other, is_ambiguous) in [
        ("path /{y}", true),
        ("path /{y}/?", true),
        ("path /{y:digits}", false),
        ("path /{y}/", false),
        ("path /{y}\nrank 1", false),
        ("path /{y}\nhost a", false),
        ("path /{y}\nquery q flag", false),
        ("path /{y*}", false),
        ("path /{y}x", false),
    ] {
        let text = format!("route a\npath /{{x}}\ntarget path x\nroute b\n{other}\ntarget path x");
        let notes = read(&text);
        let (_, faults) = compile(&notes.routes, &notes.maps, &notes.names);
        assert_eq!(!faults.is_empty(), is_ambiguous, "{other}: {faults:?}");
    }
    check(
        "route a\npath /.{x}\ntarget path x\nroute b\npath /{y}.\ntarget path x",
        &[
            "route `b`: path: route `a` matches `/.a.` as well, and neither comes first: give one of them a `rank`",
        ],
    );
    let strict = "route a\npath /\nstrict\nquery q flag\ntarget path x\n\
                  route b\npath /\nquery r flag\ntarget path x";
    check(strict, &[]);
    let equal =
        "route a\npath /\nquery q =1\ntarget path x\nroute b\npath /\nquery q =2\ntarget path x";
    check(equal, &[]);
    let empty = "route a\npath /\nquery q =\nquery r r!\ntarget path x{r}\n\
                 route b\npath /\nquery q q!\nquery r =1\ntarget path x{q}";
    check(empty, &[]);
}

#[test]
fn routes_and_repositories_that_do_not_meet_are_named() {
    check(
        "map m 9=9.8\nmap n a=b\narch x86_64\nrepo baseos-9.8 x86_64\nrepo crb-9.8 aarch64\nrepo epel-9 x86_64\n\
         redirect old new\n\
         route a\npath /a/{v}\ntarget repo baseos-{v|map:m}\ntarget arch x86_64\n\
         route b\npath /b/{v}\ntarget repo extras-{v|map:m}\ntarget arch x86_64\n\
         route c\npath /c/{v}\ntarget repo crb-{v|map:m}\ntarget arch x86_64",
        &[
            "map `n`: nothing uses this map",
            "route `b`: target.repo: no repository of the catalog has a name that this can make",
            "route `c`: target.arch: no repository that `repo` can name has an architecture that this can make: `crb-9.8` has none of them",
        ],
    );
    check(
        "arch x86_64\ncategory core\nrepo a x86_64 i686\nrepo b x86_64 i686\nrepo c x86_64\ndivided a\ndivided b\n\
         redirect old-a a\n\
         route each\npath /{repo}\nquery arch arch?\ntarget repo {repo}\ntarget arch {arch|literal:$basearch}\n\
         route one\npath /one/{repo}\nquery arch arch\ntarget repo {repo}\ntarget arch {arch}\n\
         route group\npath /group/{name}\ntarget category {name}\n\
         route lost\npath /lost/{name}\ntarget category all-{name}",
        &[
            "route `lost`: target.category: no group of the catalog has a name that this can make",
            "route `each`: target.arch: nothing can stand for each architecture of 2 repositories, such as `a`: their directories differ in more than the architecture, so clients get an error",
        ],
    );
    check(
        "route a\npath /{arch}\ntarget path x",
        &[
            "route `a`: path: `{arch}` matches nothing: no repository of the catalog has an architecture",
        ],
    );
}

#[test]
fn what_is_switched_off_is_no_fault() {
    check(
        "arch x86_64\nrepo a x86_64 i686\nrepo b x86_64\noff a x86_64 i686\noff b i686\n\
         off core\ncategory all\nredirect old a\n\
         route all\npath /{x}\ntarget repo {x}\ntarget arch x86_64\n\
         route a\npath /a/{x}\ntarget repo a\ntarget arch {x}\n\
         route old\npath /old/{x}\ntarget repo old\ntarget arch {x}\n\
         route b\npath /b/{x}\ntarget repo b\ntarget arch {x}\n\
         route core\npath /core\ntarget category core\n\
         route both\npath /category/{x}\ntarget category {x}",
        &[
            "route `old`: target.repo: all that this can name is switched off, such as `a`: clients get no mirrors",
            "route `a`: target.repo: all that this can name is switched off, such as `a`: clients get no mirrors",
            "route `core`: target.category: all that this can name is switched off, such as `core`: clients get no mirrors",
        ],
    );
}

#[test]
fn names_are_checked_and_given_once() {
    check(
        "route a\npath /a\ntarget path x\nroute a\npath /b\ntarget path x\nroute a b\npath /c\ntarget path x\n\
         map m 9=1 9=2\nmap m a=b\narch x/y",
        &[
            "routes: `x/y` cannot be an architecture in a path",
            "map `m`: 9: this entry is given twice",
            "map `m`: `m` is the name of two maps",
            "route `a`: name: `a` is the name of two routes",
            "route `a b`: name: `a b` is no name: write up to 64 of the characters A-Z a-z 0-9 . _ -",
        ],
    );
}

fn route(name: &str, path: &str) -> WrittenRoute {
    let target = vec![("path".to_owned(), Value::Text("x".to_owned()))];
    WrittenRoute { name: name.to_owned(), path: path.to_owned(), target, ..WrittenRoute::default() }
}

#[test]
fn a_table_has_limits() {
    let faults = |stored: Stored| {
        let faults = RouteTable::load(stored).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let many = |n: usize| (0..n).map(|n| route(&format!("r{n}"), &format!("/{n}"))).collect();
    let stored = |routes| Stored { routes, ..Stored::default() };
    assert_eq!(faults(stored(many(MAX_ROUTES))), [""; 0]);
    let expected = "routes: there are 257 routes: a catalog has at most 256";
    assert_eq!(faults(stored(many(MAX_ROUTES + 1))), [expected]);

    let mut routes: Vec<WrittenRoute> = many(8);
    for (index, route) in routes.iter_mut().enumerate() {
        route.query = (0..9).map(|n| (format!("p{index}-{n}"), "-".to_owned())).collect();
    }
    let expected =
        "route `r7`: query.p7-1: the routes name 72 query parameters: a catalog has at most 64";
    assert_eq!(faults(stored(routes)), [expected]);

    let map = |name: String, n_entries: usize| {
        let entries = (0..n_entries).map(|n| (n.to_string(), String::new())).collect();
        Map { name, entries, place: 0 }
    };
    let maps = (0..=MAX_MAPS).map(|n| map(format!("m{n}"), 1)).collect();
    let expected = "maps: there are 257 maps: a catalog has at most 256";
    assert_eq!(faults(Stored { maps, ..Stored::default() }), [expected]);
    let maps = vec![map("m".to_owned(), MAX_ENTRIES + 1)];
    let expected = "maps: the maps have 65537 entries: a catalog has at most 65536";
    assert_eq!(faults(Stored { maps, ..Stored::default() }), [expected]);

    let mut long = route("long", "/");
    long.query = (0..17).map(|n| (format!("p{n}"), format!("v{n}?"))).collect();
    let expected = "route `long`: query.p16: a route has at most 16 variables";
    assert_eq!(faults(stored(vec![long])), [expected]);
}

/// Two maps of long names with nothing in common, which are long in comparing.
#[test]
fn a_search_for_common_requests_that_is_cut_short_is_reported() {
    let map = |name: &str, end: &str| Map {
        name: name.to_owned(),
        entries: (0..8_000)
            .map(|n| (format!("{}{end}", format!("{n:04}").repeat(14)), String::new()))
            .collect(),
        place: 0,
    };
    let maps = [map("m", ""), map("n", "x")];
    let routes = [route("a", "/{v:map:m}"), route("b", "/{v:map:n}"), route("c", "/{v:word}")];
    let (table, faults) = compile(&routes, &maps, &CatalogNames::default());
    let lines: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "route `b`: path: too many routes are too much alike: whether this one and those behind it match the same requests as others was not checked; give them a `rank` or simpler paths",
        ]
    );
    assert!(table.is_some());
}

/// Comparing pairs of routes ends, however many are alike.
#[test]
fn many_routes_that_are_alike_are_compiled() {
    let middle = "aXaYaZ".repeat(20);
    let routes: Vec<_> = (0..MAX_ROUTES)
        .map(|n| {
            let end = if n % 2 == 0 { "a" } else { "b" };
            let mut route = route(&format!("r{n}"), &format!("/{{a}}{middle}/{{b}}aXaYaZ{end}"));
            route.query = vec![("q".to_owned(), format!("={}", n / 2))];
            route
        })
        .collect();
    let (table, faults) = compile(&routes, &[], &CatalogNames::default());
    assert_eq!(faults, []);
    assert!(table.is_some());
}
