//! Text of the data has one form: what is odd is mended and reported, and no answer shows it.

use answer::alias::Aliases;
use testdata::mirrormanager::{
    FileDetailsType, IntRepeatedIntMap, IntStringMap, StringBoolMap, StringStringMap,
};

use crate::fixture::{Answer, Server, World, details};

/// Diagnostics of a world, a line for each kind, but for those of the standard one.
fn diagnostics(world: &World) -> Vec<String> {
    let ours = World::standard().serve().report.lines();
    let mut lines = world.serve().report.lines();
    lines.retain(|line| !ours.contains(line));
    lines.iter().map(|line| line.replace("cache.proto: ", "")).collect()
}

/// The answer in every format, redirects included.
fn in_every_format(server: &Server, query: &str) -> Vec<Answer> {
    ["mirrorlist?", "mirrorlist?format=json&", "mirrorlist?redirect&", "metalink?", "metalink4?"]
        .map(|format| server.get(&format!("/{format}{query}")))
        .to_vec()
}

/// Everything in an answer that a client could read as a URL, unescaped as far as the tests need it.
fn urls_of(answer: &Answer) -> Vec<String> {
    let text = [answer.location.as_deref().unwrap_or(""), &answer.body].concat();
    let from_scheme = |(at, _): (usize, &str)| {
        let start = text[..at].rfind(|c: char| !c.is_alphanumeric()).map_or(0, |at| at + 1);
        let rest = &text[start..];
        let end = rest.find(['"', '<', '>', '\n', ' ']).unwrap_or(rest.len());
        rest[..end].replace("&amp;", "&").replace("&apos;", "'").replace("&#39;", "'")
    };
    let mut urls: Vec<_> = text.match_indices("://").map(from_scheme).collect();
    urls.retain(|url| !url.contains("metalinker.org") && !url.contains("fedorahosted.org"));
    urls.sort();
    urls.dedup();
    urls
}

#[test]
fn a_url_is_mended_or_refused_and_never_listed_in_an_odd_form() {
    for (url, listed) in [
        ("HTTPS://Berlin.example:443//test///", Some("https://berlin.example/test")),
        ("https://berlin.example/te\u{fc}st", Some("https://berlin.example/te%C3%BCst")),
        ("https://b\u{fc}rlin.example/test", Some("https://xn--brlin-kva.example/test")),
        ("https://berlin.example/<a>%/$x", Some("https://berlin.example/%3Ca%3E%25/%24x")),
        ("https://berlin.example:99999/test", None),
        ("https://[berlin.example/test", None),
        ("https:///test", None),
        ("https://berlin.example/?x=1", None),
        ("https://berlin.example/#f", None),
        ("https://me:secret@berlin.example/test", None),
    ] {
        let mut world = World::standard();
        world.list.hc_url_cache[0].value = url.into();
        world.list.hc_url_cache[1].value = "http://plain.example/test".into();
        let lines = diagnostics(&world);
        let kind = match listed {
            Some(_) => "HCUrlCache: URL in an odd form, mended: 10 ",
            None => "HCUrlCache: URL that cannot be listed, skipped: 10 ",
        };
        assert!(lines[0].starts_with(kind) && lines.len() == 1, "{lines:?}");
        assert!(!lines[0].contains("secret"), "{lines:?}");
        let server = world.serve();
        for answer in
            in_every_format(&server, "repo=main-9&arch=x86_64&country=de&protocol=https,http")
        {
            let urls = urls_of(&answer);
            let expected = listed.unwrap_or("http://plain.example/test");
            assert!(urls.iter().any(|url| url.starts_with(&format!("{expected}/9/"))), "{urls:?}");
            for url in urls {
                let (_, rest) = url.split_once("://").unwrap();
                let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"{}|\\^`[]?#$".contains(c);
                assert!(!rest.contains("//") && rest.chars().all(is_plain), "{url}");
                assert!(!rest.contains('@'), "{url}");
            }
        }
    }
}

