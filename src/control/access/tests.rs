use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use hyper::header::HeaderName;
use hyper::{Method, StatusCode};
use tempfile::TempDir;

use super::*;

const GOOD: &str = "0123456789abcdef";

/// Access with a token file, and names that are allowed.
struct Fixture {
    folder: TempDir,
    access: Access,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, &format!("ci {GOOD}\n"));
        let hosts = AllowedHosts(vec!["admin.example".into()]);
        let access = Access::new(Some(folder.path().join("tokens")), hosts).unwrap();
        Self { folder, access, now: Instant::now() }
    }

    fn ask(&self, request: &PartRequest) -> Result<Actor, Refusal> {
        self.access.may_change_at(request, self.now, |token| token.mirrors.is_none())
    }

    /// The actor or the word for the refusal.
    #[track_caller]
    fn check(&self, request: &PartRequest, expected: &str) {
        let found = match self.ask(request) {
            Ok(actor) => actor.name,
            Err(refusal) => refusal.code.to_owned(),
        };
        assert_eq!(found, expected, "{request:?}");
    }
}

fn write(folder: &TempDir, text: &str) {
    let (new, path) = (folder.path().join("new"), folder.path().join("tokens"));
    std::fs::write(&new, text).unwrap();
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&new, &path).unwrap();
}

fn request(via: Via, headers: &[(&str, &str)]) -> PartRequest {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
    };
    PartRequest {
        method: Method::POST,
        path: "/api/v1/tasks".into(),
        query: String::new(),
        headers: headers.iter().map(header).collect(),
        body: Bytes::new(),
        via,
        peer_user: (via == Via::UnixSocket).then_some(0),
        may_wait: true,
    }
}

fn with_token(headers: &[(&str, &str)]) -> PartRequest {
    let token = format!("Bearer {GOOD}");
    request(Via::Tcp, &[&[("authorization", &*token)], headers].concat())
}

fn form(headers: &[(&str, &str)], body: &str) -> PartRequest {
    let head = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
    let mut request = request(Via::Tcp, &[&head, headers].concat());
    request.path = "/tasks/7".into();
    request.body = Bytes::copy_from_slice(body.as_bytes());
    request
}

#[test]
fn over_tcp_a_token_is_needed() {
    let fixture = Fixture::new();
    fixture.check(&request(Via::Tcp, &[]), "token_needed");
    fixture.check(&with_token(&[]), "token ci");
    fixture.check(&with_token(&[("x-actor", "alice")]), "token ci for alice");
    for value in [
        "Bearer 0123456789abcdeg",
        "Bearer 0123456789abcde",
        "Bearer ",
        "Bearer",
        "Basic 0123456789abcdef",
        "0123456789abcdef",
        "",
    ] {
        fixture.check(&request(Via::Tcp, &[("authorization", value)]), "wrong_token");
    }
    fixture
        .check(&request(Via::Tcp, &[("authorization", "bEARER  0123456789abcdef ")]), "token ci");
    fixture.check(&with_token(&[("authorization", "Bearer 0123456789abcdef")]), "wrong_token");
    let refusal = fixture.ask(&request(Via::Tcp, &[])).unwrap_err();
    assert_eq!(refusal.status, StatusCode::UNAUTHORIZED);
}

#[test]
fn the_token_of_an_owner_is_for_their_mirrors_and_for_nothing_else() {
    let fixture = Fixture::new();
    write(&fixture.folder, &format!("ci {GOOD}\nbob 1123456789abcdef mirror=berlin\n"));
    let bobs = request(Via::Tcp, &[("authorization", "Bearer 1123456789abcdef")]);
    fixture.check(&bobs, "token_of_owner");
    let of = |request: &PartRequest, key: &str| {
        let actor = fixture.access.identify(request).unwrap();
        match actor.may_change_mirror(key) {
            Ok(()) => format!("{} {}", actor.name, actor.is_owner()),
            Err(refusal) => refusal.code.to_owned(),
        }
    };
    assert_eq!(of(&bobs, "berlin"), "token bob true");
    for other in ["lima", "Berlin", "berli", ""] {
        assert_eq!(of(&bobs, other), "token_of_owner", "{other:?}");
    }
    assert_eq!(of(&with_token(&[]), "lima"), "token ci false");
    assert_eq!(of(&request(Via::UnixSocket, &[]), "lima"), "root false");
    // In a form it opens no page, and no cookie stands for it.
    let entered = form(&[("host", "localhost")], "token=1123456789abcdef");
    fixture.check(&entered, "token_of_owner");
    assert_eq!(of(&entered, "berlin"), "token bob true");
    assert!(fixture.access.sessions.is_empty());
}

