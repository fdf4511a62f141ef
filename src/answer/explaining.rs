//! Explains an answer: runs the selection with a recorder, and computes what chance decides.

use fastrand::Rng;

use super::answering::{Answering, Client};
use super::asked::Asked;
use super::criteria::SelectionOrder;
use super::document::{Document, Entry, List, plain_ascii, push_url_tail};
use super::explain::{
    ExplainedOrder, ExplainedRules, ExplainedSubject, ExplainedTier, ExplainedUrl, Explanation,
    Rank,
};
use super::first_chances::Drawn;
use super::fixed;
use super::format::Format;
use super::formats::apt;
use super::redirect::Redirect;
use super::reply::Reply;
use super::scratch::Buffers;
use super::shaping::Choice;
use super::status::Status;
use super::target::{Refusal, Subject, Target, Wanted};
use super::trace::{Cut, FoundVia, Recorder, Verdict};
use encode::text::Text;
use model::authority::is_same_server;
use model::base_url::authority;
use model::embedded::LookupAddresses;
use model::ids::HostId;
use model::tier::Tier;
use model::url::ProtocolSet;
use snapshot::checked::FaultView;
use snapshot::{DirectoryView, Snapshot, contains};

impl<'s, 'q> Answering<'_, 's, 'q> {
    /// Explains the answer.
    pub(super) fn explain(&self, rng: &mut Rng) -> Result<Explanation<'s>, Refusal<'s, 'q>> {
        let Self { edition, asked, .. } = *self;
        let snapshot = edition.snapshot();
        let mut buffers = Buffers::default();
        if let Ok(Wanted::Urls(urls)) = asked.wanted {
            return self.explain_fixed(urls);
        }
        let target = self.resolve(&mut buffers.key)?;
        let client = self.find_client()?;
        self.find_file(&target)?;
        let mut recorder = Recorder::new(snapshot.hosts().len());
        let choice = self.choose(&target, &client, rng, &mut buffers, &mut recorder);
        let tiers = recorder.take_tiers();
        let mut verdicts = recorder.finish(&buffers.selection.hosts);
        let mut suffix = String::new();
        let ending = self.ending(&mut suffix)?;
        let mut url_tail = String::new();
        push_url_tail(&target, ending, &mut url_tail);
        let choice = Choice { repeated: &buffers.repeated.urls, ..choice };
        let document = Document {
            edition,
            target: &target,
            selection: &buffers.selection,
            choice,
            fallback: self.rules.fallback(&asked.query, choice.protocols),
            url_tail: &url_tail,
            ending,
        };
        let urls = self.urls(&document)?;
        if asked.query.redirects(asked.format) {
            place_in_redirect(&urls, &mut verdicts);
        }
        let repeated = repeated(&document, choice);
        let tiers = divide(tiers, &verdicts);
        let drawn = Drawn {
            index: snapshot.hosts(),
            criteria: &self.criteria(&target, &client, choice),
            tiers: &tiers,
        };
        let chances = drawn.chances(&self.skipped(&document));
        let rules = self.explained_rules(client.lookup, choice);
        // Of one mirror alone there is no other.
        let n_first = chances.iter().filter(|&&chance| chance > 0.0).count();
        let rules = ExplainedRules { rotates: rules.rotates && n_first > 1, ..rules };
        Ok(Explanation {
            subject: subject(&target),
            directory: target.directory.name,
            file: target.file.clone().into_owned(),
            protocols: choice.protocols,
            rules,
            servers: servers(snapshot, &target.directory),
            is_private: private(snapshot, &target.directory),
            faults: faults(snapshot, &target.directory),
            tiers,
            verdicts,
            chances,
            repeated,
            urls,
            ..self.nothing(client)
        })
    }

    /// The explanation of an answer without mirrors, for a client.
    fn nothing(&self, client: Client) -> Explanation<'s> {
        let snapshot = self.edition.snapshot();
        let Client { address, lookup, location, .. } = client;
        let Asked { query, format, route, .. } = self.asked;
        Explanation {
            client: address,
            lookup,
            area: snapshot.trace_area(lookup),
            continent: match location.and_then(|location| location.country()) {
                Some(country) => snapshot.find_continent(country),
                None => location.and_then(|location| location.continent()),
            },
            asn: snapshot.trace_asn(lookup),
            netblocks: snapshot.trace_netblocks(lookup).collect(),
            route: route.map(|found| found.name().to_owned()),
            subject: ExplainedSubject::FixedUrls,
            directory: "",
            file: String::new(),
            format: *format,
            is_redirect: query.redirects(*format),
            protocols: ProtocolSet::EMPTY,
            rules: self.explained_rules(lookup, self.rules.choose_urls(*format, query)),
            tiers: Vec::new(),
            verdicts: Vec::new(),
            chances: Vec::new(),
            servers: Vec::new(),
            is_private: Vec::new(),
            faults: Vec::new(),
            repeated: Vec::new(),
            urls: Vec::new(),
        }
    }

    fn explained_rules(&self, client: LookupAddresses, choice: Choice<'_>) -> ExplainedRules {
        let Self { rules, asked, .. } = *self;
        let Asked { query, format, .. } = asked;
        let countries = query.countries.as_ref().map(|countries| {
            let codes = countries.codes.iter().map(ToString::to_string);
            codes.chain(countries.global.then(|| "global".to_owned())).collect()
        });
        ExplainedRules {
            order: match rules.order(*format) {
                SelectionOrder::Tiers => ExplainedOrder::Tiers,
                SelectionOrder::Nearest => ExplainedOrder::Nearest,
                SelectionOrder::Random => ExplainedOrder::Random,
                SelectionOrder::Fixed(_) => ExplainedOrder::Fixed,
            },
            minimum: rules.minimum(),
            max_mirrors: rules.max_mirrors(query),
            redirect_links: query.redirects(*format).then(|| rules.redirect_links()),
            urls_per_mirror: choice.per_host,
            spreads: rules.spreads(),
            country_only: rules.country_only(),
            countries,
            left_out: query.left_out.as_deref().cloned().unwrap_or_default(),
            ip_version: query.ip_version,
            speaks: rules.speaks(asked, client),
            rotates: rules.retries(asked).is_some(),
            fallback: rules
                .fallback(query, choice.protocols)
                .map(|fallback| fallback.base().to_owned()),
        }
    }

    /// A route that names its URLs.
    fn explain_fixed(&self, urls: &str) -> Result<Explanation<'s>, Refusal<'s, 'q>> {
        let Self { rules, request, asked, .. } = *self;
        let client = self.find_client()?;
        let Some(found) = asked.route else { return Ok(self.nothing(client)) };
        let redirects = asked.query.redirects(asked.format);
        // What is refused is refused here as well.
        let mut reply = Reply {
            status: Status::Ok,
            content_type: "",
            varies_by_accept: false,
            cache_seconds: None,
            n_constant: 0,
            redirect: None,
            found: None,
            log: None,
            countme: None,
        };
        let mut body = Text::default();
        fixed::answer(urls, found, redirects, rules, request.now, &mut reply, &mut body)?;
        let is_json = reply.redirect.is_none() && asked.format == Format::Json;
        let urls = match &reply.redirect {
            Some(redirect) => redirected(redirect).map(|url| (url, None)).collect(),
            None => {
                let place = |(place, url): (usize, &str)| {
                    (url.to_owned(), rank(asked.format, place, Some(0), List::Fixed(urls)))
                };
                urls.lines().enumerate().map(place).collect::<Vec<_>>()
            }
        };
        let urls = urls.into_iter().map(|(url, rank)| ExplainedUrl {
            url,
            host: None,
            rank,
            is_object_url: is_json.then_some(true),
        });
        Ok(Explanation { urls: urls.collect(), ..self.nothing(client) })
    }

    /// The URLs of the answer.
    fn urls(&self, document: &Document<'_>) -> Result<Vec<ExplainedUrl>, Refusal<'s, 'q>> {
        let Asked { query, format, .. } = self.asked;
        if query.redirects(*format) {
            let (redirect, _) = self.redirect(document)?;
            let known = redirectable(document);
            let find = |url: &str| known.iter().find(|(_, known)| known == url);
            let urls = redirected(&redirect).map(|url| {
                let host = find(&url).map(|&(host, _)| host);
                ExplainedUrl { url, host, rank: None, is_object_url: None }
            });
            return Ok(urls.collect());
        }
        let mut urls = Vec::new();
        let (mut place, mut last) = (0, None);
        let list = List::Mirrors(document);
        let is_best = |url: &str, host: HostId| {
            let best = document.choice.preferred(document.listings().of(host)).next();
            best.is_some_and(|best| document.edition.listings().url(best) == url)
        };
        list.each(|Entry { url, host, step }| {
            // The URLs of a mirror stand together.
            if host != last && last.is_some() {
                place += 1;
            }
            last = host;
            urls.push(ExplainedUrl {
                url: url.concat(),
                host,
                rank: rank(*format, place, step, list),
                is_object_url: (*format == Format::Json)
                    .then(|| host.is_none_or(|host| is_best(url[0], host))),
            });
        });
        Ok(urls)
    }

    /// The mirrors that a redirect skips: the server that was asked.
    fn skipped(&self, document: &Document<'_>) -> Vec<HostId> {
        if !self.asked.query.redirects(self.asked.format) {
            return Vec::new();
        }
        let host = self.request.host;
        let urls = redirectable(document);
        let leads_back = |url: &str| is_same_server(authority(url), host);
        let all = document.selection.hosts.iter().copied();
        let is_skipped = |mirror: &HostId| {
            urls.iter().filter(|(own, _)| own == mirror).all(|(_, url)| leads_back(url))
        };
        all.filter(is_skipped).collect()
    }
}

