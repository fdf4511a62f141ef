//! What goes beyond the reference: metalink 4, JSON, redirects with `Link` and `Digest`, and shaped
//! answers, on the demo data.

use std::sync::LazyLock;

use answer::query::Countme;
use answer::requester::Requester;
use answer::shaping::{Fallback, Shaping};
use answer::{Edition, Endpoint, Format, Options, Reply, Request, Status, respond};
use serve::build_snapshot::build;
use sources::Inputs;
use testdata::mirrormanager::FileDetailsType;

use crate::fixture::{Public, World, details, used_text};
use crate::golden;

static DEMO: LazyLock<Edition> =
    LazyLock::new(|| Edition::new(build(&Inputs::Demo, None).unwrap().snapshot));

fn answer_with<'q>(
    options: &Options,
    format: Format,
    query: &'q str,
    seed: u64,
) -> (Reply<'q>, String) {
    // A client in the network of a private mirror.
    let requester = Requester::untrusted([192, 0, 2, 200].into());
    let endpoint = Endpoint::BuiltIn(format);
    let request = Request { endpoint, query, requester, host: "", now: 1_795_258_889 };
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut body = used_text();
    let scratch = Box::leak(Box::default());
    let reply = respond(&DEMO, options, &request, &mut rng, scratch, &mut body);
    (reply, String::from_utf8(body.into_bytes()).expect("documents are UTF-8"))
}

fn answer(format: Format, query: &str) -> (Reply<'_>, String) {
    answer_with(&Options::default(), format, query, 1)
}

fn shaped(shaping: Shaping) -> Options {
    Options { shaping, ..Options::default() }
}

/// The hosts of a text list, in order.
fn hosts(body: &str) -> Vec<&str> {
    let urls = body.lines().filter(|line| !line.starts_with('#'));
    urls.map(model::base_url::authority).collect()
}

const UPDATES: &str = "repo=demo-updates-9&arch=x86_64";

#[test]
fn metalink_4_is_what_rfc_5854_says() {
    let (reply, body) = answer(Format::Metalink4, UPDATES);
    assert_eq!((reply.status, reply.content_type), (Status::Ok, "application/metalink4+xml"));
    golden::check("metalink4.xml", &body);
    let (reply, body) = answer(Format::Metalink4, "repo=nothing&arch=-->");
    assert_eq!(reply.status, Status::NotFound);
    golden::check("metalink4_unknown_repository.xml", &body);
}

/// aria2 asks another mirror for a piece that does not fit its hash, and gives the whole up.
#[test]
fn metalink_4_describes_small_files_as_one_piece() {
    let pieces = |details: FileDetailsType| {
        let mut world = World::empty();
        world.mirror(1, "DE", 1, Public, &["https"], "only");
        world.directory("pub/x", "x", &[1]);
        world.file("pub/x", "f", &[details]);
        let body = world.serve().get("/metalink4?path=pub/x/f").body;
        let piece = body.lines().find(|line| line.contains("piece")).map(str::to_owned);
        (body.matches("<url").count(), piece)
    };
    let sum = "1".repeat(64);
    for (size, is_one) in [(0, false), (1, true), (1 << 20, true), ((1 << 20) + 1, false)] {
        let expected = is_one.then(|| {
            format!("  <pieces length=\"{size}\" type=\"sha-256\"><hash>{sum}</hash></pieces>")
        });
        let details = FileDetailsType { size, ..details(1, '1') };
        assert_eq!(pieces(details.clone()), (1, expected), "{size} bytes");
        assert_eq!(pieces(FileDetailsType { sha256: None, ..details }), (1, None), "{size} bytes");
    }
}

#[test]
fn json_says_everything_that_is_known() {
    let (reply, body) = answer(Format::Json, UPDATES);
    assert_eq!((reply.status, reply.content_type), (Status::Ok, "application/json"));
    golden::check("mirrorlist.json", &body);
    let parsed: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(parsed[0]["tier"], "netblock");
    assert_eq!(parsed[0]["private"], true);
    assert_eq!(parsed[0]["generation"], DEMO.snapshot().generation().to_string());

    let query = format!("{UPDATES}&format=json");
    let (reply, by_query) = answer(Format::Mirrorlist, &query);
    assert_eq!((reply.content_type, by_query), ("application/json", body));
    let (reply, body) = answer(Format::Json, "path=\"a\\b");
    assert_eq!((reply.status, body.as_str()), (Status::NotFound, "{\"error\":\"invalid path\"}\n"));
    let (_, body) = answer(Format::Json, "repo=demo-9&arch=x86_64&protocol=gopher");
    assert_eq!(body, "[]\n");
}

