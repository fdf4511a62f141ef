//! Answers to requests that find a route of the catalog.

use answer::policy::Policy;
use testdata::mirrormanager::StringStringMap;

use crate::fixture::{Answer, Server, World, check_golden, check_mirrors};

/// The standard world with a second architecture, which the mirrors 1, 4 and 5 have, and these routes.
fn world(routes: &str) -> World {
    let mut world = World::standard();
    world.repository("main-9+aarch64", "pub/test/9/aarch64");
    world.directory("pub/test/9/aarch64", "9/aarch64", &[1, 2, 4, 5]);
    world.path_templates = vec![("main-9", "pub/test/9/{arch}"), ("plain-9", "pub/test/9/plain")];
    world.categories = vec![("all", vec!["main-9+x86_64", "main-9+aarch64"])];
    world.routes = routes.to_owned();
    world
}

#[track_caller]
fn serve(routes: &str) -> Server {
    world(routes).serve()
}

fn with_options(options: &str) -> String {
    let options: Vec<String> = options.lines().map(|line| format!("option {line}\n")).collect();
    format!(
        "route r\npath /r\nquery arch arch?\nquery protocol protocol?\nquery country country:list?\n\
         query ip ip?\nquery limit limit?\nquery redirect redirect?\nquery time time?\n\
         query countme countme?\ntarget repo main-9\ntarget arch {{arch|default:x86_64}}\n{}",
        options.concat()
    )
}

#[track_caller]
fn body(options: &str, request: &str) -> String {
    serve(&with_options(options)).get(request).body
}

const BERLIN: &str = "192.0.2.1";

#[test]
fn a_route_gives_the_mirrors_of_the_built_in_path() {
    let formats = [
        ("/a/mirrorlist", "text", "/mirrorlist?"),
        ("/a/metalink", "metalink", "/metalink?"),
        ("/a/metalink4", "metalink4", "/metalink4?"),
        ("/a/json", "json", "/mirrorlist?format=json&"),
    ];
    let mut routes = String::new();
    for (path, format, _) in formats {
        routes += &format!(
            "route {format}\npath {path}\nquery r repo\nquery a arch\nquery c country?\n\
             query p protocol?\nquery ip ip?\ntarget repo {{repo}}\ntarget arch {{arch}}\n\
             format {format}\n"
        );
    }
    let server = serve(&routes);
    for (path, _, built_in) in formats {
        for (repo, more) in [
            ("main-9", ""),
            ("latest", ""),
            ("main-source-9", ""),
            ("main-9", "&country=de,us"),
            ("main-9", "&protocol=http,rsync"),
            ("main-9", "&ip=192.0.2.200"),
        ] {
            let short = more.replace("country", "c").replace("protocol", "p");
            for client in [BERLIN, "192.0.2.200", "198.51.100.7", "198.18.0.1"] {
                for seed in 0..5 {
                    let route = format!("{path}?r={repo}&a=x86_64{short} from {client}");
                    let usual = format!("{built_in}repo={repo}&arch=x86_64{more} from {client}");
                    let route = server.get_seeded(&route, seed);
                    let usual = server.get_seeded(&usual, seed);
                    assert_eq!(route, usual, "{path} {repo} {more} {client}");
                }
            }
        }
    }
}

#[test]
fn routes_come_before_built_in_paths() {
    let server = serve("route r\npath /mirrorlist\ntarget url https://fixed.example/x");
    assert_eq!(server.get("/mirrorlist?repo=main-9").body, "https://fixed.example/x\n");
    assert!(server.get("/deep/mirrorlist?repo=main-9&arch=x86_64").mirrors().len() > 3);
}