#[test]
fn names_of_directories_are_encoded_alike_in_every_format() {
    // A name is text: what is encoded in it is not decoded.
    for (name, encoded) in [
        ("a%2Fb", "a%252Fb"),
        ("50% off", "50%25%20off"),
        ("what?x=1", "what%3Fx=1"),
        ("c#", "c%23"),
        ("$basearch", "%24basearch"),
        ("m\u{fc}nchen", "m%C3%BCnchen"),
        ("<i>\"x\"</i>".trim_end_matches("</i>"), "%3Ci%3E%22x%22"),
        ("a\\b|c^d`e{f}[g]", "a%5Cb%7Cc%5Ed%60e%7Bf%7D%5Bg%5D"),
        ("c++;~!&'()*,=:@", "c++;~!&'()*,=:@"),
    ] {
        let mut world = World::standard();
        let directory = format!("pub/test/{name}");
        world.directory(&directory, name, &[5]);
        world.file(&directory, "f", &[details(1, '1')]);
        let asked: String = directory.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for answer in in_every_format(&world.serve(), &format!("path={asked}/f")) {
            let expected = format!("https://newyork.example/test/{encoded}/f");
            assert_eq!(urls_of(&answer), [expected], "{}", answer.body);
        }
    }
}

#[test]
fn names_of_directories_have_one_form_in_every_table() {
    let mut world = World::standard();
    world.directory("/pub//odd/./x/", "/odd//x/", &[5]);
    world.directory("pub/odd/y/../x/repodata", "odd/x/repodata/", &[5]);
    world.directory("pub/odd/x/", "elsewhere", &[1]);
    world.directory("../pub/above", "above", &[1]);
    world.directory("//", "", &[1]);
    world.repository("odd+x86_64", "pub/odd/x//");
    world.file("pub/odd/x/repodata//", "repomd.xml", &[details(1, '1')]);
    world.file("../pub/odd", "repomd.xml", &[details(1, '1')]);
    world.file("pub/odd/x/repodata", "a/b", &[details(1, '1')]);
    assert_eq!(
        diagnostics(&world),
        [
            "MirrorListCache: directory name with odd slashes or dots, mended: \
             /pub//odd/./x/ to pub/odd/x (and 3 more like it)",
            "MirrorListCache: subpath with odd slashes or dots, mended: \
             /odd//x/ of pub/odd/x (and 1 more like it)",
            "MirrorListCache: directory occurs twice, first kept: pub/odd/x",
            "MirrorListCache: directory name leads above where it begins, skipped: \
             ../pub/above at above",
            "MirrorListCache: directory name is empty, skipped: ",
            "RepoArchToDirectoryName: directory name with odd slashes or dots, mended: \
             odd+x86_64 in pub/odd/x//",
            "FileDetailsCache: directory name with odd slashes or dots, mended: \
             pub/odd/x/repodata// to pub/odd/x/repodata",
            "FileDetailsCache: directory name leads above where it begins, skipped: ../pub/odd",
            "FileDetailsCache: directory occurs twice, files joined: pub/odd/x/repodata",
            "FileDetailsCache: file name is no name within a directory, skipped: \
             pub/odd/x/repodata/a/b",
        ]
    );
    let server = world.serve();
    for query in ["repo=odd&arch=x86_64", "path=/pub/./odd//x/repodata/repomd.xml"] {
        for answer in in_every_format(&server, query) {
            assert!(matches!(answer.status, 200 | 302), "{query}: {}", answer.body);
            for url in urls_of(&answer) {
                assert!(url.starts_with("https://newyork.example/test/odd/x/"), "{url}");
                assert_eq!(url.matches("//").count(), 1, "{url}");
            }
        }
    }
}

/// A version of `age` seconds with these checksums.
fn version(age: u64, digit: char, sums: &str) -> FileDetailsType {
    let all = details(age, digit);
    let pick = |name: &str, sum: Option<String>| sum.filter(|_| sums.contains(name));
    FileDetailsType {
        md5: pick("md5", all.md5),
        sha1: pick("sha1", all.sha1),
        sha256: pick("sha256", all.sha256),
        sha512: pick("sha512", all.sha512),
        ..all
    }
}

/// Sizes (8,000 and the age) of the versions in the metalink of the repository's index, in order.
fn listed(versions: &[FileDetailsType]) -> (Vec<u64>, Vec<String>, Vec<String>) {
    let mut world = World::standard();
    world.file("pub/test/9/plain/repodata", "repomd.xml", versions);
    let server = world.serve();
    let body = server.get("/metalink?repo=plain-9&arch=x86_64").body;
    let sizes = body.lines().filter_map(|line| {
        let size = line.trim().strip_prefix("<size>")?.strip_suffix("</size>")?;
        Some(size.parse::<u64>().unwrap() - 8_000)
    });
    let sizes = sizes.collect();
    let mut lines = server.report.harmless_lines();
    lines.retain(|line| line.contains("FileDetailsCache"));
    let harmful = server.report.harmful_lines();
    let short = |line: String| {
        line.replace("cache.proto: FileDetailsCache: ", "")
            .replace(": pub/test/9/plain/repodata/repomd.xml", "")
    };
    (sizes, lines.into_iter().map(short).collect(), harmful.into_iter().map(short).collect())
}

