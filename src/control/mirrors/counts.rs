//! What sweeps of this process count, and what they knew of mirrors last: for metrics.
//!
//! A scrape takes no lock that a sweep holds while it works, and reads neither the store nor a file: numbers are
//! added as visits end, and a [`Summary`] replaces the one before each time that visits were judged. Labels are closed
//! sets; no mirror, URL or repository is one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use checks::class::FailureClass;
use checks::contents::Contents;
use checks::observation::{Content, End, Failure, Outcome, Tier, Visit};
use model::families::IpVersion;
use model::url::Protocol;
use tasks::numbers::{Count, Histogram};

/// Upper ends of buckets for what visits take.
const VISIT_BOUNDS: &[Duration] = &[
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(240),
    Duration::from_secs(900),
];

/// How visits end: something answered; nothing did of what was asked; nothing was asked; the mirror asked to be left
/// alone; a budget was used up; they were not made to the end.
pub(crate) const ENDS: [&str; 6] = ["good", "failed", "untested", "busy", "budget", "cancelled"];
/// The protocols over which mirrors are visited.
pub(crate) const SCHEMES: [Protocol; 3] = [Protocol::Http, Protocol::Https, Protocol::Rsync];
/// What comes of a base URL over a version of IP.
pub(crate) const OUTCOMES: [&str; 3] = ["good", "failed", "untested"];
/// What fails.
pub(crate) const SUBJECTS: [&str; 2] = ["url", "repository"];
/// The states of mirrors. What somebody or the checks have switched off is not told as up or down.
pub(crate) const STATES: [&str; 6] = ["up", "down", "unknown", "paused", "maintenance", "disabled"];
/// Whether lists have a mirror, for what it carries.
pub(crate) const LISTED: [&str; 3] = ["yes", "partly", "no"];
/// Until when certificates are valid.
pub(crate) const VALIDITIES: [&str; 3] = ["valid", "ends_soon", "ended"];

/// For how long it is told at least what this process knew last, in seconds: another one may have made later sweeps.
const KEPT: u64 = 3_600;

/// Numbers by the values of labels.
type Labelled<const N: usize> = BTreeMap<[&'static str; N], Count>;

/// What sweeps of this process count, and what they knew last.
pub(crate) struct SweepNumbers {
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// For how long it is told what this process knew last, in seconds.
    kept: u64,
    /// By tier and end.
    pub(crate) visits: Labelled<2>,
    /// By tier.
    pub(crate) took: BTreeMap<&'static str, Histogram>,
    pub(crate) requests: Count,
    pub(crate) bytes: Count,
    /// By scheme, version of IP and outcome.
    pub(crate) urls: Labelled<3>,
    /// By what has failed, and class.
    pub(crate) failures: Labelled<2>,
    /// Judgings that found a fault of our own.
    pub(crate) own_faults: Count,
    /// How often findings were written.
    pub(crate) writes: Count,
    n_running: AtomicU64,
    n_due: AtomicU64,
    /// Since when the one that is due the longest is so; 0 if none is. Times are in seconds since 1970.
    due_since: AtomicU64,
    is_own_fault: AtomicBool,
    /// When that was found out; 0 before the first time.
    judged: AtomicU64,
    /// When a sweep ended well last; when this process began, before the first.
    swept: AtomicU64,
    /// When it was last looked what pages of mirrors say; when this process began, before that.
    surveyed: AtomicU64,
    /// When findings were known last to be what visits say; when this process began, before that.
    published: AtomicU64,
    /// When the findings in the file were made; 0 if that is not known yet.
    made: AtomicU64,
    /// What is known of mirrors, and since when.
    summary: Mutex<Option<(u64, Arc<Summary>)>>,
}

/// What is known of all mirrors, in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Summary {
    /// By one of [`STATES`] and one of [`LISTED`]; those that no mirror has are not there.
    pub(crate) mirrors: BTreeMap<[&'static str; 2], u64>,
    /// Those that were never visited.
    pub(crate) n_unvisited: u64,
    /// Whether verdicts count.
    pub(crate) is_settled: bool,
    /// Base URLs of https, by one of [`VALIDITIES`].
    pub(crate) certificates: BTreeMap<&'static str, u64>,
    /// How repositories stand to the primary.
    pub(crate) contents: Contents,
    /// Directories that keep mirrors that are not good, as there were too few.
    pub(crate) n_kept: u64,
    /// Repositories of which the primary is doubted.
    pub(crate) n_distrusted: u64,
    /// Directories of which it is doubted that the primary still has the files that mirrors lack.
    pub(crate) n_distrusted_directories: u64,
    /// When the primary was scanned last, in seconds since 1970; `None` if that is not known.
    pub(crate) scanned: Option<u64>,
}

/// A visit that goes on. Dropped before its end it counts as cancelled.
pub(super) struct RunningVisit {
    counts: Arc<SweepNumbers>,
    tier: Tier,
    end: &'static str,
}

/// The visits that are due and not begun. Dropped, there are none.
pub(super) struct DueVisits<'c>(&'c SweepNumbers);

