//! A scan of what createrepo_c makes finds what other programs say of it.

use index::Index;
use model::checksum::parse_hex;

use crate::mirror::SUBPATH;
use crate::primary::Primary;
use crate::repository::{Version, repository};

tests! {
    a_scan_finds_the_checksums_of_what_createrepo_c_makes,
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
