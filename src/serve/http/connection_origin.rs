//! Where a connection comes from, and with it whose request each of its requests is.

use std::net::IpAddr;

use hyper::Request;
use hyper::header::{HOST, HeaderName, HeaderValue};

use super::client_address::{AddressHeader, AddressSource, Peer, TrustedProxies};
use super::preamble::{Expect, ProxyHeaderState};
use crate::metrics::PrivateClient;
use answer::asker::Asker;
use model::scope::is_private;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// Where a connection comes from.
pub struct ConnectionOrigin {
    /// Who has connected.
    pub(super) peer: Peer,
    /// Where to find the client's address.
    source: AddressSource,
    /// What a PROXY header says about it.
    pub(super) told: ProxyHeaderState,
}

impl ConnectionOrigin {
    /// The origin of a connection that has just been accepted.
    pub fn new(peer: Peer, source: AddressSource) -> Self {
        Self { peer, source, told: ProxyHeaderState::default() }
    }

    /// Whoever sends `request`.
    pub(super) fn asker<B>(&self, proxies: &TrustedProxies, request: &Request<B>) -> Asker {
        let address = self.client_address(proxies, request);
        let is_local = self.peer == Peer::Unix && address == self.peer.address();
        Asker { address, is_trusted: is_local || proxies.trusts(Peer::Address(address)) }
    }

    /// The address of whoever sends `request`.
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
            AddressSource::ProxyProtocol => self.told.client().unwrap_or(self.peer.address()),
            AddressSource::Peer => self.peer.address(),
        }
    }

    /// Why the client behind `request` has the private address `client`; `None` where it has not, and
    /// for requests without Host: checks of a proxy, which speak for nobody.
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

    /// Only a trusted proxy speaks the PROXY protocol. Anybody else speaks HTTP, and a PROXY header
    /// is then a malformed request.
    pub(super) fn expected(&self, proxies: &TrustedProxies) -> Expect {
        let is_proxy = || proxies.trusts(self.peer);
        match self.source {
            AddressSource::ProxyProtocol if is_proxy() => Expect::Header,
            _ => Expect::Request,
        }
    }
}

fn header_name(header: AddressHeader) -> &'static HeaderName {
    match header {
        AddressHeader::XForwardedFor => &X_FORWARDED_FOR,
        AddressHeader::Forwarded => &FORWARDED,
    }
}