#[test]
fn a_password_is_the_token_of_an_owner_whatever_the_way_it_came() {
    let fixture = Fixture::new();
    write(&fixture.folder, &format!("ci {GOOD}\nbob 1123456789abcdef mirror=berlin\n"));
    for via in [Via::Tcp, Via::UnixSocket] {
        let by = |password: &str, headers: &[(&str, &str)]| {
            let password = Secret::new(password.to_owned());
            fixture.access.owners(&request(via, headers)).map(|owners| owners.find(&password))
        };
        let actor = by("1123456789abcdef", &[]).unwrap().unwrap();
        assert_eq!((&*actor.name, actor.own_mirrors()), ("token bob", &["berlin".to_owned()][..]));
        for other in [GOOD, "1123456789abcdeg", ""] {
            assert_eq!(by(other, &[]), Ok(None), "{other:?}");
        }
        let foreign = by("1123456789abcdef", &[("origin", "http://evil.example")]);
        assert_eq!(foreign.unwrap_err().code, "foreign_page");
    }
}

#[test]
fn a_token_file_that_cannot_be_used_makes_no_password_wrong() {
    let fixture = Fixture::new();
    write(&fixture.folder, "no token\n");
    let refused = |access: &Access| {
        let refusal = access.owners(&request(Via::Tcp, &[])).map(drop).unwrap_err();
        (refusal.status, refusal.code)
    };
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(refused(&fixture.access), (unavailable, "no_tokens"));
    let none = Access::new(None, AllowedHosts::default()).unwrap();
    assert_eq!(refused(&none), (unavailable, "no_token_file"));
}

#[test]
fn over_a_unix_socket_none_is() {
    let fixture = Fixture::new();
    fixture.check(&request(Via::UnixSocket, &[]), "root");
    fixture.check(&request(Via::UnixSocket, &[("x-actor", "alice")]), "root for alice");
    let long = "ü".repeat(500);
    let actor = fixture.ask(&request(Via::UnixSocket, &[("x-actor", &long)]));
    // A header field that is no ASCII is no name.
    assert_eq!(actor.unwrap().name, "root");
    let long = "x".repeat(500);
    let actor = fixture.ask(&request(Via::UnixSocket, &[("x-actor", &long)])).unwrap();
    assert!(actor.name.len() <= MAX_ACTOR);
    let unknown = PartRequest { peer_user: Some(4_294_967_294), ..request(Via::UnixSocket, &[]) };
    fixture.check(&unknown, "uid 4294967294");
}

#[test]
fn without_a_token_file_nothing_changes_over_tcp() {
    let access = Access::new(None, AllowedHosts::default()).unwrap();
    let refused = access.may_change(&with_token(&[])).unwrap_err();
    assert_eq!((refused.status, refused.code), (StatusCode::FORBIDDEN, "no_token_file"));
    assert!(access.may_change(&request(Via::UnixSocket, &[])).is_ok());
    assert!(access.is_read_only(&with_token(&[])));
    assert!(!access.needs_token(&with_token(&[])));
}

