//! Micro benches: each step of an answer and of the compiler, next to the obvious structure where
//! that tells something, and one hostile input per parser.
//!
//!     cargo bench --bench micro [-- FILTER]
//!
//! They work on full-size data where `benches/run` has made it (or `BENCH_DATA` names it), else on
//! small data. Allocations are counted by the same run: what divan prints below a bench is the
//! number of heap operations per iteration.

#![allow(clippy::print_stderr, reason = "says which data it works on")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that meets the unexpected must fail"
)]

mod corpus;

use support::data;

support::runs_the_program!();

use divan::{AllocProfiler, Bencher, black_box};
use mimalloc::MiMalloc;

/// The allocator of the program, with a counter around it.
#[global_allocator]
static ALLOCATOR: AllocProfiler<MiMalloc> = AllocProfiler::new(MiMalloc);

/// Requests per sample where each iteration takes the next one: a sample then is a mix, and the first
/// ones, which find cold caches, do not decide.
const REQUESTS: u32 = 2_000;

fn main() {
    // Before the first bench, so that what it prints stands before the table.
    std::sync::LazyLock::force(&corpus::CORPUS);
    divan::main();
}

/// From an address to what is known about its place.
mod lookup {
    use std::collections::HashMap;
    use std::net::IpAddr;

    use ::snapshot::Snapshot;
    use catalog::Report;
    use model::embedded::LookupAddresses;
    use model::geo::Country;
    use model::net::Prefix;
    use sources::geography::country_database;

    use super::corpus::CORPUS;
    use super::*;

    fn each_address<R>(bencher: Bencher<'_, '_>, find: impl Fn(&Snapshot, IpAddr) -> R + Sync) {
        let mut next = CORPUS.cycle();
        bencher
            .with_inputs(move || next().client)
            .bench_local_values(|address| find(CORPUS.snapshot(), black_box(address)));
    }

    fn each_client<R>(
        bencher: Bencher<'_, '_>,
        find: impl Fn(&Snapshot, LookupAddresses) -> R + Sync,
    ) {
        each_address(bencher, |snapshot, address| find(snapshot, address.into()));
    }

    #[divan::bench(sample_size = REQUESTS)]
    fn address_to_netblocks_asn_country(bencher: Bencher<'_, '_>) {
        each_client(bencher, |snapshot, address| {
            let mirrors: usize = snapshot.netblocks(address).map(|(_, hosts)| hosts.len()).sum();
            let asn = snapshot.find_asn(address).map(|(asn, hosts)| (asn, hosts.len()));
            (mirrors, asn, snapshot.find_location(address))
        });
    }

    #[divan::bench(sample_size = REQUESTS)]
    fn netblocks(bencher: Bencher<'_, '_>) {
        each_client(bencher, |snapshot, address| snapshot.netblocks(address).count());
    }

    #[divan::bench(sample_size = REQUESTS)]
    fn asn(bencher: Bencher<'_, '_>) {
        each_client(bencher, |snapshot, address| snapshot.find_asn(address).map(|(asn, _)| asn));
    }

    #[divan::bench(sample_size = REQUESTS)]
    fn country(bencher: Bencher<'_, '_>) {
        each_client(bencher, Snapshot::find_location);
    }

    fn country_prefixes() -> Vec<(Prefix, Country)> {
        let bytes = std::fs::read(data::inputs(&CORPUS.folder).geoip).expect("a country table");
        let table = country_database::parse("", &bytes, &mut Report::default());
        let table = table.expect("a country table");
        let country = |index: u32| table.places[index as usize].country.expect("a country");
        table.networks.iter().map(|&(prefix, index)| (prefix, country(index))).collect()
    }

    /// The obvious structure: a hash map, asked for each prefix length.
    #[divan::bench(sample_size = REQUESTS)]
    fn country_in_a_hash_map_by_length(bencher: Bencher<'_, '_>) {
        let map: HashMap<Prefix, Country> = country_prefixes().into_iter().collect();
        each_address(bencher, |_, address| {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            (0..=bits).rev().find_map(|length| map.get(&Prefix::new(address, length)?))
        });
    }