impl SweepNumbers {
    /// Nothing yet. `period` is the time from one sweep to the next, by this clock.
    pub(super) fn new(clock: Arc<dyn Fn() -> u64 + Send + Sync>, period: Duration) -> Self {
        let tiers = Tier::ALL.map(Tier::as_str);
        let began = clock();
        let schemes = SCHEMES.iter().map(|scheme| scheme.as_str());
        let routes = schemes.flat_map(|scheme| IpVersion::ALL.map(|ip| (scheme, ip.as_str())));
        let urls = routes.flat_map(|(scheme, ip)| OUTCOMES.map(|outcome| [scheme, ip, outcome]));
        let failures = classes().flat_map(|class| SUBJECTS.map(|of| [of, class]));
        let visits = tiers.into_iter().flat_map(|tier| ENDS.map(|end| [tier, end]));
        Self {
            clock,
            kept: period.as_secs().saturating_mul(3).max(KEPT),
            visits: labelled(visits),
            took: tiers.map(|tier| (tier, Histogram::new(VISIT_BOUNDS))).into(),
            requests: Count::default(),
            bytes: Count::default(),
            urls: labelled(urls),
            failures: labelled(failures),
            own_faults: Count::default(),
            writes: Count::default(),
            n_running: AtomicU64::new(0),
            n_due: AtomicU64::new(0),
            due_since: AtomicU64::new(0),
            is_own_fault: AtomicBool::new(false),
            judged: AtomicU64::new(0),
            swept: AtomicU64::new(began),
            surveyed: AtomicU64::new(began),
            published: AtomicU64::new(began),
            made: AtomicU64::new(0),
            summary: Mutex::default(),
        }
    }

    /// A visit begins.
    pub(super) fn begin(self: &Arc<Self>, tier: Tier) -> RunningVisit {
        self.n_running.fetch_add(1, Ordering::Relaxed);
        RunningVisit { counts: Arc::clone(self), tier, end: "cancelled" }
    }

    /// A sweep begins to visit what is due.
    pub(super) fn due(&self) -> DueVisits<'_> {
        DueVisits(self)
    }

    /// A sweep over all mirrors has ended well.
    pub(super) fn note_sweep(&self) {
        self.swept.store((self.clock)(), Ordering::Relaxed);
    }

    /// So many visits were judged.
    pub(super) fn note_judging(&self, n_judged: usize, is_own_fault: bool) {
        if n_judged > 0 {
            self.note_own_fault(is_own_fault);
            self.own_faults.add(is_own_fault.into());
        }
    }

    /// No mirror can be visited from this machine.
    pub(super) fn note_no_network(&self) {
        self.note_own_fault(true);
    }

    fn note_own_fault(&self, is_own_fault: bool) {
        self.is_own_fault.store(is_own_fault, Ordering::Relaxed);
        self.judged.store((self.clock)(), Ordering::Relaxed);
    }

    /// Findings are what visits say, and were made then if that is known now; or were written just now.
    pub(super) fn note_findings(&self, made: Option<u64>, is_written: bool) {
        self.published.store((self.clock)(), Ordering::Relaxed);
        self.writes.add(is_written.into());
        if let Some(made) = made {
            self.made.store(made, Ordering::Relaxed);
        }
    }

    /// What is known of mirrors now.
    pub(super) fn set_summary(&self, summary: Summary) {
        let summary = Some(((self.clock)(), Arc::new(summary)));
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = summary;
    }

    /// What was known of mirrors last is known still.
    pub(super) fn renew_summary(&self) {
        if let Some((at, _)) = &mut *self.summary.lock().unwrap_or_else(PoisonError::into_inner) {
            *at = (self.clock)();
        }
    }

    /// What was known of mirrors last, unless that was long ago.
    pub(crate) fn summary(&self) -> Option<Arc<Summary>> {
        let known = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, summary) = known.as_ref()?;
        let is_recent = self.since(*at) <= self.kept;
        is_recent.then(|| Arc::clone(summary))
    }

    /// How many visits go on.
    pub(crate) fn n_running(&self) -> u64 {
        self.n_running.load(Ordering::Relaxed)
    }

    /// How many visits are due that the sweep has not begun yet.
    pub(crate) fn n_due(&self) -> u64 {
        self.n_due.load(Ordering::Relaxed)
    }

    /// For how many seconds the one of them that is due the longest has been so.
    pub(crate) fn due_age(&self) -> u64 {
        match self.due_since.load(Ordering::Relaxed) {
            0 => 0,
            since => self.since(since),
        }
    }

    /// Whether the last judging found a fault of our own, or no mirror could be visited since; `None` if that was
    /// long ago.
    pub(crate) fn is_own_fault(&self) -> Option<bool> {
        let judged = self.judged.load(Ordering::Relaxed);
        let is_recent = judged > 0 && self.since(judged) <= self.kept;
        is_recent.then(|| self.is_own_fault.load(Ordering::Relaxed))
    }

    /// How many seconds ago a sweep ended well last.
    pub(crate) fn sweep_age(&self) -> u64 {
        self.since(self.swept.load(Ordering::Relaxed))
    }

    /// It was looked what pages of mirrors say.
    pub(super) fn note_survey(&self) {
        self.surveyed.store((self.clock)(), Ordering::Relaxed);
    }

    /// How many seconds ago that was.
    pub(crate) fn survey_age(&self) -> u64 {
        self.since(self.surveyed.load(Ordering::Relaxed))
    }

    /// How many seconds ago findings were known last to be what visits say.
    pub(crate) fn findings_age(&self) -> u64 {
        self.since(self.published.load(Ordering::Relaxed))
    }

    /// When the findings in the file were made, in seconds since 1970.
    pub(crate) fn findings_made(&self) -> Option<u64> {
        Some(self.made.load(Ordering::Relaxed)).filter(|made| *made > 0)
    }

    /// No time has passed if the clock was set back.
    fn since(&self, at: u64) -> u64 {
        (self.clock)().saturating_sub(at)
    }

    fn count(&self, visit: &Visit) {
        self.requests.add(visit.requests.into());
        self.bytes.add(visit.bytes);
        if let Some(took) = self.took.get(visit.tier.as_str()) {
            took.record(Duration::from_millis(visit.millis));
        }
        for seen in &visit.urls {
            let outcome = match &seen.outcome {
                Outcome::Good => "good",
                Outcome::NotTested | Outcome::NoAddress => "untested",
                Outcome::Failed(failure) => {
                    self.count_failure("url", failure);
                    "failed"
                }
            };
            if let Some(scheme) = Protocol::of_url(&seen.url) {
                add_one(&self.urls, [scheme.as_str(), seen.version.as_str(), outcome]);
            }
        }
        for seen in &visit.repositories {
            if let Content::Failed(failure) = &seen.content {
                self.count_failure("repository", failure);
            }
        }
    }

    fn count_failure(&self, of: &'static str, failure: &Failure) {
        add_one(&self.failures, [of, failure.class.as_str()]);
    }
}

