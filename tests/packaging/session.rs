//! A terminal without privileges, in which the commands of a chapter are run one after the other.
//!
//! Commands are taken as they are written, but for two things. Folders of the installed service lie
//! below a temporary folder. And a server gets free ports, by which later commands ask it: so the tests
//! disturb nothing that runs on this host.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command as Process, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::built::{PROGRAM, contrib, output_text};
use support::markdown::Command;

/// After this, something hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Folders of the installed service and its data, which are below the session's own.
const PLACES: [&str; 7] = [
    "/etc/mirrorlistd",
    "/run/mirrorlistd",
    "/usr/share/GeoIP",
    "/var/lib/mirrorlistd",
    "/var/lib/mirrormanager",
    "/var/log/mirrorlistd",
    "/var/log/mirrormanager",
];

/// MirrorManager's data with the mirrors of the demo, as the handbook calls such files.
pub const INPUTS: [(&str, &str); 4] = [
    ("mirrorlist_cache.proto", "mirrorlist_cache.proto"),
    ("global_netblocks.txt", "global_netblocks.txt"),
    ("country_continent.csv", "country_continent.csv"),
    ("country.mmdb", "GeoLite2-Country.mmdb"),
];

/// What curl does without being asked to: it is silent, and fails when the server refuses.
pub const CURLRC: &str = "silent\nshow-error\nfail-with-body\nmax-time = 60\nnoproxy = \"*\"\n";

/// Where those data are.
pub fn demo(name: &str) -> PathBuf {
    static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        testdata::demo::write(folder.path()).unwrap();
        folder
    });
    FOLDER.path().join(name)
}

pub struct Session {
    folder: TempDir,
    server: Option<Server>,
}

