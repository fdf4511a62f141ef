//! From an understood request to an answer: target, client, mirrors, URLs, text.

use std::borrow::Cow;
use std::net::IpAddr;

use fastrand::Rng;

use super::document::{Document, push_url_tail};
use super::explain::Explanation;
use super::format::Format;
use super::formats::{json, metalink, metalink4, mirrorlist};
use super::options::Options;
use super::prepared::Edition;
use super::query::Query;
use super::redirect;
use super::reply::{LogEntry, Reply};
use super::request::Request;
use super::scratch::Scratch;
use super::select::{self, Criteria};
use super::shaping::{Choice, Fallback};
use super::spread;
use super::status::Status;
use super::target::{self, Message, Refusal, Subject, Target};
use super::trace::{NoTrace, Recorder, Tracer};
use encode::text::Text;
use model::embedded::LookupAddresses;
use model::geo::Location;
use model::ids::FileId;
use model::net::canonical;
use model::url::ProtocolSet;
use snapshot::FileView;

/// The client for which mirrors are chosen.
struct Client {
    /// The requester's address, or the one in `ip=`.
    address: IpAddr,
    /// The addresses by which it is looked up.
    lookup: LookupAddresses,
    /// Its location, if known.
    location: Option<Location>,
}

/// A request whose query is understood.
pub(super) struct Answering<'r, 's, 'q> {
    /// The data.
    pub(super) edition: &'s Edition,
    /// The operator's options.
    pub(super) options: &'r Options,
    /// The request.
    pub(super) request: &'r Request<'q>,
    /// The format of the answer.
    pub(super) format: Format,
    /// The query of the request.
    pub(super) query: &'r Query<'q>,
}

