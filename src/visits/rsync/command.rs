//! The programs that are run, and with what.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::target::Target;
use super::version::Version;

/// What is left out of a listing: folders in which tools work, and the snapshots of file systems.
const EXCLUDED: [&str; 2] = [".~tmp~/", ".snapshot/"];

/// Which rsync is run, and within which limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// rsync itself.
    pub rsync: PathBuf,
    /// `prlimit` of util-linux.
    pub prlimit: PathBuf,
    /// `setpriv` of util-linux.
    pub setpriv: PathBuf,
    /// An empty folder, in which rsync runs and should not be able to write.
    pub folder: PathBuf,
    /// The lowest version that is run. A distribution may have mended an older one.
    pub lowest_version: Version,
    /// What a listing may use.
    pub limits: Limits,
}

/// What a listing may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// All of it, from the start of rsync to its end.
    pub whole: Duration,
    /// Until the server answers; whole seconds, at least one.
    pub connect: Duration,
    /// Between two signs of the server; whole seconds, at least one.
    pub idle: Duration,
    /// Between TERM and KILL.
    pub patience: Duration,
    /// Bytes of output.
    pub bytes: u64,
    /// Lines of output.
    pub lines: u64,
    /// Bytes of a line, which is a path with up to five bytes for one. Longer ones count as odd.
    pub line: usize,
    /// Lines that are no entries, as of a greeting. With more of them, or with more than one in a hundred, a
    /// listing is void.
    pub odd_lines: u64,
    /// Bytes of memory that rsync may allocate for lists. Its address space may have four times as much.
    pub memory: u64,
    /// Processor time.
    pub processor: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rsync: "/usr/bin/rsync".into(),
            prlimit: "/usr/bin/prlimit".into(),
            setpriv: "/usr/bin/setpriv".into(),
            folder: "/var/empty".into(),
            // The first one without the faults of August 2026.
            lowest_version: Version { numbers: [3, 5, 0] },
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            whole: Duration::from_secs(900),
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            patience: Duration::from_secs(5),
            bytes: 512 << 20,
            lines: 10_000_000,
            line: 4 << 10,
            odd_lines: 100,
            memory: 256 << 20,
            processor: Duration::from_secs(300),
        }
    }
}

impl Options {
    /// The command that lists a directory.
    pub(super) fn list(&self, target: &Target) -> Command {
        self.confined(&self.arguments(target))
    }

    /// What a person types who wants to see the same, for a shell.
    pub(super) fn command_line(&self, target: &Target) -> String {
        let mut line = "rsync".to_owned();
        for argument in self.arguments(target) {
            let argument = argument.to_string_lossy();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=./:+~".contains(&byte);
            line.push(' ');
            match argument.bytes().all(is_plain) {
                true => line.push_str(&argument),
                false => {
                    line.push('\'');
                    line.push_str(&argument.replace('\'', "'\\''"));
                    line.push('\'');
                }
            }
        }
        line
    }

    fn arguments(&self, target: &Target) -> Vec<OsString> {
        let Limits { connect, idle, memory, .. } = self.limits;
        let mut arguments: Vec<OsString> = vec![
            "--list-only".into(),
            // No `-l`: with it, a link shows where it leads, and a name could look the same.
            "-r".into(),
            // Sizes in plain digits.
            "--no-h".into(),
            "--no-motd".into(),
            format!("--timeout={}", idle.as_secs().max(1)).into(),
            format!("--max-alloc={memory}").into(),
        ];
        // rsync refuses it where there is nothing to connect to.
        if !target.is_local() {
            arguments.push(format!("--contimeout={}", connect.as_secs().max(1)).into());
        }
        arguments.extend(EXCLUDED.map(|pattern| format!("--exclude={pattern}").into()));
        arguments.extend(["--".into(), target.as_os_str().into()]);
        arguments
    }

    /// The command that tells the version.
    pub(super) fn version(&self) -> Command {
        self.confined(&["--version".into()])
    }

    /// rsync with these arguments, behind the two programs that confine it and then become it.
    fn confined(&self, arguments: &[OsString]) -> Command {
        let Limits { memory, processor, .. } = self.limits;
        let limit = |name: &str, number: u64| OsString::from(format!("--{name}={number}"));
        let mut command = Command::new(&self.prlimit);
        command
            .arg(limit("as", memory.saturating_mul(4)))
            .arg(limit("cpu", processor.as_secs().max(1)))
            .args([limit("nofile", 64), limit("core", 0), limit("fsize", 0), "--".into()])
            .arg(&self.setpriv)
            .args(["--pdeathsig", "KILL", "--no-new-privs", "--"])
            .arg(&self.rsync)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("HOME", "/nonexistent")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}
