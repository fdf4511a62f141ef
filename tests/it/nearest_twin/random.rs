//! Random small worlds with places, and requests, in spaces so small that everything meets everything.

use model::families::Families;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::Asked;
use super::globe::{Degrees, Globe, Mirror};

const COUNTRIES: [&str; 5] = ["DE", "FR", "ES", "US", "JP"];
/// The number of mirrors.
const N: usize = 12;
/// Networks that are in some area; one more is in none.
const NETWORKS: u8 = 6;

/// Whole degrees, some close together and some on the other side of the world.
fn degrees() -> impl Strategy<Value = Degrees> {
    let near = (48..54_i16, 2..14_i16);
    let far = (-90..=90_i16, -180..=180_i16);
    prop_oneof![2 => near, 1 => far]
}

fn mirror() -> impl Strategy<Value = Mirror> {
    let country = prop_oneof![6 => select(&COUNTRIES[..]), 1 => Just("")];
    let point = prop::option::of(degrees());
    let load = prop_oneof![4 => Just(100), 1 => Just(0), 1 => 1..100_u8];
    let serves = prop_oneof![4 => Just(Vec::new()), 1 => subsequence(COUNTRIES.to_vec(), 1..3)];
    let flags = (prop::bool::weighted(0.2), prop::bool::weighted(0.85), prop::bool::weighted(0.25));
    (country, point, 1..1_000_i64, load, flags, serves).prop_map(
        |(country, point, bandwidth, load, (is_private, carries, is_behind), serves)| Mirror {
            country,
            point,
            bandwidth,
            load,
            max_share: 100,
            is_private,
            carries,
            serves,
            families: Families::default(),
            is_behind,
            twin_of: None,
        },
    )
}

/// Some networks, each once, with some mirrors.
fn networks() -> impl Strategy<Value = Vec<(u8, Vec<usize>)>> {
    let numbers = subsequence((0..=NETWORKS).collect::<Vec<_>>(), 0..4);
    let mirrors = subsequence((0..N).collect::<Vec<_>>(), 1..4);
    let mirrors = prop::collection::vec(mirrors, 4);
    (numbers, mirrors).prop_map(|(numbers, mirrors)| numbers.into_iter().zip(mirrors).collect())
}

pub(super) fn globe() -> impl Strategy<Value = Globe> {
    // A world without any mirror of the directory is no world.
    let mirrors = prop::collection::vec(mirror(), N).prop_map(|mut mirrors| {
        mirrors[0].carries = true;
        mirrors
    });
    let centres = subsequence(COUNTRIES.to_vec(), 0..=COUNTRIES.len()).prop_flat_map(|codes| {
        let points = prop::collection::vec(degrees(), codes.len());
        points.prop_map(move |points| codes.iter().copied().zip(points).collect())
    });
    let area = (select(&COUNTRIES[..]), prop::option::of(degrees()));
    let areas = prop::collection::vec(area, usize::from(NETWORKS));
    (mirrors, centres, areas, networks(), networks()).prop_map(
        |(mirrors, centres, areas, netblocks, systems)| Globe {
            mirrors,
            centres,
            areas,
            netblocks,
            systems,
        },
    )
}

pub(super) fn asked() -> impl Strategy<Value = Asked> {
    let countries = prop_oneof![
        4 => Just(Vec::new()),
        1 => subsequence(vec!["DE", "FR", "ES", "US", "JP", "ZZ", "global"], 1..3),
    ];
    let max = prop::option::of(1..8_usize);
    (0..=NETWORKS, any::<bool>(), countries, 0..7_usize, max).prop_map(
        |(network, is_v6, countries, minimum, max)| Asked {
            network,
            is_v6,
            countries,
            minimum,
            max,
        },
    )
}
