//! A session: requests over one route, with redirects, one retry, and the budget.
//!
//! What it sees is written into the record of the visit at once: a visit that ends before the first answer has
//! tried the route all the same, so that the next one takes another.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use checks::class::FailureClass;
use checks::observation::{End, Failure, Outcome, UrlSeen};
use encode::write::push_hex;
use model::families::IpVersion;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::work::Work;
use crate::connection::{Broken, Connection, DRAINED, Head, Phase};
use crate::plan::Route;
use crate::politeness::{CONNECTIONS_PER_VISIT, ConnectionPermit};
use crate::redirect::Redirects;
use crate::request::Ask;
use crate::response::{self, Meaning, SNIFFED};
use crate::target::{Host, Origin, Target};

/// Requests over one route.
pub(super) struct Session<'w, 'v> {
    pub(super) work: &'w mut Work<'v>,
    version: IpVersion,
    open: Vec<Open>,
    contact: Contact,
    /// Where the record of the visit has the route.
    at: usize,
}

struct Open {
    origin: Origin,
    connection: Connection,
    _permit: ConnectionPermit,
}

/// What was seen of the host.
#[derive(Default)]
struct Contact {
    address: Option<SocketAddr>,
    first_byte: Option<Duration>,
    redirected_to: Option<String>,
    certificate_expires: Option<u64>,
}

/// A file that is there.
pub(super) struct Fetched {
    /// Its size, where that was said.
    pub(super) size: Option<u64>,
    /// Whether it is as the ETag says, so that nothing of it was sent.
    pub(super) is_unchanged: bool,
    /// The SHA-256 of what was sent, in hexadecimal digits.
    pub(super) sha256: String,
    /// Whether everything was sent that was asked for.
    pub(super) is_whole: bool,
    /// Whether it looks like a page for people.
    pub(super) is_page: bool,
    /// Its ETag.
    pub(super) etag: Option<String>,
}

/// Why a request gave no file.
pub(super) enum Stop {
    /// It failed.
    Failed(Box<Failed>),
    /// The mirror asks to be left alone.
    Busy(Option<u32>, Failure),
    /// The visit ends.
    End(End),
}

pub(super) struct Failed {
    pub(super) failure: Failure,
    /// The status of the answer; `None` without an answer.
    pub(super) status: Option<u16>,
    /// What was asked for, after redirects.
    target: Target,
    /// The address that was asked; `None` if there was none to ask.
    address: Option<SocketAddr>,
    /// Whether a second attempt may succeed.
    may_pass: bool,
}

impl Failed {
    /// Without an answer, and for good.
    fn new(
        class: FailureClass,
        detail: &str,
        target: &Target,
        address: Option<SocketAddr>,
    ) -> Self {
        let failure = Failure::new(class, target.to_string(), detail);
        Self { failure, status: None, target: target.clone(), address, may_pass: false }
    }

    /// With an answer of that status.
    fn answered(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// As a failure of another class, for a reason that its own class and detail explain.
    fn explained(mut self, class: FailureClass, reason: &str) -> Stop {
        let Failure { class: own, url, detail } = self.failure;
        self.failure = Failure::new(class, url, &format!("{reason}: {own}: {detail}"));
        self.into_stop()
    }

    fn into_stop(self) -> Stop {
        Stop::Failed(Box::new(self))
    }

    /// Whether the mirror as a whole has trouble, and not only this file.
    pub(super) fn is_trouble(&self) -> bool {
        use FailureClass as Class;
        !matches!(
            self.failure.class,
            Class::Missing
                | Class::Forbidden
                | Class::Http4xx
                | Class::Soft404
                | Class::RedirectRefused
        )
    }

    /// Whether no answer came at all.
    pub(super) fn is_silent(&self) -> bool {
        self.status.is_none() && self.is_trouble()
    }

    /// Whether the mirror answered that it does not have this file.
    pub(super) fn is_lacking(&self) -> bool {
        use FailureClass::{Forbidden, Http4xx, Missing};
        self.status.is_some() && matches!(self.failure.class, Missing | Forbidden | Http4xx)
    }
}

impl<'w, 'v> Session<'w, 'v> {
    /// Begins to ask over a route, and records it. `None` if there is nothing to ask: we have no such version
    /// of IP, or the host has no address of it.
    pub(super) async fn begin(
        work: &'w mut Work<'v>,
        route: &Route,
        what: &str,
    ) -> Option<Session<'w, 'v>> {
        let Route { url, version } = route;
        let origin = Target::below(url, "")?.origin().clone();
        work.step(&format!("{what} of {} over IPv{}", url.as_str(), version.as_str()));
        let at = work.visit.urls.len();
        work.visit.urls.push(UrlSeen {
            url: url.as_str().to_owned(),
            version: *version,
            address: None,
            outcome: unfinished(url.as_str(), FailureClass::Budget),
            first_byte: None,
            redirected_to: None,
            certificate_expires: None,
        });
        let mut session =
            Self { work, version: *version, open: Vec::new(), contact: Contact::default(), at };
        if !session.work.plan.versions.contains(version) {
            session.work.step("not tested: we have no such version of IP");
            session.record(Outcome::NotTested);
            return None;
        }
        // A name that does not exist fails over both versions; one without an address of this version is fine.
        let addresses = session.work.addresses(&origin, *version).await;
        if addresses.is_ok_and(|addresses| addresses.is_empty()) {
            session.work.step("not tested: the host has no address of this version of IP");
            session.record(Outcome::NoAddress);
            return None;
        }
        Some(session)
    }

