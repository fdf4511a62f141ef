//! The stages of the compiler, on a tenth of Fedora's directories and networks.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use catalog::Report;
use divan::{Bencher, black_box};
use serve::build_snapshot::build;
use sources::Inputs;
use sources::geography::{country_continent, table};
use sources::mirrormanager::cache;
use support::data;
use testdata::fedora::Shape;

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
    bencher.bench(|| table::systems("", black_box(&bytes), &mut Report::default()).is_ok());
}

#[divan::bench(sample_count = 10)]
fn country_table(bencher: Bencher<'_, '_>) {
    let bytes = read("GeoLite2-Country.mmdb");
    bencher.bench(|| table::countries("", black_box(&bytes), &mut Report::default()).is_ok());
}

#[divan::bench]
fn continent_table(bencher: Bencher<'_, '_>) {
    let bytes = read("country_continent.csv");
    let text = String::from_utf8(bytes).expect("a text");
    bencher.bench(|| country_continent::parse("", black_box(&text), &mut Report::default()).len());
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
    bencher.bench(|| table::systems("", black_box(&bytes), &mut Report::default()).is_ok());
}

/// Half of a database, metadata included.
#[divan::bench(sample_count = 10)]
fn hostile_country_table(bencher: Bencher<'_, '_>) {
    let whole = read("GeoLite2-Country.mmdb");
    let half = whole.get(whole.len() / 2..).unwrap_or(&[]);
    bencher.bench(|| table::countries("", black_box(half), &mut Report::default()).is_err());
}

/// 1 MB in one line.
#[divan::bench(sample_count = 10)]
fn hostile_continent_table(bencher: Bencher<'_, '_>) {
    let text = "\"".repeat(1 << 20);
    bencher.bench(|| country_continent::parse("", black_box(&text), &mut Report::default()).len());
}
