//! From a request to mirrors in their order.

use ::snapshot::hosts::Weight;
use answer::Format;
use answer::order::weighted;
use divan::{Bencher, black_box};
use fastrand::Rng;
use model::ids::HostId;

use crate::REQUESTS;
use crate::corpus::{CORPUS, Memory, Prepared};

#[divan::bench(sample_size = REQUESTS)]
fn select_and_order(bencher: Bencher<'_, '_>) {
    let mut next = CORPUS.cycle();
    let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
    bencher
        .with_inputs(move || Prepared::new(&CORPUS.edition, Format::Metalink, next()))
        .bench_local_refs(|prepared| prepared.select(CORPUS.snapshot(), &mut rng, &mut memory));
}

/// All mirrors, and as many as the profile `modern` lists.
#[divan::bench(args = [usize::MAX, 50], sample_size = REQUESTS)]
fn select_and_order_nearest(bencher: Bencher<'_, '_>, enough: usize) {
    let mut next = CORPUS.cycle();
    let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
    bencher
        .with_inputs(move || Prepared::new(&CORPUS.edition, Format::Metalink, next()))
        .bench_local_refs(|prepared| {
            prepared.select_nearest(CORPUS.snapshot(), enough, &mut rng, &mut memory);
        });
}

/// The one whose metalink has 28 KB.
#[divan::bench]
fn select_and_order_usual(bencher: Bencher<'_, '_>) {
    let prepared = Prepared::new(&CORPUS.edition, Format::Metalink, &CORPUS.usual);
    let (mut rng, mut memory) = (Rng::with_seed(1), Memory::default());
    bencher.bench_local(|| black_box(&prepared).select(CORPUS.snapshot(), &mut rng, &mut memory));
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
