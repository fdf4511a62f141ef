//! Pages that are made once and sent often: kept compressed, with a tag by which clients ask whether they have changed.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};

use super::{HTML, POLICY};
use crate::admin::part::PartReply;
use crate::http::compress::{Coding, compress, names};

/// How long caches may keep a page, and for how long they may show it while this server is away.
const CACHING: &str = "public, max-age=60, stale-if-error=86400";

/// A page, or the same for programs.
#[derive(Debug)]
pub struct KeptPage {
    media_type: &'static str,
    /// The body, compressed by gzip if that makes it smaller.
    bytes: Bytes,
    is_compressed: bool,
    /// The length of the body, uncompressed.
    length: usize,
    /// A hash of the body.
    hash: u64,
    /// The body, uncompressed, as long as somebody is sent it: all who take no gzip share one.
    plain: Mutex<Weak<Vec<u8>>>,
}

/// A body that several answers share.
struct SharedBody(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBody {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl KeptPage {
    /// Keeps a body of a media type.
    pub fn new(media_type: &'static str, body: Vec<u8>) -> Self {
        // Its keys are fixed, so that all processes give the same page the same tag.
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let (hash, length) = (hasher.finish(), body.len());
        let smaller = compress(Coding::Gzip, &body);
        let is_compressed = smaller.is_some();
        let bytes = Bytes::from(smaller.unwrap_or(body));
        Self { media_type, bytes, is_compressed, length, hash, plain: Mutex::default() }
    }

    /// How many bytes are kept.
    pub fn n_kept(&self) -> usize {
        self.bytes.len()
    }

    /// The answer to a request with these header fields. To clients that take no gzip it is decompressed, which takes
    /// some milliseconds for a large page.
    pub fn reply(&self, asked: &HeaderMap) -> PartReply {
        let is_gzip = self.is_compressed && takes_gzip(asked);
        // Both forms are another representation, so each has its own tag (RFC 9110, section 8.8.3).
        let tag = format!("\"{:016x}{}\"", self.hash, if is_gzip { "-gzip" } else { "" });
        let is_known = asked.get_all(IF_NONE_MATCH).iter().any(|tags| names_tag(tags, &tag));
        let body = match (is_known, self.is_compressed && !is_gzip) {
            (true, _) => Bytes::new(),
            (false, false) => self.bytes.clone(),
            (false, true) => self.decompressed(),
        };
        let mut reply = Response::new(Full::new(body).boxed());
        let headers = reply.headers_mut();
        let mut set = |name: HeaderName, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(CACHE_CONTROL, CACHING);
        set(VARY, "Accept-Encoding");
        if !is_known {
            set(CONTENT_TYPE, self.media_type);
            set(X_CONTENT_TYPE_OPTIONS, "nosniff");
            if is_gzip {
                set(CONTENT_ENCODING, "gzip");
            }
            if self.media_type == HTML {
                set(CONTENT_SECURITY_POLICY, POLICY);
                set(REFERRER_POLICY, "same-origin");
            }
        }
        // Digits and quotes are a valid header value.
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        if is_known {
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
        }
        reply
    }

    fn decompressed(&self) -> Bytes {
        let mut plain = self.plain.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = plain.upgrade() {
            return Bytes::from_owner(SharedBody(shared));
        }
        let mut body = Vec::with_capacity(self.length);
        // It was compressed here, and reading memory does not fail.
        let _ = GzDecoder::new(&*self.bytes).read_to_end(&mut body);
        let shared = Arc::new(body);
        *plain = Arc::downgrade(&shared);
        Bytes::from_owner(SharedBody(shared))
    }
}

/// Whether a client names gzip.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).any(|value| names(value, Coding::Gzip))
}

/// Whether `If-None-Match` names a tag, in the weak comparison that it asks for (RFC 9110, section 13.1.2).
fn names_tag(tags: &HeaderValue, tag: &str) -> bool {
    let Ok(tags) = tags.to_str() else { return false };
    // None of our tags holds a comma.
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        of.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    async fn asked(page: &KeptPage, of: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, Bytes) {
        let (head, body) = page.reply(&headers(of)).into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes())
    }

    #[tokio::test]
    async fn a_page_is_sent_in_the_form_that_a_client_takes() {
        let text = "<p>https://mirror.example/pub</p>\n".repeat(500);
        let page = KeptPage::new(HTML, text.clone().into_bytes());
        assert!(page.n_kept() < text.len() / 10);
        let (status, plain, body) = asked(&page, &[]).await;
        assert_eq!((status, &*body), (StatusCode::OK, text.as_bytes()));
        drop(body);
        assert!(
            !plain.contains_key(CONTENT_ENCODING) && plain.contains_key(CONTENT_SECURITY_POLICY)
        );
        let (_, zipped, body) = asked(&page, &[(ACCEPT_ENCODING, "br, gzip")]).await;
        assert_eq!(zipped[CONTENT_ENCODING], "gzip");
        assert_eq!(body.len(), page.n_kept());
        let mut back = String::new();
        GzDecoder::new(&*body).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        let (one, other) = (page.decompressed(), page.decompressed());
        assert_eq!(one.as_ptr(), other.as_ptr(), "they share one");
        drop((one, other));
        assert!(page.plain.lock().unwrap().upgrade().is_none(), "and it is freed");
        assert_ne!(plain[ETAG], zipped[ETAG]);
        assert_eq!((&plain[VARY], &zipped[VARY]), (&zipped[VARY], &plain[VARY]));
    }

    #[tokio::test]
    async fn a_client_that_has_a_page_is_not_sent_it_again() {
        let page = KeptPage::new("application/json", b"{}".to_vec());
        let (_, first, _) = asked(&page, &[]).await;
        let tag = first[ETAG].to_str().unwrap().to_owned();
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let (status, headers, body) = asked(&page, &[(IF_NONE_MATCH, &known)]).await;
            assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
            assert_eq!(headers[ETAG], *tag);
            assert_eq!(headers[CACHE_CONTROL], CACHING);
            assert!(!headers.contains_key(CONTENT_TYPE));
        }
        let other = KeptPage::new("application/json", b"[]".to_vec());
        for unknown in ["\"x\"", "", &tag] {
            let (status, _, body) = asked(&other, &[(IF_NONE_MATCH, unknown)]).await;
            assert_eq!((status, &*body), (StatusCode::OK, &b"[]"[..]), "{unknown}");
        }
    }
}
