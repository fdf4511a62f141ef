//! What is asked for: a URL of HTTP(S), in the parts that a connection and a request need.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use encode::write::push_url_path;
use model::base_url::{self, BaseUrl};
use model::url::Protocol;

/// The greatest length of a URL that a redirect leads to, in bytes.
const MAX_LOCATION: usize = 4_096;

/// A URL of HTTP or HTTPS.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    origin: Origin,
    /// The path and the query, as they are sent: at least `/`, visible characters of ASCII.
    path: String,
}

/// Where a connection leads: URLs of one origin share it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    /// Whether the scheme is https.
    pub is_tls: bool,
    /// The host.
    pub host: Host,
    /// The port, also where the URL names none.
    pub port: u16,
}

/// The host of a URL.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A name in lower case and punycode, without a dot at its end.
    Name(String),
    /// An address; an IPv6 address that stands for one of IPv4 is that one.
    Address(IpAddr),
}

/// Why the target of a redirect is no URL that can be asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadLocation {
    /// It holds blanks, control characters, or others outside of ASCII.
    #[error("it holds characters that a URL cannot hold")]
    Characters,
    /// It is longer than 4,096 bytes.
    #[error("it is longer than 4,096 bytes")]
    TooLong,
    /// It is of another scheme than http and https.
    #[error("it is neither http nor https")]
    Scheme,
    /// Its host or its port is none.
    #[error("it {0}")]
    Authority(base_url::BadUrl),
}

impl Target {
    /// The file at `path` below a base URL; `None` if that is not one of HTTP(S). `path` is a name, not yet
    /// percent-encoded; if it is empty, the top directory is meant.
    pub fn below(base: &BaseUrl, path: &str) -> Option<Self> {
        let (origin, mut full) = split_base(base)?;
        full.push('/');
        push_url_path(path.trim_start_matches('/'), &mut full);
        Some(Self { origin, path: full })
    }

    /// Reads a URL with its scheme. What follows `#` is left out.
    pub fn parse(url: &str) -> Result<Self, BadLocation> {
        let url = checked(url)?;
        let (scheme, rest) = split_scheme(url).ok_or(BadLocation::Scheme)?;
        with_scheme(scheme, rest)
    }

    /// Where a redirect from here leads (RFC 3986, section 5.2).
    pub fn follow(&self, location: &str) -> Result<Self, BadLocation> {
        let location = checked(location)?;
        if let Some((scheme, rest)) = split_scheme(location) {
            return with_scheme(scheme, rest);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return absolute(self.origin.is_tls, rest);
        }
        let own = self.path.split('?').next().unwrap_or("/");
        let path = match location.as_bytes().first() {
            None => self.path.clone(),
            Some(b'/') => without_dots(location),
            Some(b'?') => [own, location].concat(),
            Some(_) => {
                let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
                without_dots(&[folder, "/", location].concat())
            }
        };
        if path.len() > MAX_LOCATION {
            return Err(BadLocation::TooLong);
        }
        Ok(Self { origin: self.origin.clone(), path })
    }

    /// Where its connection leads.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path and the query.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.origin.is_tls { Protocol::Https } else { Protocol::Http };
        write!(f, "{scheme}://{}{}", self.origin, self.path)
    }
}

impl fmt::Display for Origin {
    /// The host and the port, without a port that the scheme implies: as in the header `Host`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.is_tls { Protocol::Https } else { Protocol::Http }.default_port();
        self.host.fmt(f)?;
        if self.port == default { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The origin of a base URL and its path, which is empty or begins with a slash.
fn split_base(base: &BaseUrl) -> Option<(Origin, String)> {
    let is_tls = match base.protocol() {
        Protocol::Https => true,
        Protocol::Http => false,
        Protocol::Ftp | Protocol::Rsync => return None,
    };
    let (host, port) = host_and_port(base)?;
    let (_, rest) = base.as_str().split_once("://")?;
    let path = rest.strip_prefix(base_url::authority(base.as_str()))?.to_owned();
    Some((Origin { is_tls, host, port }, path))
}

/// The host of a base URL of any protocol, and the port, also where it names none.
pub(crate) fn host_and_port(base: &BaseUrl) -> Option<(Host, u16)> {
    let authority = base_url::authority(base.as_str());
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let address = address.parse::<Ipv6Addr>().ok()?;
            (Host::Address(IpAddr::V6(address).to_canonical()), port.strip_prefix(':'))
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let host = host.parse().map_or_else(|_| Host::Name(host.to_owned()), Host::Address);
            (host, port)
        }
    };
    let port = match port {
        Some(port) => port.parse().ok()?,
        None => base.protocol().default_port(),
    };
    Some((host, port))
}

/// The scheme of a reference and what follows its colon, if it has one.
fn split_scheme(location: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = location.split_once(':')?;
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_scheme = scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.bytes().all(is_inner);
    is_scheme.then_some((scheme, rest))
}

/// A reference without what follows `#`, if it can be one.
fn checked(location: &str) -> Result<&str, BadLocation> {
    let location = location.split('#').next().unwrap_or("");
    if location.len() > MAX_LOCATION {
        return Err(BadLocation::TooLong);
    }
    match location.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(location),
        false => Err(BadLocation::Characters),
    }
}

/// A URL from its scheme and what follows the colon.
fn with_scheme(scheme: &str, rest: &str) -> Result<Target, BadLocation> {
    let is_tls = match Protocol::parse(scheme) {
        Some(Protocol::Https) => true,
        Some(Protocol::Http) => false,
        _ => return Err(BadLocation::Scheme),
    };
    let rest = rest.strip_prefix("//").ok_or(BadLocation::Scheme)?;
    absolute(is_tls, rest)
}

