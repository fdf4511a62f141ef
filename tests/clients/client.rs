//! Runs the real programs, with the command lines of an administrator, each in folders of its own.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::debian_repository::public_key;
use crate::proxy::command;
use crate::repository::PACKAGE;
use crate::stage::{List, Stage};

/// Nothing here takes longer unless it hangs, also on an overloaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A program that ran.
#[derive(Debug)]
pub struct Run {
    pub name: String,
    command: String,
    /// `None` if it was killed.
    pub code: Option<i32>,
    pub output: String,
    pub took: Duration,
}

impl Run {
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, took, output, .. } = self;
        let code = code.map_or("killed".to_owned(), |code| format!("exit {code}"));
        write!(f, "{command}\n{code} after {took:.1?}\n{output}")
    }
}

/// Runs a program to its end, or kills it when it hangs. What it says goes through a file, so that
/// no full pipe can stop it.
pub fn run(name: &str, mut command: Command) -> Run {
    let output = tempfile::NamedTempFile::new_in(command.get_current_dir().unwrap()).unwrap();
    let writer = || Stdio::from(File::options().append(true).open(output.path()).unwrap());
    command.stdin(Stdio::null()).stdout(writer()).stderr(writer());
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let text = words.map(|word| format!("{} ", word.display())).collect::<String>();
    let start = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{text}: {error}"));
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let took = start.elapsed();
    let output = String::from_utf8_lossy(&fs::read(output.path()).unwrap()).into_owned();
    Run { name: name.to_owned(), command: text, code, output, took }
}

/// A system of its own that dnf manages.
pub struct Dnf {
    folder: PathBuf,
}

impl Dnf {
    /// A system whose only repository has this list.
    pub fn new(stage: &Stage, list: List) -> Self {
        Self::with(stage, list, &stage.url(list), "")
    }

    /// The same with another URL, and more lines in the `.repo` file.
    pub fn with(stage: &Stage, list: List, url: &str, more: &str) -> Self {
        // Debian's default of skip_if_unavailable would hide failures.
        let repo = format!(
            "[fixture]\nname=fixture\nenabled=1\ngpgcheck=0\nskip_if_unavailable=0\n\
             {}={url}\n{more}\n",
            list.name()
        );
        Self::with_repo_file(stage.new_folder("dnf"), stage.client_timeout(), &repo)
    }

    /// A system in an empty folder, whose only `.repo` file has this text.
    pub fn with_repo_file(folder: PathBuf, timeout: u32, repo: &str) -> Self {
        for name in ["R", "C", "P", "L", "ROOT"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let conf = format!("[main]\ngpgcheck=0\nplugins=0\ntimeout={timeout}\n");
        fs::write(folder.join("dnf.conf"), conf).unwrap();
        fs::write(folder.join("R/fixture.repo"), repo).unwrap();
        Self { folder }
    }

    /// Runs dnf with further arguments.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut command = command("/usr/bin/dnf", &self.folder);
        command
            .args(["-c", &path("dnf.conf"), &format!("--setopt=reposdir={}", path("R"))])
            .arg(format!("--setopt=cachedir={}", path("C")))
            .arg(format!("--setopt=persistdir={}", path("P")))
            .arg(format!("--setopt=logdir={}", path("L")))
            .arg(format!("--installroot={}", path("ROOT")))
            .args(["--releasever=1", "-y"])
            .args(arguments);
        run(&format!("dnf {}", arguments.join(" ")), command)
    }

    /// The version of the fixture's package that is installed.
    pub fn installed(&self) -> String {
        installed(&self.folder.join("ROOT"), &self.folder)
    }
}

fn installed(root: &Path, folder: &Path) -> String {
    let mut command = command("/usr/bin/rpm", folder);
    command.arg("--root").arg(root).args(["-q", "--qf", "%{VERSION}", PACKAGE]);
    run("rpm -q", command).output
}

/// A system of its own that zypper manages.
pub struct Zypper {
    folder: PathBuf,
}

impl Zypper {
    /// A system whose only repository has this list.
    pub fn new(stage: &Stage, list: List) -> Self {
        let folder = stage.new_folder("zypper");
        let repos = folder.join("Z/etc/zypp/repos.d");
        fs::create_dir_all(&repos).unwrap();
        let repo = format!(
            "[fixture]\nname=fixture\nenabled=1\nautorefresh=1\ntype=rpm-md\n{}={}\n",
            list.name(),
            stage.url(list)
        );
        fs::write(repos.join("fixture.repo"), repo).unwrap();
        // No mirror is to look dead because this machine is busy.
        let patience = "[main]\ndownload.connect_timeout = 120\ndownload.transfer_timeout = 120\n";
        fs::write(folder.join("zypp.conf"), patience).unwrap();
        Self { folder }
    }

