//! Catalogs with an index of their primary tree.

use index::{Alias, Directory, File, Index, Version};
use model::checksum::Checksums;

use super::{Files, SMALLEST, mirrors};
use crate::golden;

/// A version whose checksums repeat one byte.
fn version(timestamp: u64, byte: u8) -> Version {
    Version {
        timestamp,
        size: 3_000 + timestamp % 1_000,
        checksums: Checksums {
            md5: Some([byte; 16]),
            sha1: Some([byte; 20]),
            sha256: Some([byte; 32]),
            sha512: Some([[byte; 32]; 2]),
        },
        replaced: None,
    }
}

fn directory(name: &str) -> Directory {
    let mut directory = Directory { name: name.into(), ..Directory::default() };
    let file = match name.rsplit('/').next() {
        Some("repodata") => "repomd.xml",
        Some("iso") => "image.iso",
        _ => return directory,
    };
    let earlier = Version { replaced: Some(1_790_000_100), ..version(1_789_000_000, 0x22) };
    let versions = vec![version(1_790_000_000, 0x11), earlier];
    directory.files = vec![File { name: file.into(), versions, stamp: None }];
    directory
}

/// An index of directories, in any order, with all those in which they lie; and of links.
pub(super) fn index(names: &[&str], links: &[(&str, &str)]) -> Index {
    let mut all: Vec<&str> = vec![""];
    for name in names {
        all.extend(name.match_indices('/').map(|(at, _)| &name[..at]));
        all.push(name);
    }
    all.sort_unstable();
    all.dedup();
    let directories = all.into_iter().map(directory).collect();
    let alias = |&(name, target): &(&str, &str)| Alias { name: name.into(), target: target.into() };
    let mut aliases: Vec<_> = links.iter().map(alias).collect();
    aliases.sort_by(|one, other| one.name.cmp(&other.name));
    Index::new(1_790_000_200, directories, aliases).unwrap()
}

/// The index of a tree that has every repository of the smallest catalog.
fn index_of_all() -> Index {
    index(
        &[
            "9/BaseOS/x86_64/os/repodata",
            "9/BaseOS/aarch64/os/repodata",
            "10/BaseOS/x86_64/os/repodata",
            "10/BaseOS/aarch64/os/repodata",
        ],
        &[],
    )
}

#[test]
fn with_an_index_metalinks_work_and_every_directory_is_listed() {
    let index = index(
        &[
            "9/BaseOS/x86_64/os/Packages/a",
            "9/BaseOS/x86_64/os/repodata",
            "9/BaseOS/aarch64/os/repodata",
            "10/BaseOS/x86_64/os/repodata",
            "isos",
        ],
        &[],
    );
    let server = Files::new(SMALLEST).with_index(&index).serve();
    let metalink = server.get("/metalink?repo=baseos-9&arch=x86_64 from 192.0.2.7");
    golden::check("catalog_metalink.xml", &metalink.text());
    crate::lint_law::check(&metalink);
    for path in ["9/BaseOS/x86_64/os/Packages/a", "9/BaseOS/x86_64/os/repodata", "9", "isos"] {
        let request = format!("/mirrorlist?path={path} from 192.0.2.7");
        assert_eq!(mirrors(&server, &request), "campus berlin download", "{path}");
    }
    // Not in the tree, so on no mirror.
    let answer = server.get("/mirrorlist?repo=baseos-10&arch=aarch64");
    assert_eq!(answer.status, 404);
    assert!(answer.body.ends_with("error: no mirror carries it\n"), "{}", answer.body);
    let file = server.get("/metalink?path=9/BaseOS/x86_64/os/repodata/repomd.xml");
    assert_eq!(file.status, 200);
    assert_eq!(server.snapshot().created(), 1_790_000_200.max(server.snapshot().created()));
}

/// From the tree to the answer: withdrawing a version is what must reach clients soonest.
#[test]
fn the_version_to_which_the_primary_went_back_is_first_in_the_metalink() {
    let tree = crate::scan::Tree::new();
    let path = |version: &str, arch: &str| format!("{version}/BaseOS/{arch}/os");
    for (version, arch) in [("9", "x86_64"), ("9", "aarch64"), ("10", "x86_64"), ("10", "aarch64")]
    {
        tree.repository(&path(version, arch), 1_790_000_001);
    }
    let first = tree.scan(None);
    tree.repository(&path("9", "x86_64"), 1_790_000_002);
    let second = tree.scan(Some(&first.index));
    tree.repository(&path("9", "x86_64"), 1_790_000_001);
    let third = tree.scan(Some(&second.index));
    for (scan, expected) in
        [(&second, [1_790_000_002_u64, 1_790_000_001]), (&third, [1_790_000_001, 1_790_000_002])]
    {
        let files = Files::new(SMALLEST).with_index(&scan.index);
        let answer = files.serve().get("/metalink?repo=baseos-9&arch=x86_64");
        let times = answer.body.split("<mm0:timestamp>").skip(1);
        let times: Vec<u64> = times
            .map(|rest| rest.split('<').next().and_then(|time| time.parse().ok()).unwrap())
            .collect();
        assert_eq!(times, expected, "{}", answer.body);
        let report = files.report();
        assert!(!report.iter().any(|line| line.contains("out of order")), "{report:?}");
    }
}

