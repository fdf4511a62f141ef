//! The query of a request, parsed once into a type that holds only valid values.
//!
//! Parameters are separated by `&`; of equal ones the last counts; unknown ones (`infra=` and others)
//! are ignored, and `countme=` is read apart (`Countme::of_request`). Values are percent-decoded once. A
//! literal `+` stays a plus sign, because proxies rewrite paths such as `…/c++/…` into `path=`.

use std::borrow::Cow;

use super::bad_query::{BadQuery, MAX_VALUE};
use super::format::Format;
use super::left_out::LeftOut;
use super::options::Options;
use model::families::IpVersion;
use model::geo::Country;
use model::percent::{self, NotUtf8};
use model::url::{Protocol, ProtocolSet};
use routes::{Errors, Match, RouteFormat, Standard};

/// The parsed parameters of a request.
#[derive(Debug, Default)]
pub struct Query<'a> {
    /// `repo=`.
    pub repo: Option<Cow<'a, str>>,
    /// `arch=`.
    pub arch: Option<Cow<'a, str>>,
    /// `path=`.
    pub path: Option<Cow<'a, str>>,
    /// `ip=`, if not empty: the address to answer for, not yet parsed.
    pub ip: Option<Cow<'a, str>>,
    /// `country=`, if not empty.
    pub countries: Option<Countries>,
    /// `protocol=`, if not empty.
    pub protocols: Option<Protocols<'a>>,
    /// `exclude=` and `not_country=`, if they name anything. Boxed, because they are rare.
    pub left_out: Option<Box<LeftOut>>,
    /// `ip_version=`, if it names one version alone.
    pub ip_version: Option<IpVersion>,
    /// Whether netblocks and autonomous systems count. As in the reference, every value of `netblock=`
    /// but `1` turns them off.
    pub netblocks: bool,
    /// Whether `time` is given, with or without a value.
    pub time: bool,
    /// Whether `redirect` is given, with or without a value.
    pub redirect: bool,
    /// Whether `format=json` is given; other values are ignored.
    pub json: bool,
    /// The most mirrors that are wanted. Only routes of a catalog have a parameter for it.
    pub limit: Option<usize>,
}

/// The value of `countme=`: the age of an installation, which dnf sends once a week (1 is the first
/// week, 4 more than half a year).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Countme {
    /// 1 to 4.
    Bucket(u8),
    /// Anything else.
    Other,
}

impl Countme {
    /// Finds the value in a raw query. The query may be invalid, because a request is counted
    /// whatever its answer is.
    fn find(query: &str) -> Option<Self> {
        let value =
            query.split('&').rev().find_map(|parameter| parameter.strip_prefix("countme="))?;
        Some(Self::of(value))
    }

    /// Reads a value.
    fn of(value: &str) -> Self {
        match value.as_bytes() {
            [digit @ b'1'..=b'4'] => Self::Bucket(digit - b'0'),
            _ => Self::Other,
        }
    }

    /// The value of the variable `countme` of a route.
    fn of_route(found: &Match<'_, '_>) -> Option<Self> {
        found.standard(Standard::Countme).map(Self::of)
    }

    /// Reads a request: what its route says, or else its raw query.
    pub fn of_request(route: Option<&Match<'_, '_>>, query: &str) -> Option<Self> {
        route.and_then(Self::of_route).or_else(|| Self::find(query))
    }
}

/// The countries of `country=`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Countries {
    /// Distinct codes in ascending order. Codes that cannot be a country's are left out; like a
    /// country without mirrors they match no mirror.
    pub codes: Vec<Country>,
    /// Whether `global` is one of the values.
    pub global: bool,
}

/// The protocols of `protocol=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protocols<'a> {
    /// The known protocols; unknown ones match no mirror.
    pub set: ProtocolSet,
    /// The text that the client sent, for the first line of the answer.
    pub text: Cow<'a, str>,
}

