//! The styles of other servers, as routes.

use crate::notation::read;
use crate::{Arch, RouteTable, RouteTarget, Standard, check_tests, compile};

/// Compiles the notation, which must be right and whose tests must hold.
#[track_caller]
fn table(text: &str) -> RouteTable {
    let notes = read(text);
    let (table, faults) = compile(&notes.routes, &notes.maps, &notes.names);
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let table = table.expect("no faults");
    let failed = check_tests(&table, &notes.routes, &notes.names);
    let failed: Vec<_> = failed.iter().map(ToString::to_string).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    table
}

/// The route and target of a request, as one line.
fn answer(table: &RouteTable, host: &str, get: &str) -> String {
    let (path, query) = get.split_once('?').unwrap_or((get, ""));
    let Some(found) = table.find(host, path, query) else { return "none".to_owned() };
    let mut text = String::new();
    let target = match found.target(&mut text) {
        Ok(RouteTarget::Repository(repo, Arch::Named(arch))) => format!("{repo} + {arch}"),
        Ok(RouteTarget::Repository(repo, Arch::Each(arch))) => format!("{repo} + each {arch}"),
        Ok(RouteTarget::Path(path)) => format!("path {path}"),
        Ok(RouteTarget::Category(name)) => format!("category {name}"),
        Ok(RouteTarget::Urls(urls)) => format!("url {urls}"),
        Err(unresolved) => unresolved.to_string(),
    };
    format!("{}: {target}", found.name())
}

#[track_caller]
fn check(table: &RouteTable, host: &str, requests: &[(&str, &str)]) {
    for (get, expected) in requests {
        assert_eq!(answer(table, host, get), *expected, "{get}");
    }
}

#[test]
fn old_centos() {
    let table = table(
        "map centos 7=7.9.2009 8-stream=8-stream\n\
         repo os-7.9.2009 x86_64\n\
         route centos\n\
         path /\n\
         query release release!\n\
         query arch arch!\n\
         query repo repo!\n\
         query infra -\n\
         query cc country:region\n\
         target repo {repo|lower}-{release|map:centos}\n\
         target arch {arch}\n\
         option prefer [http]\n\
         option limit 10\n\
         option trailing_slash true\n\
         option fallback http://mirror.centos.org/centos\n\
         errors centos\n\
         test /?release=7&arch=x86_64&repo=os repo=os-7.9.2009 arch=x86_64\n\
         test /?release=6&arch=x86_64&repo=os status=200\n\
         test /?release=6&arch=x86_64 status=404",
    );
    check(
        &table,
        "mirrorlist.centos.org",
        &[
            (
                "/?release=7&arch=x86_64&repo=OS&infra=stock&cc=us-TX",
                "centos: os-7.9.2009 + x86_64",
            ),
            ("/?release=7.3&arch=&repo=os", "none"),
            ("/?release=6&arch=i386&repo=os", "centos: release is unknown"),
            ("/?release=7&arch=x86_64", "none"),
            ("/", "none"),
        ],
    );
    let found = table.find("", "/", "release=7&arch=x86_64&repo=os&cc=us-TX").expect("a route");
    assert_eq!(found.standard(Standard::Country), Some("us"));
    assert_eq!(found.standard(Standard::Region), Some("TX"));
    assert_eq!(found.options().limit, Some(10));
}

#[test]
fn a_second_path_for_rocky_debuginfo() {
    let table = table(
        "route debug\n\
         host mirrors.rockylinux.org\n\
         path /debuglist\n\
         query repo repo\n\
         query arch arch\n\
         query country country?\n\
         query countme countme?\n\
         target repo {repo}\n\
         target arch {arch}\n\
         errors mm\n\
         test /debuglist?arch=x86_64&repo=BaseOS-9-debug repo=BaseOS-9-debug arch=x86_64\n\
         test /debuglist?arch=x86_64 status=200",
    );
    check(&table, "other.example", &[("/debuglist?repo=a&arch=b", "none")]);
    // openEuler: a slash inside a name.
    let host = "mirrors.rockylinux.org";
    check(&table, host, &[("/debuglist?repo=24.03-LTS/OS&arch=b", "debug: 24.03-LTS/OS + b")]);
}

