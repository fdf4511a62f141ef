//! The rules of accessibility: axe-core, got by npm once, in the version and with the checksum of the lock file.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::debian::{Outcome, Packages, unmet};

const PACKAGES: Packages =
    Packages { suite: "the suite of pages", why_root: None, needed: &[("npm", "/usr/bin/npm")] };

/// Its script.
pub fn script() -> &'static str {
    static SCRIPT: OnceLock<Result<String, String>> = OnceLock::new();
    if Command::new("npm").arg("--version").output().is_err() {
        static OUTCOME: OnceLock<Outcome> = OnceLock::new();
        PACKAGES.require(&OUTCOME);
    }
    match SCRIPT.get_or_init(fetch) {
        Ok(script) => script,
        Err(reason) => unmet(format!("the suite of pages needs axe-core from npm: {reason}")),
    }
}

fn fetch() -> Result<String, String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/pages");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    let lock = "package-lock.json";
    let wanted = fs::read(own.join(lock)).unwrap();
    let is_there = fs::read(folder.join(lock)).is_ok_and(|known| known == wanted);
    if !is_there || !script.exists() {
        fs::create_dir_all(&folder).unwrap();
        for name in ["package.json", lock] {
            fs::copy(own.join(name), folder.join(name)).unwrap();
        }
        let output = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("npm ci: {}", String::from_utf8_lossy(&output.stderr)));
        }
    }
    fs::read_to_string(&script).map_err(|error| format!("{}: {error}", script.display()))
}
