//! Law: targets and headers of requests are parsed correctly, and nothing else is read from them.

use std::sync::LazyLock;

use answer::{Edition, Endpoint, Format};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Uri};
use serve::http::compress::Coding;
use serve::http::route::{Route, find_route};
use serve::pages::explanation::Representation;
use snapshot::tables::Tables;
use snapshot::{Generation, Snapshot};

/// Checks content negotiation: Accept is on the first line, Accept-Encoding on the second.
pub fn negotiation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (accept, encoding) = text.split_once('\n').unwrap_or((text, ""));
    let names = |text: &str, name: &str| text.to_ascii_lowercase().contains(name);
    for own in [Format::Mirrorlist, Format::Metalink, Format::Metalink4, Format::Json] {
        let chosen = own.negotiate(accept);
        if chosen != own {
            assert!(names(accept, chosen.content_type()), "{accept:?}: {chosen:?}");
            // Negotiating again changes nothing.
            assert_eq!(chosen.negotiate(accept), chosen, "{accept:?}");
        }
    }
    if let Some(coding) = Coding::negotiate(encoding) {
        assert!(names(encoding, coding.name()), "{encoding:?}: {coding:?}");
    }
}

/// Checks routing: the target is on the first line, a Host on each further one.
pub fn route(bytes: &[u8]) {
    const MAX_TARGET: usize = 200;
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let Ok(uri) = Uri::try_from(target) else { return };
    let path = uri.path().to_owned();
    let mut request = Request::new(());
    *request.uri_mut() = uri;
    let mut n_hosts = 0;
    for host in lines {
        let Ok(host) = HeaderValue::from_bytes(host) else { return };
        request.headers_mut().append(HOST, host);
        n_hosts += 1;
    }
    static EMPTY: LazyLock<Edition> = LazyLock::new(|| {
        let tables = Tables::default();
        Edition::new(Snapshot::new(tables, Generation::new(0), None).expect("empty tables"))
    });
    let route = find_route(&request, &EMPTY, false, MAX_TARGET, true);
    let refused = find_route(&request, &EMPTY, true, MAX_TARGET, true).is_err();
    assert!(refused, "a body is never served");
    if let Ok(route) = route {
        assert_eq!(n_hosts, 1, "HTTP/1.1 needs one");
        // hyper removes a fragment, so nothing is read from it; the limit of the head counts it.
        assert!(!request.uri().to_string().contains('#'));
        let read = target.split(|&byte| byte == b'#').next().unwrap_or_default();
        assert!(read.len() <= MAX_TARGET + "https://".len());
        let end = match &route {
            Route::Document(Endpoint::BuiltIn(Format::Mirrorlist)) => "/mirrorlist",
            Route::Document(Endpoint::BuiltIn(Format::Metalink)) => "/metalink",
            Route::Document(Endpoint::BuiltIn(Format::Metalink4)) => "/metalink4",
            Route::Explanation(Representation::Page) => "/why",
            Route::Explanation(Representation::Json) => "/why.json",
            _ => panic!("{route:?} for a GET"),
        };
        assert!(path.ends_with(end), "{path}: {route:?}");
    }
}
