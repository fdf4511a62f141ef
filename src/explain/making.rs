//! Makes a report of an explanation.

use std::fmt::Display;

use answer::explain::{ExplainedSubject, ExplainedTier, ExplainedUrl, Explanation, NoList, Rank};
use answer::trace::{Cut, FoundVia, Reason, Selected, Verdict};
use answer::{Edition, Endpoint, Options, Request, Scratch, Status, explain, respond};
use encode::text::Text;
use fastrand::Rng;
use model::date::Timestamp;
use model::embedded::AddressForm;
use model::families::IpVersion;
use model::ids::HostId;
use snapshot::Snapshot;
use snapshot::checked::{FaultEffect, FaultView};
use snapshot::provenance::Found;

use super::audience::Audience;
use super::question::Question;
use super::reader;
use super::report::{
    ClientReport, ExcludedReport, MirrorReport, MovedReport, NetblockReport, NetworkReport,
    PointReport, Refused, RepeatedReport, Report, RequestReport, RulesReport, ShapingReport,
    TargetReport, TierReport, UrlReport,
};
use super::wording;

/// Answers a question by the code that answers requests, and says why. Fails if the request gets no list.
pub fn report(
    edition: &Edition,
    options: &Options,
    question: &Question<'_>,
) -> Result<Report, Refused> {
    let Question { path, query, host, requester, now, audience, client, seed } = *question;
    let Some(endpoint) = Endpoint::find(edition, host, path, query) else {
        return Err(Refused {
            code: "no_endpoint".into(),
            message:
                "no list is served at this path: no route has this path and query, and others end \
                      in /mirrorlist, /metalink or /metalink4"
                    .into(),
            status: 404,
            first_line: None,
        });
    };
    let request = Request { endpoint, query, requester, host, now };
    let mut rng = Rng::with_seed(seed);
    let explanation = explain(edition, options, &request, audience.into(), &mut rng)
        .map_err(|no_list| refused(no_list, edition, options, &request))?;
    let snapshot = edition.snapshot();
    let making = Making { snapshot, explanation: &explanation, audience };
    let mut report = making.report(RequestReport {
        path: path.to_owned(),
        query: query.to_owned(),
        host: (!host.is_empty()).then(|| host.to_owned()),
        seed: seed.to_string(),
    });
    report.reading = client.map(|client| reader::read(client, &report));
    Ok(report)
}

/// What the client gets instead of a list.
fn refused(
    NoList { code, message, .. }: NoList,
    edition: &Edition,
    options: &Options,
    request: &Request<'_>,
) -> Refused {
    let (mut scratch, mut body) = (Scratch::default(), Text::default());
    // No list, no chance.
    let mut rng = Rng::with_seed(0);
    let reply = respond(edition, options, request, &mut rng, &mut scratch, &mut body);
    let status = match reply.status {
        Status::Ok => 200,
        Status::Found => 302,
        Status::BadRequest => 400,
        Status::NotFound => 404,
    };
    let body = String::from_utf8(body.into_bytes()).unwrap_or_default();
    let first_line = body.lines().next().unwrap_or("").to_owned();
    Refused { code: code.to_owned(), message, status, first_line: Some(first_line) }
}

/// A report that is being made.
struct Making<'a, 's> {
    snapshot: &'s Snapshot,
    explanation: &'a Explanation<'s>,
    audience: Audience,
}

impl Making<'_, '_> {
    fn report(&self, request: RequestReport) -> Report {
        let client = self.client();
        let rules = self.rules();
        Report {
            generation: self.snapshot.generation().to_string(),
            created: Timestamp { seconds: self.snapshot.created() }.to_string(),
            audience: self.audience,
            request,
            target: self.target(),
            tiers: self.explanation.tiers.iter().map(|tier| self.tier(tier, &rules)).collect(),
            excluded: self.excluded(client.country.as_deref(), &rules),
            shaping: self.shaping(&rules),
            urls: self.explanation.urls.iter().map(|url| self.url(url)).collect(),
            reading: None,
            client,
            rules,
        }
    }

    /// Whether a mirror may be named.
    fn is_shown(&self, host: HostId) -> bool {
        let is_private = self.explanation.is_private.get(host.index()).copied();
        self.audience == Audience::Operator || is_private == Some(false)
    }

    fn key(&self, host: HostId) -> String {
        self.snapshot.hosts().key(host).map(ToString::to_string).unwrap_or_default()
    }

    fn keys(&self, hosts: &[HostId]) -> Vec<String> {
        let shown = hosts.iter().filter(|&&host| self.is_shown(host));
        shown.map(|&host| self.key(host)).collect()
    }

