//! Who may change something: whoever may connect to the unix socket, and over TCP whoever has a token.
//!
//! Reading is not decided here: the listener does. A change is refused
//!
//! - if it comes from a page of another site: a browser says so in `Origin` and `Sec-Fetch-Site`. A request
//!   of a browser must also name a host that is allowed, whatever the way it came, because a page can have
//!   its own name resolve to this machine, and a unix socket may stand behind a proxy or a tunnel.
//! - if it comes over TCP without a token of the token file: in `Authorization: Bearer`, in the field
//!   `token` of a form, or remembered by a cookie after such a form. The cookie holds no token but a random
//!   number, is of this site, this port and these pages only, ends after some hours, and with its token; it
//!   counts only if the browser also says that a page of this server asks.
//! - if a token stands in the URL: it would end in logs and histories.
//! - if the token is one of the owner of mirrors, and the change is not one that owners may make of theirs.
//!
//! Reading order: [`Access::may_change`] decides, and [`Access::identify`] where owners may as well;
//! [`Access::sign_out`] ends what a cookie stands for. `browser` knows what a browser says of a request, [`token_file`] who
//! has a token, [`secret_file`] with what something is signed, `sessions` what cookies stand for, and `user` the names of
//! local users.

mod refusal;
mod browser;
mod sessions;
pub mod token_file;
pub mod file_fault;
pub mod secret_file;
mod user;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue};
use model::percent;
use model::secret::Secret;
use serve::admin::allowed_hosts::AllowedHosts;
use serve::admin::part::{PartRequest, Via};
use store::record::bounded;

use refusal::{COOKIE_ALONE, IN_URL, MISSING, NO_RANDOMNESS, NO_TOKENS, OWNERS, UNREADABLE, WRONG};
use sessions::Sessions;
use token_file::{Token, TokenFile};

pub use refusal::Refusal;

/// The header field in which a proxy or a program may say for whom it asks. It is a note, and gives no right.
pub const ON_BEHALF_OF: &str = "x-actor";
/// The field of a form that holds a token.
pub const TOKEN_FIELD: &str = "token";
/// The longest name of an actor, in bytes.
const MAX_ACTOR: usize = 200;
/// Where the pages are that the cookie is for.
const PAGES: &str = "/tasks";
/// How the name of the cookie begins that stands for a token.
const COOKIE_NAME: &str = "mirrorlistd_session";

/// Decides who may change something.
pub struct Access {
    tokens: Option<TokenFile>,
    hosts: AllowedHosts,
    sessions: Sessions,
}

/// Who changes something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// The name, in one short line.
    pub name: String,
    /// `Set-Cookie`, to be sent with the reply: from now on the browser needs no token any more.
    pub cookie: Option<HeaderValue>,
    /// The mirrors that are theirs, if it is an owner; an operator may change everything.
    mirrors: Option<Arc<[String]>>,
}

impl Actor {
    /// Whether it is the owner of mirrors, and no operator.
    pub fn is_owner(&self) -> bool {
        self.mirrors.is_some()
    }

    /// The mirrors that are theirs; none of an operator.
    pub fn own_mirrors(&self) -> &[String] {
        self.mirrors.as_deref().unwrap_or_default()
    }

    /// Whether they may change something of this mirror that its owner may change, or why not.
    pub fn may_change_mirror(&self, key: &str) -> Result<(), Refusal> {
        match self.mirrors.is_none() || self.own_mirrors().iter().any(|own| own == key) {
            true => Ok(()),
            false => Err(OWNERS),
        }
    }
}

/// The tokens at a time.
pub struct Owners(Arc<[Token]>);

impl Owners {
    /// The owner who has this token; `None` if there is none.
    pub fn find(&self, password: &Secret) -> Option<Actor> {
        let token = find(&self.0, |token| token.secret == *password)?;
        let mirrors = Some(Arc::clone(token.mirrors.as_ref()?));
        Some(Actor { name: bounded(&name_of(token), MAX_ACTOR), cookie: None, mirrors })
    }
}

