//! Tables of networks in all their formats, and `mirrorlistd geography build`.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use sources::Report;
use sources::geography::table;
use sources::geography::table_file::Tables;
use tempfile::TempDir;
use testdata::mmdb::{self, Layout};

use crate::geography_versions::{built, shown};
use crate::server::run;

/// A catalog with mirrors in two countries, one of which names its systems.
const CATALOG: &str = r#"
[distribution]
name   = "Example Linux"
origin = "https://download.example.org/pub/example"

[[repository]]
name   = "main"
arches = ["x86_64"]
path   = "{arch}"

[[mirror]]
key     = "berlin"
urls    = ["https://mirror.berlin.example/example"]
country = "DE"
asns    = [64500, 64502]

[[mirror]]
key     = "paris"
urls    = ["https://mirror.paris.example/example"]
country = "FR"
"#;

/// Countries of networks, without the continents that GeoLite2 adds.
const COUNTRIES: [(&str, &str); 5] = [
    ("192.0.2.0/24", "DE"),
    ("198.51.100.0/25", "FR"),
    ("198.51.100.128/25", "JP"),
    ("2001:db8::/32", "DE"),
    ("2001:db9::/33", "FR"),
];
const SYSTEMS: [(&str, u32); 4] = [
    ("192.0.2.0/25", 64_500),
    ("192.0.2.128/25", 64_501),
    ("198.51.100.0/24", 64_502),
    ("2001:db8::/32", 64_500),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder with the catalog, a table of countries and one of systems.
struct Folder(TempDir);

impl Folder {
    fn new(countries: &[u8], systems: &[u8]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.path("catalog.toml"), CATALOG).unwrap();
        fs::write(folder.path("countries"), countries).unwrap();
        fs::write(folder.path("systems"), systems).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A path in the folder, as an argument.
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The snapshot compiled from the catalog and two tables.
    #[track_caller]
    fn compiled(&self, countries: &str, systems: &str) -> Vec<u8> {
        let output = self.compile(&["--geoip", countries, "--global_netblocks", systems]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(self.path("snapshot")).unwrap()
    }

    /// Compiles the catalog. After an option stands the name of a file.
    fn compile(&self, tables: &[&str]) -> Output {
        let path = |word: &&str| match word.starts_with('-') {
            true => (*word).to_owned(),
            false => self.text(word),
        };
        let tables: Vec<_> = tables.iter().map(path).collect();
        let (catalog, snapshot) = (self.text("catalog.toml"), self.text("snapshot"));
        let fixed = ["compile", "--no-previous", "--catalog", &catalog, "-o", &snapshot];
        run(&[&fixed[..], &tables.iter().map(String::as_str).collect::<Vec<_>>()].concat())
    }

    /// Builds a file called `built`.
    fn build(&self, countries: &[&str], systems: &[&str], options: &[&str]) -> Output {
        let mut args =
            vec!["geography".to_owned(), "build".into(), "-o".into(), self.text("built")];
        for (option, names) in [("--country", countries), ("--asn", systems)] {
            if !names.is_empty() {
                args.push(option.into());
                args.extend(names.iter().map(|name| self.text(name)));
            }
        }
        args.extend(options.iter().map(|option| (*option).into()));
        run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn without_folder(&self, bytes: &[u8]) -> String {
        text(bytes).replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn lines<T: ToString>(table: &[(&str, T)], separator: &str) -> Vec<u8> {
    let line = |(prefix, value): &(&str, T)| format!("{prefix}{separator}{}\n", value.to_string());
    table.iter().map(line).collect::<String>().into_bytes()
}

/// The same tables in another format each.
fn variants() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let database = |layout| mmdb::write(layout, &COUNTRIES);
    let fields: Vec<_> = SYSTEMS.iter().map(|(_, number)| format!("AS{number}")).collect();
    let fields: Vec<_> = fields.iter().map(|number| [("asn", number.as_str())]).collect();
    let records = SYSTEMS.iter().zip(&fields);
    let records: Vec<_> = records.map(|((prefix, _), fields)| (*prefix, &fields[..])).collect();
    vec![
        ("prefixes", lines(&COUNTRIES, ","), lines(&SYSTEMS, " ")),
        ("GeoLite2", database(Layout::GeoLite2), mmdb::write_systems(&SYSTEMS)),
        ("ip-location-db", database(Layout::IpLocationDb), mmdb::write_systems(&SYSTEMS)),
        ("IPinfo", database(Layout::IpinfoLite), mmdb::write_records("ipinfo asn", &records)),
        (
            "ranges",
            b"192.0.2.0,192.0.2.255,DE\n198.51.100.0,198.51.100.127,FR\n\
                198.51.100.128,198.51.100.255,JP\n\
                2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,DE\n\
                2001:db9::,2001:db9:7fff:ffff:ffff:ffff:ffff:ffff,FR\n"
                .to_vec(),
            b"192.0.2.0,192.0.2.127,64500,\"A, b\"\n192.0.2.128,192.0.2.255,64501,c\n\
                198.51.100.0,198.51.100.255,64502,d\n\
                2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,64500,\"A, b\"\n"
                .to_vec(),
        ),
        (
            "numbers",
            b"\"3221225984\",\"3221226239\",\"DE\",\"Germany\"\n\
                \"3325256704\",\"3325256831\",\"FR\",\"France\"\n\
                \"3325256832\",\"3325256959\",\"JP\",\"Japan\"\n\
                \"42540766411282592856903984951653826560\",\"42540766490510755371168322545197776895\",\"DE\",x\n\
                \"42540766490510755371168322545197776896\",\"42540766530124836628300491341969752063\",\"FR\",x\n"
                .to_vec(),
            b"3221225984,3221226111,64500,a\n3221226112,3221226239,64501,c\n\
                3325256704,3325256959,64502,d\n\
                42540766411282592856903984951653826560,42540766490510755371168322545197776895,64500,a\n"
                .to_vec(),
        ),
        (
            "names",
            [&b"network,country_code\n"[..], &lines(&COUNTRIES, ",")].concat(),
            [&b"network,asn,as_name\n"[..], &lines(&SYSTEMS, ",AS")].concat(),
        ),
    ]
}

#[test]
fn every_format_gives_the_same_snapshot() {
    // One folder, as the time of the catalog is in the snapshot.
    let folder = Folder::new(b"", b"");
    let mut expected: Option<Vec<u8>> = None;
    for (name, countries, systems) in variants() {
        fs::write(folder.path("countries"), countries).unwrap();
        fs::write(folder.path("systems"), systems).unwrap();
        let snapshot = folder.compiled("countries", "systems");
        assert!(expected.get_or_insert_with(|| snapshot.clone()) == &snapshot, "{name}");
        // Also by way of one file of both.
        let output = folder.build(&["countries"], &["systems"], &[]);
        assert!(output.status.success() && output.stderr.is_empty(), "{name}: {output:?}");
        assert!(folder.compiled("built", "built") == snapshot, "{name}, built");
        // A built file is a table as any other.
        fs::rename(folder.path("built"), folder.path("former")).unwrap();
        assert!(folder.build(&["former"], &["former"], &[]).status.success());
        let [former, built] = ["former", "built"].map(|name| fs::read(folder.path(name)).unwrap());
        assert!(former == built, "{name}, built twice");
    }
}

#[test]
fn a_build_says_what_is_in_the_file() {
    let folder = Folder::new(&lines(&COUNTRIES, ","), &lines(&SYSTEMS, " "));
    let output = folder.build(&["countries"], &["systems"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let stdout = folder.without_folder(&output.stdout);
    let expected = "built: 3 countries, 5 networks (2 of IPv6), 0.0 % of all IPv4 addresses\n\
                    built: 3 systems, 4 networks (1 of IPv6), 0.0 % of all IPv4 addresses\n\
                    built: ";
    assert!(stdout.starts_with(expected), "{stdout}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let output = folder.build(&["countries"], &[], &["--json", "--allow-shrink"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        said["countries"],
        json!({
            "countries": 3,
            "networks": 5,
            "ipv6_networks": 2,
            "ipv4_addresses": 512,
            "located_networks": 0,
            "points": 0,
            "tables": [{ "file": folder.text("countries"), "format": "text", "networks": 5 }],
        })
    );
    assert_eq!((&said["written"], &said["systems"]), (&json!(true), &Value::Null));
    assert_eq!((&said["diagnostics"], &said["warnings"]), (&json!(0), &json!([])));
    let n_bytes = fs::metadata(folder.path("built")).unwrap().len();
    assert_eq!(said["bytes"], json!(n_bytes));
}

#[test]
fn lines_at_fault_are_named_and_a_missing_family_is_noticed() {
    let folder = Folder::new(b"192.0.2.0/24,DE\n198.51.100.0/24,Germany\n192.0.2.0,DE\n", b"");
    let output = folder.build(&["countries"], &[], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "countries:2: not a country code, skipped: 198.51.100.0/24,Germany\n\
         countries:3: not a range of addresses, skipped: 192.0.2.0,DE\n\
         --country: no network of IPv6: is there another file for IPv6?\n"
    );
    let output = folder.build(&["countries"], &[], &["--json"]);
    assert!(output.stderr.is_empty());
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["diagnostics"], said["warnings"].as_array().unwrap().len()), (&json!(2), 1));
}

#[test]
fn the_first_table_counts_and_the_next_ones_fill_its_gaps() {
    let folder = Folder::new(b"192.0.2.0,192.0.2.127,DE\n", b"192.0.2.0/25 64500\n");
    fs::write(folder.path("more"), "192.0.2.0/24,FR\n").unwrap();
    fs::write(folder.path("more systems"), "192.0.2.0/24 64501\n192.0.2.64/26 64502\n").unwrap();
    folder.build(&["countries", "more"], &["systems", "more systems"], &[]);
    let built = Tables::decode(&fs::read(folder.path("built")).unwrap()).unwrap();
    assert_eq!(
        shown(&built),
        "192.0.2.0/25 DE, 192.0.2.128/25 FR; 192.0.2.0/24 64501, 192.0.2.0/25 64500"
    );
}

#[test]
fn what_is_no_table_is_refused_and_nothing_is_written() {
    let folder = Folder::new(b"192.0.2.0/24,DE\n", b"192.0.2.0/24 64500\n");
    let systems = mmdb::write_systems(&SYSTEMS);
    let geolite = b"network,geoname_id,registered_country_geoname_id\n1.0.0.0/24,2077456,2077456\n";
    for (content, reason) in [
        (&b""[..], "is empty"),
        (b"<html>\n", "holds no country: no line is START,END,COUNTRY or PREFIX,COUNTRY"),
        (
            b"192.0.2.0/24 64500\n",
            "holds no country: no line is START,END,COUNTRY or PREFIX,COUNTRY",
        ),
        (b"\x1f\x8b\x08", "is packed with gzip: unpack it first"),
        (b"\x00\x01", "is neither an mmdb nor text; is it cut off?"),
        (
            geolite,
            "holds no country: its column `geoname_id` has numbers that another file explains; take \
             the mmdb of this vendor",
        ),
        (
            &systems,
            "holds no country: it is of the type \"GeoLite2-ASN\", and no record has \
             country.iso_code, country_code, country, or a continent",
        ),
        (b"geonets\n", "is cut off: 8 bytes, where its header alone has 28"),
    ] {
        fs::write(folder.path("other"), content).unwrap();
        let output = folder.build(&["countries", "other"], &["systems"], &[]);
        assert_eq!(output.status.code(), Some(1), "{reason}");
        let stderr = folder.without_folder(&output.stderr);
        assert!(stderr.ends_with(&format!("mirrorlistd: other: {reason}\n")), "{stderr}");
        assert!(!folder.path("built").exists());
        // The options say the same.
        let output = folder.compile(&["--geoip", "other"]);
        assert_eq!(output.status.code(), Some(1), "{reason}");
        let stderr = folder.without_folder(&output.stderr);
        assert_eq!(stderr, format!("mirrorlistd: other: {reason}\n"));
    }
    let countries = mmdb::write(Layout::GeoLite2, &COUNTRIES);
    let reason = "holds no AS number: it is of the type \"GeoLite2-Country\", and no record has \
                  autonomous_system_number or asn";
    fs::write(folder.path("other"), countries).unwrap();
    let output = folder.build(&[], &["other"], &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["written"], json!(false));
    assert!(said["reason"].as_str().unwrap().ends_with(&format!("other: {reason}")), "{said}");
    // One of the two options must be there.
    let output = folder.build(&[], &[], &[]);
    assert_eq!(output.status.code(), Some(2));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("<--country <FILE>...|--asn <FILE>...>"), "{stderr}");
}

#[test]
fn only_a_file_of_its_own_is_replaced() {
    let folder = Folder::new(b"192.0.2.0/24,DE\n", b"");
    fs::write(folder.path("built"), "192.0.2.0/24,DE\n").unwrap();
    let output = folder.build(&["countries"], &[], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        folder.without_folder(&output.stderr),
        "mirrorlistd: built: exists, and `mirrorlistd geography build` has not written it: remove \
         it, or name another file\n"
    );
    assert_eq!(fs::read(folder.path("built")).unwrap(), b"192.0.2.0/24,DE\n");
    fs::write(folder.path("built"), "").unwrap();
    assert_eq!(folder.build(&["countries"], &[], &[]).status.code(), Some(0));
    // Of any version, also a damaged one.
    fs::write(folder.path("built"), "geonets\nx").unwrap();
    assert_eq!(folder.build(&["countries"], &[], &[]).status.code(), Some(0));
    assert!(Tables::decode(&fs::read(folder.path("built")).unwrap()).is_ok());
}

/// As after a download that was cut off, or with a file that was forgotten.
#[test]
fn a_build_that_has_lost_more_than_a_fifth_is_refused() {
    let folder = Folder::new(&lines(&COUNTRIES, ","), &lines(&SYSTEMS, " "));
    assert!(folder.build(&["countries"], &["systems"], &[]).status.success());
    let before = fs::read(folder.path("built")).unwrap();
    fs::write(folder.path("cut"), lines(&COUNTRIES[..2], ",")).unwrap();
    for (countries, systems, reason) in [
        (&["cut"][..], &["systems"][..], "1 of 3 networks of IPv4 with countries"),
        (&["countries"], &[], "3 of 3 networks of IPv4 with AS numbers"),
    ] {
        let output = folder.build(countries, systems, &[]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            folder.without_folder(&output.stderr),
            format!(
                "mirrorlistd: built: {reason} are gone since the last build; if that is right, \
                 --allow-shrink accepts it\n"
            )
        );
        assert_eq!(fs::read(folder.path("built")).unwrap(), before);
    }
    assert!(folder.build(&["cut"], &[], &["--allow-shrink"]).status.success());
    // One that is damaged cannot be compared, and is replaced.
    fs::write(folder.path("built"), &before[..40]).unwrap();
    let stderr = folder.without_folder(&folder.build(&["countries"], &[], &[]).stderr);
    assert!(stderr.starts_with("built: is damaged: 40 bytes long where"), "{stderr}");
    assert!(stderr.ends_with(": what is built is not compared with it\n"), "{stderr}");
}

#[test]
fn a_build_is_refused_while_another_writes_the_file() {
    let folder = Folder::new(b"192.0.2.0/24,DE\n", b"");
    let lock = runtime::write_lock::WriteLock::acquire(&folder.path("built")).unwrap();
    let output = folder.build(&["countries"], &[], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        folder.without_folder(&output.stderr),
        "mirrorlistd: built: is being written by another process; try again when that has ended\n"
    );
    drop(lock);
    assert!(folder.build(&["countries"], &[], &[]).status.success());
}

#[test]
fn what_is_done_without_tables_is_said_once() {
    let folder = Folder::new(b"192.0.2.0/24,DE\n", b"192.0.2.0/24 64500\n198.51.100.0/24 64502\n");
    let said = |tables: &[&str]| {
        let output = folder.compile(tables);
        assert!(output.status.success());
        let stderr = folder.without_folder(&output.stderr);
        let count = |start: &str| stderr.lines().filter(|line| line.contains(start)).count();
        assert_eq!(count("AS number to which no network belongs"), 0, "{stderr}");
        (count("no table of countries, so"), count("no table of AS numbers, so"))
    };
    assert_eq!(said(&[]), (1, 1));
    assert_eq!(said(&["--geoip", "countries"]), (0, 1));
    assert_eq!(said(&["--global_netblocks", "systems"]), (1, 0));
    assert_eq!(said(&["--geoip", "countries", "--global_netblocks", "systems"]), (0, 0));
}

/// A database of one IPv6 address: 128 nodes with one child each. Nodes are of 24 bits twice.
fn one_address() -> Vec<u8> {
    mmdb::write(Layout::IpLocationDb, &[("2001:db8::1/128", "DE")])
}

#[track_caller]
fn check_hostile(bytes: &[u8], expected: &str) {
    let error = table::countries("x", bytes, &mut Report::default()).err();
    let error = error.map(|error| error.to_string()).unwrap_or_default();
    assert!(error.starts_with("is no intact MaxMind database: "), "{error}");
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_tree_whose_nodes_share_children_ends() {
    let mut bytes = one_address();
    for node in bytes[..128 * 6].chunks_exact_mut(6) {
        let (left, right) = node.split_at_mut(3);
        match left == [0, 0, 128] {
            true => left.copy_from_slice(right),
            false => right.copy_from_slice(left),
        }
    }
    check_hostile(&bytes, "its search tree is no tree");
}

#[test]
fn a_tree_that_leads_back_to_its_root_ends() {
    let mut bytes = one_address();
    bytes[..6].fill(0);
    check_hostile(&bytes, "cycle");
}

#[test]
fn a_record_that_contains_itself_is_no_country() {
    // A map whose value is a pointer to the map.
    let name = b"\x4ccountry_code";
    let mut bytes = one_address();
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + name.len()..][..2].copy_from_slice(&[0x20, 0x00]);
    let error = table::countries("x", &bytes, &mut Report::default()).err().unwrap().to_string();
    assert!(error.contains("holds no country"), "{error}");
}

#[test]
fn a_table_of_systems_cut_anywhere_is_refused_or_shorter() {
    for (bytes, is_text) in [
        (mmdb::write_systems(&SYSTEMS), false),
        (lines(&SYSTEMS, " "), true),
        (built().encode().unwrap(), false),
    ] {
        for length in 0..bytes.len() {
            let table = table::systems("x", &bytes[..length], &mut Report::default());
            match table {
                Ok(table) => assert!(is_text && table.len() <= SYSTEMS.len(), "cut at {length}"),
                Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
            }
        }
    }
}
