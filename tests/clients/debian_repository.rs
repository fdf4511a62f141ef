//! A small Debian repository in an old and a new version, made with dpkg-deb and apt-ftparchive, and
//! signed with gpg.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::packages;
use crate::repository::{PACKAGE, Tree, Version, collect, run};

/// Where it is below a mirror's base URL.
pub const DEBIAN: &str = "debian";

/// Both versions, and the public key that they are signed with.
struct Signed {
    old: Tree,
    new: Tree,
    key: Vec<u8>,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        packages::require();
        let keys = Keys::make();
        let [old, new] = ["1.0", "2.0"].map(|version| make(version, &keys));
        let key = keys.folder.path().join("public");
        keys.gpg(&["--export", "--output"], &[&key]);
        Signed { old, new, key: fs::read(key).unwrap() }
    })
}

/// The files of the repository in a version.
pub fn debian_repository(version: Version) -> &'static Tree {
    match version {
        Version::Old => &signed().old,
        Version::New => &signed().new,
    }
}

/// The public key that the repository is signed with.
pub fn public_key() -> &'static [u8] {
    &signed().key
}

/// A key ring; the agent that gpg starts for it ends with it.
struct Keys {
    folder: TempDir,
}

impl Keys {
    fn make() -> Self {
        // The path of a socket is short.
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        let key = ["--passphrase", "", "--quick-gen-key", "nobody@example.org", "ed25519", "sign"];
        keys.gpg(&key, &[]);
        keys
    }

    fn gpg(&self, arguments: &[&str], files: &[&Path]) {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.folder.path()).args(["--batch", "--quiet"]);
        run(gpg.args(arguments).args(files));
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let mut gpgconf = Command::new("gpgconf");
        gpgconf.arg("--homedir").arg(self.folder.path()).args(["--kill", "gpg-agent"]);
        drop(gpgconf.output());
    }
}

fn make(package_version: &str, keys: &Keys) -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let (package, tree) = (folder.path().join("package"), folder.path().join("tree"));
    let (pool, binary) = (tree.join("pool"), tree.join("dists/stable/main/binary-amd64"));
    for folder in [&package.join("DEBIAN"), &package.join("opt"), &pool, &binary] {
        fs::create_dir_all(folder).unwrap();
    }
    let control = format!(
        "Package: {PACKAGE}\nVersion: {package_version}\nArchitecture: all\n\
         Maintainer: Nobody <nobody@example.org>\nDescription: A fixture\n"
    );
    fs::write(package.join("DEBIAN/control"), control).unwrap();
    fs::write(package.join("opt/fixture"), package_version).unwrap();
    let build = ["--root-owner-group", "--build"];
    run(Command::new("dpkg-deb").args(build).arg(&package).arg(&pool));
    let index =
        |arguments: &[&str]| run(Command::new("apt-ftparchive").args(arguments).current_dir(&tree));
    fs::write(binary.join("Packages"), index(&["packages", "pool"])).unwrap();
    let fields = [("Suite", "stable"), ("Architectures", "amd64"), ("Components", "main")];
    let mut options = Vec::new();
    for (field, value) in fields {
        options.extend(["-o".into(), format!("APT::FTPArchive::Release::{field}={value}")]);
    }
    let options = options.iter().map(String::as_str).chain(["release", "dists/stable"]);
    let release = index(&options.collect::<Vec<_>>());
    let [plain, clearsigned] =
        ["Release", "InRelease"].map(|name| tree.join("dists/stable").join(name));
    fs::write(&plain, release).unwrap();
    keys.gpg(&["--clearsign", "--output"], &[&clearsigned, &plain]);

    let mut files = BTreeMap::new();
    collect(&tree, &tree, &mut files);
    files
}
