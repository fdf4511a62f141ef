//! Sweeps over mirrors in memory, and what is in the file of findings after them.

mod image;
mod listings;
mod content;
mod counts;
mod notices;
mod owners;
mod survey;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checks::disclosure::Disclosure;
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
use store::operations::mirror::{MirrorVersions, OpenVisits, WriteChecks, Written};
use store::operations::node::StartNode;
use store::record::{MirrorState, NewTask, OnLoss, Task, Timestamp, bounds};
use store::sqlite::Inline;
use store::{Error, Hook, Store};
use tasks::{Failure, Run, Stop};
use tempfile::TempDir;
use visits::limits::Limits;

use super::checker::{Checker, make_findings};
use super::crawling::Crawling;
use super::known::Known;
use super::owners::Switch;

const START: u64 = 1_800_000_000;
const REPOMD: &str = "9/x86_64/repodata/repomd.xml";
const NAMES: [&str; 5] = ["berlin", "lima", "oslo", "paris", "quito"];

/// A site with five mirrors of a tree with one repository.
struct Site {
    folder: TempDir,
    mirrors: Vec<Arc<Mirror>>,
    store: Store,
    checker: Checker,
    world: World,
    now: Arc<AtomicU64>,
    faults: Arc<Faults>,
}

/// Breaks operations of the store.
#[derive(Default)]
struct Faults {
    /// Which one.
    of: Mutex<&'static str>,
    /// How many of them work before one does not.
    left: AtomicU64,
    /// How often it did not.
    n_broken: AtomicU64,
    /// Whether it is refused for good then.
    is_lasting: AtomicBool,
}

impl Hook for Faults {
    fn begin(&self, operation: &'static str) -> Result<(), Error> {
        if operation != *self.of.lock().unwrap() {
            return Ok(());
        }
        let less = |left: u64| left.checked_sub(1);
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        left.map(drop).map_err(|_| {
            self.n_broken.fetch_add(1, Ordering::Relaxed);
            match self.is_lasting.load(Ordering::Relaxed) {
                true => Error::Refused("too large".into()),
                false => Error::Unavailable("away".into()),
            }
        })
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
        Self::of(NAMES.map(str::to_owned).into()).await
    }

    async fn of(names: Vec<String>) -> Self {
        Self::with_image(names, None).await
    }

