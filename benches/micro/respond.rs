//! A whole answer, as a worker makes it: all memory is used again, that of bodies too.

use answer::policy::Policy;
use answer::requester::Requester;
use answer::{Edition, Endpoint, Format, Options, Request, Scratch};
use divan::{Bencher, black_box};
use encode::text::Text;
use fastrand::Rng;

use crate::REQUESTS;
use crate::corpus::{self, Asked, CORPUS, NOW, ROUTED};

fn each_request(bencher: Bencher<'_, '_>, format: Format, next: impl FnMut() -> &'static Asked) {
    each_with(bencher, &Options::default(), format, next);
}

fn each_with(
    bencher: Bencher<'_, '_>,
    options: &Options,
    format: Format,
    next: impl FnMut() -> &'static Asked,
) {
    let (mut rng, mut scratch) = (Rng::with_seed(1), Scratch::default());
    let mut body = Text::default();
    let mut respond = |asked| {
        body.clear();
        corpus::respond(&CORPUS.edition, options, format, asked, &mut rng, &mut scratch, &mut body);
        black_box(body.as_bytes()).len()
    };
    // Grow the memory before counting.
    for asked in &CORPUS.requests {
        respond(asked);
    }
    bencher.with_inputs(next).bench_local_values(|asked| respond(black_box(asked)));
}

#[divan::bench(sample_size = REQUESTS)]
fn metalink(bencher: Bencher<'_, '_>) {
    each_request(bencher, Format::Metalink, CORPUS.cycle());
}

#[divan::bench]
fn metalink_usual(bencher: Bencher<'_, '_>) {
    each_request(bencher, Format::Metalink, || &CORPUS.usual);
}

#[divan::bench(sample_size = REQUESTS)]
fn mirrorlist(bencher: Bencher<'_, '_>) {
    each_request(bencher, Format::Mirrorlist, CORPUS.cycle());
}

/// By distance, with all else as usual.
fn nearest() -> Options {
    Options { policy: Policy::Nearest, ..Options::default() }
}

/// The profile `modern`, but by tiers.
fn modern_by_tiers() -> Options {
    Options { policy: Policy::Tiers, ..corpus::modern() }
}

#[divan::bench(sample_size = REQUESTS)]
fn metalink_nearest(bencher: Bencher<'_, '_>) {
    each_with(bencher, &nearest(), Format::Metalink, CORPUS.cycle());
}

#[divan::bench(sample_size = REQUESTS)]
fn metalink_modern(bencher: Bencher<'_, '_>) {
    each_with(bencher, &corpus::modern(), Format::Metalink, CORPUS.cycle());
}

#[divan::bench(sample_size = REQUESTS)]
fn metalink_modern_by_tiers(bencher: Bencher<'_, '_>) {
    each_with(bencher, &modern_by_tiers(), Format::Metalink, CORPUS.cycle());
}

#[divan::bench(sample_size = REQUESTS)]
fn mirrorlist_nearest(bencher: Bencher<'_, '_>) {
    each_with(bencher, &nearest(), Format::Mirrorlist, CORPUS.cycle());
}

#[divan::bench(sample_size = REQUESTS)]
fn mirrorlist_modern(bencher: Bencher<'_, '_>) {
    each_with(bencher, &corpus::modern(), Format::Mirrorlist, CORPUS.cycle());
}

#[divan::bench(sample_size = REQUESTS)]
fn mirrorlist_modern_by_tiers(bencher: Bencher<'_, '_>) {
    each_with(bencher, &modern_by_tiers(), Format::Mirrorlist, CORPUS.cycle());
}

/// A whole answer, from the path on.
fn each_usual(bencher: Bencher<'_, '_>, edition: &Edition, path: &str, query: &str) {
    let (mut rng, mut scratch) = (Rng::with_seed(1), Scratch::default());
    let (mut body, options) = (Text::default(), Options::default());
    bencher.bench_local(|| {
        body.clear();
        let (path, query) = (black_box(path), black_box(query));
        let endpoint = Endpoint::find(edition, "mirrors.example.org", path, query);
        let request = Request {
            endpoint: endpoint.expect("a path that is answered"),
            query,
            requester: Requester::untrusted(CORPUS.usual.client),
            host: "mirrors.example.org",
            now: NOW,
        };
        let reply = answer::respond(edition, &options, &request, &mut rng, &mut scratch, &mut body);
        black_box(reply);
        black_box(body.as_bytes()).len()
    });
}

/// The path that is built in, of data without routes.
#[divan::bench]
fn usual_built_in(bencher: Bencher<'_, '_>) {
    each_usual(bencher, &CORPUS.edition, "/mirrorlist", &CORPUS.usual.query);
}

/// The path that is built in, of data with routes.
#[divan::bench]
fn usual_built_in_beside_routes(bencher: Bencher<'_, '_>) {
    each_usual(bencher, &ROUTED, "/mirrorlist", &CORPUS.usual.query);
}

/// The same list through a route.
#[divan::bench]
fn usual_by_route(bencher: Bencher<'_, '_>) {
    let query = CORPUS.usual.query.strip_prefix("repo=").expect("a repository");
    let (repo, query) = query.split_once('&').expect("an architecture");
    each_usual(bencher, &ROUTED, &format!("/list/{repo}"), query);
}

fn hostile(bencher: Bencher<'_, '_>, format: Format, query: String) {
    let asked = Box::new(Asked { query, client: CORPUS.usual.client });
    let asked: &'static Asked = Box::leak(asked);
    each_request(bencher, format, || asked);
}

/// 8 KB of nothing but what an XML comment cannot hold, and the long list of repositories.
#[divan::bench]
fn hostile_unknown_repository(bencher: Bencher<'_, '_>) {
    let query = format!("repo={}&arch=a", "-".repeat(7_900));
    hostile(bencher, Format::Metalink, query);
}

#[divan::bench]
fn hostile_path_of_slashes(bencher: Bencher<'_, '_>) {
    let query = format!("path={}", "a//".repeat(2_600));
    hostile(bencher, Format::Metalink, query);
}
