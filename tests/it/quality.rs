//! `mirrorlistd quality`: figures that can be computed by hand, conditions, logs, and data that give nothing.

use std::fs;
use std::process::Output;

use quality::figures::Figure;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{Public, World};
use crate::golden;
use crate::server::run;

/// A mirror in Germany, one in America, a Spanish one that serves Germany only, and a private one of Austria.
const CATALOG: &str = r#"
[distribution]
name = "Example Linux"

[[repository]]
name   = "main"
arches = ["x86_64"]
path   = "{arch}"

[[mirror]]
key     = "berlin"
urls    = ["http://mirror.berlin.example/example", "https://mirror.berlin.example/example"]
country = "DE"

[[mirror]]
key     = "newyork"
urls    = ["https://mirror.newyork.example/example"]
country = "US"

[[mirror]]
key       = "madrid"
urls      = ["https://mirror.madrid.example/example"]
country   = "ES"
countries = ["DE"]

[[mirror]]
key      = "wien"
urls     = ["https://mirror.wien.example/example"]
country  = "AT"
networks = ["10.0.0.0/8"]
private  = true
"#;

/// A quarter of all clients each.
const NETWORKS: &str = "192.0.2.0/24,DE\n198.51.100.0/24,FR\n203.0.113.0/24,ES\n198.18.0.0/24,AT\n";

/// Distances between the centres of these countries in km, computed by haversines apart from the program.
const FR_DE: f64 = 669.043;
const FR_US: f64 = 7_321.438;
const ES_DE: f64 = 1_596.869;
const ES_US: f64 = 7_343.033;
const DE_US: f64 = 7_510.269;
const AT_DE: f64 = 517.647;
const AT_US: f64 = 8_024.488;

/// A folder with a catalog and a table of countries.
pub(crate) struct Data(TempDir);

impl Data {
    pub(crate) fn new(catalog: &str, networks: &str) -> Self {
        let data = Self(tempfile::tempdir().unwrap());
        data.write("catalog.toml", catalog);
        data.write("countries", networks);
        data
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.path().join(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let (catalog, countries) = (self.path("catalog.toml"), self.path("countries"));
        let data = ["quality", "--catalog", &catalog, "--geoip", &countries, "--ipv6", "0"];
        run(&[&data[..], args].concat())
    }

    /// The report as JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[&["--json"], args].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The figures of a policy.
#[track_caller]
pub(crate) fn figures<'j>(report: &'j Value, policy: &str) -> &'j Value {
    let policies = report["policies"].as_array().unwrap();
    &policies.iter().find(|known| known["name"] == policy).expect(policy)["figures"]
}