#[test]
fn a_page_of_another_site_cannot_change_anything() {
    let fixture = Fixture::new();
    let host = ("host", "127.0.0.1:3001");
    for foreign in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", ""),
        ("origin", "http://evil.example"),
        // Another port is another origin: cookies do not tell ports apart.
        ("origin", "http://127.0.0.1:8000"),
        ("origin", "http://127.0.0.1"),
        ("origin", "null"),
        ("origin", "127.0.0.1:3001"),
        ("origin", ""),
    ] {
        fixture.check(&with_token(&[host, foreign]), "foreign_page");
        fixture.check(&request(Via::UnixSocket, &[host, foreign]), "foreign_page");
    }
    let own = [host, ("origin", "http://127.0.0.1:3001"), ("sec-fetch-site", "same-origin")];
    fixture.check(&with_token(&own), "token ci");
    fixture.check(&request(Via::UnixSocket, &own), "root");
    let twice = [host, ("origin", "http://127.0.0.1:3001"), ("origin", "http://evil.example")];
    fixture.check(&with_token(&twice), "foreign_page");
}

#[test]
fn a_page_whose_name_leads_here_cannot_either() {
    let fixture = Fixture::new();
    let evil = [("host", "evil.example:3001"), ("origin", "http://evil.example:3001")];
    let fetched = [("host", "evil.example"), ("sec-fetch-site", "same-origin")];
    let with_cookie = [("host", "evil.example"), ("cookie", "a=b")];
    for headers in [&evil[..], &fetched, &with_cookie] {
        fixture.check(&with_token(headers), "foreign_host");
        // The socket may stand behind a tunnel or a proxy.
        fixture.check(&request(Via::UnixSocket, headers), "foreign_host");
    }
    let ours = [("host", "admin.example"), ("origin", "https://admin.example")];
    fixture.check(&request(Via::UnixSocket, &ours), "root");
    // curl names what it likes.
    fixture.check(&request(Via::UnixSocket, &[("host", "whatever")]), "root");
}

#[test]
fn a_form_needs_the_token_once() {
    let fixture = Fixture::new();
    let host = ("host", "localhost:3001");
    let entered = fixture.ask(&form(&[host], &format!("reason=a&token={GOOD}&x=1"))).unwrap();
    assert_eq!(entered.name, "token ci");
    let cookie = entered.cookie.unwrap().to_str().unwrap().to_owned();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/tasks; Max-Age=43200"),
        "{cookie}"
    );
    assert!(!cookie.contains(GOOD));
    let pair = cookie.split(';').next().unwrap();
    assert!(pair.starts_with("mirrorlistd_session_3001="), "{pair}");
    let own = ("sec-fetch-site", "same-origin");
    let with_cookie = |cookie: &str| form(&[host, own, ("cookie", cookie)], "reason=a&token=");
    // A cookie alone proves nothing, and is nothing for the API or another port.
    fixture.check(&form(&[host, ("cookie", pair)], ""), "cookie_alone");
    let typed = ("sec-fetch-site", "none");
    fixture.check(&form(&[host, typed, ("cookie", pair)], ""), "cookie_alone");
    fixture.check(
        &form(&[host, ("origin", "http://localhost:3001"), ("cookie", pair)], ""),
        "token ci",
    );
    for path in ["/api/v1/tasks", "/tasks2", "/"] {
        let elsewhere = PartRequest { path: path.into(), ..with_cookie(pair) };
        fixture.check(&elsewhere, "token_needed");
    }
    let other = ("host", "localhost:3002");
    fixture.check(&form(&[other, own, ("cookie", pair)], ""), "token_needed");
    fixture.check(&with_cookie(pair), "token ci");
    fixture.check(&with_cookie(&format!("a=b; {pair}")), "token ci");
    assert!(fixture.ask(&with_cookie(pair)).unwrap().cookie.is_none());
    assert!(!fixture.access.needs_token(&with_cookie(pair)));
    assert!(fixture.access.needs_token(&form(&[host], "")));
    let mut short = pair.to_owned();
    short.pop();
    for wrong in
        ["", "mirrorlistd_session_3001=", "mirrorlistd_session=x", &short, &format!("x{pair}")]
    {
        fixture.check(&with_cookie(wrong), "token_needed");
    }
    fixture.check(&form(&[host], "token=0123456789abcdeg"), "wrong_token");
    // It is no token, so that a stolen one is worth nothing elsewhere.
    let id = pair.split('=').nth(1).unwrap();
    fixture.check(&form(&[host], &format!("token={id}")), "wrong_token");
    // A page elsewhere has no use of it.
    let origin = ("origin", "http://localhost:8000");
    fixture.check(&form(&[host, ("cookie", pair), origin], ""), "foreign_page");
    let later = fixture.now + Duration::from_secs(43_200);
    let expired = fixture.access.may_change_at(&with_cookie(pair), later, |_| true);
    assert_eq!(expired.unwrap_err().code, "token_needed");
    // It ends with its token.
    write(&fixture.folder, "ci 1123456789abcdef\n");
    fixture.check(&with_cookie(pair), "token_needed");
    write(&fixture.folder, "");
    fixture.check(&with_cookie(pair), "no_tokens");
}

