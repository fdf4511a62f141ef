//! A scan of what createrepo_c makes finds what other programs say of it.

use std::fs;
use std::process::Command;

use index::Index;
use model::checksum::parse_hex;

use crate::mirror::SUBPATH;
use crate::primary::Primary;
use crate::repository::{Version, digest, repository, run};

tests! {
    a_scan_finds_the_checksums_of_what_createrepo_c_makes,
    a_scan_holds_nothing_back_of_what_createrepo_c_can_write,
}

fn a_scan_finds_the_checksums_of_what_createrepo_c_makes() {
    let folder = tempfile::tempdir().unwrap();
    let primary = Primary::new(folder.path());
    let mut times = Vec::new();
    for version in [Version::Old, Version::New] {
        primary.put(version);
        primary.scan(&[]);
        let index = Index::read(&primary.index).unwrap();
        let repodata = index.find(&format!("{SUBPATH}/repodata")).unwrap();
        let details = &repository(version).details;
        assert_eq!(repodata.files.len(), 1);
        let versions = &repodata.files[0].versions;
        times.insert(0, details.time_stamp);
        assert_eq!(versions.iter().map(|found| found.timestamp).collect::<Vec<_>>(), times);
        let (current, sums) = (&versions[0], &versions[0].checksums);
        assert_eq!(current.size, details.size);
        assert_eq!(sums.md5, parse_hex(details.md5.as_ref().unwrap()));
        assert_eq!(sums.sha1, parse_hex(details.sha1.as_ref().unwrap()));
        assert_eq!(sums.sha256, parse_hex(details.sha256.as_ref().unwrap()));
        let (one, other) = details.sha512.as_ref().unwrap().split_at(64);
        assert_eq!(sums.sha512, Some([one, other].map(|half| parse_hex(half).unwrap())));
    }
}

/// Options that change what a repodata directory looks like.
const KINDS: [&[&str]; 9] = [
    &[],
    &["--no-database"],
    &["--simple-md-filenames"],
    &["--checksum", "sha512"],
    &["--xz"],
    &["--zck"],
    &["--baseurl", "https://packages.example/x"],
    &["--repo", "one", "--content", "two", "--distro", "cpe:/o:example,Example"],
    &["--retain-old-md", "3"],
];

fn a_scan_holds_nothing_back_of_what_createrepo_c_can_write() {
    let folder = tempfile::tempdir().unwrap();
    let primary = Primary::new(folder.path());
    let directory = |kind: usize| primary.tree.join(kind.to_string());
    // The second time, createrepo_c finds what it has written the first time.
    for version in [Version::Old, Version::New] {
        for (kind, options) in KINDS.iter().enumerate() {
            let packages = repository(version).files.iter();
            for (path, content) in packages.filter(|(path, _)| path.ends_with(".rpm")) {
                let path = directory(kind).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
            run(Command::new("createrepo_c").arg("--quiet").args(*options).arg(directory(kind)));
        }
        run(Command::new("chmod").args(["-R", "a+rX"]).arg(&primary.tree));
        primary.scan(&[]);
        let index = Index::read(&primary.index).unwrap();
        for (kind, options) in KINDS.iter().enumerate() {
            let found = &index.find(&format!("{kind}/repodata")).unwrap().files[0].versions[0];
            let sum = digest("sha256sum", &directory(kind).join("repodata/repomd.xml"));
            assert_eq!(found.checksums.sha256, parse_hex(&sum), "createrepo_c {options:?}");
        }
    }
}
