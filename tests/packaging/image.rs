//! The image of `contrib/container/Containerfile`, run. No engine is there to build it, so its last
//! stage is carried out here: what it copies, and the libraries of its base that the program needs,
//! become a root folder, in which the program runs as an engine runs it (`image.sh`). Whether the stage
//! before would build the program is a matter of [`crate::container`].

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::built::{PROGRAM, contrib_text, read_until_listening, run};
use crate::container::{all, json_words};
use crate::packages;

tests! {
    it_serves_demo_data_and_ends_when_it_is_told_to,
    it_serves_a_volume_that_it_cannot_write_and_reloads_it,
}

/// After this, something hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the demo data answers with a list.
const DEMO: &str = "http://127.0.0.1:3000/mirrorlist?repo=demo-9&arch=x86_64&ip=192.0.2.10";

struct Image {
    folder: TempDir,
}

impl Image {
    /// Carries out the last stage.
    fn build() -> Self {
        packages::require();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let copies = all("COPY");
        let copy = copies.iter().find_map(|rest| rest.strip_prefix("--from=build ")).unwrap();
        let (_, program) = copy.split_once(' ').unwrap();
        install(Path::new(PROGRAM), &root, program);
        // Lines are `NAME => PATH (ADDRESS)` or `PATH (ADDRESS)`.
        for line in run(Command::new("ldd").arg(PROGRAM)).lines() {
            let path = line.split_whitespace().find(|word| word.starts_with('/'));
            if let Some(path) = path {
                install(Path::new(path), &root, path);
            }
        }
        for name in ["root/proc", "root/data", "data"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        run(Command::new("chmod").arg("0755").args([&root, &folder.path().join("data")]));
        Self { folder }
    }

    /// Compiles the demo's mirrors, with a line more in one of the files, into the volume; its generation.
    fn compile(&self, line: &str) -> String {
        let demo = self.folder.path().join("demo");
        fs::create_dir_all(&demo).unwrap();
        testdata::demo::write(&demo).unwrap();
        let text = fs::read_to_string(demo.join("global_netblocks.txt")).unwrap() + line;
        let netblocks = self.folder.path().join("netblocks.txt");
        fs::write(&netblocks, text).unwrap();
        let snapshot = self.folder.path().join("data/mirrors.snapshot");
        run(Command::new(PROGRAM)
            .arg("compile")
            .arg("--cache")
            .arg(demo.join("mirrorlist_cache.proto"))
            .arg("--global-netblocks")
            .arg(&netblocks)
            .arg("--cccsv")
            .arg(demo.join("country_continent.csv"))
            .arg("--geoip")
            .arg(demo.join("country.mmdb"))
            .arg("-o")
            .arg(&snapshot));
        let told = run(Command::new(PROGRAM).arg("inspect").arg("--json").arg(&snapshot));
        let json: serde_json::Value = serde_json::from_str(&told).unwrap();
        json["generation"].as_str().unwrap().to_owned()
    }

    /// Runs it; its first process has printed that it listens where the image says.
    #[track_caller]
    fn start(&self, arguments: &[String]) -> Container {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packaging/image.sh");
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--pid", "--net", "--fork", "--kill-child", "sh"])
            .arg(script)
            .arg(self.folder.path())
            .arg(&all("USER")[0])
            .args(json_words(&all("ENTRYPOINT")[0]))
            .args(arguments)
            .env_clear()
            // As in most bases.
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for pair in all("ENV").iter().flat_map(|line| line.split_whitespace()) {
            let (name, value) = pair.split_once('=').unwrap();
            command.env(name, value);
        }
        let stderr = fs::File::create(self.folder.path().join("stderr")).unwrap();
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut engine = command.spawn().unwrap();
        let said = read_until_listening(&mut engine);
        let children = format!("/proc/{0}/task/{0}/children", engine.id());
        let init = fs::read_to_string(children).unwrap_or_default().trim().to_owned();
        let container = Container { engine, init };
        let port = &all("EXPOSE")[0];
        assert_eq!(said, Ok(format!("http://0.0.0.0:{port}")), "{}", self.stderr());
        container
    }

    /// What it has said, which is no warning and no error.
    #[track_caller]
    fn check_log(&self) {
        let stderr = self.stderr();
        assert!(!stderr.contains("WARN") && !stderr.contains("ERROR"), "{stderr}");
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

/// Copies a file to a place below `root`, for everybody to read and run.
fn install(from: &Path, root: &Path, place: &str) {
    let to = root.join(place.trim_start_matches('/'));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, &to).unwrap();
    run(Command::new("chmod").arg("0755").arg(&to));
}

/// Killed with all its processes when dropped.
struct Container {
    engine: Child,
    /// Its first process, by the number that it has outside.
    init: String,
}

impl Container {
    #[track_caller]
    fn signal(&self, name: &str) {
        run(Command::new("kill").args(["-s", name, &self.init]));
    }

    /// What curl prints in the container's network.
    #[track_caller]
    fn curl(&self, arguments: &[&str]) -> String {
        let command = ["--net", "curl", "--silent", "--show-error", "--max-time", "120"];
        run(Command::new("nsenter").args(["--target", &self.init]).args(command).args(arguments))
    }

    #[track_caller]
    fn generation(&self) -> String {
        self.curl(&["--output", "/dev/null", "--write-out", "%header{mirrorlist-generation}", DEMO])
    }

    /// Waits for the end of the first process; its exit status.
    #[track_caller]
    fn wait(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.engine.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        drop(self.engine.kill());
        drop(self.engine.wait());
    }
}

fn it_serves_demo_data_and_ends_when_it_is_told_to() {
    let image = Image::build();
    let mut container = image.start(&json_words(&all("CMD")[0]));
    let status = fs::read_to_string(format!("/proc/{}/status", container.init)).unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("NSpid:")[1..], ["1"], "it is process 1");
    let user = all("USER")[0].clone();
    assert_eq!(field("Uid:"), vec![user; 4]);
    assert_eq!(field("CapEff:"), ["0000000000000000"]);
    let list = container.curl(&[DEMO]);
    assert!(list.contains("mirror.berlin.example"), "{list}");
    image.check_log();
    let signal = all("STOPSIGNAL")[0].trim_start_matches("SIG").to_owned();
    container.signal(&signal);
    assert_eq!(container.wait(), Some(0), "{}", image.stderr());
}

fn it_serves_a_volume_that_it_cannot_write_and_reloads_it() {
    let image = Image::build();
    let first = image.compile("");
    // As the Containerfile says.
    let words = ["--listen", "0.0.0.0", "--log", "none", "--snapshot", "/data/mirrors.snapshot"];
    let said = contrib_text("container/Containerfile").replace("\\\n", " ").replace("#", "");
    let said: Vec<&str> = said.split_whitespace().collect();
    assert!(said.windows(words.len()).any(|window| window == words), "{said:?}");
    let mut container = image.start(&words.map(str::to_owned));
    assert_eq!(container.generation(), first);
    let second = image.compile("203.0.113.0/24 64500\n");
    assert_ne!(first, second);
    container.signal("HUP");
    let deadline = Instant::now() + PATIENCE;
    while container.generation() != second {
        assert!(Instant::now() < deadline, "it is not reloaded: {}", image.stderr());
        thread::sleep(Duration::from_millis(20));
    }
    image.check_log();
    container.signal("TERM");
    assert_eq!(container.wait(), Some(0), "{}", image.stderr());
}