    /// Records what has come of the route so far.
    pub(super) fn record(&mut self, outcome: Outcome) {
        let Some(seen) = self.work.visit.urls.get_mut(self.at) else { return };
        let contact = &self.contact;
        seen.outcome = outcome;
        seen.address = contact.address.map(|address| address.ip());
        seen.first_byte =
            contact.first_byte.map(|waited| u32::try_from(waited.as_millis()).unwrap_or(u32::MAX));
        seen.redirected_to.clone_from(&contact.redirected_to);
        seen.certificate_expires = contact.certificate_expires;
    }

    /// Asks for a file, with redirects and one retry.
    pub(super) async fn fetch(&mut self, target: &Target, ask: &Ask) -> Result<Fetched, Stop> {
        let mut is_retried = false;
        loop {
            let fetched = self.follow(target, ask).await;
            let Err(Stop::Failed(failed)) = &fetched else { return fetched };
            self.work.step(&format!("failed: {}: {}", failed.failure.class, failed.failure.detail));
            let limits = &self.work.crawler.limits;
            if !failed.may_pass || is_retried {
                let agent = &self.work.crawler.agent;
                let curl = ask.curl(&failed.target, agent, self.version, failed.address, limits);
                self.work.step(&format!("repeat: {curl}"));
                return fetched;
            }
            is_retried = true;
            let (least, most) = (limits.retry_least, limits.retry_most);
            let wait = least + most.saturating_sub(least).mul_f64(self.work.rng.f64());
            self.work.step(&format!("once more in {:.1} s", wait.as_secs_f64()));
            sleep(wait).await;
        }
    }

    async fn follow(&mut self, start: &Target, ask: &Ask) -> Result<Fetched, Stop> {
        let work = &self.work;
        let mut redirects =
            Redirects::new(work.plan.redirects, work.crawler.limits.redirects, start);
        let mut target = start.clone();
        let mut is_redirected = false;
        loop {
            let (meaning, status, fetched) = match self.exchange(&target, ask).await {
                Ok(answer) => answer,
                // A mirror that sends its clients to a dead host does not have the file.
                Err(Stop::Failed(failed))
                    if redirects.other_site().is_some() && failed.failure.class.is_of_mirror() =>
                {
                    let reason = "a redirect leads to where nothing is";
                    return Err(failed.explained(FailureClass::Missing, reason));
                }
                // Where the mirror sends its clients is not our choice. The class is that of a name that nobody has:
                // everybody sees it, and what a name is to our resolver is not theirs to ask.
                Err(Stop::Failed(failed))
                    if is_redirected && failed.failure.class == FailureClass::BlockedAddress =>
                {
                    let class = match redirects.other_site() {
                        Some(_) => FailureClass::Missing,
                        None => FailureClass::RedirectRefused,
                    };
                    let reason = "a redirect leads to where none is followed";
                    return Err(failed.explained(class, reason));
                }
                Err(stop) => return Err(stop),
            };
            let address = self.contact.address;
            let failed = |class, detail: &str| {
                Failed::new(class, detail, &target, address).answered(status).into_stop()
            };
            match meaning {
                Meaning::There(_) | Meaning::Unchanged => {
                    if let Some(host) = redirects.other_site() {
                        self.contact.redirected_to = Some(host.to_string());
                    }
                    return Ok(fetched);
                }
                Meaning::Busy(seconds) => {
                    let detail = format!("status {status}");
                    let failure = Failure::new(FailureClass::Busy, target.to_string(), &detail);
                    return Err(Stop::Busy(seconds, failure));
                }
                Meaning::Elsewhere(location) => {
                    let to = target.follow(&location).map_err(|reason| {
                        let detail = format!("a redirect to {location:?}: {reason}");
                        failed(FailureClass::RedirectRefused, &detail)
                    })?;
                    redirects.check(&target, &to).map_err(|reason| {
                        failed(FailureClass::RedirectRefused, &reason.to_string())
                    })?;
                    target = to;
                    is_redirected = true;
                }
                Meaning::Failed(class, detail) => {
                    let is_refused = *ask == Ask::Size && response::is_head_refused(status);
                    let may_pass = class == FailureClass::Http5xx && !is_refused;
                    let failed = Failed::new(class, &detail, &target, address).answered(status);
                    return Err(Failed { may_pass, ..failed }.into_stop());
                }
            }
        }
    }

