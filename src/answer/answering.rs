//! From an understood request to an answer: target, client, mirrors, URLs, text.

use std::borrow::Cow;
use std::net::IpAddr;

use fastrand::Rng;

use super::asked::Asked;
use super::criteria::{Criteria, SelectionOrder};
use super::document::{Document, Ending, List, push_url_tail};
use super::fixed;
use super::format::Format;
use super::formats::{json, metalink, metalink4, mirrorlist};
use super::front;
use super::lists;
use super::prepared::Edition;
use super::redirect::{self, Redirect};
use super::reply::{LogEntry, Reply};
use super::request::Request;
use super::rules::Rules;
use super::scratch::Buffers;
use super::select;
use super::shaping::Choice;
use super::spread;
use super::status::Status;
use super::target::{self, Message, Refusal, Subject, Target, Wanted};
use super::trace::{NoTrace, Tracer};
use encode::text::Text;
use model::area::AreaId;
use model::embedded::LookupAddresses;
use model::geo::{Country, Location};
use model::ids::FileId;
use model::net::canonical;
use model::tier::Tier;
use routes::options::Header;
use routes::{Match, Standard, Unresolved};
use snapshot::FileView;

/// The client for which mirrors are chosen.
pub(super) struct Client {
    /// The requester's address, or the one in `ip=`.
    pub(super) address: IpAddr,
    /// The addresses by which it is looked up.
    pub(super) lookup: LookupAddresses,
    /// Its area, if known.
    pub(super) area: Option<AreaId>,
    /// The location of that.
    pub(super) location: Option<Location>,
}

/// A request that is understood, and the rules of its answer.
pub(super) struct Answering<'r, 's, 'q> {
    /// The data.
    pub(super) edition: &'s Edition,
    /// The rules.
    pub(super) rules: Rules<'r>,
    /// The request.
    pub(super) request: &'r Request<'q>,
    /// What it asks for.
    pub(super) asked: &'r Asked<'r, 'q>,
    /// Whether private mirrors are listed for who may see them.
    pub(super) shows_private: bool,
}

impl<'r, 's, 'q> Answering<'r, 's, 'q> {
    /// Answers the request; appends the body to `body`.
    pub(super) fn answer(
        &self,
        rng: &mut Rng,
        buffers: &mut Buffers,
        reply: &mut Reply<'q>,
        body: &mut Text,
    ) -> Result<(), Refusal<'s, 'q>> {
        let Self { edition, rules, request, asked, .. } = *self;
        let Asked { query, format, .. } = asked;
        let redirects = query.redirects(*format);
        let target = self.resolve(&mut buffers.key);
        let client = self.find_client();
        // The request is logged whatever the answer is, even if the repository does not exist.
        if let (Ok(client), Some((repo, arch))) = (&client, self.names_for_log()) {
            let (client, country) = self.client_for_log(client);
            reply.log = Some(LogEntry { client, country, repo, arch });
        }
        if let (Ok(Wanted::Urls(urls)), Some(found)) = (&asked.wanted, asked.route) {
            fixed::answer(urls, found, redirects, rules, request.now, reply, body)?;
            self.end(true, reply, body);
            return Ok(());
        }
        let target = target?;
        if let (Some(entry), Subject::Repository(name, arch)) =
            (&mut reply.countme, &target.subject)
        {
            entry.repository = Some([name.as_str(), "+", arch].concat());
        }
        let client = client?;
        let file = self.find_file(&target)?;
        let choice = self.choose(&target, &client, rng, buffers, &mut NoTrace);
        let fallback = rules.fallback(query, choice.protocols);
        let Buffers { selection, repeated, pubdate, url_tail, suffix, tails, .. } = buffers;
        let choice = Choice { repeated: &repeated.urls, ..choice };
        let ending = self.ending(suffix)?;
        if !redirects {
            reply.found = selection.tier(0);
        }
        url_tail.clear();
        push_url_tail(&target, ending, url_tail);
        let document =
            Document { edition, target: &target, selection, choice, fallback, url_tail, ending };
        match format {
            Format::Mirrorlist if redirects => {
                let (redirect, found) = self.redirect(&document)?;
                (reply.redirect, reply.found) = (Some(Box::new(redirect)), found);
                reply.status = Status::Found;
            }
            Format::Mirrorlist => mirrorlist::render(&document, &self.details(), tails, body),
            Format::Metalink => {
                metalink::render(&document, &file, pubdate.at(request.now), tails, body);
            }
            Format::Metalink4 => metalink4::render(&document, &file, request.now, body),
            Format::Json => json::render(&document, body),
            Format::Apt | Format::Pacman | Format::Urpmi | Format::Isolist => {
                if *format == Format::Apt {
                    mirrorlist::push_header(&document, &self.details(), body);
                }
                if let Some(found) = asked.route {
                    let list = List::Mirrors(&document);
                    lists::render(list, *format, edition, found, request.now, body);
                }
            }
        }
        self.end(self.is_as_asked(reply.found), reply, body);
        Ok(())
    }

