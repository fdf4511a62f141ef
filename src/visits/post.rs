//! Sends JSON to a URL that the operator has named, such as a webhook: one request, with the limits of visits.
//!
//! Redirects are not followed: a secret or a message must not go elsewhere. The body can be signed, so that who gets it
//! knows from whom it came.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use encode::write::push_hex;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, StatusCode};
use model::secret::Secret;
use ring::hmac;
use tokio::time::timeout;

use super::connection::{Broken, Connection};
use super::crawler::Crawler;
use super::guard::Guard;
use super::target::{Host, Target};

/// The header with the signature: `sha256=` and the HMAC-SHA-256 of the body, in hexadecimal digits.
pub const SIGNATURE: &str = "x-mirrorlistd-signature";
/// How long all of it may take, over all addresses.
const LONGEST: Duration = Duration::from_secs(60);

/// The reason why something was not sent; one line. The URL is not repeated, as it may hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PostError {
    /// Nobody was reached.
    #[error("{0}")]
    NotReached(String),
    /// Somebody was reached, and no answer came. It may have been taken.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer is no.
    #[error("the answer has status {0}")]
    Refused(u16),
    /// The answer leads elsewhere.
    #[error("the answer has status {0}, and redirects are not followed")]
    Redirected(u16),
}

impl PostError {
    /// Whether the next one would fail alike: nobody is there.
    pub fn is_of_all(&self) -> bool {
        matches!(self, Self::NotReached(_))
    }
}

/// Sends a body of JSON, signed if there is a secret. Any status from 200 to 299 says that it was taken.
pub async fn post(
    crawler: &Crawler,
    target: &Target,
    secret: Option<&Secret>,
    body: &str,
) -> Result<(), PostError> {
    let sent = timeout(LONGEST, send(crawler, target, secret, body)).await;
    let status =
        sent.unwrap_or_else(|_| Err(PostError::NoAnswer(format!("no answer within {LONGEST:?}"))))?;
    match status {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => Err(PostError::Redirected(status.as_u16())),
        status => Err(PostError::Refused(status.as_u16())),
    }
}

async fn send(
    crawler: &Crawler,
    target: &Target,
    secret: Option<&Secret>,
    body: &str,
) -> Result<StatusCode, PostError> {
    let limits = &crawler.limits;
    let mut trouble = PostError::NotReached("the name has no address".to_owned());
    for address in addresses(crawler, target).await? {
        let (network, tls) = (&*crawler.network, &crawler.tls);
        let opened = Connection::open(network, tls, target.origin(), address, limits).await;
        let mut connection = match opened {
            Ok(connection) => connection,
            Err(broken) => {
                trouble = PostError::NotReached(words(&broken));
                continue;
            }
        };
        // From here on it may have been taken, so no other address gets it in this attempt.
        let request = request(crawler, target, secret, body)?;
        // What follows the status is of no interest, and waiting for it could make a notice that was taken a failure.
        let head = connection.send(request, 0, limits).await;
        return head.map(|head| head.status).map_err(|broken| PostError::NoAnswer(words(&broken)));
    }
    Err(trouble)
}

/// The addresses to try in turn. The operator has named the URL, so they need not be global.
async fn addresses(crawler: &Crawler, target: &Target) -> Result<Vec<SocketAddr>, PostError> {
    let origin = target.origin();
    let found = match &origin.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let found = crawler.resolver.resolve(name).await;
            found.map_err(|error| PostError::NotReached(error.to_string()))?.to_vec()
        }
    };
    let guard = Guard { allow_private_targets: true };
    let vetted = found.into_iter().take(crawler.limits.addresses);
    let vetted = vetted.map(|address| guard.vet(address, origin.port));
    vetted.collect::<Result<_, _>>().map_err(|blocked| PostError::NotReached(blocked.to_string()))
}

fn request(
    crawler: &Crawler,
    target: &Target,
    secret: Option<&Secret>,
    body: &str,
) -> Result<Request<Full<Bytes>>, PostError> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(target.path())
        .header(header::HOST, target.origin().to_string())
        .header(header::USER_AGENT, crawler.agent.header())
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity");
    if let Some(secret) = secret {
        request = request.header(SIGNATURE, secret.with(|secret| sign(secret, body.as_bytes())));
    }
    let request = request.body(Full::from(body.to_owned()));
    request.map_err(|error| PostError::NotReached(error.to_string()))
}

/// The signature of a body, as it stands in the header [`SIGNATURE`].
pub fn sign(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    let mut signature = "sha256=".to_owned();
    push_hex(tag.as_ref(), &mut signature);
    signature
}

fn words(broken: &Broken) -> String {
    format!("{}: {}", broken.class, broken.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn a_body_is_signed_as_others_sign_it() {
        assert_eq!(
            sign(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            sign(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "sha256=60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
