//! A session: requests to one mirror over one version of IP, with redirects, one retry, and the budget.

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
use crate::politeness::{CONNECTIONS_PER_VISIT, ConnectionPermit};
use crate::redirect::Redirects;
use crate::request::Ask;
use crate::response::{self, Meaning, SNIFFED};
use crate::target::{Host, Origin, Target};

/// Requests over one version of IP.
pub(super) struct Session<'w, 'v> {
    pub(super) work: &'w mut Work<'v>,
    version: IpVersion,
    open: Vec<Open>,
    contact: Contact,
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
    Failed(Failed),
    /// The mirror asks to be left alone.
    Busy(Option<u32>, Failure),
    /// The visit ends.
    End(End),
}

pub(super) struct Failed {
    pub(super) failure: Failure,
    /// The status of the answer; `None` without an answer.
    pub(super) status: Option<u16>,
    /// Whether a second attempt may succeed.
    may_pass: bool,
}

impl Failed {
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
}

impl<'w, 'v> Session<'w, 'v> {
    pub(super) fn new(work: &'w mut Work<'v>, version: IpVersion) -> Self {
        Self { work, version, open: Vec::new(), contact: Contact::default() }
    }

    /// What was seen of a base URL, with the outcome of asking it.
    pub(super) fn seen(&self, url: &str, outcome: Outcome) -> UrlSeen {
        let contact = &self.contact;
        UrlSeen {
            url: url.to_owned(),
            version: self.version,
            address: contact.address.map(|address| address.ip()),
            outcome,
            first_byte: contact
                .first_byte
                .map(|waited| u32::try_from(waited.as_millis()).unwrap_or(u32::MAX)),
            redirected_to: contact.redirected_to.clone(),
            certificate_expires: contact.certificate_expires,
        }
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
                let curl = ask.curl(target, agent, self.version, self.contact.address, limits);
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
        loop {
            let (meaning, status, fetched) = match self.exchange(&target, ask).await {
                Ok(answer) => answer,
                // A mirror that sends its clients to a dead host does not have the file.
                Err(Stop::Failed(failed))
                    if redirects.other_site().is_some() && failed.failure.class.is_of_mirror() =>
                {
                    let Failure { class, url, detail } = failed.failure;
                    let detail = format!("a redirect leads to where nothing is: {class}: {detail}");
                    let failure = Failure::new(FailureClass::Missing, url, &detail);
                    return Err(Stop::Failed(Failed { failure, ..failed }));
                }
                Err(stop) => return Err(stop),
            };
            let failed = |class, detail: &str| {
                Stop::Failed(Failed {
                    failure: Failure::new(class, target.to_string(), detail),
                    status: Some(status),
                    may_pass: false,
                })
            };
            match meaning {
                Meaning::There(_) | Meaning::Unchanged => return Ok(fetched),
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
                    if let Some(host) = redirects.other_site() {
                        self.contact.redirected_to = Some(host.to_string());
                    }
                    target = to;
                }
                Meaning::Failed(class, detail) => {
                    let is_refused = *ask == Ask::Size && response::is_head_refused(status);
                    let may_pass = class == FailureClass::Http5xx && !is_refused;
                    let failure = Failure::new(class, target.to_string(), &detail);
                    let status = Some(status);
                    return Err(Stop::Failed(Failed { failure, status, may_pass }));
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
        let address = connection.address();
        crawler.politeness.request(&target.origin().host, address.ip()).await;
        self.work.visit.requests += 1;
        self.contact.address = Some(address);
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
        let failed = |class, detail: &str| {
            let failure = Failure::new(class, target.to_string(), detail);
            Stop::Failed(Failed { failure, status: None, may_pass: false })
        };
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
        let failure = Failure::new(broken.class, target.to_string(), &broken.detail);
        Stop::Failed(Failed { failure, status, may_pass })
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
