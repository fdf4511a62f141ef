//! Sweeps over mirrors in memory, and what is in the file of findings after them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use checks::findings::Findings;
use checks::state::Pause;
use lab::mirror::{Behaviour, Mirror};
use lab::world::World;
use model::families::IpVersion;
use serde_json::Value;
use sources::{CatalogFormat, GeographyFiles, Inputs, TextCatalog};
use store::operations::claim::Claim;
use store::operations::enqueue::Enqueue;
use store::operations::finish::{End, Finish};
use store::operations::mirror::OpenVisits;
use store::operations::node::StartNode;
use store::record::{NewTask, OnLoss, Task, Timestamp};
use store::sqlite::Inline;
use store::{Error, Hook, Store};
use tasks::{Failure, Run, Stop};
use tempfile::TempDir;
use visits::limits::Limits;

use super::checker::{Checker, make_findings};
use super::crawling::Crawling;

const START: u64 = 1_800_000_000;
const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const NAMES: [&str; 5] = ["berlin", "lima", "oslo", "paris", "quito"];

/// A site with five mirrors of a tree with one repository.
struct Site {
    folder: TempDir,
    mirrors: Vec<Arc<Mirror>>,
    store: Store,
    checker: Checker,
    now: Arc<AtomicU64>,
    /// Whether states cannot be written.
    is_broken: Arc<AtomicBool>,
}

/// Breaks what writes states.
struct Broken(Arc<AtomicBool>);

impl Hook for Broken {
    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        match operation == "write_checks" && self.0.load(Ordering::Relaxed) {
            true => Err(Error::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

fn repomd(version: u32) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n\
         <revision>{version}</revision>\n<data type=\"primary\"><timestamp>{version}</timestamp></data>\n\
         </repomd>\n"
    )
}

impl Site {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let repodata = path("tree/9/x86_64/repodata");
        fs::create_dir_all(&repodata).unwrap();
        let text = repomd(1);
        fs::write(repodata.join("repomd.xml"), &text).unwrap();
        let source = scan::TreeSource::Tree(path("tree"));
        let options = scan::Options::usual(std::time::Duration::from_secs(86_400), false);
        let scanned = scan::scan(&source, None, &options, &scan::Progress::default()).unwrap();
        fs::write(path("index"), scanned.index.encode().unwrap()).unwrap();
        let mut catalog = "[distribution]\nname = \"Example\"\n\n\
             [[repository]]\nname = \"example\"\nversions = [\"9\"]\narches = [\"x86_64\"]\n\
             path = \"{version}/{arch}\"\n\n"
            .to_owned();
        let world = World::default();
        let mut mirrors = Vec::new();
        for (n, name) in NAMES.iter().enumerate() {
            let host = format!("{name}.example");
            let address = format!("8.8.8.{n}");
            let files = [(&*format!("/pub/{REPOMD}"), text.as_bytes())];
            mirrors.push(world.mirror(&host, &[&address], Behaviour::Good, &files));
            catalog += &format!(
                "[[mirror]]\nkey = \"{name}\"\nurls = [\"http://{host}/pub\"]\ncountry = \"DE\"\n\n"
            );
        }
        fs::write(path("catalog.toml"), catalog).unwrap();
        let now = Arc::new(AtomicU64::new(START));
        let of_store = Arc::clone(&now);
        let clock = move || {
            let seconds = of_store.load(Ordering::Relaxed);
            Timestamp(i64::try_from(seconds * 1_000).unwrap())
        };
        let is_broken = Arc::new(AtomicBool::new(false));
        let store = Store::from(Inline::new(Arc::new(clock)).unwrap());
        let store = store.with_hook(Arc::new(Broken(Arc::clone(&is_broken))));
        let inputs = Inputs::Catalog(TextCatalog {
            catalog: path("catalog.toml"),
            format: CatalogFormat::Toml,
            index: Some(path("index")),
            findings: Some(path("findings")),
            geography: GeographyFiles::default(),
        });
        let crawling = Crawling::new(world.crawler(Limits::default()), vec![IpVersion::V4]);
        let of_checks = Arc::clone(&now);
        let clock = Arc::new(move || of_checks.load(Ordering::Relaxed));
        let inputs = (&inputs, path("findings"));
        let checker = Checker::new(store.clone(), Some("main"), inputs, crawling, clock);
        let start = StartNode {
            site: None,
            files: String::new(),
            node: "a".into(),
            boot: "1".into(),
            version: "0".into(),
            kinds: vec!["mirror.visit".into()],
            queues: vec![("net".into(), 9)],
            schedules: vec![],
        };
        store.run(start).await.unwrap();
        make_findings(&path("findings")).unwrap();
        Self { folder, mirrors, store, checker, now, is_broken }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("findings")
    }

    async fn task(&self) -> Task {
        let task = NewTask {
            kind: "mirror.visit".into(),
            queue: "net".into(),
            priority: 0,
            args: "{}".into(),
            summary: String::new(),
            site: None,
            unique_key: None,
            request_id: None,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            delay: 0,
            actor: String::new(),
            parent: None,
        };
        self.store.run(Enqueue(task)).await.unwrap();
        let claim = Claim {
            site: None,
            node: "a".into(),
            boot: "1".into(),
            kinds: vec!["mirror.visit".into()],
            room: vec![("net".into(), 1)],
        };
        self.store.run(claim).await.unwrap().remove(0)
    }

    /// Ends a task that was lost or has failed.
    async fn end(&self, task: &Task) {
        let end = End::Completed { result: None };
        let finish = Finish {
            id: task.id,
            claim: task.claim,
            node: "a".into(),
            boot: "1".into(),
            end,
            stages: None,
            then: vec![],
        };
        self.store.run(finish).await.unwrap();
    }