#[test]
fn the_beginning_and_the_end_of_a_list() {
    let newyork = "https://newyork.example/test/9/x86_64/";
    let american = |options: &str| body(options, "/r?country=US");
    let usual = "# repo = main-9 arch = x86_64 country = US ";
    assert_eq!(american(""), format!("{usual}\n{newyork}\n"));
    assert_eq!(american("header false"), format!("{newyork}\n"));
    assert_eq!(american("header mirrors of ours"), format!("# mirrors of ours\n{newyork}\n"));
    assert_eq!(american("header false\nfinal_newline false"), newyork);
    assert_eq!(
        american("header false\ntrailing_slash false"),
        newyork.trim_end_matches('/').to_owned() + "\n"
    );
    assert_eq!(american("header false\nsuffix $a/{arch|default:b}"), format!("{newyork}$a/b\n"));
    let text = body("", "/r?country=US&time=1");
    assert_eq!(text, format!("{usual}\n# database creation time: 1790000000\n{newyork}\n"));
    let none = body("header false\nfinal_newline false", "/r?protocol=gopher");
    assert_eq!(none, "");
}

#[test]
fn how_many_mirrors_and_urls() {
    let mirrors =
        |options: &str, request: &str| serve(&with_options(options)).get(request).mirrors().len();
    assert_eq!(mirrors("minimum 100", "/r"), 4);
    assert_eq!(mirrors("limit 2\nminimum 100", "/r"), 2);
    assert_eq!(mirrors("limit 2\nminimum 100", "/r?limit=1"), 1);
    assert_eq!(mirrors("limit 2\nminimum 100", "/r?limit=3"), 2);
    assert_eq!(mirrors("minimum 1", &format!("/r from {BERLIN}")), 3);
    let urls =
        |options: &str, request: &str| serve(&with_options(options)).get(request).urls().len();
    assert_eq!(urls("urls_per_mirror 2", "/r?country=DE"), 2);
    assert_eq!(urls("urls_per_mirror 1", "/r?country=DE&protocol=http,https,rsync"), 1);
}

#[test]
fn preferred_protocols_are_listed_in_their_order_and_no_others() {
    let urls = |options: &str, request: &str| -> Vec<String> {
        let urls = serve(&with_options(options)).get(request).urls();
        urls.iter().map(|url| url.split("://").next().unwrap_or("").to_owned()).collect()
    };
    assert_eq!(urls("prefer [http https]", "/r?country=DE"), ["http"]);
    assert_eq!(urls("prefer [http https]\nurls_per_mirror 9", "/r?country=DE"), ["http", "https"]);
    assert_eq!(
        urls("prefer [rsync https]\nurls_per_mirror 9", "/r?country=DE"),
        ["rsync", "https"]
    );
    assert_eq!(urls("prefer [http https]", "/r?country=DE&protocol=https"), ["https"]);
    assert_eq!(urls("prefer [http https]", "/r?country=DE&protocol=rsync"), [""; 0]);
    // Madrid has plain HTTP first.
    assert_eq!(urls("prefer [https]", "/r?country=ES"), ["https"]);
}

#[test]
fn the_fallback_of_a_route_is_last_and_not_listed_twice() {
    let options = "header false\nfallback https://newyork.example/main";
    let server = serve(&with_options(options));
    let american = server.get("/r?country=US").body;
    assert!(american.ends_with("\nhttps://newyork.example/main/pub/test/9/x86_64/\n"));
    assert!(!american.contains("https://newyork.example/test"), "{american}");
    assert_eq!(server.get("/r?country=DE").urls().len(), 2);
    let lists_usual = server.get("/mirrorlist?repo=main-9&arch=x86_64&country=US").body;
    assert!(lists_usual.contains("https://newyork.example/test/9/x86_64/"));
}