    /// With an old file beside the repository, which all mirrors have but this one.
    async fn with_image(names: Vec<String>, lacking: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let repodata = path("tree/9/x86_64/repodata");
        fs::create_dir_all(&repodata).unwrap();
        let text = repomd(1);
        fs::write(repodata.join("repomd.xml"), &text).unwrap();
        if lacking.is_some() {
            image::write(&path("tree"));
        }
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
        for (n, name) in names.iter().enumerate() {
            let host = format!("{name}.example");
            let address = format!("8.8.{}.{}", n / 250, n % 250 + 1);
            let (repomd, image) = (format!("/pub/{REPOMD}"), format!("/pub/{}", image::IMAGE));
            let mut files = vec![(&*repomd, text.as_bytes())];
            if lacking.is_some_and(|lacking| lacking != name) {
                files.push((&*image, image::CHECKSUMS));
            }
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
        let faults = Arc::new(Faults::default());
        let store = Store::from(Inline::new(Arc::new(clock)).unwrap());
        let store = store.with_hook(Arc::clone(&faults) as _);
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
        let checker =
            Checker::new(store.clone(), Some("main"), (&inputs, path("findings")), crawling, clock);
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
        Self { folder, mirrors, store, checker, world, now, faults }
    }

    /// Lets this operation work so often, and then no more until it is told otherwise.
    fn break_after(&self, n: u64, operation: &'static str) {
        *self.faults.of.lock().unwrap() = operation;
        self.faults.left.store(n, Ordering::Relaxed);
    }

    fn mend(&self) {
        self.break_after(0, "");
    }

    /// A new process: nothing is in its memory.
    async fn forget_all(&self) {
        *self.checker.known.lock().await = Known::default();
    }

    async fn versions(&self) -> Vec<(String, i64)> {
        self.store.run(MirrorVersions("main".into())).await.unwrap()
    }

    async fn turn(&self, key: &str, switch: Switch) {
        assert_eq!(self.checker.turn(key, &switch).await.unwrap(), Some(Ok(())));
    }

    async fn pause(&self, key: &str) {
        let pause = Pause { since: START, note: "moves house".into() };
        self.turn(key, Switch::Pause { pause, is_by_owner: false }).await;
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
    site.break_after(0, "write_checks");
    let before = site.asked();
    let failed = site.try_sweep(None).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "store", may_pass: true, .. }), "{failed:?}");
    let after = site.asked();
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "all were due");
    site.mend();
    let next = site.sweep().await;
    assert_eq!((&next["visits"], &next["judged"]), (&0.into(), &5.into()), "{next}");
    assert_eq!(site.asked(), after, "nobody is visited twice");
    let open = OpenVisits { site: "main".into(), limit: 9 };
    assert_eq!(site.store.run(open).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_whose_task_was_lost_writes_nothing() {
    let site = Site::new().await;
    // What the primary has is written by the first one; the other has visits only.
    for is_first in [true, false] {
        if !is_first {
            site.sweep().await;
            site.now.fetch_add(600, Ordering::Relaxed);
        }
        let (before, asked) = (fs::read(site.file()).unwrap(), site.asked());
        let task = site.task().await;
        let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
        site.end(&task).await;
        let failed = site.checker.sweep(None, &run).await.unwrap_err();
        assert!(matches!(failed, Failure::Stopped(Stop::Lost)), "{failed:?}");
        assert_eq!(site.asked() == asked, is_first);
        let open = OpenVisits { site: "main".into(), limit: 9 };
        assert_eq!(site.store.run(open).await.unwrap(), []);
        assert_eq!(fs::read(site.file()).unwrap(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn findings_are_not_replaced_by_who_cannot_say_that_the_task_is_its_own() {
    let site = Site::new().await;
    site.sweep().await;
    site.pause("oslo").await;
    let before = fs::read(site.file()).unwrap();
    site.break_after(0, "check_fence");
    site.try_sweep(None).await.unwrap_err();
    assert_eq!(fs::read(site.file()).unwrap(), before);
    site.mend();
    site.sweep().await;
    assert!(is_hidden(&site.findings(), "oslo"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_while_the_end_of_the_first_round_is_written_hides_nobody() {
    let n = bounds::STATES + 20;
    let site = Site::of((0..n).map(|n| format!("mirror-{n:03}")).collect()).await;
    site.break_after(2, "write_checks");
    // The first write says what the primary has, the second one is about a hundred mirrors.
    site.try_sweep(None).await.unwrap_err();
    assert_eq!(site.versions().await.len(), bounds::STATES);
    site.mend();
    site.forget_all().await;
    let next = site.sweep().await;
    assert_eq!((&next["judged"], &next["settled"]), (&20.into(), &true.into()), "{next}");
    assert_eq!(site.versions().await.len(), n);
    site.forget_all().await;
    let list = site.checker.list().await.unwrap();
    let is_listed = |mirror: &Value| mirror["listed"] == "yes";
    assert!(list["mirrors"].as_array().unwrap().iter().all(is_listed), "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_moment_costs_no_visit() {
    let site = Site::new().await;
    site.sweep().await;
    site.now.fetch_add(600, Ordering::Relaxed);
    site.break_after(2, "record_visit");
    let n_broken = || site.faults.n_broken.load(Ordering::Relaxed);
    let mended = async {
        // The clock stands still but for these naps, and goes on while nothing else can.
        for _ in 0..1_000_000 {
            if n_broken() >= 10 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        site.mend();
    };
    let (swept, ()) = tokio::join!(site.sweep(), mended);
    assert_eq!((&swept["visits"], &swept["judged"]), (&5.into(), &5.into()), "{swept}");
    assert!(n_broken() >= 10, "it was away");
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_read_stops_nobody_and_hides_nobody() {
    let site = Site::new().await;
    site.sweep().await;
    let version = site.versions().await.iter().find(|(key, _)| key == "oslo").unwrap().1;
    let write = async |state: &str, version| {
        let states = vec![MirrorState { key: "oslo".into(), version, state: state.into() }];
        let write = WriteChecks { site: "main".into(), states, ..WriteChecks::default() };
        assert_eq!(site.store.run(write).await.unwrap(), Written::Yes);
    };
    write("{}", version).await;
    site.now.fetch_add(60, Ordering::Relaxed);
    let swept = site.sweep().await;
    assert_eq!(swept["visits"], 5, "it is visited as if for the first time: {swept}");
    assert!(!is_hidden(&site.findings(), "oslo"));
    // What a newer program has written is left to it.
    let version = site.versions().await.iter().find(|(key, _)| key == "oslo").unwrap().1;
    write("{\"version\":99,\"state\":{}}", version).await;
    let failed = site.try_sweep(None).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "bad_state", .. }), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn findings_that_somebody_removes_are_made_again() {
    let site = Site::new().await;
    site.sweep().await;
    fs::remove_file(site.file()).unwrap();
    let swept = site.sweep().await;
    assert_eq!(swept["written"], true, "{swept}");
    site.findings();
}

#[tokio::test(start_paused = true)]
async fn a_mirror_that_left_the_catalog_is_forgotten_after_a_month() {
    let site = Site::new().await;
    site.sweep().await;
    let catalog = site.folder.path().join("catalog.toml");
    let text = fs::read_to_string(&catalog).unwrap();
    let (others, _) = text.split_once("[[mirror]]\nkey = \"quito\"").unwrap();
    fs::write(&catalog, others).unwrap();
    for (days, n) in [(1, 5), (29, 5), (2, 4)] {
        site.now.fetch_add(days * 86_400, Ordering::Relaxed);
        site.sweep().await;
        assert_eq!(site.versions().await.len(), n);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_visited_before_it_is_known_what_mirrors_should_have() {
    let mut site = Site::new().await;
    let missing = site.folder.path().join("index of tomorrow");
    site.checker.awaited = vec![missing.clone()];
    let swept = site.sweep().await;
    assert_eq!(swept["waits_for"], missing.to_str().unwrap(), "{swept}");
    assert!(site.asked().iter().all(|n| *n == 0));
    fs::write(&missing, "").unwrap();
    assert_eq!(site.sweep().await["visits"], 5);
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
    assert_eq!((&first["listed"], &first["why"]), (&"yes".into(), &Value::Null), "{first}");
    assert_eq!(site.checker.show("none", Disclosure::Full).await.unwrap(), None);
    let shown = site.checker.show("lima", Disclosure::Full).await.unwrap().unwrap();
    assert_eq!(shown["mirror"]["visits"][0]["end"], "complete", "{shown}");
}