#[test]
fn versions_stand_in_the_order_of_their_times_and_can_be_verified_together() {
    const ALL: &str = "md5 sha1 sha256 sha512";
    let (a, b, c) = (version(3, 'a', ALL), version(2, 'b', ALL), version(1, 'c', ALL));
    let bare = |age| version(age, '0', "");
    let of = |list: &[FileDetailsType]| listed(list);
    let nothing = Vec::<String>::new();
    assert_eq!(
        of(&[a.clone(), b.clone(), c.clone()]),
        (vec![3, 2, 1], nothing.clone(), nothing.clone())
    );
    assert_eq!(
        of(&[c.clone(), a.clone(), b.clone()]),
        (
            vec![3, 2, 1],
            vec!["versions out of order, sorted by their times".into()],
            nothing.clone()
        )
    );
    // Equal times stay in the order of the data.
    let same_time = FileDetailsType { size: 8_009, ..a.clone() };
    assert_eq!(of(&[a.clone(), same_time.clone()]).0, [3, 9]);
    assert_eq!(of(&[same_time, a.clone()]).0, [9, 3]);
    assert_eq!(
        of(&[a.clone(), a.clone(), b.clone(), a.clone()]).0,
        [3, 2],
        "identical ones are listed once"
    );
    assert_eq!(
        of(&[a.clone(), bare(2), c.clone()]),
        (vec![3, 1], vec!["older version without a checksum, not listed".into()], nothing.clone())
    );
    let unverified = "repomd.xml without sha256 and sha512, clients cannot verify it";
    assert_eq!(
        of(&[bare(4), a.clone(), b.clone()]),
        (
            vec![4],
            vec!["newest version has no checksum, older ones are not listed".into()],
            vec![unverified.into()]
        )
    );
    assert_eq!(of(&[b.clone(), bare(4)]).0, [4], "whatever the place in the data");
    assert_eq!(
        of(&[bare(4), bare(3)]),
        (vec![4], vec!["file without any checksum".into()], vec![unverified.into()])
    );
    assert_eq!(of(&[version(4, 'd', "md5")]), (vec![4], nothing.clone(), vec![unverified.into()]));
    assert_eq!(of(&[version(4, 'd', "md5 sha512")]), (vec![4], nothing.clone(), nothing.clone()));

    let many: Vec<_> = (1..=40).rev().map(|age| version(age, 'e', ALL)).collect();
    let (sizes, lines, _) = of(&many);
    assert_eq!(sizes, (9..=40).rev().collect::<Vec<_>>());
    assert_eq!(
        lines,
        ["file with more than 32 versions, the oldest are not listed: \
                       pub/test/9/plain/repodata/repomd.xml has 40"
            .replace(": pub/test/9/plain/repodata/repomd.xml", "")]
    );
    let future = FileDetailsType { time_stamp: 1_790_100_000, ..a.clone() };
    assert_eq!(of(&[b.clone(), future]).0, [3, 2]);
    let (_, lines, _) = of(&[FileDetailsType { time_stamp: 1_790_100_000, ..a.clone() }]);
    assert_eq!(lines, ["version newer than the data of 1790100000"]);
    let impossible = FileDetailsType { time_stamp: u64::MAX, size: u64::MAX, ..b.clone() };
    let (sizes, lines, _) = of(&[impossible, a]);
    assert_eq!(sizes, [3]);
    assert_eq!(
        lines,
        [
            "version with an impossible time or size, left out",
            "versions out of order, sorted by their times",
            "version without a time, taken for the oldest"
        ]
    );
    let timeless = FileDetailsType { time_stamp: 0, ..c };
    assert_eq!(of(&[timeless]).1, ["repomd.xml without a time or a size"]);
}

