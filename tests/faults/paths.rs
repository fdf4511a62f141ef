//! Paths of the download host: every proxy passes on what was asked for, and nothing else.
//!
//! A path goes into the query of a request to the server. Whatever in it has a meaning there must
//! arrive as itself, or a client could add parameters (`ip=`, `netblock=`) that the proxy did not mean
//! to pass on. With one mirror the answer shows to the byte what the server has read.

use crate::packages;
use crate::proxy::{DOWNLOAD_HOST, LISTS_HOST};
use crate::server::{Server, wait_until};
use crate::table::Table;
use crate::upstreams::{DIRECTORY, PROGRAMS, Upstreams, ask, data, request, status};

/// What a proxy may do with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    /// Pass it on.
    Pass,
    /// Pass it on, or refuse it itself with 400, 404 or 414: it is no valid path, or leads nowhere.
    MayRefuse,
}
use Rule::{MayRefuse, Pass};

/// What stands behind the directory in the path that a client asks for, and what that means, decoded.
const PATHS: &[(&str, &str, Rule)] = &[
    ("plain.iso", "plain.iso", Pass),
    ("a&b", "a&b", Pass),
    ("x&ip=203.0.113.1", "x&ip=203.0.113.1", Pass),
    ("x&netblock=0&country=JP&protocol=http", "x&netblock=0&country=JP&protocol=http", Pass),
    ("x&path=pub&redirect=&format=json", "x&path=pub&redirect=&format=json", Pass),
    ("&", "&", Pass),
    ("&&&&&&&&", "&&&&&&&&", Pass),
    ("a&b&c&d&e&f&g&h&i", "a&b&c&d&e&f&g&h&i", Pass),
    ("&&&&&&&&&", "&&&&&&&&&", MayRefuse),
    ("x&amp;ip=203.0.113.1", "x&amp;ip=203.0.113.1", Pass),
    ("a%26ip=203.0.113.1", "a&ip=203.0.113.1", Pass),
    ("a%26b&c", "a&b&c", Pass),
    ("a+b&c", "a+b&c", Pass),
    ("a%2526b", "a%26b", Pass),
    ("a%252526b", "a%2526b", Pass),
    ("a?ip=203.0.113.1", "a", Pass),
    ("a?x&y=%26#z", "a", MayRefuse),
    ("a?", "a", Pass),
    ("a%3Fip=203.0.113.1", "a?ip=203.0.113.1", Pass),
    ("a%3F%26ip=203.0.113.1", "a?&ip=203.0.113.1", Pass),
    ("a%23ip=203.0.113.1", "a#ip=203.0.113.1", Pass),
    ("a#ip=203.0.113.1", "a", MayRefuse),
    ("a+b", "a+b", Pass),
    ("c++/", "c++/", Pass),
    ("a%2Bb", "a+b", Pass),
    ("a%20b", "a b", Pass),
    ("a;ip=203.0.113.1", "a;ip=203.0.113.1", Pass),
    ("a%3Bb", "a;b", Pass),
    ("a=b", "a=b", Pass),
    ("a%3Db", "a=b", Pass),
    ("a:b@c,d!e*f'(g)$h~i", "a:b@c,d!e*f'(g)$h~i", Pass),
    ("$1$2%241$host$download_path%[path]", "$1$2$1$host$download_path%[path]", MayRefuse),
    ("a$1b%24host", "a$1b$host", Pass),
    ("%25{REMOTE_ADDR}", "%{REMOTE_ADDR}", Pass),
    ("a\"b", "a\"b", MayRefuse),
    ("a%22b", "a\"b", Pass),
    ("a%27b", "a'b", Pass),
    ("a<b>c", "a<b>c", MayRefuse),
    ("a%3Cb%3E", "a<b>", Pass),
    ("a{b}|c^d`e", "a{b}|c^d`e", MayRefuse),
    ("a\\b", "a\\b", MayRefuse),
    ("a%5Cb", "a\\b", Pass),
    ("%C3%BC", "\u{fc}", Pass),
    ("\u{fc}", "\u{fc}", MayRefuse),
    ("%E2%82%AC&ip=203.0.113.1", "\u{20ac}&ip=203.0.113.1", Pass),
    ("repodata//b", "repodata/b", Pass),
    ("//a", "a", Pass),
    ("repodata/./b", "repodata/b", Pass),
    ("x/../a", "a", Pass),
    ("x/%2e%2E/a", "a", Pass),
    ("x%2F..%2frepodata%2Fa", "repodata/a", Pass),
    ("repodata%2Fb", "repodata/b", Pass),
    ("a/.", "a", Pass),
    ("...", "...", Pass),
    ("%252e%252e", "%2e%2e", Pass),
    ("../../../../../../etc/passwd", "../../../../../../etc/passwd", MayRefuse),
    ("a%0d%0aLocation:%20http:%2F%2Fevil", "a\r\nLocation: http://evil", MayRefuse),
    ("a%0Ab&ip=203.0.113.1", "a\nb&ip=203.0.113.1", MayRefuse),
    ("a%0d", "a\r", MayRefuse),
    ("a%00b", "a\0b", MayRefuse),
    ("a%00&ip=203.0.113.1", "a\0&ip=203.0.113.1", MayRefuse),
    ("a%1bb", "a\u{1b}b", MayRefuse),
    ("a%7fb", "a\u{7f}b", MayRefuse),
    ("a%zz", "a%zz", MayRefuse),
    ("a%", "a%", MayRefuse),
    ("a%&b", "a%&b", MayRefuse),
    ("a%2", "a%2", MayRefuse),
];