    fn client(&self) -> ClientReport {
        let Explanation { client, lookup, area, continent, asn, netblocks, .. } = self.explanation;
        let place = area.map(|found| found.value);
        let hosts_of = |asn: u32| {
            let of_as = self.snapshot.find_asn(*lookup).filter(|&(number, _)| number == asn);
            of_as.is_some_and(|(_, hosts)| hosts.iter().any(|&host| self.is_shown(host)))
        };
        let asn_shown = asn.as_ref().and_then(|found| found.value).filter(|&asn| hosts_of(asn));
        let netblocks = netblocks.iter().map(|found| NetblockReport {
            prefix: found.prefix.to_string(),
            mirrors: self.keys(found.value),
        });
        ClientReport {
            ip: client.to_string(),
            embedded_ipv4: lookup.embedded().as_ref().map(ToString::to_string),
            country: place.and_then(|place| text(place.location.country())),
            continent: text(*continent),
            point: place
                .and_then(|place| place.point)
                .map(|point| PointReport { lat: point.north(), lon: point.east() }),
            located_by: area.as_ref().map(network),
            asn: asn_shown,
            // Public reports are about mirrors that are shown. A network without one would be that of a
            // private mirror, and so would be the network of a system without one: the data have those of
            // systems that host mirrors.
            asn_by: asn
                .as_ref()
                .filter(|_| self.audience == Audience::Operator || asn_shown.is_some())
                .map(network),
            netblocks: netblocks
                .filter(|netblock| {
                    self.audience == Audience::Operator || !netblock.mirrors.is_empty()
                })
                .collect(),
        }
    }

    fn target(&self) -> TargetReport {
        let Explanation { subject, directory, file, route, format, is_redirect, .. } =
            self.explanation;
        let mut target = TargetReport {
            repo: None,
            arch: None,
            path: None,
            category: None,
            directory: Some((*directory).to_owned()),
            file: Some(file.clone()).filter(|file| !file.is_empty()),
            route: route.clone(),
            format: wording::format(*format, *is_redirect).to_owned(),
        };
        match subject {
            ExplainedSubject::Path(path) => target.path = Some(path.clone()),
            ExplainedSubject::Repository(repo, arch) => {
                (target.repo, target.arch) = (Some(repo.clone()), Some(arch.clone()));
            }
            ExplainedSubject::Category(name) => target.category = Some(name.clone()),
            ExplainedSubject::FixedUrls => target.directory = None,
        }
        target
    }

    fn rules(&self) -> RulesReport {
        let Explanation { rules, protocols, .. } = self.explanation;
        RulesReport {
            order: wording::order(rules.order).to_owned(),
            minimum: rules.minimum,
            max_mirrors: Some(rules.max_mirrors).filter(|&max| max != usize::MAX),
            redirect_links: rules.redirect_links,
            urls_per_mirror: rules.urls_per_mirror.filter(|&max| max != usize::MAX),
            spread: rules.spreads,
            country_only: rules.country_only,
            countries: rules.countries.clone(),
            excluded_servers: rules.left_out.servers.iter().map(ToString::to_string).collect(),
            excluded_countries: rules.left_out.countries.iter().map(ToString::to_string).collect(),
            ip_version: rules.ip_version.map(number),
            first_over_ip: rules.speaks.map(number),
            first_changes: rules.rotates,
            protocols: protocols.iter().map(|protocol| protocol.as_str().to_owned()).collect(),
            fallback: rules.fallback.clone(),
        }
    }

    fn tier(&self, tier: &ExplainedTier, rules: &RulesReport) -> TierReport {
        let km = tier.via.iter().find_map(|via| match via {
            FoundVia::Distance(km) => Some(*km),
            _ => None,
        });
        let rules_by = tier.via.iter().filter(|via| !matches!(via, FoundVia::Distance(_)));
        TierReport {
            tier: tier.tier.as_str().to_owned(),
            by: rules_by.map(|&via| wording::via(via)).collect(),
            km,
            mirrors: tier.hosts.iter().map(|&host| self.mirror(host, rules)).collect(),
        }
    }

    fn mirror(&self, host: HostId, rules: &RulesReport) -> MirrorReport {
        let Explanation { servers, is_private, chances, .. } = self.explanation;
        let hosts = self.snapshot.hosts();
        let (drawn, place, cut) = match self.verdict(host) {
            Some((selected, Ok(place))) => (selected.drawn, Some(place), None),
            Some((selected, Err(cut))) => (selected.drawn, None, Some(cut)),
            None => (0, None, None),
        };
        let chance = chances.get(host.index()).copied().unwrap_or(0.0);
        let fault = self.fault(host);
        MirrorReport {
            mirror: self.key(host),
            server: servers.get(host.index()).copied().flatten().map(str::to_owned),
            country: text(hosts.country(host)),
            km: self.km(host),
            private: is_private.get(host.index()).copied().unwrap_or(false),
            bandwidth_mbit: hosts.bandwidth(host),
            load_percent: hosts.load(host),
            max_share_percent: hosts.max_share(host),
            behind: fault.filter(|fault| fault.effect != FaultEffect::LeftOut).map(wording::fault),
            listed_last: fault.is_some_and(|fault| fault.effect == FaultEffect::Last),
            first_percent: percent(chance),
            drawn: drawn + 1,
            place: place.map(|place| place + 1),
            cut: cut.map(|cut| wording::cut(cut, rules).0.to_owned()),
        }
    }