    /// How URLs end; `suffix` is a reused buffer.
    pub(super) fn ending<'b>(&self, suffix: &'b mut String) -> Result<Ending<'b>, Refusal<'s, 'q>> {
        suffix.clear();
        if let Some(found) = self.asked.route {
            found.push_suffix(suffix).map_err(|reason| self.unresolved(reason))?;
        }
        let route = self.rules.of_route();
        // The lists of images of AlmaLinux have none.
        let slash =
            self.asked.format != Format::Isolist && route.is_none_or(|route| route.trailing_slash);
        Ok(Ending { slash, suffix })
    }

    /// The redirect to the best mirror, and the tier of that.
    pub(super) fn redirect(
        &self,
        document: &Document<'_>,
    ) -> Result<(Redirect, Option<Tier>), Refusal<'s, 'q>> {
        let Self { rules, request, asked, .. } = *self;
        let (max, links) = (rules.max_mirrors(&asked.query), rules.redirect_links());
        let made = redirect::make(document, max, links, request.host);
        made.map_err(|refusal| match refusal.status {
            Status::NotFound if asked.query.is_narrowed() => {
                Refusal { message: Message::Fixed(redirect::NONE_LEFT), ..refusal }
            }
            _ => refusal,
        })
    }

    /// Whether a list whose first mirror is of this tier is what the request asked for, and the same for all
    /// clients. If there is no mirror, or none in the countries asked for, a cache should not keep that.
    fn is_as_asked(&self, found: Option<Tier>) -> bool {
        match (&self.asked.query.countries, found) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(countries), Some(tier)) => countries.global || tier == Tier::Country,
        }
    }

    /// Ends a list as the route says, and sets what belongs to it in `reply`.
    fn end(&self, may_be_kept: bool, reply: &mut Reply<'q>, body: &mut Text) {
        self.rules.end_body(body);
        let Some(route) = self.asked.route.map(Match::options) else { return };
        reply.cache_seconds = route.cache.filter(|_| may_be_kept);
        if let Some(own) = &route.content_type {
            reply.content_type = own;
        } else if self.asked.format == Format::Pacman && !body.as_bytes().is_ascii() {
            // The names of countries.
            reply.content_type = "text/plain; charset=utf-8";
        }
    }

    /// What a text list holds besides its mirrors.
    fn details(&self) -> mirrorlist::Details<'_> {
        let query = &self.asked.query;
        mirrorlist::Details {
            protocols: query.protocols.as_ref(),
            left_out: query.left_out.as_deref(),
            ip_version: query.ip_version,
            created: query.time.then(|| self.edition.snapshot().created()),
            header: self.rules.header(),
        }
    }

    /// Finds the directory that is wanted, and perhaps a file.
    pub(super) fn resolve(&self, key: &mut String) -> Result<Target<'s, 'q>, Refusal<'s, 'q>> {
        let Self { edition, rules, asked, .. } = *self;
        match &asked.wanted {
            Ok(wanted) => {
                target::resolve(edition, &rules.options().aliases, wanted, asked.format, key)
            }
            Err(reason) => Err(self.unresolved(*reason)),
        }
    }

    /// A route that matches does not say what is asked for.
    pub(super) fn unresolved(&self, reason: Unresolved<'q>) -> Refusal<'s, 'q> {
        let status = match reason {
            Unresolved::Missing(_) => Status::Ok,
            _ => Status::NotFound,
        };
        Refusal { status, message: Message::Unresolved(reason) }
    }

    /// The repository and the architecture that the request names, for the log.
    fn names_for_log(&self) -> Option<(Cow<'q, str>, Cow<'q, str>)> {
        let Asked { route, query, wanted, .. } = self.asked;
        let Some(found) = route else {
            let (repo, arch) = (query.repo.as_ref()?, query.arch.as_ref()?);
            return Some((repo.clone(), target::effective_arch(repo, arch)));
        };
        match wanted {
            Ok(Wanted::Repository(repo, arch)) => {
                Some((repo.clone(), target::effective_arch(repo, arch)))
            }
            Ok(Wanted::EachArch(repo, text)) => Some(((*repo).into(), (*text).into())),
            _ => {
                let repo = found.standard_of_request(Standard::Repo)?;
                Some((repo, found.standard_of_request(Standard::Arch).unwrap_or_default()))
            }
        }
    }

    /// The address and the country that are logged.
    fn client_for_log(&self, client: &Client) -> (IpAddr, Option<Country>) {
        let requester = self.request.requester;
        let own = canonical(requester.address);
        // The log is used to count clients, so `ip=` of an untrusted requester is not logged.
        let is_believed = client.address == own || requester.is_trusted;
        let (address, place) = match is_believed {
            true => (client.address, client.location),
            false => (own, self.edition.snapshot().find_location(self.lookup(own))),
        };
        (address, place.and_then(Location::country))
    }

    /// The client and its location: the requester, or the address in `ip=` if the requester may use it.
    pub(super) fn find_client(&self) -> Result<Client, Refusal<'s, 'q>> {
        let snapshot = self.edition.snapshot();
        let requester = self.request.requester;
        let address = match &self.asked.query.ip {
            Some(text) if self.rules.options().allow_ip.include(requester) => parse_address(text)?,
            _ => canonical(requester.address),
        };
        let lookup = self.lookup(address);
        let area = snapshot.find_area(lookup);
        let location = area.and_then(|area| snapshot.area(area)).map(|area| area.location);
        Ok(Client { address, lookup, area, location })
    }

    /// The addresses by which a client is looked up.
    fn lookup(&self, address: IpAddr) -> LookupAddresses {
        let own = self.rules.options().nat64.iter();
        LookupAddresses::of(address, own.chain(self.edition.snapshot().nat64()))
    }

    /// Chooses the mirrors that are listed and the repeated URLs that are not, and stores both in
    /// `buffers`.
    pub(super) fn choose(
        &self,
        target: &Target<'s, 'q>,
        client: &Client,
        rng: &mut Rng,
        buffers: &mut Buffers,
        tracer: &mut impl Tracer,
    ) -> Choice<'r> {
        let Self { edition, rules, asked, .. } = *self;
        let Asked { query, format, .. } = asked;
        let snapshot = edition.snapshot();
        let choice = rules.choose_urls(*format, query);
        let criteria = self.criteria(target, client, choice);
        let max = rules.max_mirrors(query);
        let Buffers { workspace, selection, repeated, .. } = buffers;
        select::select(snapshot, &criteria, rng, workspace, selection, tracer);
        if rules.spreads() {
            let is_by_distance = matches!(criteria.order, SelectionOrder::Nearest);
            let (directory, preferred) = (&target.directory, choice.first());
            spread::spread(snapshot, directory, preferred, is_by_distance, selection);
        }
        let has_steps = *format == Format::Apt;
        if has_steps {
            front::divide_steps(snapshot.hosts(), &criteria, selection);
        }
        front::keep_working(&criteria, max, has_steps, selection, tracer);
        repeated.find(edition.listings(), &target.directory, choice, selection);
        if !query.redirects(*format) {
            // A redirect skips unusable mirrors first and applies the limit afterwards.
            let left_out = &repeated.hosts;
            select::limit(max, left_out, snapshot, &criteria, workspace, selection, tracer);
        }
        choice
    }

    /// What mirrors are chosen by.
    pub(super) fn criteria<'c>(
        &'c self,
        target: &Target<'s, 'q>,
        client: &Client,
        choice: Choice<'_>,
    ) -> Criteria<'c> {
        let Self { edition, rules, asked, .. } = *self;
        let Asked { query, format, .. } = asked;
        let options = rules.options();
        let requester = self.request.requester;
        let redirects = query.redirects(*format);
        let fallback = rules.fallback(query, choice.protocols);
        let is_own = client.address == canonical(requester.address);
        let names_sources = matches!(format, Format::Mirrorlist | Format::Apt) && !redirects;
        let max = rules.max_mirrors(query);
        let of_redirect = if redirects { self.enough_for_redirect() } else { usize::MAX };
        Criteria {
            directory: target.directory,
            client: client.lookup,
            location: client.location,
            area: client.area,
            countries: query.countries.as_ref(),
            netblocks: query.netblocks,
            // Images are for people, who may be elsewhere when they fetch them.
            private: self.shows_private
                && (is_own || options.private_for_ip.include(requester))
                && *format != Format::Isolist,
            excluded: rules.twins(fallback),
            left_out: query.left_out.as_deref(),
            ip_version: query.ip_version,
            protocols: choice.protocols,
            minimum: rules.minimum(),
            enough: max.min(of_redirect).max(rules.minimum()),
            sharing: edition.listings().sharing(),
            speaks: rules.speaks(asked, client.lookup),
            // The further mirrors of a redirect are read by few.
            is_single: redirects || max == 1,
            position: self.position(target, client),
            names_contributions: names_sources && *rules.header() == Header::Usual,
            country_only: rules.country_only(),
            order: rules.order(*format),
        }
    }

    /// The number of mirrors that are enough to redirect to one of them: the further ones, the server that was
    /// asked, which is skipped, and a few that may have too long a URL.
    fn enough_for_redirect(&self) -> usize {
        const SPARE: usize = 4;
        let itself = self.edition.snapshot().hosts().at(self.request.host);
        self.rules.redirect_links() + itself.len() + SPARE
    }

    /// Where the first mirror of a redirect is on the line of chances.
    fn position(&self, target: &Target<'_, '_>, client: &Client) -> Option<f64> {
        let Self { rules, request, asked, .. } = *self;
        rules.position(asked, client.address, target.directory.name, &target.file, request.now)
    }

    /// Finds the file, which a metalink requires; returns an empty view for other formats.
    pub(super) fn find_file(
        &self,
        target: &Target<'s, 'q>,
    ) -> Result<FileView<'s>, Refusal<'s, 'q>> {
        const NONE: FileView<'_> = FileView { id: FileId(u32::MAX), versions: &[] };
        if !self.asked.format.describes_file() {
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
