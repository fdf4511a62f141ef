//! A scratch host: `host.sh`, and running commands on it.
//!
//! The real thing finds what no check of a unit's text does: a program that the sandbox cannot start, a
//! folder that the user cannot write, a reload whose `kill` is not there. Each host has a network of
//! its own, so the fixed ports of shipped files disturb nobody.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::built::{Built, contrib, output_text};
use crate::packages;

tests! {
    what_happens_on_a_scratch_host_stays_there,
}

/// After this, something hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// Gone with all its processes and files when dropped.
pub struct Host {
    outside: Child,
    init: String,
    /// Where its files are, in a mount namespace of its own.
    _folder: TempDir,
}

impl Host {
    /// Boots one.
    pub fn boot() -> Self {
        packages::require();
        let folder = tempfile::tempdir().unwrap();
        let mut outside = Command::new("unshare")
            .args(["--mount", "sh"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packaging/host.sh"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut init = String::new();
        BufReader::new(outside.stdout.take().unwrap()).read_line(&mut init).unwrap();
        let host = Self { outside, init: init.trim().to_owned(), _folder: folder };
        assert!(!host.init.is_empty(), "no scratch host: stderr above says why");
        host.wait_until("systemd has booted", |host| {
            host.try_run("test -e /run/systemd/system && systemctl is-active scratch.target")
                .status
                .success()
        });
        host
    }

    /// Boots one and installs the Debian package there.
    pub fn with_package() -> Self {
        let host = Self::boot();
        host.install_deb();
        host
    }

    /// Installs the Debian package.
    #[track_caller]
    pub fn install_deb(&self) {
        self.copy_deb("/root/mirrorlistd.deb");
        self.run("dpkg --install /root/mirrorlistd.deb");
    }

    /// Copies the Debian package to the host.
    #[track_caller]
    pub fn copy_deb(&self, to: &str) {
        self.copy(&Built::get().deb, to);
    }

    /// Runs a line of shell; its stdout. It has to succeed.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let output = self.try_run(line);
        assert!(output.status.success(), "{line}: {}\n{}", output_text(&output), self.journal());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a line of shell.
    pub fn try_run(&self, line: &str) -> Output {
        self.command(line).output().unwrap()
    }

    /// A line of shell, to run.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init, "--mount", "--uts", "--ipc", "--net", "--pid"])
            .args(["--cgroup", "--wd", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"])
            .args(["LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", line])
            .stdin(Stdio::null());
        command
    }

    /// Copies a file to the host.
    #[track_caller]
    pub fn copy(&self, from: &Path, to: &str) {
        fs::copy(from, self.path(to)).unwrap_or_else(|error| panic!("{from:?} to {to}: {error}"));
    }

    /// Writes a file on the host.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Reads a file of the host.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn path(&self, path: &str) -> String {
        format!("/proc/{}/root{path}", self.init)
    }

    /// The body of a URL; status 200 is a must.
    #[track_caller]
    pub fn get(&self, url: &str) -> String {
        self.run(&format!("curl --silent --show-error --fail-with-body --max-time 120 '{url}'"))
    }

    /// A property of a unit.
    #[track_caller]
    pub fn property(&self, unit: &str, name: &str) -> String {
        self.run(&format!("systemctl show --property={name} --value '{unit}'")).trim().to_owned()
    }

    /// Everything that units named mirrorlistd said, and the state of those that failed.
    pub fn journal(&self) -> String {
        let mut text = String::new();
        for line in ["journalctl --no-pager --lines=60 --unit='mirrorlistd*'", "systemctl --failed"]
        {
            let output = self.try_run(line);
            writeln!(text, "{}", String::from_utf8_lossy(&output.stdout)).unwrap();
        }
        text
    }

    /// Polls until something is true.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut is_true: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "waited in vain until {what}\n{}", self.journal());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The script sees the end of its input, ends the host, and cleans up.
        drop(self.outside.stdin.take());
        let is_clean = self.outside.wait().is_ok_and(|status| status.success());
        assert!(is_clean || thread::panicking(), "a scratch host has left control groups behind");
    }
}

fn what_happens_on_a_scratch_host_stays_there() {
    let host = Host::boot();
    host.write("/etc/mirrorlistd-scratch", "x");
    assert_eq!(host.run("cat /proc/1/comm").trim(), "systemd");
    assert!(!Path::new("/etc/mirrorlistd-scratch").exists());
    assert!(host.try_run("echo 0 > /proc/sys/vm/swappiness").status.code() != Some(0));
    // Its loopback is not ours.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(!host.try_run(&format!("curl -s http://127.0.0.1:{port}/")).status.success());
    assert!(contrib("package/files").exists());
}