    async fn try_sweep(&self, only: Option<&str>) -> Result<Value, Failure> {
        let task = self.task().await;
        let run = Run::new(self.store.clone(), "1".into(), (task.id, task.claim));
        let swept = self.checker.sweep(only, &run).await;
        self.end(&task).await;
        swept.map(|output| output.result)
    }

    async fn sweep(&self) -> Value {
        self.try_sweep(None).await.unwrap()
    }

    /// Sweeps every minute until it is so; how many minutes that took.
    async fn sweep_until(&self, is_so: impl Fn(&Findings) -> bool) -> u64 {
        for minute in 0..120 {
            if is_so(&self.findings()) {
                return minute;
            }
            self.now.fetch_add(60, Ordering::Relaxed);
            self.sweep().await;
        }
        panic!("never: {:?}", self.findings());
    }

    fn findings(&self) -> Findings {
        Findings::parse(&fs::read(self.file()).unwrap()).unwrap()
    }

    /// How many requests each mirror has got.
    fn asked(&self) -> Vec<usize> {
        self.mirrors.iter().map(|mirror| mirror.asked().len()).collect()
    }
}

fn is_hidden(findings: &Findings, key: &str) -> bool {
    findings.mirrors.get(key).is_some_and(|found| found.hidden.is_some())
}

#[tokio::test(start_paused = true)]
async fn a_dead_mirror_is_left_out_and_comes_back() {
    let site = Site::new().await;
    let first = site.sweep().await;
    assert_eq!((&first["visits"], &first["settled"]), (&5.into(), &true.into()), "{first}");
    let none = site.sweep().await;
    assert_eq!((&none["visits"], &none["written"]), (&0.into(), &false.into()), "{none}");
    site.mirrors[1].behave(Behaviour::HangUp);
    let minutes = site.sweep_until(|found| is_hidden(found, "lima")).await;
    assert!((7..=25).contains(&minutes), "{minutes}");
    assert!(NAMES.iter().all(|key| *key == "lima" || !is_hidden(&site.findings(), key)));
    site.mirrors[1].behave(Behaviour::Good);
    let minutes = site.sweep_until(|found| !is_hidden(found, "lima")).await;
    assert!(minutes <= 40, "{minutes}");
}

#[tokio::test(start_paused = true)]
async fn what_a_sweep_has_seen_before_it_failed_is_judged_by_the_next_one() {
    let site = Site::new().await;
    // The first one writes what the primary has.
    site.sweep().await;
    site.now.fetch_add(600, Ordering::Relaxed);
    site.is_broken.store(true, Ordering::Relaxed);
    let before = site.asked();
    let failed = site.try_sweep(None).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "store", may_pass: true, .. }), "{failed:?}");
    let after = site.asked();
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "all were due");
    site.is_broken.store(false, Ordering::Relaxed);
    let next = site.sweep().await;
    assert_eq!((&next["visits"], &next["judged"]), (&0.into(), &5.into()), "{next}");
    assert_eq!(site.asked(), after, "nobody is visited twice");
    let open = OpenVisits { site: "main".into(), limit: 9 };
    assert_eq!(site.store.run(open).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_task_was_lost_writes_nothing() {
    let site = Site::new().await;
    let task = site.task().await;
    let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
    site.end(&task).await;
    let written = fs::read(site.file()).unwrap();
    let failed = site.checker.sweep(None, &run).await.unwrap_err();
    assert!(matches!(failed, Failure::Stopped(Stop::Lost)), "{failed:?}");
    let open = OpenVisits { site: "main".into(), limit: 9 };
    assert_eq!(site.store.run(open).await.unwrap(), []);
    assert_eq!(fs::read(site.file()).unwrap(), written);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_in_the_findings_after_the_next_sweep() {
    let site = Site::new().await;
    site.sweep().await;
    let pause = Pause { since: START, note: "moves house".into() };
    assert!(site.checker.set_pause("oslo", Some(pause)).await.unwrap());
    assert!(!site.checker.set_pause("olso", None).await.unwrap());
    let shown = site.checker.show("oslo").await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["paused"]["note"], "moves house", "{shown}");
    assert_eq!(shown["mirror"]["listed"], false);
    site.sweep().await;
    assert!(site.findings().mirrors["oslo"].is_decided, "{:?}", site.findings());
    assert!(site.checker.set_pause("oslo", None).await.unwrap());
    site.sweep().await;
    assert!(!is_hidden(&site.findings(), "oslo"));
}

#[tokio::test(start_paused = true)]
async fn one_mirror_is_visited_when_it_is_not_due() {
    let site = Site::new().await;
    site.sweep().await;
    let before = site.asked();
    let swept = site.try_sweep(Some("paris")).await.unwrap();
    assert_eq!(swept["visits"], 2, "{swept}");
    let after = site.asked();
    let more: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before < after).collect();
    assert_eq!(more, [false, false, false, true, false]);
    let failed = site.try_sweep(Some("pari")).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "unknown_mirror", .. }), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn all_mirrors_are_told_in_short() {
    let site = Site::new().await;
    let before = site.checker.list().await.unwrap();
    assert_eq!(before["mirrors"][0]["state"], "unknown", "{before}");
    // The first visit asks whether a mirror is there, the next one what it has.
    site.sweep().await;
    site.now.fetch_add(60, Ordering::Relaxed);
    site.sweep().await;
    let list = site.checker.list().await.unwrap();
    let keys: Vec<&str> = list["mirrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, NAMES);
    let first = &list["mirrors"][0];
    assert_eq!((&first["state"], &first["accepted"]), (&"up".into(), &1.into()), "{first}");
    assert_eq!(site.checker.show("none").await.unwrap(), None);
    let shown = site.checker.show("lima").await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["visits"][0]["end"], "complete", "{shown}");
}