/// The URLs of a redirect: where it leads, then those of its `Link` header.
fn redirected(redirect: &Redirect) -> impl Iterator<Item = String> {
    let links = redirect.link.as_deref().unwrap_or("").split(", <").filter_map(|link| {
        let (url, _) = link.strip_prefix('<').unwrap_or(link).split_once('>')?;
        Some(url)
    });
    std::iter::once(redirect.location.as_str()).chain(links).map(str::to_owned)
}

/// Every URL to which a redirect can lead, with its mirror.
fn redirectable(document: &Document<'_>) -> Vec<(HostId, String)> {
    let (listings, of_hosts) = (document.edition.listings(), document.listings());
    let web = document.choice.protocols.intersect(ProtocolSet::WEB);
    let mut urls = Vec::new();
    for &host in &document.selection.hosts {
        for listing in of_hosts.of(host).iter().filter(|listing| web.contains(listing.protocol)) {
            let url = [&plain_ascii(listings.url(listing)), document.url_tail].concat();
            urls.push((host, url));
        }
    }
    urls
}

/// Corrects the verdicts about listed mirrors: a redirect has fewer than the list.
fn place_in_redirect(urls: &[ExplainedUrl], verdicts: &mut [Verdict]) {
    let mut named: Vec<HostId> = Vec::new();
    for host in urls.iter().filter_map(|url| url.host) {
        if !named.contains(&host) {
            named.push(host);
        }
    }
    for (host, verdict) in (0..).map(HostId).zip(verdicts) {
        if let Verdict::Listed { selected, .. } = *verdict {
            *verdict = match named.iter().position(|&own| own == host) {
                Some(place) => Verdict::Listed { selected, place },
                None => Verdict::Cut { selected, cut: Cut::NotLinked },
            };
        }
    }
}