#[test]
fn parameters_are_told_apart_by_their_values_and_called_by_their_names() {
    let table = table(
        "map m 9=9\n\
         route country\npath /{repo}\nquery country country!\ntarget path {repo}\nrank 1\n\
         route list\npath /{repo}\nquery c countries:list!\ntarget path {repo}\n\
         route strict\npath /s\nstrict\nquery a flag\nquery release version\n\
         target path {version|map:m}\nrank 2\n\
         route other\npath /{repo}\nquery countme countme?\ntarget path {repo}",
    );
    check(
        &table,
        "",
        &[
            ("/a?country=DE", "country: path a"),
            ("/a?country=DE&country=", "other: path a"),
            ("/a?country=", "other: path a"),
            ("/a?c=&c=DE&c=", "list: path a"),
            ("/a?c=", "other: path a"),
            ("/s?a&countme=1", "strict: release is missing"),
            ("/s?a&release=8", "strict: release is unknown"),
            ("/s?a&b&release=8", "other: path s"),
        ],
    );
}

#[test]
fn almalinux() {
    let table = table(
        "map alma 8=8.10 9=9.8 10=10.2 10-kitten=10-kitten\n\
         map vault 9.1=9.1 9.2=9.2\n\
         arch x86_64\n\
         arch aarch64\n\
         repo 9.8-baseos x86_64 aarch64\n\
         repo 10-kitten-baseos x86_64\n\
         route mirrorlist\n\
         host mirrors.almalinux.org\n\
         path /mirrorlist/{version}/{repo}\n\
         query arch arch?\n\
         query protocol protocol?\n\
         query country country?\n\
         query countme countme?\n\
         target repo {version|map:alma}-{repo}\n\
         target arch {arch|literal:$basearch}\n\
         option header false\n\
         option final_newline false\n\
         option urls_per_mirror 1\n\
         option prefer [http https]\n\
         option limit 10\n\
         errors alma\n\
         test /mirrorlist/9/baseos?protocol=https repo=9.8-baseos format=text\n\
         test /mirrorlist/9.5/baseos repo=9.8-baseos arch=$basearch\n\
         test /mirrorlist/99.995/baseos status=404\n\
         test /mirrorlist/9/nothing status=404\n\
         route vault\n\
         host mirrors.almalinux.org\n\
         path /mirrorlist/{version:map:vault}/{repo}\n\
         target url https://vault.almalinux.org/{version|map:vault}/{repo}/$basearch/os\n\
         test /mirrorlist/9.1/baseos url=https://vault.almalinux.org/9.1/baseos/$basearch/os\n\
         route source\n\
         host mirrors.almalinux.org\n\
         path /mirrorlist/{version}/{repo}-source\n\
         target url https://vault.almalinux.org/{version|map:alma}/{repo}/Source\n\
         test /mirrorlist/9/baseos-source url=https://vault.almalinux.org/9.8/baseos/Source\n\
         route isolist\n\
         host mirrors.almalinux.org\n\
         path /isolist/{version}/{arch}\n\
         target path {version|map:alma}/isos/{arch}\n\
         format isolist\n\
         test /isolist/9/x86_64 path=9.8/isos/x86_64 format=isolist\n\
         test /isolist/9/mips status=404",
    );
    check(
        &table,
        "mirrors.almalinux.org:443",
        &[
            ("/mirrorlist/9/baseos?arch=aarch64", "mirrorlist: 9.8-baseos + aarch64"),
            ("/mirrorlist/10-kitten/baseos", "mirrorlist: 10-kitten-baseos + each $basearch"),
            ("/mirrorlist/9.1/a-source", "source: url https://vault.almalinux.org/9.8/a/Source"),
            ("/mirrorlist/9.1.3/a", "vault: url https://vault.almalinux.org/9.1/a/$basearch/os"),
            ("/mirrorlist/%39/base%6fs", "mirrorlist: 9.8-baseos + each $basearch"),
            ("/mirrorlist/9/baseos/", "none"),
            ("/mirrorlist/9%2fbaseos", "none"),
            ("/mirrorlist/../baseos", "none"),
            ("/mirrorlist//baseos", "none"),
        ],
    );
    check(&table, "", &[("/mirrorlist/9/baseos", "none")]);
}

