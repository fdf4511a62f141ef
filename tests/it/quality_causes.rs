//! `mirrorlistd quality`: distances between points, what keeps clients from nearer mirrors, and how many answers
//! it takes to compare first places.

use serde_json::Value;

use crate::quality::{Data, figures, text};
use crate::server::run;

const HEAD: &str = "[distribution]\nname = \"E\"\n[[repository]]\nname = \"main\"\n\
                    arches = [\"x86_64\"]\npath = \"{arch}\"\n";

/// A catalog of these mirrors: their keys, and what else is said of them.
fn mirrors<'m>(mirrors: impl IntoIterator<Item = (&'m str, &'m str)>) -> String {
    let mirror = |(key, more)| {
        format!("[[mirror]]\nkey = \"{key}\"\nurls = [\"https://{key}.example/e\"]\n{more}\n")
    };
    std::iter::once(HEAD.to_owned()).chain(mirrors.into_iter().map(mirror)).collect()
}

/// What is said of the only country that is served from afar: reason, nearest mirror and its distance.
#[track_caller]
fn worst(report: &Value) -> (&str, &str, f64) {
    let [worst] = &report["worst_served"].as_array().unwrap()[..] else { panic!("{report:#}") };
    let nearest = &worst["nearest"];
    let country = nearest["country"].as_str().unwrap();
    (worst["reason"].as_str().unwrap(), country, nearest["km"].as_f64().unwrap())
}

#[test]
fn exact_distances_are_those_of_points_and_of_centres_where_there_is_none() {
    // In km, with haversines apart from the program: from Seattle, by its point in tables, and from the centre of
    // Germany, where no more is known of a client.
    const SEATTLE_VANCOUVER: f64 = 199.572;
    const SEATTLE_US: f64 = 2_578.175;
    const SEATTLE_NEWYORK: f64 = 3_879.309;
    const DE_US: f64 = 7_510.269;
    let vancouver = ("vancouver", "country = \"CA\"\ncoordinates = [49.25, -123.1]");
    let newyork = ("newyork", "country = \"US\"\ncoordinates = [40.71, -74.01]");
    let somewhere = ("somewhere", "country = \"US\"");
    let table = |rows: &str| format!("network,country,latitude,longitude\n{rows}");
    let seattle = table("192.0.2.0/24,US,47.5,-122.5\n");
    for (others, networks, expected) in [
        // A mirror without a point is in the middle of its country, also for clients of that.
        ([somewhere, vancouver], &seattle, ("far", "CA", [SEATTLE_VANCOUVER, SEATTLE_US])),
        ([newyork, vancouver], &seattle, ("far", "CA", [SEATTLE_VANCOUVER, SEATTLE_NEWYORK])),
        ([somewhere, newyork], &seattle, ("far", "US", [SEATTLE_US, SEATTLE_NEWYORK])),
        (
            // One that is disabled is none.
            [somewhere, ("berlin", "country = \"DE\"\ndisabled = \"x\"")],
            &table("192.0.2.0/24,DE,,\n"),
            ("no_mirror", "US", [DE_US, DE_US]),
        ),
    ] {
        let report =
            Data::new(&mirrors(others), networks).json(&["--profile", "modern", "--exact"]);
        let (reason, country, [first, last]) = expected;
        let modern = figures(&report, "modern");
        for (name, expected) in [("first_mean_km", first), ("last_mean_km", last)] {
            let found = modern[name].as_f64().unwrap();
            assert!((found - expected).abs() < 0.01, "{others:?}: {name} {found} {expected}");
        }
        assert_eq!(figures(&report, "limit")["first_mean_km"], modern["first_mean_km"]);
        let (found, nearest, km) = worst(&report);
        assert_eq!((found, nearest), (reason, country), "{others:?}");
        assert!((km - first).abs() < 0.1, "{km} {first}");
    }
    // Who is sent to a mirror of the own country although another one is nearer gets no nearer one.
    let report = Data::new(&mirrors([newyork, vancouver]), &seattle).json(&["--exact"]);
    assert_eq!(worst(&report), ("far", "CA", 199.6));
}

