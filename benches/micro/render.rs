//! From mirrors to the document.

use answer::Format;
use answer::formats::{metalink, mirrorlist};
use divan::{Bencher, black_box};
use encode::text::{Pieces, Text};
use fastrand::Rng;
use routes::options::Header;

use crate::corpus::{CORPUS, Memory, Prepared};

const PUBDATE: &str = "Sat, 21 Nov 2026 11:01:29 GMT";

#[divan::bench]
fn mirrorlist_usual(bencher: Bencher<'_, '_>) {
    let snapshot = CORPUS.snapshot();
    let prepared = Prepared::new(&CORPUS.edition, Format::Mirrorlist, &CORPUS.usual);
    let mut memory = Memory::default();
    prepared.select(snapshot, &mut Rng::with_seed(1), &mut memory);
    let details = mirrorlist::Details {
        protocols: None,
        left_out: None,
        ip_version: None,
        created: None,
        header: &Header::Usual,
    };
    let (mut tails, mut body) = (Pieces::default(), Text::default());
    bencher.bench_local(|| {
        body.clear();
        let document = prepared.document(black_box(&memory));
        mirrorlist::render(&document, &details, &mut tails, &mut body);
    });
}

fn render_metalink(prepared: &Prepared<'_>, memory: &Memory, tails: &mut Pieces, body: &mut Text) {
    let file = prepared.file.as_ref().expect("the file that is asked for");
    metalink::render(&prepared.document(memory), file, PUBDATE, tails, body);
}

#[divan::bench]
fn metalink_28_kb(bencher: Bencher<'_, '_>) {
    let snapshot = CORPUS.snapshot();
    let prepared = Prepared::new(&CORPUS.edition, Format::Metalink, &CORPUS.usual);
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
    let prepared = Prepared::new(&CORPUS.edition, Format::Metalink, &CORPUS.usual);
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