#[test]
fn the_path_and_accept_decide_the_format() {
    let negotiate = |path: &str, accept: &str| Format::of_path(path).map(|f| f.negotiate(accept));
    let aria2 = "*/*,application/metalink4+xml,application/metalink+xml";
    for (path, accept, format) in [
        ("/metalink", "*/*", Some(Format::Metalink)),
        ("/metalink", "", Some(Format::Metalink)),
        ("/metalink", aria2, Some(Format::Metalink4)),
        ("/metalink", "application/metalink+xml", Some(Format::Metalink)),
        (
            "/metalink",
            "application/metalink+xml, application/metalink4+xml;q=0.9",
            Some(Format::Metalink),
        ),
        ("/metalink", "application/metalink4+xml;q=0", Some(Format::Metalink)),
        ("/x/metalink4", "*/*", Some(Format::Metalink4)),
        ("/mirrorlist", aria2, Some(Format::Mirrorlist)),
        ("/mirrorlist", "application/json", Some(Format::Json)),
        ("/mirrorlist", "text/plain, application/json;q=0.5", Some(Format::Mirrorlist)),
        ("/mirrorlist", "Application/JSON ; q=1, text/*", Some(Format::Json)),
        ("/mirrorlist4", "*/*", None),
        ("mirrorlist", "*/*", None),
    ] {
        assert_eq!(negotiate(path, accept), format, "{path} {accept}");
    }
}

#[test]
fn redirects_name_other_mirrors_and_the_checksum() {
    let query = "path=9/updates/x86_64/repodata/repomd.xml&redirect=1&ip=198.51.100.7";
    let (reply, body) = answer(Format::Mirrorlist, query);
    assert_eq!((reply.status, body.as_str()), (Status::Found, ""));
    let redirect = reply.redirect.unwrap();
    let file = "demo/9/updates/x86_64/repodata/repomd.xml";
    assert_eq!(redirect.location, format!("https://mirror.isp.example/{file}"));
    let link = redirect.link.unwrap();
    let links: Vec<_> = link.split(", ").collect();
    assert_eq!(links.len(), 4);
    for (priority, link) in (2..).zip(&links) {
        assert!(link.starts_with("<http"), "{link}");
        assert!(link.ends_with(&format!("/{file}>; rel=duplicate; pri={priority}")), "{link}");
    }
    assert_eq!(
        redirect.digest.as_deref(),
        Some("SHA-256=R4hw2YcqETBCm9kiVhGvidRuanh8TW9B9ejNksuwAqg=")
    );

    let none = Options { redirect_links: 0, ..Options::default() };
    let (reply, _) = answer_with(&none, Format::Mirrorlist, query, 1);
    assert_eq!(reply.redirect.unwrap().link, None);
    let ftp = format!("{query}&protocol=ftp");
    let (reply, body) = answer(Format::Mirrorlist, &ftp);
    assert_eq!(reply.status, Status::NotFound);
    assert_eq!(body, "error: no mirror offers this over http or https");
}

#[test]
fn one_url_of_each_mirror_is_the_best_one() {
    let options = shaped(Shaping { urls_per_host: Some(1), ..Shaping::default() });
    let (_, body) = answer_with(&options, Format::Metalink, UPDATES, 1);
    let urls = body.lines().filter(|line| line.contains("<url "));
    let urls: Vec<_> = urls.map(|line| line.split('>').nth(1).unwrap()).collect();
    assert_eq!(urls.len(), 8, "{body}");
    assert_eq!(urls.iter().filter(|url| url.starts_with("https://")).count(), 7, "{body}");
    assert_eq!(
        urls.iter().filter(|url| url.starts_with("http://ftp.frankfurt")).count(),
        1,
        "{body}"
    );
}

#[test]
fn unlisted_protocols_are_listed_where_they_are_asked_for() {
    let options = shaped(Shaping { unlisted: Shaping::modern().unlisted, ..Shaping::default() });
    let (_, body) = answer_with(&options, Format::Metalink, UPDATES, 1);
    assert!(!body.contains("rsync:") && !body.contains("ftp:"), "{body}");
    let (_, body) =
        answer_with(&options, Format::Metalink, &format!("{UPDATES}&protocol=rsync"), 1);
    assert!(body.contains("rsync://") && !body.contains("http://mirror"), "{body}");
}