    /// What checks have found to be wrong with a mirror.
    fn fault(&self, host: HostId) -> Option<FaultView<'_>> {
        self.explanation.faults.get(host.index()).copied().flatten()
    }

    /// How a mirror was selected, with its place or why it has none.
    fn verdict(&self, host: HostId) -> Option<(Selected, Result<usize, Cut>)> {
        match *self.explanation.verdicts.get(host.index())? {
            Verdict::Listed { selected, place } => Some((selected, Ok(place))),
            Verdict::Cut { selected, cut } => Some((selected, Err(cut))),
            Verdict::Out(_) => None,
        }
    }

    /// The distance of a mirror from the client.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no distance on the earth is longer than 20,016 km"
    )]
    fn km(&self, host: HostId) -> Option<u32> {
        let from = self.snapshot.centre(self.explanation.area?.value)?;
        let to = self.snapshot.point_of(host)?;
        Some(from.km_to(to).round() as u32)
    }

    fn excluded(&self, country: Option<&str>, rules: &RulesReport) -> Vec<ExcludedReport> {
        let verdicts = (0..).map(HostId).zip(&self.explanation.verdicts);
        let mut hosts: Vec<_> = verdicts
            .filter_map(|(host, verdict)| match verdict {
                Verdict::Out(reason) if self.is_shown(host) => Some((host, *reason)),
                _ => None,
            })
            .collect();
        hosts.sort_by_key(|&(host, _)| self.snapshot.hosts().key(host));
        let excluded = hosts.into_iter().map(|(host, reason)| {
            let fault = self.fault(host);
            let left_out = fault.filter(|fault| fault.effect == FaultEffect::LeftOut);
            let (rule, detail) = match left_out {
                Some(fault) if reason == Reason::NotCarried => wording::left_out(fault),
                _ => wording::reason(reason, country, rules),
            };
            ExcludedReport { mirror: self.key(host), rule: rule.to_owned(), detail }
        });
        excluded.collect()
    }

    fn shaping(&self, rules: &RulesReport) -> ShapingReport {
        let drawn = || self.explanation.tiers.iter().flat_map(|tier| tier.hosts.iter().copied());
        let verdicts = || drawn().filter_map(|host| Some((host, self.verdict(host)?)));
        // Nobody is moved because those that are behind are listed after all others.
        let is_last =
            |host: HostId| self.fault(host).is_some_and(|fault| fault.effect == FaultEffect::Last);
        let (current, last): (Vec<_>, Vec<_>) = verdicts().partition(|&(host, _)| !is_last(host));
        let mut moved = Vec::new();
        // The rearmost place of a mirror that was drawn before.
        let mut rearmost = 0;
        for (host, (selected, place)) in current.into_iter().chain(last) {
            let Ok(place) = place else { continue };
            if place < rearmost {
                let (rule, detail) = wording::moved(selected.moved);
                moved.push(MovedReport {
                    mirror: self.key(host),
                    rule: rule.to_owned(),
                    detail: detail.to_owned(),
                    from: selected.drawn + 1,
                    to: place + 1,
                });
            }
            rearmost = rearmost.max(place);
        }
        let cut = verdicts().filter_map(|(host, (_, place))| {
            let (rule, detail) = wording::cut(place.err()?, rules);
            Some(ExcludedReport { mirror: self.key(host), rule: rule.to_owned(), detail })
        });
        let repeated = self.explanation.repeated.iter();
        let repeated = repeated
            .filter(|&&(host, _)| self.is_shown(host))
            .map(|(host, url)| RepeatedReport { mirror: self.key(*host), url: url.clone() });
        ShapingReport { moved, cut: cut.collect(), repeated_urls: repeated.collect() }
    }

    fn url(&self, url: &ExplainedUrl) -> UrlReport {
        let tier = match url.host {
            Some(host) => self.verdict(host).map_or("", |(selected, _)| selected.tier.as_str()),
            None if self.explanation.subject == ExplainedSubject::FixedUrls => "fixed",
            None => "fallback",
        };
        let (preference, priority) = match url.rank {
            Some(Rank::Preference(preference)) => (Some(preference), None),
            Some(Rank::Priority(priority)) => (None, Some(priority)),
            None => (None, None),
        };
        UrlReport {
            url: url.url.clone(),
            mirror: url.host.map(|host| self.key(host)),
            tier: tier.to_owned(),
            preference,
            priority,
            object_url: url.is_object_url,
        }
    }
}

fn number(version: IpVersion) -> u8 {
    match version {
        IpVersion::V4 => 4,
        IpVersion::V6 => 6,
    }
}

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn network<T>(found: &Found<T>) -> NetworkReport {
    NetworkReport {
        prefix: found.prefix.to_string(),
        table: found.table.as_str().to_owned(),
        by_embedded_ipv4: found.form == AddressForm::Embedded,
    }
}

/// A probability in percent, to four digits behind the point.
fn percent(chance: f64) -> f64 {
    (chance * 1_000_000.0).round() / 10_000.0
}