impl<'a> Query<'a> {
    /// Whether the answer of a format becomes a redirect.
    pub fn redirects(&self, format: Format) -> bool {
        self.redirect && format == Format::Mirrorlist
    }

    /// Whether it leaves mirrors out that could be listed otherwise, for their hosts, their countries or
    /// their version of IP.
    pub fn is_narrowed(&self) -> bool {
        self.left_out.is_some() || self.ip_version.is_some()
    }

    /// Reads the part of a request target behind `?`.
    pub fn parse(text: &'a str, options: &Options) -> Result<Self, BadQuery> {
        let mut query = Self { netblocks: true, ..Self::default() };
        let mut country = None;
        let mut protocol = None;
        let (mut excluded, mut not_country) = (None, None);
        let mut ip_versions = IpVersions::default();
        for (count, parameter) in (1..).zip(parameters(text)) {
            if count > options.max_parameters {
                return Err(BadQuery::Parameters(options.max_parameters));
            }
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match key {
                "repo" => query.repo = Some(decode("repo", value)?),
                "arch" => query.arch = Some(decode("arch", value)?),
                "path" => query.path = Some(decode("path", value)?),
                "ip" => query.ip = not_empty(decode("ip", value)?),
                "country" => country = not_empty(decode("country", value)?),
                "protocol" => protocol = not_empty(decode("protocol", value)?),
                "exclude" => excluded = not_empty(decode("exclude", value)?),
                "not_country" => not_country = not_empty(decode("not_country", value)?),
                "ip_version" => ip_versions.add(&decode("ip_version", value)?)?,
                "netblock" => query.netblocks = value == "1",
                "time" => query.time = true,
                "redirect" => query.redirect = true,
                "format" => query.json = value.eq_ignore_ascii_case("json"),
                _ => {}
            }
        }
        query.countries =
            country.map(|text| Countries::parse(&text, options.max_countries)).transpose()?;
        query.protocols =
            protocol.map(|text| Protocols::parse(text, options.max_protocols)).transpose()?;
        query.left_out = read_left_out(excluded.as_deref(), not_country.as_deref(), options)?;
        query.ip_version = ip_versions.only();
        Ok(query)
    }

    /// Takes what the variables of a route say, which are filled from `text`, the part behind `?`, as well. `repo`, `arch` and `path` are left to its target.
    pub fn of_route(
        found: &Match<'_, 'a>,
        text: &str,
        options: &Options,
    ) -> Result<Self, BadQuery> {
        if parameters(text).nth(options.max_parameters).is_some() {
            return Err(BadQuery::Parameters(options.max_parameters));
        }
        let value = |variable| found.standard(variable).filter(|value| !value.is_empty());
        let mut query = Self {
            netblocks: true,
            ip: found.standard_of_request(Standard::Ip).and_then(not_empty),
            time: value(Standard::Time).is_some(),
            redirect: found.format() == RouteFormat::Redirect
                || value(Standard::Redirect).is_some(),
            ..Self::default()
        };
        let is_strict = found.errors() == Errors::Alma;
        if let Some(text) = value(Standard::Country) {
            if is_strict && has_no_country(text) {
                return Err(BadQuery::NoCountry);
            }
            let mut countries = Countries::parse(text, options.max_countries)?;
            // As archlinux.org says it.
            countries.global |= text.split(',').any(|item| item.eq_ignore_ascii_case("all"));
            query.countries = Some(countries);
        }
        if let Some(text) = value(Standard::Protocol) {
            let listed = found.options().prefer.as_deref().unwrap_or(&Protocol::ALL);
            let is_other = |item: &str| Protocol::parse(item).is_none_or(|p| !listed.contains(&p));
            if is_strict && text.split(',').any(is_other) {
                return Err(BadQuery::OtherProtocol);
            }
            let text = found.standard_of_request(Standard::Protocol).unwrap_or_default();
            query.protocols = Some(Protocols::parse(text, options.max_protocols)?);
        }
        let not_country = value(Standard::NotCountry);
        if is_strict && not_country.is_some_and(has_no_country) {
            return Err(BadQuery::NoCountry);
        }
        query.left_out = read_left_out(value(Standard::Exclude), not_country, options)?;
        if let Some(text) = value(Standard::IpVersion) {
            let mut ip_versions = IpVersions::default();
            ip_versions.add(text)?;
            query.ip_version = ip_versions.only();
        }
        if let Some(text) = value(Standard::Limit) {
            query.limit = Some(parse_limit(text).ok_or(BadQuery::Limit)?);
        }
        Ok(query)
    }
}