#[test]
fn an_order_that_is_not_written_is_the_configured_one() {
    let policies = [Policy::Tiers, Policy::Nearest];
    let answers = |options: &str, policy: Policy, path: &str| -> Vec<String> {
        let mut world = world(&with_options(options));
        world.options.policy = policy;
        let server = world.serve();
        let get = |seed| server.get_seeded(&format!("{path} from {BERLIN}"), seed).body;
        (0..20).map(get).collect()
    };
    let built_in =
        policies.map(|policy| answers("", policy, "/mirrorlist?repo=main-9&arch=x86_64"));
    assert_ne!(built_in[0], built_in[1]);
    for (policy, expected) in policies.into_iter().zip(&built_in) {
        assert_eq!(&answers("", policy, "/r"), expected);
        assert_eq!(answers("order tier", policy, "/r"), built_in[0]);
        assert_eq!(answers("order nearest", policy, "/r"), built_in[1]);
    }
}

#[test]
fn orders() {
    let server = |order: &str| serve(&with_options(&format!("order {order}\nheader false")));
    // Tokyo serves Japan alone, so it is in no list for all, and neither are private mirrors.
    for order in ["name", "static"] {
        let server = server(order);
        for client in [BERLIN, "192.0.2.200", "198.51.100.7", "203.0.113.1"] {
            for seed in 0..3 {
                let answer = server.get_seeded(&format!("/r from {client}"), seed);
                assert_eq!(answer.mirrors(), ["berlin", "isp", "madrid", "newyork"], "{order}");
            }
        }
        assert_eq!(server.get("/r?country=US&country=DE").mirrors(), ["berlin", "newyork"]);
        // Where there is none, those of the continent are listed, or else all, whoever asks.
        for client in [BERLIN, "203.0.113.1", "198.18.0.1"] {
            let get = |country: &str| server.get(&format!("/r?country={country} from {client}"));
            assert_eq!(get("CA").mirrors(), ["newyork"]);
            assert_eq!(get("JP").mirrors().len(), 4);
            assert_eq!(get("zzz").mirrors().len(), 4);
        }
        assert_eq!(server.get("/r?country=all").mirrors().len(), 4);
        assert_eq!(server.get("/r?limit=1").mirrors(), ["berlin"]);
    }
    let routes = with_options("order random\nheader false");
    for (client, mirrors) in [
        (BERLIN, "berlin isp madrid newyork"),
        ("192.0.2.130", "berlin campus isp madrid newyork"),
        ("203.0.113.1", "berlin isp madrid newyork tokyo"),
    ] {
        check_mirrors(&world(&routes), &format!("/r from {client}"), mirrors);
    }
    let first = |seed| serve(&routes).get_seeded("/r", seed).mirrors().first().cloned();
    let firsts: std::collections::BTreeSet<_> = (0..40).map(first).collect();
    assert!(firsts.len() > 2, "{firsts:?}");
}

#[test]
fn caches_keep_lists_of_what_was_asked_for_and_nothing_else() {
    let server = serve(&with_options("order static\ncache 60\nfallback https://origin.example"));
    for (request, expected) in [
        ("/r", Some(60)),
        ("/r?country=DE", Some(60)),
        ("/r?country=CA", Some(60)),
        ("/r?country=global", Some(60)),
        ("/r?protocol=http", Some(60)),
        ("/r?country=JP", None),
        ("/r?country=zzz", None),
        ("/r?protocol=gopher", None),
        ("/r?arch=none", None),
        ("/r?limit=x", None),
    ] {
        assert_eq!(server.get(request).cache_seconds, expected, "{request}");
    }
}

#[test]
fn parameters_are_counted_and_read_as_at_built_in_paths() {
    let server = serve(&with_options("header false"));
    let many = vec!["a=1"; 33].join("&");
    assert_eq!(server.get(&format!("/r?{many}")).text(), "400\nerror: more than 32 parameters\n");
    assert_eq!(server.get(&format!("/r?{}", &many[4..])).status, 200);
    let all = server.get(&format!("/r from {BERLIN}")).mirrors();
    let limit = |limit: &str| server.get(&format!("/r?limit={limit} from {BERLIN}"));
    assert_eq!(limit("99999999999999999999999").mirrors().len(), all.len());
    for bad in ["%2B1", "-1", "0", "000", "1x", "1.5"] {
        assert_eq!(limit(bad).text(), "400\nerror: the limit is not a number from 1 on\n", "{bad}");
    }
}

