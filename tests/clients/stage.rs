//! Mirrors, a server that knows them, and the recorder before it, in one temporary folder.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use tempfile::TempDir;

use crate::client::Run;
use crate::data::{CacheFiles, Data, Files, REPO};
use crate::director::Director;
use crate::lint;
use crate::mirror::{Behaviour, Hit, Hits, Mirror};
use crate::packages;
use crate::primary::Primary;
use crate::recorder::{Exchange, Recorder};

/// Which document a client is told to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum List {
    Metalink,
    Mirrorlist,
}

impl List {
    pub const BOTH: [Self; 2] = [Self::Metalink, Self::Mirrorlist];

    /// Last part of the path; also the key in a `.repo` file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Metalink => "metalink",
            Self::Mirrorlist => "mirrorlist",
        }
    }

    /// Path and query of the fixture's list.
    pub fn target(self) -> String {
        format!("/{}?repo={REPO}&arch=x86_64", self.name())
    }
}

/// Who tells the server of the mirrors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// MirrorManager's files.
    MirrorManager,
    /// A catalog, and a scan of the primary tree.
    Catalog,
    /// The same, and what the server finds out by visits to the mirrors.
    Checked,
}

/// Everything that a case needs.
pub struct Stage {
    pub mirrors: Vec<Mirror>,
    /// What was published so far; the last is current.
    data: Mutex<Vec<Data>>,
    pub files: Box<dyn Files>,
    pub recorder: Recorder,
    pub director: Director,
    hits: Hits,
    pub folder: TempDir,
    /// Times are told from here.
    started: Instant,
}

impl Stage {
    /// Mirrors in the order in which the server is to list them, the best first.
    pub fn of(mirrors: &[(u8, Behaviour)]) -> Self {
        let order: Vec<u8> = mirrors.iter().map(|(number, _)| *number).collect();
        Self::with(mirrors, Data::ordered(&order))
    }

    /// The same with a catalog and a scan of the primary tree.
    pub fn scanned(mirrors: &[(u8, Behaviour)]) -> Self {
        let order: Vec<u8> = mirrors.iter().map(|(number, _)| *number).collect();
        let here = IpAddr::from([127, 0, 0, 1]);
        Self::new(Source::Catalog, here, mirrors, Data::ordered(&order))
    }

    /// The same for each source of data.
    pub fn of_each_source(mirrors: &[(u8, Behaviour)]) -> impl Iterator<Item = Self> {
        [Self::of, Self::scanned].into_iter().map(move |stage| stage(mirrors))
    }

    /// Mirrors and what the server knows of them.
    pub fn with(mirrors: &[(u8, Behaviour)], data: Data) -> Self {
        Self::on(IpAddr::from([127, 0, 0, 1]), mirrors, data)
    }

    /// The same with a server that listens on `ip`.
    pub fn on(ip: IpAddr, mirrors: &[(u8, Behaviour)], data: Data) -> Self {
        Self::new(Source::MirrorManager, ip, mirrors, data)
    }

    /// The same with other files.
    pub fn new(source: Source, ip: IpAddr, mirrors: &[(u8, Behaviour)], data: Data) -> Self {
        packages::require();
        let folder = tempfile::Builder::new().prefix("mirrorlistd-clients").tempdir().unwrap();
        let hits = Hits::default();
        let start = |&(number, behaviour): &_| Mirror::start(number, behaviour, &hits);
        let mirrors: Vec<Mirror> = mirrors.iter().map(start).collect();
        let files: Box<dyn Files> = match source {
            Source::MirrorManager => Box::new(CacheFiles::write(folder.path())),
            Source::Catalog => Box::new(Primary::new(folder.path())),
            Source::Checked => Box::new(Primary::checked(folder.path())),
        };
        files.replace(&data, &mirrors);
        let director = Director::start(ip, &*files, folder.path());
        let recorder = Recorder::start(director.address);
        Self {
            mirrors,
            data: Mutex::new(vec![data]),
            files,
            recorder,
            director,
            hits,
            folder,
            started: Instant::now(),
        }
    }

    /// A new folder below the stage's.
    pub fn new_folder(&self, prefix: &str) -> PathBuf {
        tempfile::Builder::new().prefix(prefix).tempdir_in(self.folder.path()).unwrap().keep()
    }

    /// The URL of a list, through the recorder.
    pub fn url(&self, list: List) -> String {
        format!("http://{}{}", self.recorder.address, list.target())
    }

    /// The mirror with this number.
    pub fn mirror(&self, number: u8) -> &Mirror {
        self.mirrors.iter().find(|mirror| mirror.number == number).unwrap()
    }

    /// Seconds that clients wait for a mirror: long, unless one stalls, which is to pass.
    pub fn client_timeout(&self) -> u32 {
        if self.mirrors.iter().any(Mirror::stalls) { 10 } else { 120 }
    }

    /// What mirrors were asked for so far.
    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// Forgets what was recorded.
    pub fn clear(&self) {
        self.hits.lock().unwrap().clear();
        self.recorder.clear();
    }

    /// Publishes other data, and waits until they are served.
    pub fn publish(&self, data: Data) {
        self.data.lock().unwrap().push(data.clone());
        self.director.reload_after(|| self.files.replace(&data, &self.mirrors));
    }

