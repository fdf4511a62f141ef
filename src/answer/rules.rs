//! The rules of an answer: the operator's options, with what the route of a request changes.

use std::net::IpAddr;
use std::num::NonZeroU64;

use super::asked::Asked;
use super::criteria::SelectionOrder;
use super::format::Format;
use super::options::Options;
use super::policy::Policy;
use super::prepared::Edition;
use super::query::Query;
use super::retry;
use super::shaping::{Choice, Fallback};
use encode::text::Text;
use model::base_url::authority;
use model::embedded::LookupAddresses;
use model::families::IpVersion;
use model::ids::HostId;
use model::url::{Protocol, ProtocolSet};
use routes::options::{Header, Order};
use routes::{Match, RouteOptions};

/// The rules of an answer.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    edition: &'a Edition,
    options: &'a Options,
    /// The position of the route in the catalog, and what it changes.
    route: Option<(usize, &'a RouteOptions)>,
}

impl<'a> Rules<'a> {
    /// The rules of a path that is built in, or of a route.
    pub(super) fn new(
        edition: &'a Edition,
        options: &'a Options,
        found: Option<&Match<'a, '_>>,
    ) -> Self {
        let route = found.map(|found| (found.position(), found.options()));
        Self { edition, options, route }
    }

    /// The data.
    pub(super) fn edition(self) -> &'a Edition {
        self.edition
    }

    /// The operator's options.
    pub(super) fn options(self) -> &'a Options {
        self.options
    }

    /// What the route changes; `None` at a path that is built in.
    pub(super) fn of_route(self) -> Option<&'a RouteOptions> {
        self.route.map(|(_, options)| options)
    }

    /// The most mirrors, without the fallback.
    pub(super) fn max_mirrors(self, query: &Query<'_>) -> usize {
        let of_route = self.of_route().and_then(|route| route.limit);
        let most = of_route.unwrap_or_else(|| self.options.shaping.max_mirrors());
        query.limit.map_or(most, |limit| limit.min(most))
    }

    /// Mirrors of the whole world are added if fewer than this were found.
    pub(super) fn minimum(self) -> usize {
        self.of_route().and_then(|route| route.minimum).unwrap_or(self.options.minimum)
    }

    /// Whether only mirrors of one country are listed.
    pub(super) fn country_only(self) -> bool {
        self.of_route().is_some_and(|route| route.country_only)
    }

    /// The order of mirrors.
    pub(super) fn order(self, format: Format) -> SelectionOrder<'a> {
        let by_policy = match self.options.policy {
            Policy::Tiers => SelectionOrder::Tiers,
            Policy::Nearest => SelectionOrder::Nearest,
        };
        let Some(order) = self.of_route().and_then(|route| route.order) else { return by_policy };
        let by_country = format == Format::Pacman;
        match (order, self.edition.for_routes().order(order, by_country)) {
            (_, Some(hosts)) => SelectionOrder::Fixed(hosts),
            (Order::Nearest, None) => SelectionOrder::Nearest,
            (Order::Random, None) => SelectionOrder::Random,
            (Order::Tier | Order::Name | Order::Static, None) => SelectionOrder::Tiers,
        }
    }

    /// Whether the first mirrors should be of different networks.
    pub(super) fn spreads(self) -> bool {
        let is_same_for_all = self.of_route().is_some_and(RouteOptions::has_order_for_all);
        self.options.shaping.spread && !is_same_for_all
    }

    /// The server that is listed last, whatever its protocol: that of the route, or else of the options,
    /// or else of the data.
    pub(super) fn any_fallback(self) -> Option<&'a Fallback> {
        let of_route =
            self.route.and_then(|(position, _)| self.edition.for_routes().fallback(position));
        let of_route = of_route.map(|(fallback, _)| fallback);
        let of_options = || self.options.shaping.fallback.as_ref();
        of_route.or_else(of_options).or_else(|| self.edition.fallback())
    }

    /// The server that is listed last, if it offers one of `protocols` and the request does not exclude it.
    /// It is in no country.
    pub(super) fn fallback(
        self,
        query: &Query<'_>,
        protocols: ProtocolSet,
    ) -> Option<&'a Fallback> {
        let is_left_out = |fallback: &&Fallback| {
            let left_out = query.left_out.as_ref();
            left_out.is_some_and(|out| out.has_server(authority(fallback.base())))
        };
        let fallback = self.any_fallback().filter(|fallback| !is_left_out(fallback));
        fallback.filter(|fallback| protocols.contains(fallback.protocol()))
    }

    /// The mirrors that are the same server as `fallback`.
    pub(super) fn twins(self, fallback: Option<&Fallback>) -> &'a [HostId] {
        let prepared =
            self.route.and_then(|(position, _)| self.edition.for_routes().fallback(position));
        match (fallback, prepared) {
            (None, _) => &[],
            (Some(_), Some((_, twins))) => twins,
            (Some(fallback), None) => fallback.twins(self.edition.snapshot()),
        }
    }

    /// The most further mirrors in the `Link` header of a redirect.
    pub(super) fn redirect_links(self) -> usize {
        self.options.redirect_links
    }

    /// Where the first mirror of a redirect to a file is on the line of chances
    /// ([`Criteria::position`](super::criteria::Criteria::position)); `None` if it is the first one of a list.
    pub(super) fn position(
        self,
        asked: &Asked<'_, '_>,
        client: IpAddr,
        directory: &str,
        file: &str,
        now: u64,
    ) -> Option<f64> {
        let every = self.retries(asked)?;
        Some(retry::position(client, (directory, file), now, every))
    }

    /// After how many seconds a redirect has another first mirror, if it ever has.
    pub(super) fn retries(self, asked: &Asked<'_, '_>) -> Option<NonZeroU64> {
        let depends_on_client = asked.query.redirects(asked.format) && !self.is_fixed(asked.format);
        self.options.redirect_retry.filter(|_| depends_on_client)
    }

    /// The version of IP by which mirrors are ordered for a client; `None` if it does not count, as in lists
    /// that are the same for all clients.
    pub(super) fn speaks(
        self,
        asked: &Asked<'_, '_>,
        client: LookupAddresses,
    ) -> Option<IpVersion> {
        if self.is_fixed(asked.format) {
            return None;
        }
        let own = self.options.families.then(|| client.version());
        asked.query.ip_version.or(own)
    }

    /// Whether the order of mirrors is the same for all clients.
    fn is_fixed(self, format: Format) -> bool {
        matches!(self.order(format), SelectionOrder::Fixed(_))
    }

    /// Ends the body of a list as the route says.
    pub(super) fn end_body(self, body: &mut Text) {
        if self.of_route().is_some_and(|route| !route.final_newline) {
            body.pop_newline();
        }
    }

    /// The comment at the beginning of a list.
    pub(super) fn header(self) -> &'a Header {
        self.of_route().map_or(&Header::Usual, |route| &route.header)
    }

    /// Decides which URLs of a mirror are listed.
    pub(super) fn choose_urls(self, format: Format, query: &Query<'_>) -> Choice<'a> {
        let redirects = query.redirects(format);
        let shaping = &self.options.shaping;
        let route = self.of_route();
        let preferred = route.and_then(|route| route.prefer.as_deref());
        let usable = match (format, preferred) {
            (_, Some(preferred)) => {
                let set = preferred.iter().copied().fold(ProtocolSet::EMPTY, ProtocolSet::with);
                if redirects { set.intersect(ProtocolSet::WEB) } else { set }
            }
            _ if redirects => ProtocolSet::WEB,
            _ if query.protocols.is_some() => ProtocolSet::ALL,
            (Format::Mirrorlist | Format::Json | Format::Pacman | Format::Isolist, None) => {
                ProtocolSet::TEXT.without(shaping.unlisted)
            }
            (Format::Metalink | Format::Urpmi, None) => ProtocolSet::ALL.without(shaping.unlisted),
            // Its only reader, aria2, accepts the same protocols as curl.
            (Format::Metalink4, None) => ProtocolSet::TEXT.without(shaping.unlisted),
            (Format::Apt, None) => ProtocolSet::WEB.without(shaping.unlisted),
        };
        let asked = query.protocols.as_ref().map(|protocols| protocols.set);
        let per_host = match (format, asked) {
            _ if route.is_some_and(|route| route.urls_per_mirror.is_some()) => {
                route.and_then(|route| route.urls_per_mirror)
            }
            (Format::Mirrorlist | Format::Apt | Format::Isolist, None) => Some(1),
            (Format::Mirrorlist | Format::Apt | Format::Isolist, Some(asked)) => {
                Some(shaping.urls_per_host.map_or(asked.len(), |limit| limit.min(asked.len())))
            }
            // The order of the data would not be that of the route.
            _ if preferred.is_some() => shaping.urls_per_host.or(Some(usize::MAX)),
            _ => shaping.urls_per_host,
        };
        let protocols = usable.intersect(asked.unwrap_or(ProtocolSet::ALL));
        let order = preferred.unwrap_or(&Protocol::ALL);
        Choice { protocols, order, per_host, repeated: &[] }
    }
}
