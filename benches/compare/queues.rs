//! A site that does its background work in the process that serves, with all queues kept full.
//!
//! The site is a catalog of 2,000 mirrors with a real tree of 100,000 directories, so that a compile and a
//! scan take as long as they do in earnest.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testdata::catalog::Shape;

use crate::process::{command, run};
use crate::{Result, is_interrupted};

/// How many tasks wait behind those that work.
const N_WAITING: usize = 200;
/// What is asked for again and again: in the queue of processors, and in that of the store.
const WORK: [&str; 3] = ["snapshot.compile", "primary.scan", "retention.purge"];
/// How often each is asked for. What is asked for while it runs is run again afterwards, so that there is
/// always a next one.
const ASK_INTERVAL: Duration = Duration::from_millis(100);
/// How often it is looked whether the queues are empty.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than any task or answer takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// A scan does not trust a file that changed so shortly before.
const SETTLED: Duration = Duration::from_secs(3);

/// Files of the site, and the socket of its operator.
pub(crate) struct Site {
    /// The configuration.
    pub(crate) config: PathBuf,
    /// A folder with requests.txt for scripts of wrk.
    pub(crate) requests: PathBuf,
    /// A target that is answered with a metalink.
    pub(crate) target: String,
    /// The `repomd.xml` that it is about.
    repomd: PathBuf,
    socket: PathBuf,
}

impl Site {
    /// Makes the files below `work`: clients, tables of networks and scripts are those of `fedora`.
    pub(crate) fn make(work: &Path, fedora: &Path, clients: &[(String, String)]) -> Result<Self> {
        let folder = work.join("queues");
        let [catalog, tree, state, requests] =
            ["catalog", "tree", "state", "requests"].map(|name| folder.join(name));
        let (index, socket) = (folder.join("primary.index"), folder.join("socket"));
        let shape = Shape::large();
        testdata::catalog::write(&shape, &catalog)?;
        let repositories = make_tree(&shape, &tree)?;
        sleep(SETTLED);
        let mut scan = command(env!("CARGO_BIN_EXE_mirrorlistd"));
        run(scan.arg("scan").arg(&tree).arg("-o").arg(&index), PATIENCE)?;
        let mut lines = String::new();
        for ((_, client), (target, _)) in clients.iter().zip(repositories.iter().cycle()) {
            let _ = writeln!(lines, "{target}\t{client}");
        }
        fs::create_dir_all(&requests)?;
        fs::write(requests.join("requests.txt"), lines)?;
        for script in ["metalink.lua", "mirrorlist.lua"] {
            fs::copy(fedora.join(script), requests.join(script))?;
        }
        let config = folder.join("site.toml");
        let text = format!(
            "catalog = {catalog:?}\nindex = {index:?}\nglobal_netblocks = {:?}\ngeoip = {:?}\n\
             [admin]\nlisten = \"unix:{}\"\n\
             [control]\nstate = {state:?}\ntree = {tree:?}\ntest_kinds = true\n",
            fedora.join("global_netblocks.txt"),
            fedora.join("GeoLite2-Country.mmdb"),
            socket.display(),
        );
        fs::write(&config, text)?;
        let (target, repomd) =
            repositories.into_iter().next().ok_or("the tree has no repository")?;
        Ok(Self { config, requests, target, repomd, socket })
    }

    /// Replaces the `repomd.xml` of the target by a later one.
    pub(crate) fn change(&self, number: usize) -> Result<()> {
        let new = self.repomd.with_extension("new");
        fs::write(&new, format!("<repomd><revision>{}</revision></repomd>\n", number + 2))?;
        Ok(fs::rename(&new, &self.repomd)?)
    }

