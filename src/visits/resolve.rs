//! Addresses of names: looked up by the system, on threads of our own, and kept for a while.
//!
//! `getaddrinfo` blocks its thread and cannot be cancelled; with dead name servers it waits for up to 40 s.
//! So look-ups have threads of their own ([`Thread::Resolver`]): a visit waits for a look-up until its
//! deadline, and the thread is left to finish, whose answer is then kept for the next one who asks. At most
//! one look-up for each name is under way.
//!
//! A name that does not exist is told apart from a resolver that does not answer: the first is the mirror's
//! fault, the second ours. While the resolver does not answer, the last addresses of a name are used.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use runtime::supervise::{Supervisor, Thread};
use tokio::sync::watch;

use super::limits::Limits;

/// The most look-ups that wait for a thread.
const MAX_QUEUED: usize = 1_024;

/// The addresses of a name: at least one, in the order of the answer, each once.
pub type Addresses = Arc<[IpAddr]>;

/// A name whose addresses are being found.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = Result<Addresses, ResolveError>> + Send + 'a>>;

/// Finds the addresses of names.
pub trait Resolve: Send + Sync {
    /// The addresses of a name, of both versions of IP, or a failure, within [`Limits::dns`]. Each call may
    /// give another answer.
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a>;
}

/// Why a name has no addresses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResolveError {
    /// It does not exist, or has no address: DNS says so for certain.
    #[error("the name has no address")]
    NoName,
    /// Our resolver has no answer, or says that there is none at present.
    #[error("no answer from dns: {0}")]
    TryAgain(String),
    /// Our resolver is slow.
    #[error("slow dns: no answer within {0:?}")]
    Slow(Duration),
}

/// A look-up as the system offers it, which blocks.
pub trait Lookup: Send + Sync + 'static {
    /// Looks up a name now.
    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError>;
}

/// The look-up of the system: `/etc/hosts`, DNS, and whatever else `nsswitch.conf` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        // The dot keeps the resolver from trying the search list. A name of one label can come from
        // `/etc/hosts` or that list only.
        let name = if name.contains('.') { [name, "."].concat() } else { name.to_owned() };
        // Without AI_ADDRCONFIG, which leaves AAAA out on machines without IPv6.
        let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
        match dns_lookup::getaddrinfo(Some(&name), None, Some(hints)) {
            // An address that cannot be read is of neither version of IP.
            Ok(found) => Ok(found.flatten().map(|info| info.sockaddr.ip()).collect()),
            Err(error) => match error.kind() {
                LookupErrorKind::NoName | LookupErrorKind::NoData => Err(ResolveError::NoName),
                _ => Err(ResolveError::TryAgain(io::Error::from(error).to_string())),
            },
        }
    }
}

/// Looks up names on threads of its own and keeps what was found. Clones share both. Its threads end after
/// their last look-up once no clone is left.
#[derive(Clone)]
pub struct Resolver {
    jobs: mpsc::SyncSender<Job>,
    cache: Arc<Mutex<Cache>>,
    deadline: Duration,
}

struct Job {
    name: String,
    answer: watch::Sender<Option<Found>>,
}

type Found = Result<Addresses, ResolveError>;

impl Resolver {
    /// Starts the threads.
    pub fn start(
        supervisor: &Supervisor,
        lookup: impl Lookup,
        limits: &Limits,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(MAX_QUEUED);
        let (queue, lookup) = (Arc::new(Mutex::new(queue)), Arc::new(lookup));
        let cache = Arc::new(Mutex::new(Cache::new(limits)));
        for _ in 0..limits.resolver_threads.max(1) {
            let (queue, lookup, cache) =
                (Arc::clone(&queue), Arc::clone(&lookup), Arc::clone(&cache));
            supervisor.spawn(Thread::Resolver, move || {
                loop {
                    // The other threads wait for the lock instead of the queue.
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(Job { name, answer }) = job else { return };
                    let found = tidy(lookup.lookup(&name));
                    lock(&cache).finish(&name, found.clone(), Instant::now());
                    // Nobody may wait any more.
                    answer.send_replace(Some(found));
                }
            })?;
        }
        Ok(Self { jobs, cache, deadline: limits.dns })
    }

    async fn find(&self, name: &str) -> Result<Addresses, ResolveError> {
        let begin = lock(&self.cache).begin(name, Instant::now());
        let mut waiting = match begin {
            Begin::Known(found) => return found,
            Begin::UnderWay(waiting) => waiting,
            Begin::Start(answer, waiting) => {
                let job = Job { name: name.to_owned(), answer };
                if self.jobs.try_send(job).is_err() {
                    // Its sender is gone with the job, so the next one who asks starts anew.
                    let error = ResolveError::TryAgain("too many look-ups wait".into());
                    return self.or_last_good(name, error);
                }
                waiting
            }
        };
        let found = tokio::time::timeout(self.deadline, waiting.wait_for(Option::is_some)).await;
        let error = match found {
            Ok(Ok(found)) => match found.clone() {
                Some(Err(error @ ResolveError::TryAgain(_))) => error,
                Some(found) => return found,
                None => ResolveError::TryAgain("the look-up gave no answer".into()),
            },
            Ok(Err(_)) => ResolveError::TryAgain("the look-up panicked".into()),
            Err(_) => ResolveError::Slow(self.deadline),
        };
        self.or_last_good(name, error)
    }