/// Whether a list has an item that is not a country's code.
fn has_no_country(text: &str) -> bool {
    text.split(',').any(|item| Country::parse(item).is_none())
}

/// Reads what is to be left out; `None` if that is nothing.
fn read_left_out(
    hosts: Option<&str>,
    countries: Option<&str>,
    options: &Options,
) -> Result<Option<Box<LeftOut>>, BadQuery> {
    // The usual case.
    if hosts.is_none() && countries.is_none() {
        return Ok(None);
    }
    let countries =
        countries.map(|text| Countries::parse(text, options.max_countries)).transpose()?;
    let left_out = LeftOut {
        servers: LeftOut::parse_servers(hosts.unwrap_or_default(), options.max_excluded)?,
        countries: countries.map_or_else(Vec::new, |countries| countries.codes),
    };
    Ok((!left_out.is_empty()).then(|| Box::new(left_out)))
}

/// The versions of IP that were asked for.
#[derive(Default)]
struct IpVersions([bool; 2]);

impl IpVersions {
    /// Adds those of a list.
    fn add(&mut self, text: &str) -> Result<(), BadQuery> {
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let version = IpVersion::parse(item).ok_or(BadQuery::IpVersion)?;
            let [v4, v6] = &mut self.0;
            match version {
                IpVersion::V4 => *v4 = true,
                IpVersion::V6 => *v6 = true,
            }
        }
        Ok(())
    }

    /// The version, if there is one alone: who asks for both takes any mirror, as at archlinux.org.
    fn only(&self) -> Option<IpVersion> {
        match self.0 {
            [true, false] => Some(IpVersion::V4),
            [false, true] => Some(IpVersion::V6),
            [true, true] | [false, false] => None,
        }
    }
}

/// The parameters of a query, without empty ones.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    text.split('&').filter(|parameter| !parameter.is_empty())
}

/// Reads a number of mirrors. There are never more than can be counted.
fn parse_limit(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(usize::MAX)).filter(|&limit| limit > 0)
}

impl Countries {
    fn parse(text: &str, limit: usize) -> Result<Self, BadQuery> {
        let mut countries = Self::default();
        for item in text.split(',') {
            if item.eq_ignore_ascii_case("global") {
                countries.global = true;
            } else if let Some(country) = Country::parse(item)
                && let Err(at) = countries.codes.binary_search(&country)
            {
                if countries.codes.len() >= limit {
                    return Err(BadQuery::Countries(limit));
                }
                countries.codes.insert(at, country);
            }
        }
        Ok(countries)
    }
}

impl<'a> Protocols<'a> {
    fn parse(text: Cow<'a, str>, limit: usize) -> Result<Self, BadQuery> {
        if text.split(',').nth(limit).is_some() {
            return Err(BadQuery::Protocols(limit));
        }
        let known = text.split(',').filter_map(|item| Protocol::parse(item.trim()));
        let set = known.fold(ProtocolSet::EMPTY, ProtocolSet::with);
        Ok(Self { set, text })
    }
}

fn not_empty(text: Cow<'_, str>) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text)
}

