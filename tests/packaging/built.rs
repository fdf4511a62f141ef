//! The packages, built once from the program that is tested.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::OnceLock;

use crate::packages;

/// The program that is tested.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_mirrorlistd");

/// Both packages.
pub struct Built {
    pub deb: PathBuf,
    pub rpm: PathBuf,
}

impl Built {
    /// Builds them if nobody has.
    pub fn get() -> &'static Self {
        static BUILT: OnceLock<Built> = OnceLock::new();
        BUILT.get_or_init(|| {
            // Not a temporary folder, which nobody would remove.
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
            drop(std::fs::remove_dir_all(&folder));
            build(&folder, &["deb", "rpm"]);
            let find = |extension: &str| {
                let entries = std::fs::read_dir(&folder).unwrap();
                let mut paths = entries.map(|entry| entry.unwrap().path());
                paths.find(|path| path.extension().is_some_and(|e| e == extension)).unwrap()
            };
            Self { deb: find("deb"), rpm: find("rpm") }
        })
    }
}

/// Builds packages into a folder.
pub fn build(folder: &Path, formats: &[&str]) {
    packages::require();
    let mut command = Command::new(contrib("package/build"));
    command.args(["--program", PROGRAM, "--output"]).arg(folder).args(formats);
    // The same whatever was checked out when.
    run(command.env("SOURCE_DATE_EPOCH", "1700000000"));
}

/// A file of the repository below `contrib/`.
pub fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

/// The text of such a file.
pub fn contrib_text(name: &str) -> String {
    std::fs::read_to_string(contrib(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a command that has to succeed; its stdout.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", output_text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Reads what a server prints until it listens: its URL, or what it said until it ended.
pub fn read_until_listening(child: &mut Child) -> Result<String, String> {
    let mut said = String::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(url) = line.strip_prefix("Listening on ") {
            return Ok(url.to_owned());
        }
        said = said + &line + "\n";
    }
    Err(said)
}

/// Status and all that was printed.
pub fn output_text(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))
}