#[test]
fn mageia_and_openmandriva() {
    let table = table(
        "arch x86_64\n\
         route mageia\n\
         path /mirrorlist/\n\
         query release release!\n\
         query arch arch!\n\
         query section section!\n\
         query repo repo!\n\
         target repo {release}-{section}-{repo}\n\
         target arch {arch}\n\
         test /mirrorlist/?release=9&arch=x86_64&section=core&repo=release repo=9-core-release\n\
         route urpmi\n\
         path /api/mageia.{version}.{arch}.list\n\
         target repo {version}-core-release\n\
         target arch {arch}\n\
         format urpmi\n\
         option order static\n\
         test /api/mageia.9.x86_64.list repo=9-core-release arch=x86_64\n\
         test /api/mageia.9.1.x86_64.list repo=9.1-core-release\n\
         test /api/mageia.9.mips.list status=404\n\
         route mandriva\n\
         path /mirrors.php\n\
         query platform platform!\n\
         query arch arch!\n\
         query repo repo!\n\
         query release release!\n\
         target repo {platform}-{repo}-{release}\n\
         target arch {arch}\n\
         test /mirrors.php?platform=cooker&arch=znver1&repo=main&release=release repo=cooker-main-release",
    );
    check(&table, "", &[("/mirrorlist/?release=9", "none"), ("/mirrorlist?release=9", "none")]);
}

#[test]
fn static_lists_of_elrepo_and_remi() {
    let table = table(
        "arch x86_64\n\
         route elrepo\n\
         path /mirrors-elrepo.el{version:digits}\n\
         target repo elrepo-{version}\n\
         target arch {arch|literal:$basearch}\n\
         option order static\n\
         test /mirrors-elrepo.el9 repo=elrepo-9 arch=$basearch\n\
         route elrepo-more\n\
         path /mirrors-{repo}.el{version:digits}\n\
         target repo {repo}-{version}\n\
         target arch {arch|literal:$basearch}\n\
         option order static\n\
         test /mirrors-elrepo-kernel.el9 repo=elrepo-kernel-9\n\
         route remi\n\
         path /enterprise/{version}/{repo}/mirror\n\
         target repo remi-{repo}-{version}\n\
         target arch {arch|literal:$basearch}\n\
         test /enterprise/9/safe/mirror repo=remi-safe-9\n\
         route remi-arch\n\
         path /enterprise/{version}/{repo}/{arch}/mirror\n\
         target repo remi-{repo}-{version}\n\
         target arch {arch}\n\
         test /enterprise/8/remi/x86_64/mirror arch=x86_64\n\
         route remi-https\n\
         path /enterprise/{version}/{repo}/httpsmirror\n\
         target repo remi-{repo}-{version}\n\
         target arch {arch|literal:$basearch}\n\
         option prefer [https]\n\
         test /enterprise/9/safe/httpsmirror repo=remi-safe-9",
    );
    check(&table, "", &[("/mirrors-elrepo.el", "none"), ("/mirrors-.el9", "none")]);
}

#[test]
fn snapshots_of_amazon() {
    table(
        "arch x86_64\n\
         route amazon\n\
         path /{product}/{repo}/mirrors/{version}/{arch}/mirror.list\n\
         target path {product}/{repo}/{version}/{arch}\n\
         option limit 1\n\
         test /al2023/core/mirrors/latest/x86_64/mirror.list path=al2023/core/latest/x86_64",
    );
}