fn repeated(document: &Document<'_>, choice: Choice<'_>) -> Vec<(HostId, String)> {
    if choice.repeated.is_empty() {
        return Vec::new();
    }
    let (listings, of_hosts) = (document.edition.listings(), document.listings());
    let mut repeated = Vec::new();
    for host in (0..).map(HostId).take(document.edition.snapshot().hosts().len()) {
        for listing in of_hosts.of(host) {
            if choice.repeated.binary_search(&listing.url).is_ok() {
                repeated.push((host, [listings.url(listing), document.url_tail].concat()));
            }
        }
    }
    repeated
}

/// The rank that a format writes beside a URL. `place` is that of its mirror.
fn rank(format: Format, place: usize, step: Option<usize>, list: List<'_>) -> Option<Rank> {
    match format {
        Format::Metalink | Format::Json => Some(Rank::Preference(Document::preference(place))),
        Format::Metalink4 => Some(Rank::Priority(place as u64 + 1)),
        Format::Apt => Some(Rank::Priority(apt::priority(list, step))),
        Format::Mirrorlist | Format::Pacman | Format::Urpmi | Format::Isolist => None,
    }
}

/// Divides the tier of networks into one for each network, because a more specific one comes first.
fn divide(tiers: Vec<(Tier, Vec<HostId>)>, verdicts: &[Verdict]) -> Vec<ExplainedTier> {
    let via = |host: HostId| match verdicts.get(host.index()) {
        Some(Verdict::Listed { selected, .. } | Verdict::Cut { selected, .. }) => {
            Some(selected.via)
        }
        _ => None,
    };
    let mut divided: Vec<ExplainedTier> = Vec::new();
    for (tier, hosts) in tiers {
        let same =
            |one: &HostId, other: &HostId| tier != Tier::Netblock || via(*one) == via(*other);
        for hosts in hosts.chunk_by(same) {
            let mut rules: Vec<FoundVia> = Vec::new();
            for rule in hosts.iter().filter_map(|&host| via(host)) {
                if !rules.contains(&rule) {
                    rules.push(rule);
                }
            }
            divided.push(ExplainedTier { tier, via: rules, hosts: hosts.to_vec() });
        }
    }
    divided
}