#[test]
fn the_nearest_mirror_of_a_country_is_that_of_all_its_clients() {
    const SAOPAULO_RIO: f64 = 346.6;
    const MANAUS_RIO: f64 = 2_861.3;
    let rio = ("rio", "country = \"BR\"\ncoordinates = [-22.91, -43.17]");
    let networks = "network,country,latitude,longitude\n\
                    192.0.2.0/24,BR,-23.5,-46.5\n198.51.100.0/24,BR,-3,-60\n";
    let data = Data::new(&mirrors([rio]), networks);
    for seed in ["1", "2", "3"] {
        let report = data.json(&["--profile", "modern", "--exact", "--seed", seed]);
        let (reason, country, km) = worst(&report);
        assert_eq!((reason, country), ("far", "BR"));
        let mean = f64::midpoint(SAOPAULO_RIO, MANAUS_RIO);
        assert!((km - mean).abs() < 5.0, "{seed}: {km}, not {mean}");
    }
}

#[test]
fn a_mirror_that_does_not_work_over_the_version_of_ip_of_a_client_is_a_reason() {
    let catalog = mirrors([
        ("newyork", "country = \"US\""),
        ("toronto", "country = \"CA\"\nip_versions = [4]"),
    ]);
    for networks in ["2001:db8::/32,CA\n", "2001:db8::/32,CA\n192.0.2.0/24,CA\n"] {
        let data = Data::new(&catalog, networks);
        let (catalog, countries) = (data.path("catalog.toml"), data.path("countries"));
        let output = run(&[
            "quality",
            "--catalog",
            &catalog,
            "--geoip",
            &countries,
            "--profile",
            "modern",
            "--json",
        ]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (reason, nearest, km) = worst(&report);
        assert_eq!((reason, nearest), ("ip_version", "US"), "{networks}");
        assert!(km > 1_000.0, "{km}");
    }
}

#[test]
fn as_many_answers_are_asked_for_as_it_takes_to_compare_mirrors() {
    let keys: Vec<_> = (0..60).map(|number| format!("m{number}")).collect();
    let catalog = mirrors(keys.iter().map(|key| (key.as_str(), "country = \"DE\"")));
    let data = Data::new(&catalog, "192.0.2.0/24,DE\n");
    let condition =
        ["--profile", "modern", "--clients", "300", "--fail-if", "fairness_worst > 1.3"];
    let report = data.json(&condition);
    for policy in ["compatible", "modern_tiers", "modern"] {
        let figures = figures(&report, policy);
        assert_eq!([&figures["fairness_mirrors"], &figures["fairness_covered"]], [60.0, 1.0]);
    }
    assert_eq!(figures(&report, "limit")["fairness_mirrors"], Value::Null);
    // So many that none has enough.
    let keys: Vec<_> = (0..600).map(|number| format!("m{number}")).collect();
    let catalog = mirrors(keys.iter().map(|key| (key.as_str(), "country = \"DE\"")));
    let output = Data::new(&catalog, "192.0.2.0/24,DE\n").run(&condition);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).ends_with("compared; more --clients may help\n"), "{output:?}");
}

#[test]
fn demo_data_that_nobody_asked_for_are_told_and_decide_nothing() {
    let data = Data::new("", "");
    data.write("demo.toml", "demo = true\n");
    let file = data.path("demo.toml");
    let condition = ["--fail-if", "empty > 0"];
    for (source, named) in
        [(&[][..], false), (&["--demo"][..], true), (&["--config", &file][..], true)]
    {
        let plain = run(&[&["quality", "--clients", "9"], source].concat());
        assert!(plain.status.success(), "{plain:?}");
        let warns = text(&plain.stderr).contains("warning: no data are given");
        assert_eq!(warns, !named, "{plain:?}");
        let checked = run(&[&["quality", "--clients", "9"], source, &condition].concat());
        assert_eq!(checked.status.code(), Some(if named { 0 } else { 2 }), "{checked:?}");
    }
}
