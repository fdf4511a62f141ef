//! What is sent: GET or HEAD, few headers, and the command of curl that repeats it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::http;
use model::families::IpVersion;

use super::limits::Limits;
use super::target::{Host, Target};

/// The longest contact in a User-Agent, in bytes.
const MAX_CONTACT: usize = 200;

/// A request as hyper sends it.
pub type HttpRequest = hyper::Request<Full<Bytes>>;

/// What is asked of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// The whole file, unless it is still the one of this ETag.
    Whole {
        /// An ETag that this URL sent, as it was.
        etag: Option<String>,
    },
    /// So many bytes from its beginning.
    Beginning(u64),
    /// Its size alone.
    Size,
    /// Its size, from a server that refuses HEAD: by its first byte.
    SizeByGet,
}

/// How visits name themselves: `mirrorlistd-crawler/VERSION (+CONTACT)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserAgent(HeaderValue);

/// Why a contact is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a contact is 1 to 200 visible characters of ascii without brackets and backslashes")]
pub struct BadContact;

impl UserAgent {
    /// Of a version of the program, with the URL or the address of mail under which owners of mirrors reach
    /// the operator.
    pub fn new(version: &str, contact: Option<&str>) -> Result<Self, BadContact> {
        let mut text = format!("mirrorlistd-crawler/{version}");
        if let Some(contact) = contact {
            let is_plain =
                |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'\\');
            if contact.is_empty() || contact.len() > MAX_CONTACT || !contact.bytes().all(is_plain) {
                return Err(BadContact);
            }
            text.extend([" (+", contact, ")"]);
        }
        HeaderValue::try_from(text).map(Self).map_err(|_| BadContact)
    }

    /// The value of the header.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// The text of the header.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("mirrorlistd-crawler")
    }
}

impl Ask {
    /// The method.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Size => "HEAD",
            Self::Whole { .. } | Self::Beginning(_) | Self::SizeByGet => "GET",
        }
    }

    /// The last byte of the range that is asked for.
    pub fn last_byte(&self) -> Option<u64> {
        match self {
            Self::Beginning(n) => Some(n.saturating_sub(1)),
            Self::SizeByGet => Some(0),
            Self::Whole { .. } | Self::Size => None,
        }
    }

    /// The most bytes of a body of the file itself that are read.
    pub fn cap(&self, limits: &Limits) -> u64 {
        match self {
            Self::Whole { .. } => limits.repomd_bytes,
            Self::Beginning(n) => *n,
            Self::SizeByGet => 1,
            Self::Size => 0,
        }
    }

    fn etag(&self) -> Option<&str> {
        match self {
            Self::Whole { etag } => etag.as_deref(),
            Self::Beginning(_) | Self::Size | Self::SizeByGet => None,
        }
    }

    /// The request.
    pub fn request(&self, target: &Target, agent: &UserAgent) -> Result<HttpRequest, http::Error> {
        let mut request = hyper::Request::builder()
            .method(self.method())
            .uri(target.path())
            .header(header::HOST, target.origin().to_string())
            .header(header::USER_AGENT, agent.header())
            .header(header::ACCEPT, "*/*")
            .header(header::ACCEPT_ENCODING, "identity");
        if let Some(last) = self.last_byte() {
            request = request.header(header::RANGE, format!("bytes=0-{last}"));
        }
        if let Some(etag) = self.etag() {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        request.body(Full::default())
    }

    /// A command of curl that asks the same of the same address.
    pub fn curl(
        &self,
        target: &Target,
        agent: &UserAgent,
        version: IpVersion,
        address: Option<SocketAddr>,
        limits: &Limits,
    ) -> String {
        let mut command = format!(
            "curl -{} -gsv -o /dev/null --connect-timeout {} --max-time {} -A {}",
            version.as_str(),
            limits.connect.as_secs().max(1),
            limits.request.as_secs().max(1),
            quoted(agent.as_str()),
        );
        // Writing to a String cannot fail.
        if self.method() == "HEAD" {
            command.push_str(" -I");
        }
        if let Some(last) = self.last_byte() {
            let _ = write!(command, " -r 0-{last}");
        }
        if let Some(etag) = self.etag() {
            let _ = write!(command, " -H {}", quoted(&format!("If-None-Match: {etag}")));
        }
        if let (Host::Name(name), Some(address)) = (&target.origin().host, address) {
            let ip = match address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            };
            let resolve = format!("{name}:{}:{ip}", target.origin().port);
            let _ = write!(command, " --resolve {}", quoted(&resolve));
        }
        let _ = write!(command, " {}", quoted(&target.to_string()));
        command
    }
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    ["'", &text.replace('\'', r"'\''"), "'"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    use model::base_url::BaseUrl;

    fn target() -> Target {
        Target::below(&BaseUrl::parse("https://m.example:8443/it's").unwrap(), "a b").unwrap()
    }

    fn agent() -> UserAgent {
        UserAgent::new("1.2", Some("https://d.example/about")).unwrap()
    }

    #[test]
    fn the_user_agent_names_program_version_and_contact() {
        assert_eq!(agent().as_str(), "mirrorlistd-crawler/1.2 (+https://d.example/about)");
        assert_eq!(UserAgent::new("1.2", None).unwrap().as_str(), "mirrorlistd-crawler/1.2");
        for contact in ["", "a b", "a)", "a\r\nX: y", "ü", &"a".repeat(201)] {
            assert_eq!(UserAgent::new("1.2", Some(contact)), Err(BadContact), "{contact:?}");
        }
    }

    #[test]
    fn few_headers_are_sent() {
        let request = Ask::Beginning(1_024).request(&target(), &agent()).unwrap();
        let headers: Vec<String> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            headers,
            [
                "host: m.example:8443",
                "user-agent: mirrorlistd-crawler/1.2 (+https://d.example/about)",
                "accept: */*",
                "accept-encoding: identity",
                "range: bytes=0-1023",
            ]
        );
        assert_eq!(request.uri(), "/it's/a%20b");
        let ask = Ask::Whole { etag: Some("\"1\"".into()) };
        let request = ask.request(&target(), &agent()).unwrap();
        assert_eq!(request.headers()["if-none-match"], "\"1\"");
        assert!(Ask::Whole { etag: Some("\n".into()) }.request(&target(), &agent()).is_err());
    }

    #[test]
    fn a_command_of_curl_repeats_it_and_a_url_cannot_leave_its_quotes() {
        let address = Some("[2a00::1]:8443".parse().unwrap());
        let curl = Ask::Beginning(1_024).curl(
            &target(),
            &agent(),
            IpVersion::V6,
            address,
            &Limits::default(),
        );
        assert_eq!(
            curl,
            "curl -6 -gsv -o /dev/null --connect-timeout 5 --max-time 30 \
             -A 'mirrorlistd-crawler/1.2 (+https://d.example/about)' -r 0-1023 \
             --resolve 'm.example:8443:[2a00::1]' 'https://m.example:8443/it'\\''s/a%20b'"
        );
        let curl = Ask::Size.curl(&target(), &agent(), IpVersion::V4, None, &Limits::default());
        assert!(curl.contains(" -I ") && !curl.contains("--resolve"), "{curl}");
    }
}