impl Session {
    /// With such data in the folder of commands, and where MirrorManager's are; and with the shipped
    /// configuration.
    pub fn new() -> Self {
        let session = Self { folder: tempfile::tempdir().unwrap(), server: None };
        for folder in PLACES.iter().chain(&["/bin", "/home", "/work"]) {
            fs::create_dir_all(session.path(folder)).unwrap();
        }
        std::os::unix::fs::symlink(PROGRAM, session.path("/bin/mirrorlistd")).unwrap();
        fs::write(session.path("/home/.curlrc"), CURLRC).unwrap();
        for (name, called) in INPUTS {
            for folder in ["/work", "/var/lib/mirrormanager", "/usr/share/GeoIP"] {
                fs::copy(demo(name), session.path(&format!("{folder}/{called}"))).unwrap();
            }
        }
        let shipped = fs::read_to_string(contrib("mirrorlistd.toml")).unwrap();
        session.write("/etc/mirrorlistd/mirrorlistd.toml", &shipped);
        session.run("mirrorlistd compile --demo -o /var/lib/mirrorlistd/mirrors.snapshot").unwrap();
        session
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    /// Writes a file; its folders are those of the session.
    pub fn write(&self, path: &str, text: &str) {
        fs::write(self.path(path), self.inside(text)).unwrap();
    }

    /// Does what a reader does who types a command.
    pub fn do_command(&mut self, command: &Command) -> Result<(), String> {
        if let Some(line) = serving(&command.line) {
            // One server at a time: the last one is ended first, as its port is wanted.
            self.server = None;
            let server = self.start(&line)?;
            let printed = self.outside(&server.printed, Some(&server));
            self.server = Some(server);
            return check(command, &printed);
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let outcome = self.run(&command.line).and_then(|printed| check(command, &printed));
            // What a server says may take a moment to come true.
            let may_change = command.prints.is_some() && command.line.starts_with("curl ");
            if outcome.is_ok() || !may_change || Instant::now() > deadline {
                return outcome;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether `mirrorlistd check` accepts a configuration.
    pub fn check_configuration(&self, text: &str) -> Result<(), String> {
        self.write("/work/checked.toml", text);
        let outcome = self.run("mirrorlistd check --config checked.toml");
        fs::remove_file(self.path("/work/checked.toml")).unwrap();
        outcome.map(drop)
    }

    /// Runs a command that ends by itself and has to succeed; what it printed.
    fn run(&self, line: &str) -> Result<String, String> {
        let output = self.bash(&format!("exec 2>&1; set -o pipefail; {line}")).output().unwrap();
        let printed = self.outside(&String::from_utf8_lossy(&output.stdout), self.server.as_ref());
        if output.status.success() { Ok(printed) } else { Err(output_text(&output)) }
    }

    /// Starts a server and waits until it listens everywhere.
    fn start(&self, line: &str) -> Result<Server, String> {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        words.retain(|word| word != "\\");
        let value = |words: &[String], option: &str| {
            words.iter().position(|word| word == option).map(|at| at + 1)
        };
        let port = value(&words, "--port").map_or("3000".to_owned(), |at| words[at].clone());
        let admin = value(&words, "--admin")
            .map(|at| std::mem::replace(&mut words[at], "127.0.0.1:0".into()));
        let is_told = |option: &str| words.iter().any(|word| word == option);
        let log =
            if ["--log", "-l", "--config"].into_iter().any(is_told) { "" } else { "--log none" };
        let n_addresses = self.n_addresses(&words);
        let stderr = self.path("/stderr");
        let mut child = self
            .bash(&format!("exec env {} {log} --port 0", words.join(" ")))
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            // All of it is read, so that the server never waits for this.
            stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut server = Server { child, printed: String::new(), renamed: Vec::new() };
        let said = || fs::read_to_string(&stderr).unwrap_or_default();
        while server.printed.matches("Listening on ").count() < n_addresses {
            let line = lines.recv_timeout(PATIENCE).map_err(|_| format!("it ended: {}", said()))?;
            server.printed.push_str(&line);
            server.printed.push('\n');
        }
        let find = |text: &str, before: &str| {
            let line = text.lines().find_map(|line| Some(line.split_once(before)?.1.to_owned()));
            line.map(|line| line.trim().to_owned())
        };
        if let Some(real) = find(&server.printed, "Listening on http://") {
            server.renamed.push((format!("127.0.0.1:{port}"), real));
        }
        if let Some(written) = admin {
            let deadline = Instant::now() + PATIENCE;
            let real = loop {
                match find(&said(), "admin listener on http://") {
                    Some(real) => break real,
                    None if Instant::now() > deadline => return Err(said()),
                    None => thread::sleep(Duration::from_millis(20)),
                }
            };
            server.renamed.push((written, real));
        }
        Ok(server)
    }

    /// On how many addresses a server will listen.
    fn n_addresses(&self, words: &[String]) -> usize {
        let config = words.iter().position(|word| word == "--config").map(|at| &words[at + 1]);
        let text = config.map(|name| fs::read_to_string(self.path("/work").join(name)).unwrap());
        1 + text.map_or(0, |text| text.lines().filter(|line| *line == "[[listener]]").count())
    }

    fn bash(&self, line: &str) -> Process {
        let mut process = Process::new("bash");
        let path = std::env::var("PATH").unwrap_or_default();
        process
            .args(["-c", &self.inside(line)])
            .current_dir(self.path("/work"))
            .env("HOME", self.path("/home"))
            .env("PATH", format!("{}:{path}", self.path("/bin").display()))
            .stdin(Stdio::null());
        for variable in ["RUST_LOG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"] {
            process.env_remove(variable);
        }
        process
    }

    /// Text of the handbook, with the names that things have in this session.
    fn inside(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for place in PLACES {
            text = text.replace(place, self.path(place).to_str().unwrap());
        }
        for (written, real) in self.server.iter().flat_map(|server| &server.renamed) {
            text = text.replace(written, real);
        }
        text
    }

    /// The other way round.
    fn outside(&self, text: &str, server: Option<&Server>) -> String {
        let mut text = text.replace(self.folder.path().to_str().unwrap(), "");
        for (written, real) in server.iter().flat_map(|server| &server.renamed) {
            text = text.replace(real, written);
        }
        text
    }
}

/// Compares what a command printed with what the handbook says.
pub fn check(command: &Command, printed: &str) -> Result<(), String> {
    if command.matches(printed) { Ok(()) } else { Err(format!("it prints\n{printed}")) }
}

/// The command that starts the program, if this one serves until it is told to stop.
fn serving(line: &str) -> Option<String> {
    let line = line.replacen("cargo run --release", "mirrorlistd", 1);
    let mut words = line.split_whitespace().skip_while(|word| word.contains('='));
    let is_program = words.next() == Some("mirrorlistd");
    let serves = match words.next() {
        None | Some("serve") => true,
        Some(word) => word.starts_with('-') && word != "--help" && word != "--version",
    };
    (is_program && serves).then_some(line)
}

/// Killed when dropped.
struct Server {
    child: Child,
    /// What it printed until it listened.
    printed: String,
    /// Its addresses as they are written, and as they are.
    renamed: Vec<(String, String)>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