#[test]
fn errors_count_as_no_list() {
    let routes = with_options("suffix {arch|default:x86_64|map:m}") + "map m x86_64=1";
    let server = serve(&routes);
    let (found, lost) = (server.get("/r?arch=x86_64"), server.get("/r?arch=aarch64"));
    assert_eq!((found.status, found.found.is_some()), (200, true));
    assert_eq!((lost.status, lost.found), (404, None));
}

#[test]
fn a_monopoly_wins_over_the_restriction_to_a_country() {
    for order in ["tier", "random"] {
        let mut world = world(&with_options(&format!("country_only true\norder {order}")));
        // Isp is in France, and its autonomous system has clients in Germany.
        world.monopolies = vec![3];
        world.list.netblock_country_cache.push(StringStringMap::new("198.51.100.0/25", "DE"));
        let server = world.serve();
        assert_eq!(server.get("/r from 198.51.100.7").mirrors(), ["isp"], "{order}");
        assert_eq!(server.get("/r?country=DE from 198.51.100.7").mirrors(), ["berlin"], "{order}");
    }
}

#[test]
fn only_mirrors_of_one_country() {
    for order in ["tier", "random", "name"] {
        let header = serve(&with_options(&format!("country_only true\norder {order}")))
            .get(&format!("/r from {BERLIN}"))
            .header()
            .to_owned();
        assert_eq!(header, "# repo = main-9 arch = x86_64 country = DE ", "{order}");
    }
    let mirrors = |request: &str| {
        serve(&with_options("country_only true\nheader false")).get(request).mirrors()
    };
    assert_eq!(mirrors(&format!("/r from {BERLIN}")), ["berlin"]);
    assert_eq!(mirrors("/r from 192.0.2.130"), ["campus", "berlin"]);
    assert_eq!(mirrors("/r from 198.51.100.70"), ["isp"]);
    assert_eq!(mirrors("/r?country=ES"), ["madrid"]);
    assert_eq!(mirrors("/r?country=AU"), [""; 0]);
    assert_eq!(mirrors("/r"), [""; 0]);
    assert_eq!(mirrors("/r?country=global").len(), 4);
}

#[test]
fn requests_are_logged_and_counted() {
    let server = serve(&with_options(""));
    let answer = server.get(&format!("/r?countme=3 from {BERLIN}"));
    assert_eq!(answer.log.as_deref(), Some("192.0.2.1 DE main-9 x86_64"));
    assert_eq!(answer.countme.as_deref(), Some("main-9+x86_64 Bucket(3)"));
    let answer = server.get(&format!("/r?arch=none&countme=x from {BERLIN}"));
    assert_eq!(answer.log.as_deref(), Some("192.0.2.1 DE main-9 none"));
    assert_eq!(answer.countme.as_deref(), Some(" Other"));
    assert_eq!(server.get("/r").countme, None);
    let server =
        serve("route r\npath /{repo}/{arch}\nquery countme -\ntarget path pub/test/{repo}/{arch}");
    let answer = server.get(&format!("/9/x86_64?countme=3 from {BERLIN}"));
    assert_eq!(answer.log.as_deref(), Some("192.0.2.1 DE 9 x86_64"));
    assert_eq!(answer.countme.as_deref(), Some(" Bucket(3)"));
    let server = serve("route r\npath /r\ntarget repo main-9\ntarget arch x86_64");
    assert_eq!(server.get("/r?countme=2").countme.as_deref(), Some("main-9+x86_64 Bucket(2)"));
}

#[test]
fn who_may_name_an_address() {
    let mut world = world(&with_options("header false"));
    let first = |world: &World| world.serve().get("/r?ip=203.0.113.1").mirrors()[0].clone();
    assert_eq!(first(&world), "tokyo");
    world.options.allow_ip = answer::requester::Requesters::Nobody;
    assert_ne!(first(&world), "tokyo");
}