impl RunningVisit {
    /// The visit has come to its end.
    pub(super) fn end(mut self, visit: &Visit) {
        self.end = end_of(visit);
        self.counts.count(visit);
    }
}

impl Drop for RunningVisit {
    fn drop(&mut self) {
        self.counts.n_running.fetch_sub(1, Ordering::Relaxed);
        add_one(&self.counts.visits, [self.tier.as_str(), self.end]);
    }
}

impl DueVisits<'_> {
    /// Those that are not begun yet, by when they were due, in seconds since 1970; 0 for mirrors that were never
    /// visited, of which it is not known.
    pub(super) fn set(&self, due: impl ExactSizeIterator<Item = u64>) {
        self.0.n_due.store(due.len() as u64, Ordering::Relaxed);
        let since = due.filter(|at| *at > 0).min().unwrap_or(0);
        self.0.due_since.store(since, Ordering::Relaxed);
    }
}

impl Drop for DueVisits<'_> {
    fn drop(&mut self) {
        self.set(std::iter::empty());
    }
}

/// How visits fail. The age of what a mirror has is no failure of a visit.
pub(crate) fn classes() -> impl Iterator<Item = &'static str> {
    let is_of_visits = |class: &&FailureClass| {
        !matches!(class, FailureClass::HashBehind | FailureClass::HashUnknown)
    };
    FailureClass::ALL.iter().filter(is_of_visits).map(|class| class.as_str())
}

fn labelled<const N: usize>(labels: impl Iterator<Item = [&'static str; N]>) -> Labelled<N> {
    labels.map(|labels| (labels, Count::default())).collect()
}

fn add_one<const N: usize>(counts: &Labelled<N>, labels: [&'static str; N]) {
    if let Some(count) = counts.get(&labels) {
        count.add(1);
    }
}

/// How a visit ended, one of [`ENDS`].
fn end_of(visit: &Visit) -> &'static str {
    match visit.end {
        End::Budget(_) => return "budget",
        End::Busy(_) => return "busy",
        End::Cancelled => return "cancelled",
        End::Complete => {}
    }
    let has_content = |content: &Content| !matches!(content, Content::Failed(_));
    let mut outcomes = visit.urls.iter().map(|seen| &seen.outcome);
    if outcomes.clone().any(|outcome| *outcome == Outcome::Good)
        || visit.repositories.iter().any(|seen| has_content(&seen.content))
        || !visit.directories.is_empty()
    {
        "good"
    } else if outcomes.any(|outcome| matches!(outcome, Outcome::Failed(_))) {
        "failed"
    } else {
        "untested"
    }
}
