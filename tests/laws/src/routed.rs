//! Law: for any host, path and query, routes of a catalog answer in lines that clients can read, and lists
//! that are the same for all clients are.

use std::sync::OnceLock;

use answer::requester::Requester;
use answer::{Edition, Endpoint, Options, Reply, Request, Scratch, respond};
use catalog::Report;
use catalog::records::Repository;
use compile::compile;
use encode::text::Text;
use model::repository::{ANY_ARCH, split_key};
use sources::Inputs;

/// A route for each kind of target, format and style of errors.
const ROUTES: &str = "\
map versions 9=9 8=8
route alma
path /mirrorlist/{version}/{repo}
query arch arch?
query protocol protocol?
query country country?
query countme countme?
query limit limit?
target repo {repo}-{version|map:versions}
target arch {arch|literal:$basearch}
option header false
option final_newline false
option prefer [http https]
errors alma
route centos
host old.example
path /
query release release!
query arch arch!
query repo repo!
query cc country:region
query ip ip?
target repo {repo|lower}-{release}
target arch {arch}
option fallback http://vault.example/centos
errors centos
route static
path /static/{repo}
query protocol protocol?
target repo {repo}
target arch x86_64
option order static
option cache 60
errors empty
route apt
path /apt/{path*}
query country country:list?
target path {path}
format apt
errors mm
route pacman
path /pacman/{version}
query country country:list?
target category {version}
option suffix $repo/{version}
option order random
format pacman
option fallback https://fallback.example
errors fallback
route urpmi
path /api-{version}.{arch}.list
target repo demo-{version}
target arch {arch}
format urpmi
route isolist
path /isos/{version}
target path {version}/images
format isolist
errors alma
route metalink
path /files/{path*}.metalink
target path {path}
format metalink
route json
path /json/{repo}
target repo {repo}
target arch aarch64
format json
option country_only true
route redirect
path /get/{path*}
target path {path}
format redirect
option fallback https://fallback.example
errors fallback
route vault
path /vault/{version}
query redirect redirect?
target url [https://vault.example/{version}/$basearch https://other.example/{version}]
";
/// Clients in a private mirror's network, in an autonomous system with a mirror, and in no network.
const CLIENTS: [&str; 3] = ["192.0.2.200", "198.51.100.7", "198.18.255.1"];

fn edition() -> Edition {
    let notes = routes::notation::read(ROUTES);
    let (table, faults) = routes::compile(&notes.routes, &notes.maps, &notes.names);
    let table = table.unwrap_or_else(|| panic!("good routes: {faults:?}"));
    let mut report = Report::default();
    let mut catalog = Inputs::Demo.read(&mut report).unwrap();
    catalog.routes = table.stored().clone();
    let repository = catalog.repositories.iter().find_map(|known| known.directory).unwrap();
    catalog.categories.push(("9".to_owned(), vec![repository]));
    let split = |known: &Repository| {
        let (name, arch) = split_key(&known.key)?;
        Some((name.to_owned(), known.path.replace(arch, ANY_ARCH)))
    };
    catalog.path_templates = catalog.repositories.iter().filter_map(split).collect();
    catalog.path_templates.dedup();
    Edition::new(compile(catalog, report, None).unwrap().snapshot)
}

/// Checks a request: the host is on the first line, the path and the query on the second.
pub fn request(bytes: &[u8]) {
    static EDITION: OnceLock<Edition> = OnceLock::new();
    let edition = EDITION.get_or_init(edition);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (host, target) = text.split_once('\n').unwrap_or(("", text));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut bodies = Vec::new();
    for client in CLIENTS {
        let Some(endpoint) = Endpoint::find(edition, host, path, query) else { return };
        let is_static = endpoint.route().is_some_and(|found| found.name() == "static");
        let requester = Requester::untrusted(client.parse().unwrap());
        let request = Request { endpoint, query, requester, host, now: 1_795_258_889 };
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut scratch, mut body) = (Scratch::default(), Text::default());
        let options = Options::default();
        let reply = respond(edition, &options, &request, &mut rng, &mut scratch, &mut body);
        let body = String::from_utf8(body.into_bytes()).expect("documents are UTF-8");
        check(&reply, &body);
        if is_static {
            bodies.push(body);
        }
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "{text:?}: {bodies:?}");
}

fn check(reply: &Reply<'_>, body: &str) {
    let is_text = |c: char| c == '\n' || c == '\t' || !c.is_control();
    assert!(body.chars().all(is_text), "{body:?}");
    for value in reply.redirect.iter().flat_map(|redirect| {
        [Some(&redirect.location), redirect.link.as_ref(), redirect.digest.as_ref()]
    }) {
        let is_visible = |text: &String| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        assert!(value.is_none_or(is_visible), "{value:?}");
    }
    match reply.content_type {
        "application/json" => {
            let _: serde_json::Value = serde_json::from_str(body).expect("JSON");
        }
        "application/metalink+xml" => drop(super::xml::urls(body)),
        _ => {}
    }
}