#[test]
fn who_signs_out_needs_the_token_again() {
    let fixture = Fixture::new();
    let host = ("host", "localhost:3001");
    let sign_in = || {
        let entered = fixture.ask(&form(&[host], &format!("token={GOOD}"))).unwrap();
        entered.cookie.unwrap().to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let [one, other] = [sign_in(), sign_in()];
    let own = ("sec-fetch-site", "same-origin");
    let with_cookie = |cookie: &str| form(&[host, own, ("cookie", cookie)], "");
    assert_eq!(fixture.access.signed_in(&with_cookie(&one)).as_deref(), Some("token ci"));
    // A page elsewhere cannot do it.
    let foreign = form(&[host, ("sec-fetch-site", "cross-site"), ("cookie", &*one)], "");
    assert_eq!(fixture.access.sign_out(&foreign).unwrap_err().code, "foreign_page");
    fixture.check(&with_cookie(&one), "token ci");
    let gone = fixture.access.sign_out(&with_cookie(&one)).unwrap().unwrap();
    assert_eq!(
        gone.to_str().unwrap(),
        "mirrorlistd_session_3001=; HttpOnly; SameSite=Strict; Path=/tasks; Max-Age=0"
    );
    fixture.check(&with_cookie(&one), "token_needed");
    assert_eq!(fixture.access.signed_in(&with_cookie(&one)), None);
    fixture.check(&with_cookie(&other), "token ci");
    // Whoever is not signed in is signed out already.
    assert!(fixture.access.sign_out(&form(&[host], "")).unwrap().is_some());
    assert_eq!(fixture.access.signed_in(&request(Via::UnixSocket, &[])), None);
}

#[test]
fn a_token_in_json_or_in_the_url_is_none() {
    let fixture = Fixture::new();
    let mut json = request(Via::Tcp, &[("content-type", "application/json")]);
    json.body = Bytes::from(format!("token={GOOD}"));
    fixture.check(&json, "token_needed");
    for query in ["token=x", "a=b&access_token=0123456789abcdef", "t%6Fken=x", "token"] {
        let in_url = PartRequest { query: query.into(), ..with_token(&[]) };
        fixture.check(&in_url, "token_in_url");
        let in_url = PartRequest { query: query.into(), ..request(Via::UnixSocket, &[]) };
        fixture.check(&in_url, "token_in_url");
    }
    fixture.check(&PartRequest { query: "tokens=1".into(), ..with_token(&[]) }, "token ci");
}

#[test]
fn odd_header_fields_and_bodies_are_no_trouble() {
    let fixture = Fixture::new();
    for body in ["%", "token=%ff", "token", "&&=&", "token=+", "\u{0}=\u{0}"] {
        fixture.check(&form(&[], body), "token_needed");
    }
    let mut odd = form(&[], "");
    odd.body = Bytes::from_static(b"token=\xff");
    fixture.check(&odd, "token_needed");
    for name in ["host", "origin", "cookie", "authorization", "content-type", "x-actor"] {
        let mut odd = request(Via::Tcp, &[]);
        let value = HeaderValue::from_bytes(b"\xff\xfe;=").unwrap();
        odd.headers.insert(name.parse::<HeaderName>().unwrap(), value);
        assert!(fixture.ask(&odd).is_err());
    }
}