    /// One request and its answer.
    async fn exchange(
        &mut self,
        target: &Target,
        ask: &Ask,
    ) -> Result<(Meaning, u16, Fetched), Stop> {
        let mut is_reopened = false;
        loop {
            let mut open = self.connected(target).await?;
            let sent = self.send(&mut open.connection, target, ask).await;
            let head = match sent {
                Ok(head) => head,
                // The other side closed what it did not expect to be used again.
                Err(Sent::Broken(broken))
                    if open.connection.was_used()
                        && !is_reopened
                        && broken.class == FailureClass::Truncated =>
                {
                    is_reopened = true;
                    continue;
                }
                Err(Sent::Broken(broken)) => return Err(self.broken(target, broken, None)),
                Err(Sent::Stop(stop)) => return Err(stop),
            };
            let status = head.status.as_u16();
            let answer = self.receive(&mut open.connection, head, target, ask).await?;
            if open.connection.is_open() {
                self.open.push(open);
            }
            return Ok((answer.0, status, answer.1));
        }
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        target: &Target,
        ask: &Ask,
    ) -> Result<Head, Sent> {
        let crawler = self.work.crawler;
        let address = connection.address();
        self.contact.address = Some(address);
        let request = ask.request(target, &crawler.agent).map_err(|error| {
            Sent::Broken(Broken {
                phase: Phase::Head,
                class: FailureClass::Protocol,
                detail: format!("this cannot be asked for: {error}"),
                expired: None,
            })
        })?;
        let limits = &crawler.limits;
        if self.work.visit.requests >= limits.requests {
            return Err(Sent::Stop(Stop::End(End::Budget("requests".into()))));
        }
        crawler.politeness.request(&target.origin().host, address.ip()).await;
        self.work.visit.requests += 1;
        let sent = connection.send(request, ask.cap(limits), limits).await;
        let what = format!("{} {target} from {}", ask.method(), address.ip());
        match &sent {
            Ok(head) => {
                let (status, waited) = (head.status.as_u16(), head.waited.as_millis());
                let fresh = response::freshness(&head.headers);
                self.work.step(&format!("{what}: {status} after {waited} ms{fresh}"));
                self.contact.first_byte = Some(head.waited);
            }
            Err(broken) => self.work.step(&format!("{what}: {}", broken.detail)),
        }
        sent.map_err(Sent::Broken)
    }

