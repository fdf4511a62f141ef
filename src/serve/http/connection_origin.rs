//! The origin of a connection, which determines the client of each of its requests.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::{HOST, HeaderName, HeaderValue};

use super::client_address::{AddressHeader, AddressSource, Peer, TrustedProxies};
use super::proxy_header::{ConnectionStart, ProxyHeaderState};
use crate::metrics::PrivateClient;
use answer::requester::Requester;
use model::scope::is_private;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// The origin of a connection.
pub struct ConnectionOrigin {
    /// The peer that has connected.
    pub(super) peer: Peer,
    /// The place to find the client's address in.
    source: AddressSource,
    /// The state of its PROXY header.
    pub(super) proxy_header: ProxyHeaderState,
}

impl ConnectionOrigin {
    /// Creates the origin of a connection that was just accepted.
    pub fn new(peer: Peer, source: AddressSource) -> Self {
        Self { peer, source, proxy_header: ProxyHeaderState::default() }
    }

    /// Returns the client that sent `request`.
    pub(super) fn requester<B>(&self, proxies: &TrustedProxies, request: &Request<B>) -> Requester {
        let address = self.client_address(proxies, request);
        let is_local = self.peer == Peer::Unix && address == self.peer.address();
        Requester { address, is_trusted: is_local || proxies.trusts(Peer::Address(address)) }
    }

    /// Returns the address of the client that sent `request`.
    pub(super) fn client_address<B>(
        &self,
        proxies: &TrustedProxies,
        request: &Request<B>,
    ) -> IpAddr {
        match self.source {
            AddressSource::Header(header) => {
                let lines = request.headers().get_all(header_name(header)).iter();
                let lines = lines.map(HeaderValue::as_bytes);
                proxies.client_address(self.peer, header, lines)
            }
            AddressSource::ProxyProtocol => {
                self.proxy_header.client().unwrap_or(self.peer.address())
            }
            AddressSource::Peer => self.peer.address(),
        }
    }

    /// Returns why the client of `request` has the private address `client`; `None` if it is not
    /// private, or if the request has no Host: such requests are health checks of a proxy, not from a
    /// client.
    pub(super) fn private_client<B>(
        &self,
        proxies: &TrustedProxies,
        request: &Request<B>,
        client: IpAddr,
    ) -> Option<PrivateClient> {
        if !is_private(client) || !request.headers().contains_key(HOST) {
            return None;
        }
        let AddressSource::Header(header) = self.source else { return Some(PrivateClient::Seen) };
        let names_somebody = request.headers().contains_key(header_name(header));
        let is_unnamed = !names_somebody && proxies.trusts(self.peer);
        Some(if is_unnamed { PrivateClient::Unnamed } else { PrivateClient::Seen })
    }

    /// Returns whether a PROXY header is expected. Only trusted proxies send one. Any other peer speaks
    /// HTTP, and a PROXY header from it is a malformed request.
    pub(super) fn connection_start(&self, proxies: &TrustedProxies) -> ConnectionStart {
        let is_proxy = || proxies.trusts(self.peer);
        match self.source {
            AddressSource::ProxyProtocol if is_proxy() => ConnectionStart::ProxyHeader,
            _ => ConnectionStart::Request,
        }
    }
}

fn header_name(header: AddressHeader) -> &'static HeaderName {
    match header {
        AddressHeader::XForwardedFor => &X_FORWARDED_FOR,
        AddressHeader::Forwarded => &FORWARDED,
    }
}