    /// Waits until no task waits or runs, and a little longer than a scan distrusts what has just changed.
    pub(crate) fn wait_until_idle(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut idle_since = Instant::now();
        while idle_since.elapsed() < SETTLED {
            let list = self.ask("GET", "/api/v1/tasks?state=enqueued,running&limit=1", None)?;
            let tasks = list.get("tasks").and_then(Value::as_array).ok_or("no list of tasks")?;
            if !tasks.is_empty() {
                idle_since = Instant::now();
            }
            if Instant::now() > deadline || is_interrupted() {
                return Err("tasks do not end".into());
            }
            sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Ends all tasks, and waits until none is left.
    pub(crate) fn empty(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let list = self.ask("GET", "/api/v1/tasks?state=enqueued,running&limit=500", None)?;
            let tasks = list.get("tasks").and_then(Value::as_array).ok_or("no list of tasks")?;
            if tasks.is_empty() {
                return Ok(());
            }
            for id in tasks.iter().filter_map(|task| task.get("id")) {
                self.ask("POST", &format!("/api/v1/tasks/{id}/cancel"), Some(&json!({})))?;
            }
            if Instant::now() > deadline || is_interrupted() {
                return Err("the queues do not become empty".into());
            }
            sleep(LOOK_INTERVAL);
        }
    }

    /// Fills the queues, does `work` meanwhile, and says whether they were full all the time.
    pub(crate) fn full_during<R: Send>(
        &self,
        ahead: Duration,
        work: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        self.ask_for_work()?;
        for _ in 0..N_WAITING {
            self.submit("test.sleep")?;
        }
        let (stop, stopped) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let asking = scope.spawn(move || -> std::result::Result<(), String> {
                while stopped.recv_timeout(ASK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    self.ask_for_work().map_err(|error| error.to_string())?;
                }
                Ok(())
            });
            // Each turn meets other stages of the work.
            sleep(ahead);
            let result = work().and_then(|result| self.check_full().map(|()| result));
            drop(stop);
            asking.join().map_err(|_| "the thread that asks panicked")??;
            result
        })
    }

    /// How many tasks of each kind have completed.
    pub(crate) fn completed(&self) -> Result<Vec<u64>> {
        let metrics = self.exchange("GET", "/metrics", None)?;
        let of_kind = |kind: &str| {
            let name =
                format!("mirrorlistd_tasks_finished_total{{kind=\"{kind}\",state=\"completed\"}} ");
            let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
            value.map_or(Ok(0), |value| value.trim().parse())
        };
        Ok(WORK.iter().map(|kind| of_kind(kind)).collect::<std::result::Result<_, _>>()?)
    }

    fn ask_for_work(&self) -> Result<()> {
        WORK.iter().try_for_each(|kind| self.submit(kind))
    }

    fn submit(&self, kind: &str) -> Result<()> {
        self.ask("POST", "/api/v1/tasks", Some(&json!({ "kind": kind }))).map(drop)
    }

    fn check_full(&self) -> Result<()> {
        let overview = self.ask("GET", "/api/v1/queues", None)?;
        let queues = overview.get("queues").and_then(Value::as_array).ok_or("no queues")?;
        let of = |name: &str| {
            let named = |queue: &&Value| queue.get("name").and_then(Value::as_str) == Some(name);
            let number = |field: &str| queues.iter().find(named)?.get(field)?.as_u64();
            (number("running").unwrap_or(0), number("ready").unwrap_or(0))
        };
        let (running, ready) = of("cpu");
        match running > 0 && ready >= (N_WAITING / 2) as u64 {
            true => Ok(()),
            false => Err(format!("the queue is not full: {running} run, {ready} wait").into()),
        }
    }

    fn ask(&self, method: &str, target: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.exchange(method, target, body)?;
        Ok(serde_json::from_str(&answer).map_err(|error| format!("{target}: {error}: {answer}"))?)
    }

    /// Asks the operator's listener; the body of an answer of status 2xx.
    fn exchange(&self, method: &str, target: &str, body: Option<&Value>) -> Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.0\r\nHost: localhost\r\n");
        let of_body = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(format!("{head}{of_body}{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("an answer without a head")?;
        match head.split(' ').nth(1) {
            Some(status) if status.starts_with('2') => Ok(body.to_owned()),
            _ => Err(format!("{method} {target}: {answer}").into()),
        }
    }
}

/// Makes the directories of a shape, with an index in each repository; returns what is asked for.
fn make_tree(shape: &Shape, tree: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut repositories = Vec::new();
    for name in shape.directories() {
        let folder = tree.join(&name);
        fs::create_dir_all(&folder)?;
        let Some(place) = name.strip_suffix("/os/repodata") else { continue };
        let text = format!("<repomd><revision>1</revision><!-- {name} --></repomd>\n");
        let repomd = folder.join("repomd.xml");
        fs::write(&repomd, text)?;
        if let [version, repository, arch] = place.split('/').collect::<Vec<_>>()[..] {
            let target = format!("/metalink?repo={repository}-{version}&arch={arch}");
            repositories.push((target, repomd));
        }
    }
    Ok(repositories)
}