    /// Reads an answer to its end, or as far as it matters.
    async fn receive(
        &mut self,
        connection: &mut Connection,
        head: Head,
        target: &Target,
        ask: &Ask,
    ) -> Result<(Meaning, Fetched), Stop> {
        let limits = &self.work.crawler.limits;
        let (headers, status) = (head.headers.clone(), head.status.as_u16());
        let now = self.work.now();
        let meaning = response::read(head.status, &headers, ask, now, limits.retry_after);
        let left = limits.bytes.saturating_sub(self.work.visit.bytes);
        let mut sha256 = Sha256::new();
        let mut beginning = Vec::new();
        let bytes = &mut self.work.visit.bytes;
        let take = |data: &[u8]| {
            *bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
            sha256.update(data);
            let missing = SNIFFED.saturating_sub(beginning.len()).min(data.len());
            beginning.extend_from_slice(data.get(..missing).unwrap_or_default());
        };
        let read = match (&meaning, ask) {
            (Meaning::There(_), Ask::Whole { .. }) => {
                connection.read(head, ask.cap(limits).min(left), limits, take).await
            }
            (Meaning::There(_), Ask::Beginning(n)) => {
                connection.read(head, (*n).max(DRAINED).min(left), limits, take).await
            }
            _ => connection.drain(head, limits, take).await.map(|()| true),
        };
        let is_wanted = matches!(meaning, Meaning::There(_));
        let is_whole = match read {
            Ok(is_whole) => is_whole,
            // What is of no interest may break.
            Err(_) if !is_wanted => true,
            Err(broken) => return Err(self.broken(target, broken, Some(status))),
        };
        if !is_whole && self.work.visit.bytes >= limits.bytes {
            return Err(Stop::End(End::Budget("bytes".into())));
        }
        let mut digest = String::with_capacity(64);
        push_hex(&sha256.finalize(), &mut digest);
        let size = if let Meaning::There(size) = meaning { size } else { None };
        let fetched = Fetched {
            size,
            is_unchanged: meaning == Meaning::Unchanged,
            sha256: digest,
            is_whole,
            is_page: is_wanted && response::is_page(&headers, &beginning),
            etag: response::etag(&headers),
        };
        Ok((meaning, fetched))
    }

    /// A connection for a target: one that is open, or a new one to the first address that takes it.
    async fn connected(&mut self, target: &Target) -> Result<Open, Stop> {
        let origin = target.origin();
        self.open.retain(|open| open.connection.is_open());
        if let Some(at) = self.open.iter().position(|open| open.origin == *origin) {
            return Ok(self.open.swap_remove(at));
        }
        let failed = |class, detail: &str| Failed::new(class, detail, target, None).into_stop();
        let addresses = self.work.addresses(origin, self.version).await;
        let addresses = addresses.map_err(|(class, detail)| failed(class, &detail))?;
        let crawler = self.work.crawler;
        let mut last = failed(
            FailureClass::Dns,
            &format!("{} has no address of IPv{}", origin.host, self.version.as_str()),
        );
        for address in addresses {
            let permit = self.permit(&origin.host, address.ip()).await;
            self.contact.address = Some(address);
            let begin = Instant::now();
            let (network, tls) = (&*crawler.network, &crawler.tls);
            let opened = Connection::open(network, tls, origin, address, &crawler.limits).await;
            let millis = begin.elapsed().as_millis();
            match opened {
                Ok(connection) => {
                    let with = if origin.is_tls { " with tls" } else { "" };
                    self.work.step(&format!("connected to {address}{with} after {millis} ms"));
                    self.note_expiry(connection.certificate_expires());
                    return Ok(Open { origin: origin.clone(), connection, _permit: permit });
                }
                Err(broken) => {
                    self.work.step(&format!("{address}: {} after {millis} ms", broken.detail));
                    last = self.broken(target, broken, None);
                }
            }
        }
        Err(last)
    }

    /// Waits for the permit of a connection, and holds no other while it waits.
    async fn permit(&mut self, host: &Host, address: IpAddr) -> ConnectionPermit {
        let politeness = &self.work.crawler.politeness;
        if self.open.len() >= CONNECTIONS_PER_VISIT {
            self.open.remove(0);
        }
        if let Some(permit) = politeness.try_connection(host, address) {
            return permit;
        }
        self.open.clear();
        politeness.connection(host, address).await
    }

    fn broken(&mut self, target: &Target, broken: Broken, status: Option<u16>) -> Stop {
        self.note_expiry(broken.expired);
        let may_pass = broken.may_pass();
        let failed = Failed::new(broken.class, &broken.detail, target, self.contact.address);
        Failed { may_pass, status, ..failed }.into_stop()
    }

    /// Of several certificates the one that expires first counts.
    fn note_expiry(&mut self, expires: Option<u64>) {
        let known = &mut self.contact.certificate_expires;
        *known = match (*known, expires) {
            (Some(known), Some(expires)) => Some(known.min(expires)),
            (known, expires) => known.or(expires),
        };
    }
}

/// Why no head came.
enum Sent {
    Broken(Broken),
    Stop(Stop),
}

/// The outcome of a route over which the visit ended before an answer came.
pub(super) fn unfinished(url: &str, class: FailureClass) -> Outcome {
    Outcome::Failed(Failure::new(class, url, "the visit ended before an answer came"))
}