impl<'s, 'q> Answering<'_, 's, 'q> {
    /// Answers the request; appends the body to `body`.
    pub(super) fn answer(
        &self,
        rng: &mut Rng,
        scratch: &mut Scratch,
        reply: &mut Reply<'q>,
        body: &mut Text,
    ) -> Result<(), Refusal<'s, 'q>> {
        let Self { edition, options, query, .. } = *self;
        let snapshot = edition.snapshot();
        let target =
            target::resolve(snapshot, &options.aliases, query, self.format, &mut scratch.key);
        let requester = self.request.requester;
        let own = canonical(requester.address);
        let client = self.find_client();
        // The request is logged whatever the answer is, even if the repository does not exist.
        if let (Ok(client), Some(repo), Some(arch)) = (&client, &query.repo, &query.arch) {
            // The log is used to count clients, so `ip=` of an untrusted requester is not logged.
            let is_believed = client.address == own || requester.is_trusted;
            let (client, place) = match is_believed {
                true => (client.address, client.location),
                false => (own, snapshot.find_location(self.lookup(own))),
            };
            let country = place.and_then(Location::country);
            let (repo, arch) = (repo.clone(), target::effective_arch(repo, arch));
            reply.log = Some(LogEntry { client, country, repo, arch });
        }
        let target = target?;
        if let (Some(entry), Subject::Repository(name, arch)) =
            (&mut reply.countme, &target.subject)
        {
            entry.repository = Some([name.as_str(), "+", arch].concat());
        }
        let client = client?;
        let redirects = self.redirects();
        let file = self.find_file(&target)?;
        let choice = self.choose(&target, &client, rng, scratch, &mut NoTrace);
        let fallback = self.fallback(choice.protocols);
        let Scratch { selection, repeated, pubdate, url_tail, tails, .. } = scratch;
        if !redirects {
            reply.found = selection.tier(0);
        }
        let choice = Choice { repeated: &repeated.urls, ..choice };
        url_tail.clear();
        push_url_tail(&target, url_tail);
        let document = Document { edition, target: &target, selection, choice, fallback, url_tail };
        match self.format {
            Format::Mirrorlist if redirects => {
                let (redirect, found) = redirect::make(&document, options, self.request.host)?;
                (reply.redirect, reply.found) = (Some(Box::new(redirect)), found);
                reply.status = Status::Found;
            }
            Format::Mirrorlist => {
                let details = mirrorlist::Details {
                    protocols: query.protocols.as_ref(),
                    created: query.time.then(|| snapshot.created()),
                };
                mirrorlist::render(&document, &details, tails, body);
            }
            Format::Metalink => {
                let pubdate = pubdate.at(self.request.now);
                metalink::render(&document, &file, pubdate, tails, body);
            }
            Format::Metalink4 => {
                metalink4::render(&document, &file, self.request.now, body);
            }
            Format::Json => json::render(&document, body),
        }
        Ok(())
    }

    /// Explains the answer.
    pub(super) fn explain(&self, rng: &mut Rng) -> Result<Explanation<'s>, Refusal<'s, 'q>> {
        let Self { edition, options, query, .. } = *self;
        let snapshot = edition.snapshot();
        let mut scratch = Scratch::default();
        let target =
            target::resolve(snapshot, &options.aliases, query, self.format, &mut scratch.key)?;
        let client = self.find_client()?;
        self.find_file(&target)?;
        let mut recorder = Recorder::new(snapshot.hosts().len());
        let choice = self.choose(&target, &client, rng, &mut scratch, &mut recorder);
        let Client { address, lookup, location } = client;
        Ok(Explanation {
            client: address,
            lookup,
            location: snapshot.trace_location(lookup),
            continent: match location.and_then(Location::country) {
                Some(country) => snapshot.find_continent(country),
                None => location.and_then(Location::continent),
            },
            asn: snapshot.trace_asn(lookup),
            netblocks: snapshot.trace_netblocks(lookup).collect(),
            directory: target.directory.name,
            protocols: choice.protocols,
            verdicts: recorder.finish(&scratch.selection.hosts),
        })
    }

    /// The client and its location: the requester, or the address in `ip=` if the requester may use it.
    fn find_client(&self) -> Result<Client, Refusal<'s, 'q>> {
        let Self { edition, options, query, .. } = *self;
        let snapshot = edition.snapshot();
        let requester = self.request.requester;
        let address = match &query.ip {
            Some(text) if options.allow_ip.include(requester) => parse_address(text)?,
            _ => canonical(requester.address),
        };
        let lookup = self.lookup(address);
        Ok(Client { address, lookup, location: snapshot.find_location(lookup) })
    }

    /// The addresses by which a client is looked up.
    fn lookup(&self, address: IpAddr) -> LookupAddresses {
        LookupAddresses::of(
            address,
            self.options.nat64.iter().chain(self.edition.snapshot().nat64()),
        )
    }

    /// The server that is listed last, if it offers one of `protocols`: that of the options, or else that
    /// of the data.
    fn fallback(&self, protocols: ProtocolSet) -> Option<&Fallback> {
        let fallback = self.options.shaping.fallback.as_ref().or(self.edition.fallback())?;
        protocols.contains(fallback.protocol()).then_some(fallback)
    }

    fn redirects(&self) -> bool {
        self.query.redirect && self.format == Format::Mirrorlist
    }

    /// Chooses the mirrors that are listed and the repeated URLs that are not, and stores both in
    /// `scratch`.
    fn choose(
        &self,
        target: &Target<'s, 'q>,
        client: &Client,
        rng: &mut Rng,
        scratch: &mut Scratch,
        tracer: &mut impl Tracer,
    ) -> Choice<'static> {
        let Self { edition, options, query, .. } = *self;
        let snapshot = edition.snapshot();
        let requester = self.request.requester;
        let redirects = self.redirects();
        let choice = self.choose_urls(redirects);
        let shaping = &options.shaping;
        let fallback = self.fallback(choice.protocols);
        let criteria = Criteria {
            directory: target.directory,
            client: client.lookup,
            location: client.location,
            countries: query.countries.as_ref(),
            netblocks: query.netblocks,
            private: client.address == canonical(requester.address)
                || options.private_for_ip.include(requester),
            excluded: fallback.map_or(&[], |fallback| fallback.twins(snapshot)),
            protocols: choice.protocols,
            minimum: options.minimum,
            names_contributions: self.format == Format::Mirrorlist && !redirects,
        };
        let Scratch { workspace, selection, repeated, .. } = scratch;
        select::select(snapshot, &criteria, rng, workspace, selection, tracer);
        if shaping.spread {
            spread::spread(snapshot, &target.directory, choice.protocols, selection);
        }
        repeated.find(edition.listings(), &target.directory, choice, selection);
        if !redirects {
            // A redirect skips unusable mirrors first and applies the limit afterwards.
            let max = shaping.max_mirrors();
            let left_out = &repeated.hosts;
            select::limit(max, left_out, snapshot, &criteria, workspace, selection, tracer);
        }
        choice
    }

    /// Decides which URLs of a mirror are listed for this request.
    fn choose_urls(&self, redirects: bool) -> Choice<'static> {
        let shaping = &self.options.shaping;
        let usable = match self.format {
            _ if redirects => ProtocolSet::WEB,
            _ if self.query.protocols.is_some() => ProtocolSet::ALL,
            Format::Mirrorlist | Format::Json => ProtocolSet::TEXT.without(shaping.unlisted),
            Format::Metalink => ProtocolSet::ALL.without(shaping.unlisted),
            // Its only reader, aria2, accepts the same protocols as curl.
            Format::Metalink4 => ProtocolSet::TEXT.without(shaping.unlisted),
        };
        let asked = self.query.protocols.as_ref().map(|protocols| protocols.set);
        let per_host = match (self.format, asked) {
            (Format::Mirrorlist, None) => Some(1),
            (Format::Mirrorlist, Some(asked)) => {
                Some(shaping.urls_per_host.map_or(asked.len(), |limit| limit.min(asked.len())))
            }
            _ => shaping.urls_per_host,
        };
        let protocols = usable.intersect(asked.unwrap_or(ProtocolSet::ALL));
        Choice { protocols, per_host, repeated: &[] }
    }

    /// Finds the file, which a metalink requires; returns an empty view for other formats.
    fn find_file(&self, target: &Target<'s, 'q>) -> Result<FileView<'s>, Refusal<'s, 'q>> {
        const NONE: FileView<'_> = FileView { id: FileId(u32::MAX), versions: &[] };
        if !self.format.describes_file() {
            return Ok(NONE);
        }
        let snapshot = self.edition.snapshot();
        snapshot.find_file(&target.directory, &target.file).ok_or_else(|| {
            let (directory, file) = (target.directory.name, target.file.clone());
            let message = match snapshot.stats().files {
                0 => Message::NoChecksums(directory, file),
                _ => Message::NoMetalink(directory, file),
            };
            Refusal { status: Status::NotFound, message }
        })
    }
}

fn parse_address<'s, 'q>(text: &Cow<'q, str>) -> Result<IpAddr, Refusal<'s, 'q>> {
    match text.parse() {
        Ok(address) => Ok(canonical(address)),
        Err(_) => Err(Refusal::bad_request(Message::BadAddress(text.clone()))),
    }
}
