//! A primary tree that createrepo_c has made, its index, and a catalog that describes the mirrors.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::data::{Data, Files, REPO, country};
use crate::debian_repository::{DEBIAN, debian_repository};
use crate::mirror::{Mirror, SUBPATH};
use crate::repository::{Version, repository};

/// The files in a folder.
pub struct Primary {
    pub tree: PathBuf,
    pub index: PathBuf,
    catalog: PathBuf,
    /// The folder of a store, if the server visits the mirrors and scans the tree.
    state: Option<PathBuf>,
}

impl Primary {
    /// Names of files that are not there yet.
    pub fn new(folder: &Path) -> Self {
        let [tree, index, catalog] =
            ["tree", "primary.index", "catalog.toml"].map(|name| folder.join(name));
        Self { tree, index, catalog, state: None }
    }

    /// The same, where the server visits the mirrors and scans the tree, in a minute a second.
    pub fn checked(folder: &Path) -> Self {
        Self { state: Some(folder.join("state")), ..Self::new(folder) }
    }

    /// Where the server listens for the operator, if it visits mirrors.
    pub fn socket(&self) -> PathBuf {
        self.index.with_file_name("socket")
    }

    /// Where it shows pages to everybody then.
    pub fn pages(&self) -> PathBuf {
        self.index.with_file_name("pages")
    }

    /// Puts a version of the repositories into the tree, in place of the one that is there.
    pub fn put(&self, version: Version) {
        if self.tree.exists() {
            fs::remove_dir_all(&self.tree).unwrap();
        }
        let files = repository(version).files.iter().map(|file| (SUBPATH, file));
        let debian = debian_repository(version).iter().map(|file| (DEBIAN, file));
        for (folder, (path, content)) in files.chain(debian) {
            let path = self.tree.join(folder).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            for above in path.ancestors().take_while(|above| above.starts_with(&self.tree)) {
                let mode = if above.is_dir() { 0o755 } else { 0o644 };
                fs::set_permissions(above, Permissions::from_mode(mode)).unwrap();
            }
        }
    }

    /// Scans the tree.
    pub fn scan(&self, options: &[&str]) {
        let mut scan = Command::new(support::program());
        scan.arg("scan").arg(&self.tree).arg("-o").arg(&self.index).args(options);
        let output = scan.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

impl Files for Primary {
    fn options(&self) -> Vec<OsString> {
        let findings = self.index.with_file_name("findings.json");
        let mut files = vec![("--catalog", &self.catalog), ("--index", &self.index)];
        files.extend(self.state.is_some().then_some(("--findings", &findings)));
        files.into_iter().flat_map(|(option, file)| [option.into(), file.into()]).collect()
    }

    fn configuration(&self) -> String {
        let Some(state) = &self.state else { return String::new() };
        format!(
            "admin.listen = 'unix:{}'\n\n[control]\nstate = {state:?}\n\
             tree = {:?}\nscan_every = 1\nvisit_mirrors = true\nvisits_every = 1\n\
             visit_over = ['ipv4']\nallow_private_targets = true\ntest_speed = 60\n\
             public_pages = 'unix:{}'\n",
            self.socket().display(),
            self.tree,
            self.pages().display(),
        )
    }

    fn main_file(&self) -> &Path {
        &self.catalog
    }

    /// Puts the versions into the tree one after the other, and scans it after each.
    fn replace(&self, data: &Data, mirrors: &[Mirror]) {
        // Without alternates, the scan forgets what was there before.
        let options: &[&str] =
            if data.versions.len() == 1 { &["--keep-versions", "0"] } else { &[] };
        for &version in data.versions.iter().rev() {
            self.put(version);
            self.scan(options);
        }
        let new = self.catalog.with_extension("new");
        fs::write(&new, catalog(data, mirrors)).unwrap();
        fs::rename(&new, &self.catalog).unwrap();
    }
}

/// The path of a list for apt.
pub const APT_LIST: &str = "/debian.txt";

/// What data say, as a catalog.
fn catalog(data: &Data, mirrors: &[Mirror]) -> String {
    let path = SUBPATH.replace("x86_64", "{arch}");
    let mut text = format!(
        "[distribution]\nname = \"Fixture\"\n\n[[repository]]\nname = \"{REPO}\"\n\
         arches = [\"x86_64\"]\npath = \"{path}\"\n\n\
         [[route]]\nname = \"apt\"\npath = \"{APT_LIST}\"\nformat = \"apt\"\n\
         target = {{ path = \"{DEBIAN}\" }}\n"
    );
    let networks = data.networks();
    for number in data.numbers() {
        let mirror = mirrors.iter().find(|mirror| mirror.number == number).unwrap();
        let own = networks.iter().filter(|(_, other)| *other == number);
        let own: Vec<&str> = own.map(|(prefix, _)| prefix.as_str()).collect();
        let (url, country) = (mirror.base_url(), country(number));
        write!(
            text,
            "\n[[mirror]]\nkey = \"mirror{number}\"\nurls = [\"{url}\"]\ncountry = \"{country}\"\n\
             networks = {own:?}\n"
        )
        .unwrap();
    }
    text
}
