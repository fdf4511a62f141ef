//! A scan of what createrepo_c makes finds what other programs say of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use index::Index;
use model::checksum::parse_hex;

use crate::repository::{Version, repository};

tests! {
    a_scan_finds_the_checksums_of_what_createrepo_c_makes,
}

fn a_scan_finds_the_checksums_of_what_createrepo_c_makes() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, index) = (folder.path().join("tree"), folder.path().join("index"));
    let mut times = Vec::new();
    for version in [Version::Old, Version::New] {
        let repository = repository(version);
        if tree.exists() {
            fs::remove_dir_all(&tree).unwrap();
        }
        for (path, content) in &repository.files {
            let path = tree.join("9/os").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            for above in path.ancestors().take_while(|above| *above != folder.path()) {
                let mode = if above.is_dir() { 0o755 } else { 0o644 };
                fs::set_permissions(above, Permissions::from_mode(mode)).unwrap();
            }
        }
        let mut scan = Command::new(support::program());
        // All files are others.
        scan.arg("scan").arg(&tree).arg("-o").arg(&index).arg("--allow-shrink");
        let output = scan.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let index = Index::read(&index).unwrap();
        let repodata = index.find("9/os/repodata").unwrap();
        let details = &repository.details;
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