    /// The URLs that a client must be given, best first.
    pub fn expected(&self, list: List, client: IpAddr) -> Vec<String> {
        self.all_expected(list, client).pop().expect("the data have an order for this client")
    }

    /// The same for everything that was published so far.
    fn all_expected(&self, list: List, client: IpAddr) -> Vec<Vec<String>> {
        let data = self.data.lock().unwrap();
        let orders = data.iter().filter_map(|data| data.find_order(client));
        let urls = orders.map(|order| {
            let mirrors = order.iter().map(|number| self.mirror(*number));
            match list {
                List::Metalink => mirrors.map(Mirror::repomd_url).collect(),
                List::Mirrorlist => mirrors.map(Mirror::repository_url).collect(),
            }
        });
        urls.collect()
    }

    /// What is wrong with answers that were recorded; the likely cause of whatever failed.
    pub fn causes(&self, exchanges: &[Exchange]) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        for exchange in exchanges.iter().filter(|exchange| exchange.status() == 200) {
            let list = if exchange.is_metalink() { List::Metalink } else { List::Mirrorlist };
            let (mut found, urls) = match list {
                List::Metalink => {
                    // aria2 names version 4 in its Accept header, and gets it.
                    let lint = if exchange.body.contains("urn:ietf:params:xml:ns:metalink") {
                        lint::metalink4
                    } else {
                        lint::metalink
                    };
                    (lint(&exchange.body), lint::urls_of_metalink(&exchange.body))
                }
                List::Mirrorlist => {
                    (lint::text_list(&exchange.body), lint::urls_of_text(&exchange.body))
                }
            };
            // A query with more in it has an order of its own.
            if exchange.target() == list.target() {
                let forwarded = exchange.request_header("x-forwarded-for");
                let hop = forwarded.and_then(|hops| hops.rsplit(", ").next()?.parse().ok());
                let client = hop.unwrap_or(self.recorder.address.ip());
                let expected = self.all_expected(list, client);
                if !expected.contains(&urls) {
                    found.extend(expected.last().and_then(|order| lint::order(&urls, order)));
                }
            }
            found.retain(|cause| !causes.contains(cause));
            causes.append(&mut found);
        }
        causes
    }

    /// Fails the test with everything that is known.
    #[track_caller]
    pub fn fail(&self, what: &str, run: &Run) -> ! {
        self.fail_with(what, run, &self.recorder.exchanges());
    }

    /// The same where not everything went through the stage's own recorder.
    #[track_caller]
    pub fn fail_with(&self, what: &str, run: &Run, exchanges: &[Exchange]) -> ! {
        let mut report = format!("{what}\n\nLIKELY CAUSE:\n");
        let mut causes = self.causes(exchanges);
        if exchanges.is_empty() {
            causes.push("the client has asked mirrorlistd for nothing".to_owned());
        } else if causes.is_empty() {
            causes.push(
                "the lint finds nothing wrong with the recorded answers; see the first line".into(),
            );
        }
        for cause in &causes {
            writeln!(report, "  * {cause}").unwrap();
        }
        write!(report, "\nTHE CLIENT:\n{run}\n\nREQUESTS TO MIRRORS:\n").unwrap();
        for hit in self.hits() {
            let after = hit.at.duration_since(self.started);
            writeln!(report, "  {after:7.3?} {hit}").unwrap();
        }
        report.push_str("\nREQUESTS TO mirrorlistd, AND ITS ANSWERS:\n");
        // Repetitions are dull: a dozen shows what happened.
        for exchange in exchanges.iter().take(14) {
            writeln!(report, "{exchange}").unwrap();
        }
        write!(report, "\nmirrorlistd REPORTED:\n{}", self.director.report()).unwrap();
        panic!("{report}");
    }

    /// Fails unless `condition` holds.
    #[track_caller]
    pub fn check(&self, condition: bool, what: &str, run: &Run) {
        if !condition {
            self.fail(what, run);
        }
    }

    /// Fails unless the client succeeded and no answer that it got has anything wrong with it.
    #[track_caller]
    pub fn check_success(&self, run: &Run) {
        // What was seen, for those who run this with --nocapture.
        eprintln!("{} {:.1?} repomd.xml asked of {:?}", run.name, run.took, self.repomd_asked());
        self.check(run.is_success(), &format!("{} failed", run.name), run);
        let causes = self.causes(&self.recorder.exchanges());
        let what = format!("{} succeeded, but: {}", run.name, causes.join("; "));
        self.check(causes.is_empty(), &what, run);
    }

    /// Fails unless repomd.xml was asked of exactly these mirrors first, in this order.
    #[track_caller]
    pub fn check_asked(&self, expected: &[u8], run: &Run) {
        let asked = self.repomd_asked();
        let what = format!(
            "{} asked these mirrors for repomd.xml: {asked:?}, expected to begin with {expected:?}: \
             is the order wrong or reversed?",
            run.name
        );
        self.check(asked.starts_with(expected), &what, run);
    }

    /// The mirrors that were asked for repomd.xml, in order of time.
    pub fn repomd_asked(&self) -> Vec<u8> {
        let hits = self.hits();
        let repomd = hits.iter().filter(|hit| hit.request.contains("/repomd.xml "));
        repomd.map(|hit| hit.mirror).collect()
    }
}