    fn or_last_good(&self, name: &str, error: ResolveError) -> Result<Addresses, ResolveError> {
        lock(&self.cache).last_good(name).ok_or(error)
    }
}

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        Box::pin(self.find(name))
    }
}

fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Addresses in one form, each once; none at all means that the name has none.
fn tidy(found: Result<Vec<IpAddr>, ResolveError>) -> Found {
    let mut addresses = Vec::new();
    for address in found? {
        let address = address.to_canonical();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(ResolveError::NoName) } else { Ok(addresses.into()) }
}

/// What is known of names, and which look-ups are under way.
struct Cache {
    names: HashMap<String, Entry>,
    positive: Duration,
    negative: Duration,
    max_names: usize,
}

#[derive(Default)]
struct Entry {
    under_way: Option<watch::Receiver<Option<Found>>>,
    /// The last answer, and when it came.
    known: Option<(Found, Instant)>,
    /// The last addresses, unless the name has ceased to exist since.
    good: Option<Addresses>,
}

enum Begin {
    /// The answer is known.
    Known(Found),
    /// Somebody else asks.
    UnderWay(watch::Receiver<Option<Found>>),
    /// The caller is to ask, and sends the answer.
    Start(watch::Sender<Option<Found>>, watch::Receiver<Option<Found>>),
}

impl Cache {
    fn new(limits: &Limits) -> Self {
        Self {
            names: HashMap::new(),
            positive: limits.dns_positive,
            negative: limits.dns_negative,
            max_names: limits.dns_names.max(1),
        }
    }

    fn begin(&mut self, name: &str, now: Instant) -> Begin {
        if !self.names.contains_key(name) && self.names.len() >= self.max_names {
            // Look-ups under way are at most the queue and the threads, so this makes room.
            self.names.retain(|_, entry| entry.is_under_way());
        }
        let (positive, negative) = (self.positive, self.negative);
        let entry = self.names.entry(name.to_owned()).or_default();
        if let Some((found, at)) = &entry.known {
            let kept = if found.is_ok() { positive } else { negative };
            if now.saturating_duration_since(*at) < kept {
                return Begin::Known(match (found, &entry.good) {
                    (Err(ResolveError::TryAgain(_)), Some(good)) => Ok(Arc::clone(good)),
                    (found, _) => found.clone(),
                });
            }
        }
        // A look-up that panicked has dropped its sender.
        if let Some(waiting) = entry.under_way.as_ref().filter(|_| entry.is_under_way()) {
            return Begin::UnderWay(waiting.clone());
        }
        let (sender, receiver) = watch::channel(None);
        entry.under_way = Some(receiver.clone());
        Begin::Start(sender, receiver)
    }

    fn finish(&mut self, name: &str, found: Found, now: Instant) {
        let Some(entry) = self.names.get_mut(name) else { return };
        entry.under_way = None;
        match &found {
            Ok(addresses) => entry.good = Some(Arc::clone(addresses)),
            Err(ResolveError::NoName) => entry.good = None,
            Err(_) => {}
        }
        entry.known = Some((found, now));
    }

    fn last_good(&self, name: &str) -> Option<Addresses> {
        self.names.get(name)?.good.clone()
    }
}

