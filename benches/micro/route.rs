//! From a request to its route, next to the paths that are built in.

use answer::query::Query;
use answer::{Format, Options};
use divan::{Bencher, black_box};
use routes::{Match, RouteTable, compile};

/// Routes of AlmaLinux and three others; `n_more` routes that do not match.
fn table(n_more: usize) -> RouteTable {
    let mut notes = routes::notation::read(
        "map alma 8=8.10 9=9.8 10=10.2 10-kitten=10-kitten\n\
         arch x86_64\n\
         route alma\n\
         path /mirrorlist/{version}/{repo}\n\
         query arch arch?\n\
         query protocol protocol?\n\
         query country country?\n\
         query countme countme?\n\
         target repo {version|map:alma}-{repo}\n\
         target arch {arch|literal:$basearch}\n\
         route centos\n\
         path /\n\
         query release release!\n\
         query arch arch!\n\
         query repo repo!\n\
         target repo {repo}-{release}\n\
         target arch {arch}\n\
         route mageia\n\
         path /api/mageia.{version}.{arch}.list\n\
         target path {version}/{arch}",
    );
    for index in 0..n_more {
        let mut route = notes.routes[1].clone();
        route.name = format!("more-{index}");
        route.query.push(("only".to_owned(), format!("={index}")));
        notes.routes.push(route);
    }
    compile(&notes.routes, &notes.maps, &notes.names).0.expect("good routes")
}

fn each(bencher: Bencher<'_, '_>, table: &RouteTable, path: &str, query: &str) {
    bencher.bench_local(|| {
        let found = table.find("mirrors.example.org", black_box(path), black_box(query));
        found.map(|found| found.position())
    });
}

/// What a request costs that no route is looked up for.
#[divan::bench]
fn built_in(bencher: Bencher<'_, '_>) {
    let options = Options::default();
    bencher.bench_local(|| {
        let format = Format::of_path(black_box("/mirrorlist"));
        let query = "repo=baseos-9&arch=x86_64&countme=1";
        (format, Query::parse(black_box(query), &options).is_ok())
    });
}

#[divan::bench]
fn variables_in_the_path(bencher: Bencher<'_, '_>) {
    each(bencher, &table(0), "/mirrorlist/9/baseos", "");
}

#[divan::bench]
fn variables_in_the_path_and_the_query(bencher: Bencher<'_, '_>) {
    each(bencher, &table(0), "/mirrorlist/9/baseos", "arch=x86_64&countme=1");
}

#[divan::bench]
fn variables_in_the_query(bencher: Bencher<'_, '_>) {
    each(bencher, &table(0), "/", "release=7&arch=x86_64&repo=os&infra=stock");
}

/// A request for a path that is built in, where there are routes.
#[divan::bench]
fn none(bencher: Bencher<'_, '_>) {
    each(bencher, &table(0), "/mirrorlist", "repo=baseos-9&arch=x86_64");
}

#[divan::bench]
fn target(bencher: Bencher<'_, '_>) {
    let table = table(0);
    let found: Match<'_, '_> = table.find("", "/mirrorlist/9/baseos", "").expect("a route");
    let mut text = String::new();
    bencher.bench_local(|| black_box(&found).target(&mut text).is_ok());
}

/// All routes have the same path, and none holds.
#[divan::bench]
fn hostile_many_routes(bencher: Bencher<'_, '_>) {
    let query = "release=7&arch=x86_64&only=none&repo=os&".repeat(200);
    each(bencher, &table(250), "/", &query.replace("repo", "other"));
}

#[divan::bench]
fn hostile_long_path(bencher: Bencher<'_, '_>) {
    each(bencher, &table(0), &"/mirrorlist/%41".repeat(500), "");
}
