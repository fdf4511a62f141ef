//! What is named is what is listed, however the list is shaped.

use std::collections::{BTreeMap, BTreeSet};

use answer::shaping::{Fallback, Shaping};
use serde_json::Value;

use crate::fixture::{Answer, Public, Server, World};

const LIST: &str = "/mirrorlist?repo=main-9&arch=x86_64";

fn shaped(shaping: Shaping) -> Server {
    let mut world = World::standard();
    world.options.shaping = shaping;
    world.serve()
}

/// The first line without what every one begins with.
fn named(answer: &Answer) -> &str {
    answer.header().strip_prefix("# repo = main-9 arch = x86_64 ").unwrap()
}

#[test]
fn a_country_whose_only_mirror_is_the_fallback_is_not_named() {
    let fallback = Fallback::parse("https://berlin.example/all").ok();
    let server = shaped(Shaping { fallback, ..Shaping::default() });
    let german = server.get(&format!("{LIST} from 192.0.2.1"));
    // Were it counted, there would be five with it: then the last tier would be missing.
    assert_eq!(named(&german), "country = ES country = FR country = global ");
    assert_eq!(german.found.as_deref(), Some("Continent"));
    assert_eq!(german.urls().len(), 4);
    assert_eq!(german.urls()[3], "https://berlin.example/all/pub/test/9/x86_64/");
    // Its neighbours stand in for it.
    let asked = server.get(&format!("{LIST}&country=de from 203.0.113.1"));
    assert_eq!(named(&asked), "country = ES country = FR ");
    // Where the fallback is not listed, the mirror is.
    let ftp = server.get(&format!("{LIST}&protocol=http from 192.0.2.1"));
    assert!(named(&ftp).starts_with("country = DE country = ES"), "{}", ftp.header());
}

#[test]
fn what_a_limit_has_cut_off_is_not_named() {
    for (max, request, expected) in [
        (1, "from 192.0.2.200", "Using preferred netblock "),
        (3, "from 192.0.2.200", "Using preferred netblock Using ASN 64500 country = FR "),
        (
            4,
            "from 192.0.2.200",
            "Using preferred netblock Using ASN 64500 country = DE country = FR ",
        ),
        (1, "from 198.51.100.1", "Using ASN 64500 country = FR "),
        (1, "from 203.0.113.1", "country = JP "),
        (1, "&country=us from 203.0.113.1", "country = US "),
        (1, "&country=global from 192.0.2.1", "country = global "),
        (9, "from 192.0.2.1", "country = DE country = ES country = FR country = global "),
    ] {
        let server = shaped(Shaping { max_mirrors: Some(max), ..Shaping::default() });
        let separator = if request.starts_with('&') { "" } else { " " };
        let answer = server.get(&format!("{LIST}{separator}{request}"));
        assert_eq!(named(&answer), expected, "{max} {request}\n{}", answer.body);
    }
}

/// The tier of each mirror, by its URL, and the first of them.
fn tiers(answer: &Answer) -> (BTreeMap<String, String>, Option<String>) {
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    let mirrors = json.as_array().unwrap();
    let text = |mirror: &Value, key: &str| mirror[key].as_str().unwrap().to_owned();
    let first = mirrors.first().map(|mirror| text(mirror, "tier"));
    (mirrors.iter().map(|mirror| (text(mirror, "url"), text(mirror, "tier"))).collect(), first)
}

/// Whether all mirrors of the country come before those of the continent.
fn is_by_tier(answer: &Answer) -> bool {
    let json: Value = serde_json::from_str(&answer.body).unwrap();
    let tiers = json.as_array().unwrap().iter().map(|mirror| mirror["tier"].as_str().unwrap());
    let of_two: Vec<_> = tiers.filter(|tier| ["geoip", "continent"].contains(tier)).collect();
    of_two.is_sorted_by(|one, next| one >= next)
}

#[test]
fn mirrors_keep_their_tier_when_they_are_moved_to_the_front() {
    let mut world = World::standard();
    // Plain HTTP nearby, https farther away: the spread reaches over two tiers.
    for number in 20..30 {
        world.mirror(number, "FR", 10, Public, &["http"], &format!("near{number}"));
        world.mirror(number + 10, "ES", 10, Public, &["https"], &format!("far{number}"));
    }
    let numbers: Vec<i64> = (1..40).collect();
    world.directory("pub/wide", "wide", &numbers);
    let mut n_moved = 0;
    for seed in 0..40 {
        let request = "/mirrorlist?path=pub/wide&format=json&netblock=0 from 198.51.100.1";
        let plain = world.serve();
        let (expected, _) = tiers(&plain.get_seeded(request, seed));
        let mut spread = world.serve();
        spread.options.shaping.spread = true;
        let answer = spread.get_seeded(request, seed);
        let (measured, first) = tiers(&answer);
        assert_eq!(measured, expected, "seed {seed}");
        assert_eq!(answer.found.as_ref().map(|tier| tier.to_lowercase()), first);
        let (_, first_drawn) = tiers(&plain.get_seeded(request, seed));
        assert_eq!(first, first_drawn, "the first one stays the first");
        n_moved += usize::from(!is_by_tier(&answer));
        spread.options.shaping.max_mirrors = Some(3);
        let (cut, _) = tiers(&spread.get_seeded(request, seed));
        assert_eq!(cut.len(), 3);
        assert!(cut.iter().all(|(url, tier)| expected[url] == *tier), "seed {seed}: {cut:?}");
        // And the first line names the countries of these three.
        let text = spread.get_seeded(&request.replace("&format=json", ""), seed);
        let kinds: BTreeSet<&str> =
            text.header().split_whitespace().filter(|w| w.len() == 2).collect();
        let near = cut.keys().any(|url| url.contains("near") || url.contains("isp."));
        let far = cut.keys().any(|url| url.contains("far") || url.contains("madrid"));
        assert_eq!((kinds.contains("FR"), kinds.contains("ES")), (near, far), "{}", text.body);
    }
    assert!(n_moved > 0, "no mirror was moved over the border of a tier");
}