impl Access {
    /// Access with the tokens of a file, if there is one, and with these names of hosts beside addresses and
    /// `localhost`.
    pub fn new(
        token_file: Option<PathBuf>,
        hosts: AllowedHosts,
    ) -> Result<Self, file_fault::Error> {
        let tokens = token_file.map(TokenFile::open).transpose()?;
        Ok(Self { tokens, hosts, sessions: Sessions::default() })
    }

    /// Who asks for a change by this request, or why it must not be made.
    pub fn may_change(&self, request: &PartRequest) -> Result<Actor, Refusal> {
        self.may_change_at(request, Instant::now(), |token| token.mirrors.is_none())
    }

    /// Who asks by this request, an operator or an owner: what an owner may change is up to
    /// [`Actor::may_change_mirror`].
    pub fn identify(&self, request: &PartRequest) -> Result<Actor, Refusal> {
        self.may_change_at(request, Instant::now(), |_| true)
    }

    /// Who may ask by this request with the token of an owner as its password, which a program does that knows no other
    /// way. That there are no tokens is no fault of the program: it may try again.
    pub fn owners(&self, request: &PartRequest) -> Result<Owners, Refusal> {
        browser::check(&request.headers, &self.hosts)?;
        let unavailable = |refusal| Refusal { status: StatusCode::SERVICE_UNAVAILABLE, ..refusal };
        let tokens = self.tokens.as_ref().ok_or(unavailable(NO_TOKENS))?.current();
        match tokens.is_empty() {
            true => Err(unavailable(UNREADABLE)),
            false => Ok(Owners(tokens)),
        }
    }

    /// Whether a form in the reply to this request needs the field [`TOKEN_FIELD`].
    pub fn needs_token(&self, request: &PartRequest) -> bool {
        request.via == Via::Tcp
            && self.tokens.as_ref().is_some_and(|tokens| {
                let known = tokens.current();
                self.by_cookie(request, &known, Instant::now()).is_none()
            })
    }

    /// Who has sent a form with a token before from this browser, and need not do so again; `None` if nobody
    /// has, or if no token is needed.
    pub fn signed_in(&self, request: &PartRequest) -> Option<String> {
        let tokens = self.tokens.as_ref().filter(|_| request.via == Via::Tcp)?;
        let known = tokens.current();
        self.by_cookie(request, &known, Instant::now()).map(name_of)
    }

    /// Ends what [`Self::signed_in`] says, and returns `Set-Cookie` for the reply; or why it must not be
    /// ended.
    pub fn sign_out(&self, request: &PartRequest) -> Result<Option<HeaderValue>, Refusal> {
        browser::check(&request.headers, &self.hosts)?;
        let name = cookie_name(&request.headers);
        if let Some(id) = session_id(request, &name) {
            self.sessions.end(id);
        }
        Ok(cookie(&name, "", Duration::ZERO))
    }

    /// Whether no request like this one could change anything: over TCP without a token file.
    pub fn is_read_only(&self, request: &PartRequest) -> bool {
        request.via == Via::Tcp && self.tokens.is_none()
    }

    /// `allows` says whether a token gives the right to it.
    fn may_change_at(
        &self,
        request: &PartRequest,
        now: Instant,
        allows: impl Fn(&Token) -> bool,
    ) -> Result<Actor, Refusal> {
        if has_token_in_url(&request.query) {
            return Err(IN_URL);
        }
        browser::check(&request.headers, &self.hosts)?;
        if request.via == Via::UnixSocket {
            let name = request.peer_user.map_or("unix socket".to_owned(), user::name_of);
            let name = for_whom(&name, &request.headers);
            return Ok(Actor { name, cookie: None, mirrors: None });
        }
        let tokens = self.tokens.as_ref().ok_or(NO_TOKENS)?;
        let known = tokens.current();
        if known.is_empty() {
            return Err(UNREADABLE);
        }
        let actor = |token: &Token, cookie| Actor {
            name: for_whom(&name_of(token), &request.headers),
            cookie,
            mirrors: token.mirrors.clone(),
        };
        let allowed = |token: &Token| allows(token).then_some(()).ok_or(OWNERS);
        if request.headers.contains_key(AUTHORIZATION) {
            let given = bearer(&request.headers).ok_or(WRONG)?;
            let token = find(&known, |token| token.is(given)).ok_or(WRONG)?;
            allowed(token)?;
            return Ok(actor(token, None));
        }
        if let Some(given) = token_field(request) {
            let token = find(&known, |token| token.is(given.as_bytes())).ok_or(WRONG)?;
            allowed(token)?;
            if token.mirrors.is_some() {
                // Owners have no pages, so they take no session away from operators.
                return Ok(actor(token, None));
            }
            let id = self.sessions.begin(token, now).ok_or(NO_RANDOMNESS)?;
            return Ok(actor(token, cookie(&cookie_name(&request.headers), &id, sessions::LIFE)));
        }
        match self.by_cookie(request, &known, now) {
            Some(_) if !browser::is_own_page(&request.headers) => Err(COOKIE_ALONE),
            Some(token) => allowed(token).map(|()| actor(token, None)),
            None => Err(MISSING),
        }
    }