fn subject(target: &Target<'_, '_>) -> ExplainedSubject {
    match &target.subject {
        Subject::Path(path) => ExplainedSubject::Path(path.clone().into_owned()),
        Subject::Repository(name, arch) => {
            ExplainedSubject::Repository(name.as_str().to_owned(), arch.clone().into_owned())
        }
        Subject::Category(name) => ExplainedSubject::Category((*name).to_owned()),
    }
}

fn servers<'s>(snapshot: &'s Snapshot, directory: &DirectoryView<'s>) -> Vec<Option<&'s str>> {
    let slots = directory.layout.slots().iter();
    let first = slots.map(|slot| snapshot.urls((*slot)?).next());
    first.map(|url| url.map(|(_, url)| authority(url))).collect()
}

fn faults<'s>(snapshot: &'s Snapshot, directory: &DirectoryView<'s>) -> Vec<Option<FaultView<'s>>> {
    let hosts = (0..).map(HostId).take(snapshot.hosts().len());
    hosts.map(|host| snapshot.find_fault(host, directory)).collect()
}

/// Whether each mirror is listed for its own networks only: in this directory, or everywhere if it does
/// not carry it.
fn private(snapshot: &Snapshot, directory: &DirectoryView<'_>) -> Vec<bool> {
    let slots = directory.layout.slots();
    let hosts = (0..).map(HostId).take(snapshot.hosts().len());
    let is_private = |host: HostId| match slots.get(host.index()) {
        Some(Some(slot)) => !slot.public,
        _ => !snapshot.layouts().iter().any(|layout| contains(layout.public(), host)),
    };
    hosts.map(is_private).collect()
}
