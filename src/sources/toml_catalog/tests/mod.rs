//! Tests of reading and writing catalogs.

pub(super) mod broken_lines;
mod faults;
mod folders;
mod hostile;
mod random_routes;
mod round_trip;
mod routes;

use super::parse;
use crate::declared::Declaration;

/// A catalog without faults, to which tests add lines.
const SMALL: &str = r#"[distribution]
name = "Example Linux"
origin = "https://download.example.org/pub/example"
[[repository]]
name = "baseos"
versions = ["9", "10"]
arches = ["x86_64", "aarch64"]
path = "{version}/BaseOS/{arch}/os"
groups = ["core"]
[[mirror]]
key = "berlin"
urls = ["https://mirror.berlin.example/example", "rsync://mirror.berlin.example/example"]
country = "DE"
bandwidth = "10 Gbit/s"
"#;

#[track_caller]
fn parsed(text: &str) -> Declaration {
    parse("c.toml", text).unwrap_or_else(|faults| panic!("{faults}\n{text}"))
}

#[track_caller]
fn refused(text: &str) -> String {
    parse("c.toml", text).expect_err(text).to_string()
}

#[test]
fn the_smallest_catalog_is_read() {
    let declaration = parsed(SMALL);
    let repository = &declaration.repositories[0];
    assert_eq!(repository.repo_name(Some("9")), "baseos-9");
    assert_eq!(repository.directory(Some("10"), "x86_64"), "10/BaseOS/x86_64/os");
    let mirror = &declaration.mirrors[0];
    assert_eq!(mirror.origin.to_string(), "c.toml:10");
    assert_eq!(mirror.bandwidth, Some(10_000));
    assert_eq!(mirror.urls[1].url.as_str(), "rsync://mirror.berlin.example/example");
    let origin = declaration.distribution.fallback.expect("an origin");
    assert_eq!(origin.as_str(), "https://download.example.org/pub/example");
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_are_accepted() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(parsed(&text).mirrors[0].origin.to_string(), "c.toml:10");
}

#[test]
fn values_are_brought_into_one_form() {
    let line = |line: &str| parsed(&format!("{SMALL}{line}\n")).mirrors.remove(0);
    for (written, mbits) in [
        ("155", 155),
        ("\"155 Mbit/s\"", 155),
        ("\"2.5Gbit/s\"", 2_500),
        ("\"1 Tbit/s\"", 1_000_000),
        ("\"512 kbit/s\"", 1),
        ("\"1.5 mbit/s\"", 2),
        ("1_000", 1_000),
    ] {
        let text = SMALL.replace("\"10 Gbit/s\"", written);
        assert_eq!(parsed(&text).mirrors[0].bandwidth, Some(mbits), "{written}");
    }
    assert_eq!(line("asns = [64496, \"AS64497\", \"1.10\"]").asns, [64_496, 64_497, 65_546]);
    let place = line("coordinates = [52, 13.40]").place.expect("a place");
    assert_eq!(place.coordinates, Some((52.0, 13.4)));
    let text = SMALL.replace("{version}/BaseOS/{arch}/os", "/{version}//BaseOS/./{arch}/os/");
    let directory = parsed(&text).repositories[0].directory(Some("9"), "x86_64");
    assert_eq!(directory, "9/BaseOS/x86_64/os");
    let text =
        SMALL.replace("https://mirror", "HTTPS://Mirror").replace("example\",", "example/\",");
    assert_eq!(
        parsed(&text).mirrors[0].urls[0].url.as_str(),
        "https://mirror.berlin.example/example"
    );
    let text = SMALL.replace("\"DE\"", "\"uk\"");
    assert_eq!(parsed(&text).mirrors[0].place.as_ref().expect("a place").country.as_str(), "GB");
}