#[test]
fn redirects_are_followed_to_their_end_when_loading() {
    let mut world = World::standard();
    let redirects = &mut world.list.repository_redirect_cache;
    for (from, to) in [
        ("newest", "latest"),
        ("very-newest", "newest"),
        ("round", "about"),
        ("about", "round"),
        ("into-the-circle", "round"),
        ("self", "self"),
        ("nowhere", "no-such"),
        ("to-nowhere", "nowhere"),
        ("off", "old-8"),
    ] {
        redirects.push(StringStringMap::new(from, to));
    }
    world.list.disabled_repository_cache.push(StringBoolMap::new("never-was", true));
    assert_eq!(
        diagnostics(&world),
        [
            "DisabledRepositoryCache: disabled repository that does not exist: never-was",
            "RepositoryRedirectCache: redirect in a circle, skipped: about to round (and 3 more like it)",
            "RepositoryRedirectCache: redirect to a repository that does not exist, skipped: \
             nowhere to no-such (and 1 more like it)",
        ]
    );
    let server = world.serve();
    let get = |repo: &str| server.get(&format!("/mirrorlist?repo={repo}&arch=x86_64&country=us"));
    for repo in ["latest", "newest", "very-newest"] {
        assert_eq!(get(repo).header(), "# repo = main-9 arch = x86_64 country = US ", "{repo}");
    }
    assert_eq!(get("off").body, "repo disabled");
    for repo in ["round", "about", "into-the-circle", "self", "nowhere", "to-nowhere"] {
        assert_eq!(get(repo).status, 404, "{repo}");
    }
}

#[test]
fn a_path_to_the_index_leads_every_format_to_one_repository() {
    let mut world = World::standard();
    world.repository("index-9+x86_64", "pub/test/9/x86_64/repodata");
    // Only its index is known to be carried.
    world.directory("pub/test/bare/repodata", "bare/repodata/", &[5]);
    world.repository("bare+x86_64", "pub/test/bare");
    world.repository("bare-index+x86_64", "pub/test/bare/repodata");
    world.file("pub/test/bare/repodata", "repomd.xml", &[details(1, '1')]);
    let lines = diagnostics(&world);
    let parent = "MirrorListCache: directory of a repository is missing, taken from that of its \
                  index: pub/test/bare";
    assert!(lines.iter().any(|line| line == parent), "{lines:?}");
    let server = world.serve();
    for (repo, base) in
        [("main-9", "9/x86_64"), ("index-9", "9/x86_64"), ("bare", "bare"), ("bare-index", "bare")]
    {
        for answer in in_every_format(&server, &format!("repo={repo}&arch=x86_64&country=us")) {
            let tail = match &*answer.content_type {
                "text/plain" | "application/json" => "",
                _ => "repodata/repomd.xml",
            };
            let expected = format!("https://newyork.example/test/{base}/{tail}");
            assert_eq!(urls_of(&answer), [expected], "{repo} {}", answer.body);
        }
    }
    // `path=` names exactly what is asked for.
    assert_eq!(
        server.get("/mirrorlist?path=pub/test/bare/repodata").urls(),
        ["https://newyork.example/test/bare/repodata/"]
    );
}

#[test]
fn what_does_not_join_is_counted_with_an_example() {
    let mut world = World::standard();
    world.list.hc_url_cache.push(IntStringMap::new(990, "http://me:secret@idle.example"));
    world.list.hc_url_cache.push(IntStringMap::new(991, "http://idle.example/x"));
    world.directory("pub/private", "private", &[2, 7]);
    world.directory("pub/rsync", "rsync", &[8]);
    world.directory("pub/rsync/repodata", "rsync/repodata", &[8]);
    world.repository("rsync+x86_64", "pub/rsync");
    world.file("pub/rsync/repodata", "repomd.xml", &[details(1, '1')]);
    world.directory("pub/half", "half", &[1]);
    world.repository("half+x86_64", "pub/half");
    let report = world.serve().report;
    let lines = diagnostics(&world);
    for expected in [
        "HCUrlCache: URL that no mirror uses: 990 http://…@idle.example (and 1 more like it)",
        "MirrorListCache: directory that no public mirror carries: pub/private",
        "RepoArchToDirectoryName: repository whose repodata no mirror carries, it has no metalink: \
         half+x86_64 in pub/half",
        "RepoArchToDirectoryName: repository that no public mirror offers over http or https: \
         rsync+x86_64 in pub/rsync",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:#?}");
    }
    assert_eq!(
        report.harmful_lines(),
        [
            "cache.proto: RepoArchToDirectoryName: repository that no public mirror offers over http \
          or https: rsync+x86_64 in pub/rsync"
        ]
    );
}