#[test]
fn figures_are_those_that_are_computed_by_hand() {
    let report = Data::new(CATALOG, NETWORKS).json(&["--profile", "modern"]);
    // Clients in Germany get all three mirrors, the others two.
    let fours = [
        (ES_DE + DE_US) / 3.0,
        (FR_DE + FR_US) / 2.0,
        (ES_DE + ES_US) / 2.0,
        (AT_DE + AT_US) / 2.0,
    ];
    let quarter = |sum: f64| sum / 4.0;
    for policy in ["compatible", "modern_tiers", "modern"] {
        for (name, expected) in [
            ("first_mean_km", quarter(FR_DE + ES_DE + AT_DE)),
            ("first_p90_km", ES_DE),
            ("first_own_country", 0.25),
            ("own_country_kept", 1.0),
            ("first_own_network", 0.0),
            ("first_four_mean_km", quarter(fours.iter().sum())),
            ("first_four_p90_km", fours.into_iter().fold(0.0, f64::max)),
            // One of three mirrors, for a quarter of the clients.
            ("first_four_own_country", quarter(1.0 / 3.0)),
            ("first_four_hosts", 2.25),
            ("first_four_networks", 2.25),
            ("second_mean_km", quarter(ES_DE + FR_US + ES_US + AT_US)),
            ("loss_mean_km", quarter(ES_DE + FR_US + ES_US + AT_US - FR_DE - ES_DE - AT_DE)),
            ("urls_before_second", 1.0),
            ("last_mean_km", quarter(DE_US + FR_US + ES_US + AT_US)),
            ("last_is_fallback", 0.0),
            ("mirrors", 2.25),
            ("urls", 2.25),
            ("empty", 0.0),
            ("fairness_worst", 1.0),
            ("fairness_least", 1.0),
            ("starving", 0.0),
        ] {
            let found = figures(&report, policy)[name].as_f64().expect(name);
            // Places are stored in hundredths of a degree.
            assert!((found - expected).abs() < 0.01, "{policy}.{name}: {found}, not {expected}");
        }
        for unknown in ["ipv6_works", "first_fails"] {
            assert_eq!(figures(&report, policy)[unknown], Value::Null, "{unknown}");
        }
    }
    let (limit, modern) = (figures(&report, "limit"), figures(&report, "modern"));
    for name in ["first_mean_km", "first_four_mean_km", "first_own_country", "second_mean_km"] {
        assert_eq!(limit[name], modern[name], "{name}");
    }
    let shares = report["worst_served"].as_array().unwrap().iter();
    let reasons: Vec<_> = shares
        .map(|of| (of["country"].as_str().unwrap(), of["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(reasons, [("ES", "denied"), ("FR", "no_mirror"), ("AT", "private")]);
    assert_eq!(report["worst_served"][0]["nearest"], json!({"country": "DE", "km": 1596.9}));
}

#[test]
fn reports_are_as_people_and_programs_expect_them() {
    let data = Data::new(CATALOG, NETWORKS);
    let mut json = data.json(&["--profile", "modern"]);
    // It changes with the format of snapshots.
    let generation = json["generation"].as_str().unwrap().to_owned();
    json["generation"] = "…".into();
    golden::check("quality.json", &format!("{json:#}\n"));
    let output = data.run(&["--profile", "modern"]);
    let shown = text(&output.stdout).replace(&generation, "…");
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    golden::check("quality.txt", &shown);
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// Two German mirrors, of which one has three times the bandwidth, and some more.
fn weighted() -> Data {
    let mirror = |key: &str, country: &str, mbit: u32| {
        format!(
            "[[mirror]]\nkey = \"{key}\"\nurls = [\"https://{key}.example/e\"]\n\
             country = \"{country}\"\nbandwidth = {mbit}\n"
        )
    };
    let (head, _) = CATALOG.split_once("[[mirror]]").unwrap();
    let mirrors = [("a", "DE", 100), ("b", "DE", 300), ("c", "FR", 1), ("d", "US", 1_000)];
    let mirrors = mirrors.map(|(key, country, mbit)| mirror(key, country, mbit));
    Data::new(&[head, &mirrors.concat()].concat(), NETWORKS)
}

#[test]
fn equal_seeds_give_equal_reports_and_first_places_follow_bandwidth() {
    let data = weighted();
    let args = |seed| ["--profile", "modern", "--clients", "300", "--seed", seed];
    let report = data.json(&args("7"));
    assert_eq!(report, data.json(&args("7")));
    assert_ne!(report, data.json(&args("8")));
    for (name, range) in [("fairness_worst", 1.0..1.1), ("fairness_least", 0.9..1.0)] {
        let ratio = figures(&report, "modern")[name].as_f64().unwrap();
        assert!(range.contains(&ratio), "{name}: {ratio}");
    }
    let most = report["policies"][2]["most_first_places"].as_array().unwrap();
    for (field, sum) in [("share", 1.0), ("fair_share", 1.0)] {
        let found: f64 = most.iter().map(|mirror| mirror[field].as_f64().unwrap()).sum();
        assert!((found - sum).abs() < 1e-5, "all that have first places are compared: {most:?}");
    }
}

#[test]
fn conditions_decide_the_exit_status() {
    let data = Data::new(CATALOG, NETWORKS);
    for (condition, status, message) in [
        ("first_mean_km > 1000", 0, ""),
        ("modern.starving > 0", 0, ""),
        ("mirrors < 3", 1, "mirrorlistd: `mirrors < 3` holds: compatible.mirrors is 2.25\n"),
        (
            "limit.urls < 3",
            1,
            "mirrorlistd: `limit.urls < 3` cannot be told: limit.urls is not known\n",
        ),
        (
            "configured.empty >= 0",
            1,
            "mirrorlistd: `configured.empty >= 0` holds: compatible.empty is 0\n",
        ),
    ] {
        let output = data.run(&["--fail-if", "empty > 0", "--fail-if", condition]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert_eq!(text(&output.stderr), message);
        assert!(!output.stdout.is_empty(), "the report is printed in any case");
        let output = data.run(&["--fail-if", condition, "--json"]);
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["failed"].as_array().map(Vec::len), Some(usize::from(status == 1)));
    }
    let output = data.run(&["--fail-if", "frist_mean_km > 4"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `first_mean_km`?"), "{output:?}");
}

#[test]
fn clients_come_from_a_log_whatever_is_in_it() {
    let data = Data::new(CATALOG, NETWORKS);
    let log = data.path("log");
    let mut bytes = b"IP: 198.51.100.7; DATE: 2026-11-21; COUNTRY: FR; REPO: main; ARCH: x86_64\n\
                      192.0.2.1 - - [21/Nov/2026:11:01:29 +0000] \"GET / HTTP/1.1\" 200 5\n\
                      10.1.2.3 - - x\n\0\xff\n; ; ;\n\n"
        .to_vec();
    bytes.extend(vec![b'x'; 1 << 20]);
    fs::write(&log, bytes).unwrap();
    let report = data.json(&["--log", &log]);
    assert_eq!(report["clients"]["number"], 3);
    assert_eq!(report["clients"]["log_lines"], 3);
    assert_eq!(report["clients"]["log_lines_without_client"], 4);
    // The client of the private network is in no known country.
    assert_eq!(report["clients"]["unplaced"], 0.333);
    let mean = figures(&report, "compatible")["first_mean_km"].as_f64().unwrap();
    assert!((mean - FR_DE / 2.0).abs() < 0.01, "{mean}");
    assert_eq!(report["worst_served"][0]["clients"], 0.33333333, "rounded");
    for (bytes, message) in [
        (&b"nobody\n"[..], "none of 1 lines names the address of a client"),
        (b"", "none of 0 lines names the address of a client"),
    ] {
        fs::write(&log, bytes).unwrap();
        let output = data.run(&["--log", &log]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{output:?}");
    }
}

#[test]
fn data_that_give_nothing_are_told() {
    let (head, _) = CATALOG.split_once("[[mirror]]").unwrap();
    let data = Data::new(CATALOG, NETWORKS);
    let snapshot = data.path("empty.snapshot");
    let mut world = World::empty();
    world.mirror(1, "DE", 1, Public, &["https"], "berlin");
    world.directory("pub/test", "", &[1]);
    fs::write(&snapshot, world.compile().unwrap().bytes).unwrap();
    let catalog = data.path("catalog.toml");
    for (args, message) in [
        (vec!["--snapshot", &snapshot], "the data hold no repository"),
        (vec!["--catalog", &catalog], "the data do not say where networks are"),
        (vec!["--catalog", &catalog, "--repo", "mani"], "the data hold no repository `mani`"),
        (vec!["--catalog", &catalog, "--log", "/nonexistent"], "No such file"),
    ] {
        let output = run(&[&["quality"], &args[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(text(&output.stderr).contains(message), "{message}: {output:?}");
    }
    // Without a public mirror, all that can be told is that there is none.
    let (_, private) = CATALOG.rsplit_once("[[mirror]]").unwrap();
    let report = Data::new(&[head, "[[mirror]]", private].concat(), NETWORKS).json(&[]);
    assert_eq!(figures(&report, "compatible")["empty"], 1.0);
    assert_eq!(figures(&report, "compatible")["first_mean_km"], Value::Null);
    assert_eq!(report["worst_served"], json!([]));
}

#[test]
fn the_handbook_has_the_table_of_all_figures() {
    const CHAPTER: &str = "contrib/handbook/quality.md";
    let chapter = fs::read_to_string(CHAPTER).unwrap();
    let (before, rest) = chapter.split_once("<!-- figures -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    let mut table = String::from("| figure | what it says |\n|---|---|\n");
    for figure in Figure::ALL {
        table += &format!("| `{}` | {} |\n", figure.name(), figure.meaning());
    }
    let text = format!("{before}<!-- figures -->\n\n{table}\n<!-- end -->{after}");
    golden::check_file(CHAPTER, &text);
}

/// A mirror for each reason why clients of a country get one of another country first.
const LEFT_OUT: &str = r#"
[distribution]
name = "Example Linux"

[[repository]]
name   = "main"
arches = ["x86_64"]
path   = "{arch}"

[[repository]]
name   = "other"
arches = ["x86_64"]
path   = "other/{arch}"

[[mirror]]
key     = "berlin"
urls    = ["https://mirror.berlin.example/example"]
country = "DE"
asns    = [64500]

[[mirror]]
key     = "bordeaux"
urls    = ["https://mirror.bordeaux.example/example"]
country = "FR"

[[mirror]]
key     = "warsaw"
urls    = ["https://mirror.warsaw.example/example"]
country = "PL"
load    = 0

[[mirror]]
key     = "prague"
urls    = ["rsync://mirror.prague.example/example"]
country = "CZ"

[[mirror]]
key     = "utrecht"
urls    = ["https://mirror.utrecht.example/example"]
country = "NL"
carries = ["other"]
"#;

#[test]
fn the_reason_is_the_rule_that_keeps_the_last_mirror_of_a_country_out() {
    let networks = "192.0.2.0/24,FR\n198.51.100.0/24,PL\n203.0.113.0/24,CZ\n198.18.0.0/24,NL\n";
    let data = Data::new(LEFT_OUT, networks);
    // All clients in France are in the system of the German mirror.
    data.write("systems", "192.0.2.0/24 64500\n");
    let systems = data.path("systems");
    let report =
        data.json(&["--profile", "modern", "--repo", "main", "--global-netblocks", &systems]);
    let countries = report["worst_served"].as_array().unwrap().iter();
    let mut reasons: Vec<_> = countries
        .map(|of| {
            (of["country"].as_str().unwrap(), of["reason"].as_str().unwrap(), of["mirrors"].clone())
        })
        .collect();
    reasons.sort_by_key(|(country, ..)| *country);
    let expected = [("CZ", "left_out"), ("FR", "not_first"), ("NL", "not_carried"), ("PL", "rest")];
    assert_eq!(reasons, expected.map(|(country, reason)| (country, reason, json!(1))));
    let modern = figures(&report, "modern");
    assert_eq!([&modern["first_own_network"], &modern["own_country_kept"]], [0.25, 0.0]);
    // Their first mirror is not counted among the first places that are shared.
    let most = modern["fairness_worst"].as_f64().unwrap();
    assert!((1.0..1.1).contains(&most), "{most}");
}
