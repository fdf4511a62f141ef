//! A small repository in an old and a new version, made with rpmbuild and createrepo_c.
//!
//! It is made once for each run of the suite and kept in memory: mirrors serve it from there, so
//! that no folder outlives the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use testdata::mirrormanager::FileDetailsType;

use crate::packages;

/// The package in the repository: 1.0 in the old version, 2.0 in the new one.
pub const PACKAGE: &str = "mirrorlistd-fixture";

/// Which version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    Old,
    New,
}

/// Files by their path below the repository.
pub type Tree = BTreeMap<String, Vec<u8>>;

/// The repository in a version.
#[derive(Debug)]
pub struct Repository {
    pub files: Tree,
    /// What MirrorManager knows of its repomd.xml.
    pub details: FileDetailsType,
}

impl Repository {
    /// What its repomd.xml calls its revision.
    pub fn revision(&self) -> String {
        self.details.time_stamp.to_string()
    }

    /// Its repomd.xml.
    pub fn repomd(&self) -> Vec<u8> {
        self.files["repodata/repomd.xml"].clone()
    }
}

/// The repository in a version.
pub fn repository(version: Version) -> &'static Repository {
    static BOTH: OnceLock<[Repository; 2]> = OnceLock::new();
    let both = BOTH.get_or_init(|| {
        packages::require();
        [make("1.0", 1_793_000_000), make("2.0", 1_793_400_000)]
    });
    match version {
        Version::Old => &both[0],
        Version::New => &both[1],
    }
}

fn make(package_version: &str, made: u64) -> Repository {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    let spec = top.join("fixture.spec");
    let text = format!(
        "Name: {PACKAGE}\nVersion: {package_version}\nRelease: 1\nSummary: A fixture\n\
         License: MIT\nBuildArch: noarch\n%description\nA fixture.\n\
         %install\nmkdir -p %{{buildroot}}/opt\necho {package_version} > %{{buildroot}}/opt/fixture\n\
         %files\n/opt/fixture\n"
    );
    fs::write(&spec, text).unwrap();
    run(Command::new("rpmbuild")
        .arg("--define")
        .arg(format!("_topdir {}", top.display()))
        .arg("--define")
        .arg(format!("_tmppath {}", top.display()))
        .arg("-bb")
        .arg(&spec));
    let tree = top.join("RPMS");
    let made_text = made.to_string();
    run(Command::new("createrepo_c")
        .args(["--quiet", "--revision", &made_text, "--set-timestamp-to-revision"])
        .arg(&tree));

    let mut files = BTreeMap::new();
    collect(&tree, &tree, &mut files);
    let repomd = &tree.join("repodata/repomd.xml");
    let details = FileDetailsType {
        time_stamp: made,
        size: files["repodata/repomd.xml"].len() as u64,
        md5: Some(digest("md5sum", repomd)),
        sha1: Some(digest("sha1sum", repomd)),
        sha256: Some(digest("sha256sum", repomd)),
        sha512: Some(digest("sha512sum", repomd)),
    };
    Repository { files, details }
}

/// Adds the files that are in a folder, by their path below `top`.
pub fn collect(top: &Path, folder: &Path, files: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(top, &path, files);
        } else {
            let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// The checksum of a file, in hex, as one of the tools of coreutils makes it.
pub fn digest(program: &str, file: &Path) -> String {
    let output = run(Command::new(program).arg(file));
    output.split(' ').next().unwrap().to_owned()
}

/// Runs a tool, which must succeed; returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{stdout}{stderr}", output.status);
    stdout
}
