//! A world in memory: a network, names, an authority, and a crawler that knows nothing else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use visits::Crawler;
use visits::guard::Guard;
use visits::limits::Limits;
use visits::politeness::Politeness;
use visits::request::UserAgent;
use visits::tls::{Roots, Tls};

use super::authority::{Authority, GOOD_UNTIL};
use super::mirror::{Behaviour, Mirror};
use super::names::Names;
use super::network::{Listener, VirtualNetwork};

/// A world in memory.
#[derive(Default)]
pub struct World {
    /// Its network.
    pub network: VirtualNetwork,
    /// Its names.
    pub names: Arc<Names>,
    /// The authority that its crawler trusts.
    pub authority: Authority,
}

impl World {
    /// A crawler that lives in it.
    pub fn crawler(&self, limits: Limits) -> Crawler {
        let politeness = Politeness::new(&limits);
        Crawler {
            limits,
            guard: Guard::default(),
            resolver: Arc::clone(&self.names) as _,
            network: Arc::new(self.network.clone()),
            tls: Tls::new(Roots::Given(vec![self.authority.root()])).unwrap(),
            politeness,
            agent: UserAgent::new("0.0", Some("https://lab.example/")).unwrap(),
        }
    }

    /// A mirror over HTTP and HTTPS, under a name with these addresses.
    pub fn mirror(
        &self,
        name: &str,
        addresses: &[&str],
        behaviour: Behaviour,
        files: &[(&str, &[u8])],
    ) -> Arc<Mirror> {
        let mirror = Arc::new(Mirror::new(behaviour, files));
        self.names.add(name, addresses);
        for address in addresses {
            self.listen(address, 80, Listener::Plain(Arc::clone(&mirror)));
            let tls = self.authority.certify(&[name], GOOD_UNTIL);
            self.listen(address, 443, Listener::Tls(Arc::clone(&mirror), tls));
        }
        mirror
    }

    /// Puts something at an address.
    pub fn listen(&self, address: &str, port: u16, listener: Listener) {
        let address: IpAddr = address.parse().unwrap();
        self.network.listen(SocketAddr::new(address, port), listener);
    }
}