    /// Runs zypper with further arguments.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command("/usr/bin/zypper", &self.folder);
        command
            .env("ZYPP_CONF", self.folder.join("zypp.conf"))
            .arg("--root")
            .arg(self.folder.join("Z"))
            .args(["--non-interactive", "--no-gpg-checks"])
            .args(arguments);
        run(&format!("zypper {}", arguments.join(" ")), command)
    }

    /// The version of the fixture's package that is installed.
    pub fn installed(&self) -> String {
        installed(&self.folder.join("Z"), &self.folder)
    }
}

/// Downloads what a URL leads to with aria2; says what it stored as `name` as well.
pub fn aria2(stage: &Stage, url: &str, more: &[&str], name: &str) -> (Run, Option<Vec<u8>>) {
    let folder = stage.new_folder("aria2");
    let mut command = command("/usr/bin/aria2c", &folder);
    let timeout = stage.client_timeout();
    command.args([format!("--timeout={timeout}"), format!("--connect-timeout={timeout}")]);
    command.args(["--no-conf", "--retry-wait=0", "-d"]).arg(&folder).args(more).arg(url);
    let run = run("aria2c", command);
    (run, fs::read(folder.join(name)).ok())
}

/// Runs librepo as dnf drives it, through its Python binding. It prints the mirrors that it found,
/// one a line, and then downloads the repository unless `arguments` has a `list` at its end.
pub fn librepo(stage: &Stage, list: List, arguments: &[&str]) -> Run {
    let folder = stage.new_folder("librepo");
    let mut command = command("/usr/bin/python3", &folder);
    command.args(["-c", include_str!("librepo.py"), list.name(), &stage.url(list)]);
    command.arg(stage.client_timeout().to_string());
    command.args(arguments);
    run(&format!("librepo {}", list.name()), command)
}

/// Runs curl; shows headers and body.
pub fn curl(stage: &Stage, arguments: &[&str]) -> Run {
    let folder = stage.new_folder("curl");
    let mut command = command("/usr/bin/curl", &folder);
    command.args(["--silent", "--show-error", "--max-time", "120"]).args(arguments);
    run("curl", command)
}

/// A system of its own that apt manages.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// A system whose only repository has its list of mirrors at this URL of plain HTTP.
    pub fn new(stage: &Stage, list: &str) -> Self {
        let folder = stage.new_folder("apt");
        let apt = ["etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial"];
        let logs = ["var/cache/apt/archives/partial", "var/log/apt"];
        let dpkg = ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"];
        for name in apt.iter().chain(&logs).chain(&dpkg) {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        fs::write(folder.join("var/lib/dpkg/status"), "").unwrap();
        let key = folder.join("key.gpg");
        fs::write(&key, public_key()).unwrap();
        let source = format!("deb [signed-by={}] mirror+{list} stable main\n", key.display());
        fs::write(folder.join("etc/apt/sources.list"), source).unwrap();
        // With another `Dir`, nothing of the host's configuration is read.
        let (root, timeout) = (folder.display(), stage.client_timeout());
        let conf = format!(
            "Dir \"{root}\";\nDir::State::status \"{root}/var/lib/dpkg/status\";\n\
             DPkg::Options {{ \"--root={root}\"; }};\nDPkg::Path \"/usr/sbin:/usr/bin:/sbin:/bin\";\n\
             APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
             APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\nAcquire::Retries \"0\";\n\
             Acquire::http::Timeout \"{timeout}\";\n"
        );
        fs::write(folder.join("apt.conf"), conf).unwrap();
        Self { folder }
    }

    /// Runs apt-get with further arguments.
    pub fn run(&self, arguments: &[&str]) -> Run {
        let mut command = command("/usr/bin/apt-get", &self.folder);
        command.env("APT_CONFIG", self.folder.join("apt.conf")).arg("--yes").args(arguments);
        run(&format!("apt-get {}", arguments.join(" ")), command)
    }

    /// The version of the fixture's package that is installed, or a message that none is.
    pub fn installed(&self) -> String {
        let mut command = command("/usr/bin/dpkg-query", &self.folder);
        command.arg("--admindir").arg(self.folder.join("var/lib/dpkg"));
        command.args(["--show", "--showformat=${Version}", PACKAGE]);
        run("dpkg-query", command).output
    }
}