#[test]
fn redirects() {
    let server = serve(
        "route file\npath /{path*}\nquery country country?\ntarget path pub/test/{path}\n\
         format redirect\n\
         route list\npath /list\nquery redirect redirect?\ntarget path pub/test/9\n",
    );
    let answer = server.get(&format!("/9/x86_64/a.rpm from {BERLIN}"));
    assert_eq!((answer.status, &*answer.body), (302, ""));
    let berlin = "https://berlin.example/test/9/x86_64/a.rpm";
    assert_eq!(answer.location.as_deref(), Some(berlin));
    assert!(answer.link.is_some_and(|link| link.contains("rel=duplicate; pri=2")));
    let answer = server.get("/9/x86_64/a.rpm?country=ES");
    assert_eq!(answer.location.as_deref(), Some("https://madrid.example/test/9/x86_64/a.rpm"));
    assert_eq!(server.get("/nothing/there/a").status, 404);
    let world =
        "route r\npath /r\nquery redirect redirect?\ntarget repo main-9\ntarget arch x86_64";
    let answer = serve(world).get(&format!("/r?redirect=1 from {BERLIN}"));
    let berlin = "https://berlin.example/test/9/x86_64/";
    assert_eq!((answer.status, answer.location.as_deref()), (302, Some(berlin)));
}

#[test]
fn a_repository_for_each_of_its_architectures() {
    let routes = "route r\npath /{repo}\nquery arch arch?\ntarget repo {repo}\n\
                  target arch {arch|literal:$basearch}\noption fallback https://origin.example";
    let server = serve(routes);
    let answer = server.get("/main-9 from 192.0.2.130");
    // Isp, tokyo and toronto lack an architecture.
    assert_eq!(answer.mirrors(), ["campus", "berlin", "madrid", "newyork", "origin"]);
    assert_eq!(answer.log.as_deref(), Some("192.0.2.130 DE main-9 $basearch"));
    let urls = answer.urls();
    assert_eq!(urls[0], "https://campus.example/test/9/$basearch/");
    assert_eq!(urls[4], "https://origin.example/pub/test/9/$basearch/");
    assert_eq!(
        answer.header(),
        "# repo = main-9 arch = $basearch Using preferred netblock country = DE country = ES country = global "
    );
    // Redirects hold, and a name of one architecture alone is joined as well.
    assert_eq!(server.get("/latest from 192.0.2.130").urls(), urls);
    let plain = server.get("/plain-9");
    // This path does not name the architecture.
    assert!(plain.urls().contains(&"https://berlin.example/test/9/plain/".to_owned()));
    // What has only sources, or no directory, is not there for each architecture.
    assert_eq!(server.get("/main-source-9").status, 404);
    assert_eq!(server.get("/gone-7").status, 404);
    assert_eq!(server.get("/main-9?arch=aarch64 from 203.0.113.1").mirrors().len(), 4);
    assert!(
        server.get("/main-9?arch=x86_64 from 203.0.113.1").mirrors().contains(&"tokyo".to_owned())
    );
}

#[test]
fn mirrors_must_serve_all_architectures_in_the_same_way() {
    let mut world =
        world("route r\npath /r\ntarget repo main-9\ntarget arch {arch|literal:$basearch}");
    let aarch64 = world.list.mirror_list_cache.last_mut().expect("the directory of aarch64");
    // Madrid is private there, as far as its data say.
    aarch64.global.retain(|&number| number != 4);
    assert_eq!(world.serve().get("/r from 192.0.2.1").mirrors(), ["berlin", "newyork"]);
}