#[test]
fn the_urls_of_a_mirror_are_listed_once() {
    let mut world = World::standard();
    // 50 becomes what 51 is; 52 is another protocol.
    world.list.hc_url_cache.push(IntStringMap::new(51, "https://newyork.example/test/"));
    world.list.hc_url_cache.push(IntStringMap::new(52, "http://newyork.example/test"));
    for directory in &mut world.list.mirror_list_cache {
        for host in directory.by_host_id.iter_mut().filter(|host| host.key == 5) {
            *host = IntRepeatedIntMap::new(5, [51, 50, 52, 50]);
        }
    }
    let body = world.serve().get("/metalink?repo=main-9&arch=x86_64&country=us");
    let tail = "newyork.example/test/9/x86_64/repodata/repomd.xml";
    assert_eq!(body.urls(), [format!("https://{tail}"), format!("http://{tail}")]);
}

#[test]
fn aliases_are_used_where_a_name_leads_nowhere() {
    let mut world = World::standard();
    let pairs = [
        ("pub/test/9Server", "pub/test/9"),
        ("main-9Server", "latest"),
        ("main-source-9Server", "main-source-9"),
        // Which of the two is one of sources is up to what they stand for.
        ("srpms-9", "main-source-9"),
        ("sourceforge-9", "main-9"),
        ("old", "old-8"),
        ("pub/test/newest.iso", "pub/test/9/images/a&b <1>.iso"),
    ];
    let owned = |&(name, target): &(&str, &str)| (name.to_owned(), target.to_owned());
    world.options.aliases = Aliases::new(pairs.iter().map(owned)).unwrap();
    let server = world.serve();
    for (asked, meant) in [
        ("path=pub/test/9Server/x86_64", "path=pub/test/9/x86_64"),
        ("path=/pub/test//9Server/x86_64/repodata/", "path=pub/test/9/x86_64/repodata"),
        (
            "path=pub/test/9Server/x86_64/repodata/repomd.xml",
            "path=pub/test/9/x86_64/repodata/repomd.xml",
        ),
        ("repo=main-9Server&arch=x86_64", "repo=main-9&arch=x86_64"),
        ("repo=main-source-9Server&arch=x86_64", "repo=main-source-9&arch=source"),
        ("repo=srpms-9&arch=x86_64", "repo=main-source-9&arch=source"),
        ("repo=sourceforge-9&arch=x86_64", "repo=main-9&arch=x86_64"),
        ("repo=old&arch=x86_64", "repo=old-8&arch=x86_64"),
        ("path=pub/test/newest.iso", "path=pub/test/9/images/a%26b%20<1>.iso"),
    ] {
        let (asked, meant) = (format!("{asked}&country=us"), format!("{meant}&country=us"));
        let pairs =
            in_every_format(&server, &asked).into_iter().zip(in_every_format(&server, &meant));
        for (asked, meant) in pairs {
            assert_eq!(
                (asked.status, asked.location, asked.body),
                (meant.status, meant.location, meant.body)
            );
        }
    }
    // Whatever can be asked for leads somewhere.
    assert_eq!(world.options.aliases.dangling(server.snapshot()).count(), 0);
    // What is there under its own name is not renamed.
    let pairs = [("main-9", "plain-9"), ("pub/test/9/images", "pub/test/8")];
    world.options.aliases = Aliases::new(pairs.iter().map(owned)).unwrap();
    let (server, plain) = (world.serve(), World::standard().serve());
    for query in ["repo=main-9&arch=x86_64&country=us", "path=pub/test/9/images/x&country=us"] {
        assert_eq!(in_every_format(&server, query), in_every_format(&plain, query));
    }
    // Neither found as asked nor by its alias.
    world.options.aliases = Aliases::new([("x".into(), "pub/none".into())]).unwrap();
    assert_eq!(
        world.serve().get("/mirrorlist?path=x/y").text(),
        plain.get("/mirrorlist?path=x/y").text()
    );
    let dangling: Vec<_> = world.options.aliases.dangling(plain.snapshot()).collect();
    assert_eq!(dangling, [("x", "pub/none")]);
}
