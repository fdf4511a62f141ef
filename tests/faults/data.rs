//! Two versions of the data whose answers differ in every line that names a mirror.

use std::fs;
use std::path::{Path, PathBuf};

use compile::Compiled;

use crate::fixture::{Public, World, details};
use crate::runs::{folder, start};
use crate::server::{Response, Server};

/// A list whose lines name a version, all of them.
pub const LIST: &str = "/mirrorlist?repo=latest&arch=x86_64";
/// A metalink of the same mirrors.
pub const METALINK: &str = "/metalink?repo=latest&arch=x86_64";

/// Mirrors with two URLs each.
const N_MIRRORS: i64 = 150;

/// One version of the data.
pub struct Version {
    tag: &'static str,
    compiled: Compiled,
}

/// Both.
pub fn versions() -> [Version; 2] {
    [("v1", '1'), ("v2", '2')].map(|(tag, digit)| {
        let mut world = World::empty();
        let all: Vec<i64> = (1..=N_MIRRORS).collect();
        for &number in &all {
            let name = format!("mirror-{number}-{tag}");
            world.mirror(number, "DE", 1_000, Public, &["https", "http"], &name);
        }
        let directory = format!("pub/{tag}/9/x86_64");
        world.directory(&directory, "9/x86_64", &all);
        world.directory(&format!("{directory}/repodata"), "9/x86_64/repodata", &all);
        world.file(&format!("{directory}/repodata"), "repomd.xml", &[details(1, digit)]);
        world.repository(&format!("{tag}-9+x86_64"), &directory);
        world.list.repository_redirect_cache =
            vec![testdata::mirrormanager::StringStringMap::new("latest", format!("{tag}-9"))];
        Version { tag, compiled: world.compile().unwrap() }
    })
}

/// A server with the first version, and the path of its snapshot.
#[track_caller]
pub fn start_with_data(config: &str) -> (Server, PathBuf) {
    let folder = folder();
    let path = folder.path().join("mirrors.snapshot");
    versions()[0].publish(&path);
    let snapshot = path.to_str().unwrap();
    (start(folder, &[], &["--snapshot", snapshot, "--log", "none"], config), path)
}

impl Version {
    /// The bytes of its snapshot.
    pub fn bytes(&self) -> &[u8] {
        &self.compiled.bytes
    }

    /// Its name in the header of answers.
    pub fn generation(&self) -> String {
        self.compiled.snapshot.generation().to_string()
    }

    /// Puts its snapshot in the place of another one, at once.
    pub fn publish(&self, path: &Path) {
        let new = path.with_extension("new");
        fs::write(&new, self.bytes()).unwrap();
        fs::rename(&new, path).unwrap();
    }

    /// Whether an answer is wholly made from this version; panics if it is so in part.
    #[track_caller]
    pub fn made(&self, response: &Response) -> bool {
        assert_eq!(response.status(), 200, "{response:?}");
        let body = &response.body;
        if response.header("mirrorlist-generation") != Some(&self.generation()) {
            assert!(!body.contains(self.tag), "{} is in {body}", self.tag);
            return false;
        }
        let (lines, expected): (Vec<&str>, i64) = match body.starts_with('#') {
            true => (body.lines().collect(), N_MIRRORS + 1),
            false => (body.lines().filter(|line| line.contains("<url ")).collect(), 2 * N_MIRRORS),
        };
        assert_eq!(lines.len() as i64, expected, "{body}");
        assert!(lines.iter().all(|line| line.contains(self.tag)), "{body}");
        true
    }
}