#[test]
fn lists_of_base_urls() {
    let table = table(
        "route arch\n\
         host archlinux.org\n\
         path /mirrorlist/\n\
         query country country:list?\n\
         query protocol protocol:list?\n\
         query ip_version -\n\
         query use_mirror_status -\n\
         target category arch\n\
         option suffix $repo/os/$arch\n\
         option commented true\n\
         format pacman\n\
         test /mirrorlist/?country=DE&country=FR&use_mirror_status=on category=arch\n\
         route alpine\n\
         host mirrors.alpinelinux.org\n\
         path /mirrors.txt\n\
         target category alpine\n\
         option order static\n\
         option cache 600\n\
         option content_type text/plain; charset=utf-8\n\
         test /mirrors.txt category=alpine\n\
         route ubuntu\n\
         host mirrors.ubuntu.com\n\
         path /mirrors.txt\n\
         target category ubuntu\n\
         option country_only true\n\
         option fallback http://archive.ubuntu.com/ubuntu\n\
         test /mirrors.txt category=ubuntu\n\
         route ubuntu-country\n\
         host mirrors.ubuntu.com\n\
         path /{country}.txt\n\
         target category ubuntu\n\
         option country_only true\n\
         option plain true\n\
         option fallback http://archive.ubuntu.com/ubuntu\n\
         format apt\n\
         test /PL.txt category=ubuntu format=apt\n\
         test /POL.txt status=404",
    );
    let query = "country=DE&country=FR&country=";
    let found = table.find("archlinux.org", "/mirrorlist/", query).expect("a route");
    assert_eq!(found.standard(Standard::Country), Some("DE,FR"));
    let mut suffix = String::new();
    found.push_suffix(&mut suffix).expect("no variables");
    assert_eq!(suffix, "$repo/os/$arch");
    assert!(found.options().commented);
    let found = table.find("mirrors.alpinelinux.org", "/mirrors.txt", "").expect("a route");
    assert_eq!(found.options().cache, Some(600));
    assert_eq!(found.options().content_type.as_deref(), Some("text/plain; charset=utf-8"));
    let found = table.find("mirrors.ubuntu.com", "/PL.txt", "").expect("a route");
    assert_eq!(found.standard(Standard::Country), Some("PL"));
    assert!(found.options().country_only && found.options().plain);
}

#[test]
fn any_file_of_opensuse_and_kali() {
    let table = table(
        "route list\n\
         path /{path*}/?\n\
         query mirrorlist flag\n\
         target path {path}\n\
         format json\n\
         test /distribution/leap/15.6/repo/oss?mirrorlist path=distribution/leap/15.6/repo/oss\n\
         test /distribution/leap/?mirrorlist&json path=distribution/leap\n\
         route meta4\n\
         path /{path*}.meta4\n\
         target path {path}\n\
         format metalink4\n\
         test /a/b.iso.meta4 path=a/b.iso format=metalink4\n\
         route metalink\n\
         path /{path*}.metalink\n\
         target path {path}\n\
         format metalink\n\
         test /a/b.iso.metalink path=a/b.iso\n\
         route redirect\n\
         path /{path*}\n\
         target path {path}\n\
         format redirect\n\
         test /a/b.iso status=302 path=a/b.iso",
    );
    check(
        &table,
        "",
        &[
            ("/a/b%20c/d%C3%BC.iso", "redirect: path a/b c/dü.iso"),
            ("/a/%2e%2e/b", "none"),
            ("/a/..%2fb", "none"),
            ("/a//b", "none"),
            ("/a%0ab", "none"),
            ("/a%ffb", "none"),
            ("/api/v1/mirrors", "none"),
            ("/api/v1", "none"),
            ("/api/v12", "redirect: path api/v12"),
            ("/", "none"),
        ],
    );
}