impl Entry {
    fn is_under_way(&self) -> bool {
        self.under_way.as_ref().is_some_and(|waiting| waiting.has_changed().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicUsize, Ordering};

    fn addresses(text: &[&str]) -> Vec<IpAddr> {
        text.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Answers what the test sends, one answer for each look-up, and counts look-ups.
    struct Scripted {
        answers: Mutex<mpsc::Receiver<Result<Vec<IpAddr>, ResolveError>>>,
        n_asked: Arc<AtomicUsize>,
    }

    impl Lookup for Scripted {
        fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
            self.n_asked.fetch_add(1, Ordering::SeqCst);
            assert!(name != "panic.example", "as the test wants");
            self.answers.lock().unwrap().recv().unwrap_or(Err(ResolveError::NoName))
        }
    }

    struct World {
        resolver: Resolver,
        answer: mpsc::Sender<Result<Vec<IpAddr>, ResolveError>>,
        n_asked: Arc<AtomicUsize>,
    }

    fn world(limits: &Limits) -> World {
        let (answer, answers) = mpsc::channel();
        let n_asked = Arc::new(AtomicUsize::new(0));
        let lookup = Scripted { answers: Mutex::new(answers), n_asked: Arc::clone(&n_asked) };
        let resolver = Resolver::start(&Supervisor::default(), lookup, limits).unwrap();
        World { resolver, answer, n_asked }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_however_many_ask() {
        let world = world(&Limits::default());
        let asked = (0..50).map(|_| {
            let resolver = world.resolver.clone();
            tokio::spawn(async move { resolver.find("m.example").await })
        });
        let asked: Vec<_> = asked.collect();
        world.answer.send(Ok(addresses(&["8.8.8.8", "::ffff:8.8.8.8", "2a00::1"]))).unwrap();
        for answer in asked {
            assert_eq!(*answer.await.unwrap().unwrap(), addresses(&["8.8.8.8", "2a00::1"])[..]);
        }
        world.resolver.find("m.example").await.unwrap();
        assert_eq!(world.n_asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_takes_too_long_is_left_to_finish_and_its_answer_kept() {
        let world = world(&Limits::default());
        // Time stands still for the thread, which waits for the test, and runs for the deadline.
        let slow = Err(ResolveError::Slow(Duration::from_secs(5)));
        assert_eq!(world.resolver.find("m.example").await, slow);
        assert_eq!(world.resolver.find("m.example").await, slow);
        world.answer.send(Ok(addresses(&["8.8.8.8"]))).unwrap();
        while lock(&world.resolver.cache).names["m.example"].known.is_none() {
            std::thread::yield_now();
        }
        assert_eq!(*world.resolver.find("m.example").await.unwrap(), addresses(&["8.8.8.8"])[..]);
        assert_eq!(world.n_asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_look_up_that_panics_is_no_answer_and_the_next_one_works() {
        let world = world(&Limits { resolver_threads: 1, ..Limits::default() });
        let answer = world.resolver.find("panic.example").await;
        assert!(matches!(answer, Err(ResolveError::TryAgain(_))), "{answer:?}");
        let answer = world.resolver.find("panic.example").await;
        assert!(matches!(answer, Err(ResolveError::TryAgain(_))), "{answer:?}");
        world.answer.send(Err(ResolveError::NoName)).unwrap();
        assert_eq!(world.resolver.find("m.example").await, Err(ResolveError::NoName));
        assert_eq!(world.n_asked.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_is_an_answer() {
        let world = world(&Limits { resolver_threads: 1, ..Limits::default() });
        let mut n_refused = 0;
        for n in 0..MAX_QUEUED + 2 {
            let name = format!("{n}.example");
            let answer = world.resolver.find(&name).await;
            n_refused += usize::from(matches!(answer, Err(ResolveError::TryAgain(_))));
        }
        // The thread may or may not have taken the first one already.
        assert!((1..=2).contains(&n_refused), "{n_refused}");
    }

    #[test]
    fn answers_are_kept_for_their_time_and_the_last_good_one_while_dns_is_dead() {
        let mut cache = Cache::new(&Limits::default());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let good: Addresses = addresses(&["8.8.8.8"]).into();
        let is_start = |begin| matches!(begin, Begin::Start(..));
        let known = |begin| match begin {
            Begin::Known(found) => found,
            _ => panic!("nothing is known"),
        };
        let dead = || Err(ResolveError::TryAgain("dead".into()));

        assert!(is_start(cache.begin("a", at(0))));
        cache.finish("a", Ok(Arc::clone(&good)), at(0));
        assert_eq!(known(cache.begin("a", at(299))), Ok(Arc::clone(&good)));
        assert!(is_start(cache.begin("a", at(300))));
        cache.finish("a", dead(), at(300));
        assert_eq!(known(cache.begin("a", at(359))), Ok(Arc::clone(&good)));
        assert_eq!(cache.last_good("a"), Some(good));
        assert!(is_start(cache.begin("a", at(360))));
        cache.finish("a", Err(ResolveError::NoName), at(360));
        assert_eq!(known(cache.begin("a", at(361))), Err(ResolveError::NoName));
        assert_eq!(cache.last_good("a"), None);
        assert!(is_start(cache.begin("a", at(420))));
        cache.finish("a", dead(), at(420));
        assert_eq!(known(cache.begin("a", at(421))), dead());
    }

    #[test]
    fn names_are_bounded_and_look_ups_under_way_are_not_forgotten() {
        let mut cache = Cache::new(&Limits { dns_names: 10, ..Limits::default() });
        let now = Instant::now();
        let Begin::Start(_sender, _) = cache.begin("slow", now) else { panic!("it is new") };
        for n in 0..1_000 {
            let name = n.to_string();
            assert!(matches!(cache.begin(&name, now), Begin::Start(..)));
            cache.finish(&name, Err(ResolveError::NoName), now);
            assert!(cache.names.len() <= 10);
        }
        assert!(matches!(cache.begin("slow", now), Begin::UnderWay(_)));
    }

    #[test]
    fn the_system_knows_itself() {
        let found = SystemLookup.lookup("localhost").unwrap();
        assert!(found.iter().any(IpAddr::is_loopback), "{found:?}");
    }
}