/// A URL from what follows `//`.
fn absolute(is_tls: bool, rest: &str) -> Result<Target, BadLocation> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let scheme = if is_tls { Protocol::Https } else { Protocol::Http };
    let base = BaseUrl::parse(&[scheme.as_str(), "://", authority].concat());
    let base = base.map_err(BadLocation::Authority)?;
    let (origin, _) = split_base(&base).ok_or(BadLocation::Authority(base_url::BadUrl::Host))?;
    let path = if path.starts_with('/') { path.to_owned() } else { ["/", path].concat() };
    Ok(Target { origin, path: without_dots(&path) })
}

/// An absolute path with its query, without dot segments in the path (RFC 3986, section 5.2.4). Empty
/// segments stay: the server may mean them.
fn without_dots(path: &str) -> String {
    let end = path.find('?').unwrap_or(path.len());
    let (path, query) = path.split_at_checked(end).unwrap_or((path, ""));
    let mut kept = Vec::new();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    ["/", &kept.join("/"), query].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    fn target(url: &str) -> Target {
        let (base, path) = url.rsplit_once('/').unwrap();
        Target::below(&BaseUrl::parse(base).unwrap(), path).unwrap()
    }

    #[test]
    fn a_file_is_named_below_its_base_url() {
        for (base, path, url) in [
            ("http://m.example", "", "http://m.example/"),
            ("http://m.example/pub/", "9/a b", "http://m.example/pub/9/a%20b"),
            ("https://m.example:8443/pub", "/x", "https://m.example:8443/pub/x"),
            ("http://[2001:db8::1]:81", "x", "http://[2001:db8::1]:81/x"),
            ("http://[::ffff:192.0.2.1]", "x", "http://192.0.2.1/x"),
        ] {
            let base = BaseUrl::parse(base).unwrap();
            assert_eq!(Target::below(&base, path).unwrap().to_string(), url);
        }
        assert_eq!(Target::below(&BaseUrl::parse("rsync://m.example/a").unwrap(), "x"), None);
        let v6 = target("http://[2001:db8::1]:81/x");
        assert_eq!(v6.origin.host, Host::Address("2001:db8::1".parse().unwrap()));
        assert_eq!((v6.origin.port, v6.path()), (81, "/x"));
    }

    #[test]
    fn a_url_is_read_with_its_scheme() {
        for (text, url) in [
            ("https://Hook.example/a?b=c#d", "https://hook.example/a?b=c"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("hook.example/a", ""),
            ("//hook.example/a", ""),
            ("ftp://hook.example/a", ""),
            ("https://me:secret@hook.example/a", ""),
            ("https://hook.example/a b", ""),
            ("", ""),
        ] {
            let read = Target::parse(text).map(|target| target.to_string()).unwrap_or_default();
            assert_eq!(read, url, "{text}");
        }
    }

    #[test]
    fn redirects_are_resolved_as_references() {
        let from = target("https://m.example:8443/a/b/c");
        for (location, url) in [
            ("http://o.example/x?y=1#z", "http://o.example/x?y=1"),
            ("HTTPS://O.Example:443", "https://o.example/"),
            ("https://o.example?q", "https://o.example/?q"),
            ("//o.example/x", "https://o.example/x"),
            ("/x//y", "https://m.example:8443/x//y"),
            ("/x/../y/./z/..", "https://m.example:8443/y/"),
            ("../../../../x", "https://m.example:8443/x"),
            ("d", "https://m.example:8443/a/b/d"),
            ("d?../e", "https://m.example:8443/a/b/d?../e"),
            ("?q", "https://m.example:8443/a/b/c?q"),
            ("", "https://m.example:8443/a/b/c"),
            ("#top", "https://m.example:8443/a/b/c"),
            ("http://127.1/", ""),
            ("http://me:secret@o.example/", ""),
            ("http:///x", ""),
            ("http://o.example:0/", ""),
            ("file:///etc/passwd", ""),
            ("javascript:alert(1)", ""),
            ("http:relative", ""),
            ("/a b", ""),
            ("/ü", ""),
            ("/a\r\nX: y", ""),
        ] {
            let to = from.follow(location).map(|to| to.to_string()).unwrap_or_default();
            assert_eq!(to, url, "{location}");
        }
        assert_eq!(from.follow(&"x".repeat(5_000)), Err(BadLocation::TooLong));
        let far =
            target("http://m.example/a/x").follow(&format!("{}/x", "y".repeat(3_000))).unwrap();
        assert_eq!(far.follow(&"z".repeat(2_000)), Err(BadLocation::TooLong));
    }

    proptest! {
        /// References of few characters, so that dots and slashes meet often, and of any.
        #[test]
        fn references_are_resolved_as_browsers_do(
            own in "/[a/.]{0,8}",
            location in "(//o[.]example/|http://o[.]example/)?[a/.?]{0,10}",
            any in "\\PC{0,20}",
        ) {
            let from = target("https://m.example:8443/a").follow(&own);
            // What begins with two slashes names a host.
            prop_assume!(!own.starts_with("//"));
            prop_assume!(!location.starts_with("//") || location.starts_with("//o"));
            let from = from.unwrap();
            let twin = url::Url::parse(&from.to_string()).unwrap();
            prop_assert_eq!(twin.as_str(), from.to_string());
            let to = from.follow(&location).unwrap();
            let twin = twin.join(&location).unwrap();
            prop_assert_eq!(twin.as_str(), to.to_string());
            if let Ok(to) = from.follow(&any) {
                prop_assert!(to.path().starts_with('/'));
                prop_assert!(to.path().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