#[test]
fn what_lies_in_no_repository_is_on_mirrors_that_carry_everything() {
    let catalog =
        SMALLEST.replace("country   = \"DE\"", "country   = \"DE\"\ncarries = [\"baseos\"]");
    let index = index(&["9/BaseOS/x86_64/os/repodata", "isos"], &[]);
    let server = Files::new(&catalog).with_index(&index).serve();
    assert_eq!(mirrors(&server, "/mirrorlist?path=isos from 192.0.2.7"), "campus download");
    let request = "/mirrorlist?repo=baseos-9&arch=x86_64 from 192.0.2.7";
    assert_eq!(mirrors(&server, request), "campus berlin download");
}

#[test]
fn a_repository_behind_a_link_has_its_directories_under_both_names() {
    let index = index(
        &[
            "9.8/BaseOS/x86_64/os/repodata",
            "9.8/BaseOS/x86_64/os/Packages",
            "9.8/BaseOS/aarch64/os/repodata",
        ],
        &[("9", "9.8"), ("latest", "9.8")],
    );
    let files = Files::new(&SMALLEST.replace("[\"9\", \"10\"]", "[\"9\"]")).with_index(&index);
    let server = files.serve();
    let answer = server.get("/metalink?repo=baseos-9&arch=x86_64");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(
        answer.body.contains("/example/9/BaseOS/x86_64/os/repodata/repomd.xml<"),
        "{}",
        answer.body
    );
    for (path, status) in [
        ("9/BaseOS/x86_64/os/Packages", 200),
        ("9.8/BaseOS/x86_64/os/Packages", 200),
        // No repository is there, so this link costs nothing.
        ("latest/BaseOS/x86_64/os/Packages", 404),
    ] {
        assert_eq!(server.get(&format!("/mirrorlist?path={path}")).status, status, "{path}");
    }
    let report = files.report();
    assert!(!report.iter().any(|line| line.contains("occurs twice")), "{report:?}");
}

#[test]
fn an_index_of_another_tree_is_refused() {
    let catalog = SMALLEST.replace("[\"9\", \"10\"]", "[\"7\", \"8\", \"9\", \"10\"]");
    let files = Files::new(&catalog).with_index(&index(&["pub/other"], &[]));
    let error = files.try_serve().err().expect("it is refused").to_string();
    let told = "/tree.index: lacks the directories of 8 of 8 repositories; is it of the top of the tree \
                that mirrors copy?";
    assert!(error.ends_with(told), "{error}");
    // Mirrors that carry everything have what is in it; others would have nothing.
    let few = index(&["pub/other"], &[]);
    let files = Files::new(SMALLEST).with_index(&few);
    assert_eq!(files.serve().get("/mirrorlist?path=pub/other").status, 200);
    let lacking = "directory that the index does not have (is it of the top of the tree that mirrors \
                   copy?): 10/BaseOS/aarch64/os in tree.index (and 3 more like it)";
    let report = files.report();
    assert!(report.iter().any(|line| line.ends_with(lacking)), "{report:?}");
    let catalog = SMALLEST.replace("urls ", "carries = [\"baseos\"]\nurls ");
    let error = Files::new(&catalog).with_index(&few).try_serve().err().expect("it is refused");
    assert!(error.to_string().contains("/tree.index: lacks the directories of 4 of 4 "), "{error}");
}

#[test]
fn what_the_index_lacks_is_reported_once_and_not_blamed_on_mirrors() {
    let index =
        index(&["9/BaseOS/x86_64/os/repodata", "9/BaseOS/aarch64/os/Packages", "10/BaseOS"], &[]);
    let report = Files::new(SMALLEST).with_index(&index).report();
    let of_repositories: Vec<&str> = report
        .iter()
        .filter(|line| line.contains("BaseOS/"))
        .filter_map(|line| line.split_once(": ").map(|(_, problem)| problem))
        .collect();
    assert_eq!(
        of_repositories,
        [
            "directory that the index does not have (is it of the top of the tree that mirrors copy?): \
             10/BaseOS/aarch64/os in tree.index (and 1 more like it)",
            "repository whose repodata the index does not have, it has no metalink: \
             9/BaseOS/aarch64/os in tree.index",
        ]
    );
    // Where mirrors are at fault, they are blamed: nobody has the repository, but the tree has it.
    let catalog = SMALLEST.replace("urls ", "carries = [{ versions = [\"9\"] }]\nurls ");
    let report = Files::new(&catalog).with_index(&index_of_all()).report();
    let blamed = "repository whose directory no mirror carries: baseos-10+aarch64 in \
                  10/BaseOS/aarch64/os (and 1 more like it)";
    assert!(report.iter().any(|line| line.ends_with(blamed)), "{report:?}");
}

#[test]
fn a_repository_whose_index_lies_behind_a_link_has_its_files() {
    let index = index(
        &["9/BaseOS/x86_64/os/Packages", "9/BaseOS/aarch64/os/repodata", "compose/repodata"],
        &[("9/BaseOS/x86_64/os/repodata", "compose/repodata")],
    );
    let catalog = SMALLEST.replace("[\"9\", \"10\"]", "[\"9\"]");
    let files = Files::new(&catalog).with_index(&index);
    let answer = files.serve().get("/metalink?repo=baseos-9&arch=x86_64");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let url = "/example/9/BaseOS/x86_64/os/repodata/repomd.xml<";
    assert!(answer.body.contains(url), "{}", answer.body);
    let report = files.report();
    assert!(!report.iter().any(|line| line.contains("repository")), "{report:?}");
}