    /// What would do if prefixes never overlapped, as the country table's do not.
    #[divan::bench(sample_size = REQUESTS)]
    fn country_in_a_sorted_vector(bencher: Bencher<'_, '_>) {
        let mut table = country_prefixes();
        table.sort();
        each_address(bencher, |_, address| {
            let after = table.partition_point(|(prefix, _)| prefix.address() <= address);
            let (prefix, country) = table.get(after.checked_sub(1)?)?;
            prefix.contains(address).then_some(*country)
        });
    }

    #[divan::bench]
    fn country_by_linear_scan(bencher: Bencher<'_, '_>) {
        let table = country_prefixes();
        each_address(bencher, |_, address| {
            table.iter().find(|(prefix, _)| prefix.contains(address)).map(|&(_, country)| country)
        });
    }
}

/// From a request to mirrors in their order.
mod choose {
    use ::snapshot::hosts::Weight;
    use answer::Format;
    use answer::order::weighted;
    use fastrand::Rng;
    use model::ids::HostId;

    use super::corpus::{CORPUS, Memory, Prepared};
    use super::*;

    #[divan::bench(sample_size = REQUESTS)]
    fn select_and_order(bencher: Bencher<'_, '_>) {
        let mut next = CORPUS.cycle();
        let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
        bencher
            .with_inputs(move || Prepared::new(CORPUS.snapshot(), Format::Metalink, next()))
            .bench_local_refs(|prepared| prepared.select(CORPUS.snapshot(), &mut rng, &mut memory));
    }

    /// The one whose metalink has 28 KB.
    #[divan::bench]
    fn select_and_order_usual(bencher: Bencher<'_, '_>) {
        let prepared = Prepared::new(CORPUS.snapshot(), Format::Metalink, &CORPUS.usual);
        let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
        bencher
            .bench_local(|| black_box(&prepared).select(CORPUS.snapshot(), &mut rng, &mut memory));
    }

    const SIZES: [u32; 4] = [1, 10, 100, 1_000];

    fn share(host: HostId) -> u32 {
        const USUAL: [u32; 5] = [100, 1_000, 1_000, 10_000, 40_000];
        USUAL.get(host.index() % USUAL.len()).copied().unwrap_or(1)
    }

    #[divan::bench(args = SIZES)]
    fn order(bencher: Bencher<'_, '_>, n_hosts: u32) {
        let (mut rng, mut keys, mut out) = (Rng::with_seed(1), Vec::new(), Vec::new());
        let weights: Vec<_> = (0..n_hosts).map(|host| Weight::new(share(HostId(host)))).collect();
        let weight = |host: HostId| weights[host.index()];
        bencher.bench_local(|| {
            out.clear();
            weighted((0..n_hosts).map(HostId), weight, &mut rng, &mut keys, &mut out);
        });
    }

    /// The obvious way: draw by weight, take out, draw again.
    #[divan::bench(args = SIZES)]
    fn order_by_drawing_again(bencher: Bencher<'_, '_>, n_hosts: u32) {
        let (mut rng, mut left, mut out) = (Rng::with_seed(1), Vec::new(), Vec::new());
        bencher.bench_local(|| {
            out.clear();
            left.clear();
            left.extend((0..n_hosts).map(HostId).map(|host| (host, u64::from(share(host)))));
            let mut total: u64 = left.iter().map(|&(_, weight)| weight).sum();
            while total > 0 {
                let mut ticket = rng.u64(0..total);
                let drawn = left.iter().position(|&(_, weight)| {
                    let hit = ticket < weight;
                    ticket = ticket.saturating_sub(weight);
                    hit
                });
                let Some(drawn) = drawn else { break };
                let (host, weight) = left.remove(drawn);
                total -= weight;
                out.push(host);
            }
        });
    }
}