/// Percent-decodes a value. A `%` that is not followed by two hex digits is kept.
fn decode<'a>(name: &'static str, value: &'a str) -> Result<Cow<'a, str>, BadQuery> {
    let decoded = percent::decode(value).map_err(|NotUtf8| BadQuery::NotUtf8(name))?;
    if decoded.len() > MAX_VALUE {
        return Err(BadQuery::TooLong(name));
    }
    if decoded.chars().any(char::is_control) {
        return Err(BadQuery::Control(name));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Query<'_>, BadQuery> {
        Query::parse(text, &Options::default())
    }

    #[track_caller]
    fn parsed(text: &str) -> Query<'_> {
        parse(text).expect("a query within the limits")
    }

    #[test]
    fn the_last_of_equal_parameters_counts_and_unknown_ones_are_tolerated() {
        let query = parsed("repo=a&arch=x86_64&countme=3&repo=b&&infra=%00&release");
        assert_eq!(query.repo.as_deref(), Some("b"));
        assert_eq!(query.arch.as_deref(), Some("x86_64"));
        assert!(query.path.is_none() && !query.time && !query.redirect && query.netblocks);
    }

    #[test]
    fn values_are_decoded_once_and_plus_stays() {
        let query = parsed("path=pub/c++/%41%2541%zz%4&repo=f%C3%BC&arch");
        assert_eq!(query.path.as_deref(), Some("pub/c++/A%41%zz%4"));
        assert_eq!(query.repo.as_deref(), Some("fü"));
        assert_eq!(query.arch.as_deref(), Some(""));
    }

    #[test]
    fn values_that_would_break_the_answer_are_refused_with_a_reason() {
        for (text, reason) in [
            ("repo=%ff", "the value of repo= is not UTF-8"),
            ("path=a%0d%0ab", "the value of path= holds a control character"),
            ("country=%00", "the value of country= holds a control character"),
            ("arch=%c2%85", "the value of arch= holds a control character"),
        ] {
            let refused = parse(text).err().map(|reason| reason.to_string());
            assert_eq!(refused.as_deref(), Some(reason), "{text}");
        }
    }

    #[test]
    fn values_longer_than_any_name_are_refused() {
        let path = |length| format!("path={}", "a".repeat(length));
        assert_eq!(parse(&path(500)).err(), None);
        assert_eq!(parse(&path(501)).err(), Some(BadQuery::TooLong("path")));
    }

    #[test]
    fn limits_hold_for_distinct_countries_protocols_and_parameters() {
        let many = vec!["global"; 64].join(",");
        let query = format!("country={many},GLOBAL,de,DE,gLoBaL");
        let countries = parsed(&query).countries.expect("countries were asked for");
        assert!(countries.global);
        assert_eq!(countries.codes.len(), 1);
        let codes: Vec<_> = (b'a'..=b'q').map(|c| format!("a{}", char::from(c))).collect();
        assert_eq!(parse(&format!("country={}", codes[..16].join(","))).err(), None);
        assert_eq!(
            parse(&format!("country={}", codes.join(","))).err(),
            Some(BadQuery::Countries(16))
        );
        assert_eq!(
            parse(&format!("protocol={}", codes.join(","))).err(),
            Some(BadQuery::Protocols(16))
        );
        assert_eq!(parse(&["a=1"; 32].join("&")).err(), None);
        assert_eq!(parse(&["a=1"; 33].join("&")).err(), Some(BadQuery::Parameters(32)));
    }

    #[test]
    fn empty_values_of_optional_parameters_ask_for_nothing() {
        let query = parsed("ip=&country=&protocol=&netblock=1");
        assert!(query.ip.is_none() && query.countries.is_none() && query.protocols.is_none());
        assert!(query.netblocks);
        assert!(!parsed("netblock=0").netblocks);
        assert!(!parsed("netblock").netblocks);
    }

    #[test]
    fn countme_is_read_off_any_query_once() {
        for (query, expected) in [
            ("repo=a&countme=3", Some(Countme::Bucket(3))),
            ("countme=1&countme=4&x=%ff", Some(Countme::Bucket(4))),
            ("countme=5", Some(Countme::Other)),
            ("countme=", Some(Countme::Other)),
            ("countme=12", Some(Countme::Other)),
            ("countme", None),
            ("xcountme=1", None),
            ("", None),
        ] {
            assert_eq!(Countme::find(query), expected, "{query}");
        }
    }

    #[test]
    fn unknown_protocols_and_countries_match_nothing_but_were_asked_for() {
        let query = parsed("protocol=gopher&country=germany");
        assert!(query.protocols.is_some_and(|protocols| protocols.set.is_empty()));
        assert_eq!(query.countries, Some(Countries::default()));
    }

    /// What is left out, as the first line of a list says it; or the message.
    fn narrowed(text: &str) -> String {
        match parse(text) {
            Err(reason) => reason.to_string(),
            Ok(query) => {
                let left_out = query.left_out.iter().flat_map(|left_out| left_out.parts());
                let version = query.ip_version.map(|version| format!("v{}", version.as_str()));
                left_out.chain(version).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn hosts_countries_and_versions_of_ip_are_narrowed_down() {
        let hosts = |n: usize| (0..n).map(|n| format!("m{n}")).collect::<Vec<_>>().join(",");
        let no_host = "the value of exclude= is not a list of host names";
        let no_version = "the IP version is neither 4 nor 6";
        for (text, expected) in [
            ("", ""),
            ("exclude=&not_country=&ip_version=", ""),
            ("exclude=,,%20,&not_country=,&ip_version=,", ""),
            ("exclude=B.example,,a.example.,b.EXAMPLE:", "exclude = b.example,a.example"),
            ("exclude=b.example:8080, b.example:80", "exclude = b.example:8080,b.example:80"),
            ("exclude=b.example&exclude=c.example", "exclude = c.example"),
            ("exclude=m%C3%BCnchen.example", "exclude = xn--mnchen-3ya.example"),
            ("exclude=xn--mnchen-3ya.example", "exclude = xn--mnchen-3ya.example"),
            ("exclude=[2001:DB8:0::1]:8443,192.0.2.1", "exclude = [2001:db8::1]:8443,192.0.2.1"),
            ("exclude=2001:db8::1", no_host),
            ("exclude=[2001:db8::1", no_host),
            ("exclude=https://b.example/", no_host),
            ("exclude=b.example/x", no_host),
            ("exclude=b..example", no_host),
            ("exclude=*.example", no_host),
            ("exclude=b.example:0", no_host),
            ("exclude=b.example:99999", no_host),
            ("exclude=1.2.3", no_host),
            ("exclude=a%00", "the value of exclude= holds a control character"),
            ("exclude=%ff", "the value of exclude= is not UTF-8"),
            ("not_country=fr,DE,,de,FR", "not_country = DE,FR"),
            ("not_country=germany,global,%C3%BC", ""),
            ("not_country=US&exclude=b", "exclude = b; not_country = US"),
            ("not_country=%0a", "the value of not_country= holds a control character"),
            ("ip_version=4", "v4"),
            ("ip_version=6,,6", "v6"),
            ("ip_version=4,6", ""),
            ("ip_version=4&ip_version=6", ""),
            ("ip_version=6&ip_version=6", "v6"),
            ("ip_version=46", no_version),
            ("ip_version=4,v6", no_version),
            ("ip_version=6&ip_version=x", no_version),
        ] {
            assert_eq!(narrowed(text), expected, "{text}");
        }
        assert_eq!(narrowed(&format!("exclude={},M3,m4.", hosts(16))).matches(',').count(), 15);
        assert_eq!(narrowed(&format!("exclude={}", hosts(17))), "more than 16 excluded hosts");
        let many: Vec<_> = (b'a'..=b'q').map(|c| format!("a{}", char::from(c))).collect();
        let many = format!("not_country={}", many.join(","));
        assert_eq!(narrowed(&many), "more than 16 countries");
        let long = format!("exclude={}", "a".repeat(501));
        assert_eq!(narrowed(&long), "the value of exclude= is longer than 500 bytes");
    }
}