/// What an answer says about the path: its status and where it leads to.
fn outcome(answer: &str) -> (String, Option<String>) {
    let location = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then(|| value.to_owned())
    });
    (status(answer).to_owned(), location)
}

/// What the server says when it is asked without a proxy, every byte encoded.
#[track_caller]
fn expected(server: &Server, decoded: &str) -> (String, Option<String>) {
    let path = format!("{DIRECTORY}/{decoded}");
    let path: String = path.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let target = format!("/mirrorlist?path={path}&redirect=1&protocol=https");
    outcome(&ask(server.address, &request(&target, DOWNLOAD_HOST)).unwrap())
}

pub fn mean_the_same_through_every_proxy(table: &mut Table) {
    packages::require_proxies();
    let world = data(1);
    for program in PROGRAMS {
        let upstreams = Upstreams::start(program, &world);
        let (mut n_redirects, mut n_refused) = (0, 0);
        for &(path, decoded, rule) in PATHS {
            let target = format!("/{DIRECTORY}/{path}");
            let sent = request(&target, DOWNLOAD_HOST);
            let answer = outcome(&ask(upstreams.proxy.http, &sent).unwrap());
            let refused = answer.1.is_none() && ["400", "404", "414"].contains(&&*answer.0);
            if rule == MayRefuse && refused {
                n_refused += 1;
                continue;
            }
            let expected = expected(&upstreams.servers[0], decoded);
            assert_eq!(answer, expected, "{program:?}: {path}\n{}", upstreams.proxy.log());
            assert!(answer.0 == "302" || rule == MayRefuse, "{program:?}: {path}: {answer:?}");
            n_redirects += usize::from(answer.1.is_some());
        }
        upstreams.stop();
        table.add(
            format!("{} odd paths of the download host through {program:?}", PATHS.len()),
            "the answer that the server gives to the path itself, or a refusal",
            format!("{n_redirects} equal redirects, {n_refused} refusals of paths that are none"),
        );
    }
}

/// A download host that is a mirror itself.
pub fn no_redirect_leads_back(table: &mut Table) {
    const N_ASKED: usize = 40;
    packages::require_proxies();
    let mut world = data(6);
    // Twice, so that `Link` would name it as well.
    for url in world.list.hc_url_cache.iter_mut().take(2) {
        url.value = format!("https://{DOWNLOAD_HOST}/test");
    }
    let target = format!("/{DIRECTORY}/repodata/repomd.xml");
    // Spellings of one name.
    let hosts = [
        DOWNLOAD_HOST.to_owned(),
        DOWNLOAD_HOST.to_uppercase(),
        format!("{DOWNLOAD_HOST}."),
        format!("{DOWNLOAD_HOST}:80"),
    ];
    for program in PROGRAMS {
        let upstreams = Upstreams::start(program, &world);
        for host in hosts.iter().cycle().take(N_ASKED) {
            let answer = ask(upstreams.proxy.http, &request(&target, host)).unwrap();
            assert_eq!(status(&answer), "302", "{program:?}: {host}: {answer}");
            assert!(answer.contains("https://mirror-"), "{program:?}: {answer}");
            assert!(!answer.contains(DOWNLOAD_HOST), "{program:?}: {answer}");
        }
        // Who asks another name may well be sent there.
        let target = format!("/mirrorlist?path={target}&redirect=1");
        wait_until("somebody is sent there", || {
            let answer = ask(upstreams.proxy.http, &request(&target, LISTS_HOST)).unwrap();
            answer.contains(DOWNLOAD_HOST)
        });
        upstreams.stop();
        table.add(
            format!("{N_ASKED} redirects of a download host that is a mirror, through {program:?}"),
            "none leads back",
            "0 lead back",
        );
    }
}