/// From mirrors to the document.
mod render {
    use answer::Format;
    use answer::formats::{metalink, mirrorlist};
    use encode::text::{Pieces, Text};
    use fastrand::Rng;

    use super::corpus::{CORPUS, Memory, Prepared};
    use super::*;

    const PUBDATE: &str = "Sat, 21 Nov 2026 11:01:29 GMT";

    #[divan::bench]
    fn mirrorlist_usual(bencher: Bencher<'_, '_>) {
        let snapshot = CORPUS.snapshot();
        let prepared = Prepared::new(snapshot, Format::Mirrorlist, &CORPUS.usual);
        let mut memory = Memory::default();
        prepared.select(snapshot, &mut Rng::with_seed(1), &mut memory);
        let details = mirrorlist::Details { protocols: None, created: None };
        let (mut tails, mut body) = (Pieces::default(), Text::default());
        bencher.bench_local(|| {
            body.clear();
            let document = prepared.document(black_box(&memory));
            mirrorlist::render(&document, &details, &mut tails, &mut body);
        });
    }

    fn render_metalink(
        prepared: &Prepared<'_>,
        memory: &Memory,
        tails: &mut Pieces,
        body: &mut Text,
    ) {
        let file = prepared.file.as_ref().expect("the file that is asked for");
        metalink::render(&prepared.document(memory), file, PUBDATE, tails, body);
    }

    #[divan::bench]
    fn metalink_28_kb(bencher: Bencher<'_, '_>) {
        let snapshot = CORPUS.snapshot();
        let prepared = Prepared::new(snapshot, Format::Metalink, &CORPUS.usual);
        let mut memory = Memory::default();
        prepared.select(snapshot, &mut Rng::with_seed(1), &mut memory);
        let (mut tails, mut body) = (Pieces::default(), Text::default());
        bencher.bench_local(|| {
            body.clear();
            render_metalink(&prepared, black_box(&memory), &mut tails, &mut body);
        });
    }

    #[divan::bench]
    fn select_order_render_28_kb(bencher: Bencher<'_, '_>) {
        let snapshot = CORPUS.snapshot();
        let prepared = Prepared::new(snapshot, Format::Metalink, &CORPUS.usual);
        let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
        let (mut tails, mut body) = (Pieces::default(), Text::default());
        bencher.bench_local(|| {
            body.clear();
            black_box(&prepared).select(snapshot, &mut rng, &mut memory);
            render_metalink(&prepared, &memory, &mut tails, &mut body);
        });
    }

    /// The floor under the one before: copying 28 KB once.
    #[divan::bench]
    fn copy_28_kb(bencher: Bencher<'_, '_>) {
        let source = "x".repeat(28 * 1024);
        let mut body = String::with_capacity(source.len());
        bencher.bench_local(|| {
            body.clear();
            body.push_str(black_box(&source));
        });
    }
}

/// A whole answer, as a worker makes it: all memory is used again, that of bodies too.
mod respond {
    use answer::{Format, Scratch};
    use encode::text::Text;
    use fastrand::Rng;

    use super::corpus::{self, Asked, CORPUS};
    use super::*;