    fn by_cookie<'k>(
        &self,
        request: &PartRequest,
        known: &'k [Token],
        now: Instant,
    ) -> Option<&'k Token> {
        let id = session_id(request, &cookie_name(&request.headers))?;
        let token = self.sessions.find(id, now)?;
        known.iter().find(|known| **known == token)
    }
}

/// The name of an actor who has a token.
fn name_of(token: &Token) -> String {
    format!("token {}", token.name)
}

/// The value of the cookie of this name, in a request for one of the pages.
fn session_id<'r>(request: &'r PartRequest, name: &str) -> Option<&'r str> {
    let below = request.path.strip_prefix(PAGES)?;
    if !below.is_empty() && !below.starts_with('/') {
        return None;
    }
    let cookies = request.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).map(str::trim);
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// `Set-Cookie` for the pages of this site only.
fn cookie(name: &str, value: &str, life: Duration) -> Option<HeaderValue> {
    let life = life.as_secs();
    let cookie = format!("{name}={value}; HttpOnly; SameSite=Strict; Path={PAGES}; Max-Age={life}");
    HeaderValue::try_from(cookie).ok()
}

/// The name of the cookie. Browsers send cookies to all ports of a host, so that it holds the port.
fn cookie_name(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let port = host.and_then(|host| host.rsplit_once(':')).map(|(_, port)| port);
    let is_port = |port: &&str| {
        (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    match port.filter(is_port) {
        Some(port) => format!("{COOKIE_NAME}_{port}"),
        None => COOKIE_NAME.to_owned(),
    }
}

/// `name`, and for whom it asks, if it says so.
fn for_whom(name: &str, headers: &HeaderMap) -> String {
    let claimed = headers.get(ON_BEHALF_OF).and_then(|value| value.to_str().ok()).map(str::trim);
    match claimed.filter(|claimed| !claimed.is_empty()) {
        Some(claimed) => bounded(&format!("{name} for {claimed}"), MAX_ACTOR),
        None => bounded(name, MAX_ACTOR),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The token in a form.
fn token_field(request: &PartRequest) -> Option<String> {
    let media_type = request.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let media_type = media_type.split(';').next()?.trim();
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let body = std::str::from_utf8(&request.body).ok()?;
    let value =
        body.split('&').find_map(|field| field.strip_prefix(TOKEN_FIELD)?.strip_prefix('='))?;
    let value = percent::decode(&value.replace('+', " ")).ok()?.trim().to_owned();
    (!value.is_empty()).then_some(value)
}

fn has_token_in_url(query: &str) -> bool {
    let mut names = query.split('&').map(|field| field.split('=').next().unwrap_or(field));
    names.any(|name| matches!(percent::decode(name).as_deref(), Ok(TOKEN_FIELD | "access_token")))
}

/// The token that was given. Which one it is, and how much of it is right, does not show in the time taken.
fn find(known: &[Token], is_given: impl Fn(&Token) -> bool) -> Option<&Token> {
    known.iter().fold(None, |found, token| match is_given(token) {
        true => Some(token),
        false => found,
    })
}

#[cfg(test)]
mod tests;