#[test]
fn base_urls_of_a_category() {
    let routes = "route r\npath /{category}.txt\nquery country country?\ntarget category {category}\n\
                  option order name\noption suffix $a\noption cache 60\n\
                  option content_type text/plain; charset=utf-8\n\
                  option fallback https://origin.example/root";
    let server = serve(routes);
    let answer = server.get("/all.txt");
    assert_eq!(
        answer.body,
        "# category = all country = global \nhttps://berlin.example/test/$a\nhttps://madrid.example/test/$a\n\
         https://newyork.example/test/$a\nhttps://origin.example/root/$a\n"
    );
    assert_eq!(
        (answer.content_type.as_str(), answer.cache_seconds),
        ("text/plain; charset=utf-8", Some(60))
    );
    let answer = server.get("/none.txt");
    assert_eq!(answer.text(), "404\n# category = none error: invalid category\n");
    assert_eq!((answer.content_type.as_str(), answer.cache_seconds), ("text/plain", None));
}

#[test]
fn fixed_urls() {
    let urls = "target url [https://a.example/{v}/$basearch http://b.example/{v}]";
    let answer = |format: &str, request: &str| {
        let routes =
            format!("route r\npath /{{v}}\nquery redirect redirect?\n{urls}\nformat {format}");
        serve(&routes).get(request)
    };
    let lines = "https://a.example/9/$basearch\nhttp://b.example/9\n";
    assert_eq!(answer("text", "/9").text(), format!("200\n{lines}"));
    assert_eq!(answer("text", "/9?redirect=1").status, 302);
    let redirect = answer("redirect", "/9");
    assert_eq!(redirect.location.as_deref(), Some("https://a.example/9/$basearch"));
    assert_eq!(redirect.link.as_deref(), Some("<http://b.example/9>; rel=duplicate; pri=2"));
    let isolist = "200\n[\"https://a.example/9/$basearch\",\"http://b.example/9\"]\n";
    assert_eq!(answer("isolist", "/9").text(), isolist);
    let apt = "200\nhttps://a.example/9/$basearch\tpriority:1\nhttp://b.example/9\tpriority:1\n";
    assert_eq!(answer("apt", "/9").text(), apt);
    let json: serde_json::Value = serde_json::from_str(&answer("json", "/9").body).expect("JSON");
    assert_eq!(json[1]["url"], "http://b.example/9");
    assert_eq!(json[0]["tier"], "fixed");
}

fn golden(name: &str, format: &str, options: &str) -> Answer {
    let routes = format!(
        "route r\npath /{{version}}-metalink/{{arch}}\ntarget repo main-{{version}}\ntarget arch {{arch}}\nformat {format}\n{options}"
    );
    let answer = serve(&routes).get("/9-metalink/x86_64 from 192.0.2.130");
    assert_eq!(answer.status, 200, "{name}");
    check_golden(name, &answer);
    answer
}

#[test]
fn formats_that_only_routes_have() {
    let name = "option order name";
    let near = "option fallback https://origin.example\noption limit 3";
    golden("route_apt.txt", "apt", near);
    golden(
        "route_apt_plain.txt",
        "apt",
        "option plain true\noption order name\noption header false",
    );
    golden("route_pacman.txt", "pacman", name);
    golden(
        "route_pacman_commented.txt",
        "pacman",
        "option commented true\noption suffix $repo/os/$arch\noption order static\noption header ours\noption fallback https://origin.example",
    );
    golden("route_urpmi.txt", "urpmi", name);
    golden("route_isolist.json", "isolist", name);
}

#[test]
fn explanations_follow_the_rules_of_the_route() {
    let server = serve(&with_options("order name\nlimit 2"));
    let explained = server.explain_seeded("/r", 1).expect("a list");
    let listed = explained
        .verdicts
        .iter()
        .filter(|verdict| matches!(verdict, answer::trace::Verdict::Listed { .. }));
    assert_eq!(listed.count(), 2);
    let error = server.explain_seeded("/r?arch=none", 1).expect_err("no such repository");
    assert_eq!(error.message, "invalid repo or arch");
}