    fn each_request(
        bencher: Bencher<'_, '_>,
        format: Format,
        next: impl FnMut() -> &'static Asked,
    ) {
        let (mut rng, mut scratch) = (Rng::with_seed(1), Scratch::default());
        let mut body = Text::default();
        let mut respond = |asked| {
            body.clear();
            corpus::respond(&CORPUS.edition, format, asked, &mut rng, &mut scratch, &mut body);
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
}

/// The parsers of a request.
mod request {
    use std::net::{IpAddr, Ipv4Addr};

    use answer::Options;
    use answer::query::Query;
    use serve::http::client_address::{AddressHeader, Peer, TrustedProxies, proxy_protocol};

    use super::corpus::CORPUS;
    use super::*;

    #[divan::bench(sample_size = REQUESTS)]
    fn query(bencher: Bencher<'_, '_>) {
        let options = Options::default();
        let mut next = CORPUS.cycle();
        bencher
            .with_inputs(&mut next)
            .bench_local_values(|asked| Query::parse(black_box(&asked.query), &options).is_ok());
    }

    #[divan::bench]
    fn hostile_query_of_escapes(bencher: Bencher<'_, '_>) {
        let options = Options::default();
        let query = format!("path={}", "%2F".repeat(2_630));
        bencher.bench_local(|| Query::parse(black_box(&query), &options).is_ok());
    }

    #[divan::bench]
    fn hostile_query_of_parameters(bencher: Bencher<'_, '_>) {
        let options = Options::default();
        let query = "&country=DE,FR,JP,BR,US,CA,ZA,IN,CN,AU,GB,IT".repeat(31);
        bencher.bench_local(|| Query::parse(black_box(&query), &options).is_ok());
    }

    const PEER: Peer = Peer::Address(IpAddr::V4(Ipv4Addr::LOCALHOST));

    fn client_address_in(bencher: Bencher<'_, '_>, header: AddressHeader, line: String) {
        let proxies = TrustedProxies::default();
        bencher.bench_local(|| {
            let lines = std::iter::once(black_box(&line).as_bytes());
            proxies.client_address(PEER, header, lines)
        });
    }

    #[divan::bench]
    fn client_address(bencher: Bencher<'_, '_>) {
        let line = CORPUS.usual.client.to_string();
        client_address_in(bencher, AddressHeader::XForwardedFor, line);
    }

    #[divan::bench]
    fn client_address_forwarded(bencher: Bencher<'_, '_>) {
        let line = format!("for=\"{}:4711\";proto=https", CORPUS.usual.client);
        client_address_in(bencher, AddressHeader::Forwarded, line);
    }

    #[divan::bench]
    fn proxy_header(bencher: Bencher<'_, '_>) {
        let line = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\n";
        bencher.bench_local(|| proxy_protocol::parse(black_box(line.as_bytes())).is_ok());
    }

    /// Every hop a trusted proxy, so that the walk goes to the end.
    #[divan::bench]
    fn hostile_client_address(bencher: Bencher<'_, '_>) {
        client_address_in(bencher, AddressHeader::XForwardedFor, ["127.0.0.1"; 790].join(","));
    }

    #[divan::bench]
    fn hostile_client_address_forwarded(bencher: Bencher<'_, '_>) {
        client_address_in(bencher, AddressHeader::Forwarded, ["for=\"127.0.0.1\""; 530].join(","));
    }

    /// Quotation marks that never open a string.
    #[divan::bench]
    fn hostile_client_address_quotes(bencher: Bencher<'_, '_>) {
        client_address_in(bencher, AddressHeader::Forwarded, "\\\"".repeat(4_000));
    }
}

/// From a request to its route, next to the paths that are built in.
mod route {
    use answer::query::Query;
    use answer::{Format, Options};
    use routes::{Match, RouteTable, compile};

    use super::*;

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
}

/// The snapshot file.
mod snapshot {
    use ::snapshot::format;
    use xxhash_rust::xxh3::xxh3_64;

    use super::corpus::CORPUS;
    use super::*;

    #[divan::bench(sample_count = 10)]
    fn decode(bencher: Bencher<'_, '_>) {
        bencher.bench(|| format::decode(black_box(&CORPUS.bytes)).is_ok());
    }

    /// One bit is not what was written.
    #[divan::bench(sample_count = 10)]
    fn hostile_flipped(bencher: Bencher<'_, '_>) {
        let mut bytes = CORPUS.bytes.clone();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        bencher.bench(|| format::decode(black_box(&bytes)).is_err());
    }

    /// A true checksum over tables that claim to be as long as numbers go.
    #[divan::bench]
    fn hostile_forged_lengths(bencher: Bencher<'_, '_>) {
        let payload = [0xff_u8; 4_096];
        let mut fields = Vec::from(format::VERSION.to_le_bytes());
        fields.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        let sum = xxh3_64(&[&fields, &payload[..]].concat());
        let bytes = [b"mirrors\n", &fields[..], &sum.to_le_bytes(), &payload].concat();
        bencher.bench(|| format::decode(black_box(&bytes)).is_err());
    }
}

/// The stages of the compiler, on a tenth of Fedora's directories and networks.
mod compile {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use catalog::Report;
    use serve::build_snapshot::build;
    use sources::Inputs;
    use sources::geography::{country_continent, country_database, global_netblocks};
    use sources::mirrormanager::cache;
    use testdata::fedora::Shape;

    use super::*;

    static TENTH: LazyLock<PathBuf> = LazyLock::new(|| {
        let fedora = Shape::fedora();
        let shape = Shape {
            directories: fedora.directories / 10,
            asn_prefixes: fedora.asn_prefixes / 10,
            country_prefixes: fedora.country_prefixes / 10,
            ..fedora
        };
        data::prepare("tenth", &shape).expect("data can be written")
    });

    fn read(name: &str) -> Vec<u8> {
        fs::read(TENTH.join(name)).expect("generated data are there")
    }

    #[divan::bench(sample_count = 10)]
    fn everything(bencher: Bencher<'_, '_>) {
        let inputs = Inputs::MirrorManager(data::inputs(&TENTH));
        bencher.bench(|| build(&inputs, None).is_ok());
    }

    #[divan::bench(sample_count = 10)]
    fn protobuf(bencher: Bencher<'_, '_>) {
        let bytes = read("mirrorlist_cache.proto");
        bencher.bench(|| cache::parse("", black_box(&bytes[..]), &mut Report::default()).is_ok());
    }

    #[divan::bench(sample_count = 10)]
    fn asn_table(bencher: Bencher<'_, '_>) {
        let bytes = read("global_netblocks.txt");
        bencher
            .bench(|| global_netblocks::parse("", black_box(&bytes), &mut Report::default()).len());
    }

    #[divan::bench(sample_count = 10)]
    fn country_table(bencher: Bencher<'_, '_>) {
        let bytes = read("GeoLite2-Country.mmdb");
        bencher.bench(|| {
            country_database::parse("", black_box(&bytes), &mut Report::default()).is_ok()
        });
    }

    #[divan::bench]
    fn continent_table(bencher: Bencher<'_, '_>) {
        let bytes = read("country_continent.csv");
        let text = String::from_utf8(bytes).expect("a text");
        bencher
            .bench(|| country_continent::parse("", black_box(&text), &mut Report::default()).len());
    }

    /// 1 MB that claims a field of 4 GB.
    #[divan::bench(sample_count = 10)]
    fn hostile_protobuf(bencher: Bencher<'_, '_>) {
        let mut bytes = vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f];
        bytes.resize(1 << 20, 0);
        bencher.bench(|| cache::parse("", black_box(&bytes[..]), &mut Report::default()).is_err());
    }

    /// 1 MB of lines that each earn a diagnostic.
    #[divan::bench(sample_count = 10)]
    fn hostile_asn_table(bencher: Bencher<'_, '_>) {
        let bytes = b"x\n".repeat(1 << 19);
        bencher
            .bench(|| global_netblocks::parse("", black_box(&bytes), &mut Report::default()).len());
    }

    /// Half of a database, metadata included.
    #[divan::bench(sample_count = 10)]
    fn hostile_country_table(bencher: Bencher<'_, '_>) {
        let whole = read("GeoLite2-Country.mmdb");
        let half = whole.get(whole.len() / 2..).unwrap_or(&[]);
        bencher.bench(|| {
            country_database::parse("", black_box(half), &mut Report::default()).is_err()
        });
    }

    /// 1 MB in one line.
    #[divan::bench(sample_count = 10)]
    fn hostile_continent_table(bencher: Bencher<'_, '_>) {
        let text = "\"".repeat(1 << 20);
        bencher
            .bench(|| country_continent::parse("", black_box(&text), &mut Report::default()).len());
    }
}