#[test]
fn the_fallback_is_last_and_never_cut_off_nor_listed_twice() {
    let fallback = Fallback::parse("https://mirror.tokyo.example/all/").unwrap();
    let shaping = Shaping { max_mirrors: Some(3), fallback: Some(fallback), ..Shaping::default() };
    let options = shaped(shaping);
    let query = "repo=demo-9&arch=x86_64&ip=1.1.1.1";
    for seed in 0..20 {
        let (_, body) = answer_with(&options, Format::Mirrorlist, query, seed);
        let urls: Vec<_> = body.lines().skip(1).collect();
        assert_eq!(urls.len(), 4, "{body}");
        assert_eq!(urls[3], "https://mirror.tokyo.example/all/9/os/x86_64/");
        assert_eq!(hosts(&body).iter().filter(|host| **host == "mirror.tokyo.example").count(), 1);
    }
    let (_, body) = answer_with(&options, Format::Metalink, query, 1);
    let last = body.lines().rfind(|line| line.contains("<url ")).unwrap();
    assert_eq!(
        last,
        "    <url protocol=\"https\" type=\"https\" location=\"\" preference=\"97\">\
         https://mirror.tokyo.example/all/9/os/x86_64/repodata/repomd.xml</url>"
    );
    let (_, body) =
        answer_with(&options, Format::Mirrorlist, &format!("{query}&protocol=rsync"), 1);
    assert!(body.lines().skip(1).all(|url| url.starts_with("rsync://")), "{body}");
    let nowhere = format!("{query}&protocol=https&country=de");
    let (_, body) = answer_with(&options, Format::Mirrorlist, &nowhere, 1);
    assert!(body.ends_with("/all/9/os/x86_64/\n"), "{body}");
}

#[test]
fn the_first_four_offer_https_where_they_can_and_own_networks_stay_first() {
    let options = shaped(Shaping { spread: true, ..Shaping::default() });
    for seed in 0..50 {
        let (_, body) = answer_with(&options, Format::Mirrorlist, UPDATES, seed);
        let order = hosts(&body);
        assert_eq!(order[0], "mirror.campus.example", "{body}");
        assert!(!order[..4].contains(&"ftp.frankfurt.example"), "{body}");
        let mut sorted = order.clone();
        sorted.sort();
        let (_, plain) = answer(Format::Mirrorlist, UPDATES);
        let mut expected = hosts(&plain);
        expected.sort();
        assert_eq!(sorted, expected, "nobody is lost or doubled");
    }
}

#[test]
fn a_spread_prefers_what_was_asked_for() {
    // Frankfurt is the nearer of those that offer plain HTTP only; under `protocol=http` every one
    // offers what was asked for, so none gives way.
    let options = shaped(Shaping { spread: true, ..Shaping::default() });
    let query = format!("{UPDATES}&protocol=http");
    let mut fronts = 0;
    for seed in 0..50 {
        let (_, body) = answer_with(&options, Format::Mirrorlist, &query, seed);
        assert!(body.lines().skip(1).all(|url| url.starts_with("http://")), "{body}");
        fronts += usize::from(hosts(&body)[..3].contains(&"ftp.frankfurt.example"));
    }
    // Two German mirrors follow the one of the client's own network.
    assert_eq!(fronts, 50);
}

#[test]
fn countme_names_repositories_that_exist_and_nothing_else() {
    let count = |query: &str| {
        answer(Format::Metalink, query).0.countme.map(|entry| (entry.repository, entry.bucket))
    };
    let demo = Some("demo-9+x86_64".to_owned());
    for (query, expected) in [
        ("repo=demo-9&arch=x86_64", None),
        ("repo=demo-9&arch=x86_64&countme=2", Some((demo.clone(), Countme::Bucket(2)))),
        ("repo=demo-latest&arch=x86_64&countme=1", Some((demo.clone(), Countme::Bucket(1)))),
        ("repo=demo-9&arch=x86_64&countme=9", Some((demo.clone(), Countme::Other))),
        ("repo=demo-9&arch=x86_64&countme=4&ip=junk", Some((demo, Countme::Bucket(4)))),
        ("repo=evil&arch=x86_64&countme=1", Some((None, Countme::Bucket(1)))),
        ("repo=%ff&arch=x86_64&countme=1", Some((None, Countme::Bucket(1)))),
        ("path=pub&countme=1", Some((None, Countme::Bucket(1)))),
    ] {
        assert_eq!(count(query), expected, "{query}");
    }
}
