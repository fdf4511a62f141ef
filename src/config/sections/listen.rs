//! Where to listen for clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _};

use crate::config::definition::names_in;
use crate::config::section_macro::{Section, section};
use crate::config::toml_table::TomlTable;
use crate::config::values::{ClientAddress, ListenAddress, SocketMode};
use serve::http::client_address::AddressSource;
use serve::http::socket::{Address, Mode};

section! {
    /// Where clients are listened for. The first public address is made of `listen` and `port`; each table
    /// `[[listener]]` of the file names another one. Sockets that systemd hands over (socket activation)
    /// replace them all.
    pub struct ListenOptions in "Serving" {
        /// Address to listen on: IPv4, IPv6, `::` for every one of both, or unix:PATH
        ///
        /// The configuration file can name more of them, in tables `[[listener]]`. Sockets that systemd hands
        /// over (socket activation) replace them all.
        listen: ListenAddress {
            key: "listen",
            flag: (long),
            value: "ADDR",
            default: ListenAddress::Ip(Ipv4Addr::LOCALHOST.into()),
        }
        /// Port to listen on; 0 takes any free one and prints it
        ///
        /// A unix socket has none.
        port: u16 {
            key: "port",
            flag: (long),
            value: "N",
            default: 3000,
        }
        /// Mode of public unix sockets, in octal, such as 0660
        ///
        /// The packaged service has a umask that leaves 0750, so that only its own user may connect.
        socket_mode: SocketMode {
            key: "socket_mode",
            flag: (long),
            value: "MODE",
            otherwise: "what the umask leaves",
            example: "\"0660\"",
        }
        /// Where proxies tell the address of the client
        ///
        /// In the header X-Forwarded-For, in the header Forwarded (RFC 7239), in the PROXY protocol (version 1
        /// or 2), or nowhere, because there is no proxy and the peer is the client. Only trusted proxies can
        /// tell it; with `proxy-protocol`, they must begin each connection with its header, and are cut off
        /// otherwise.
        client_address: ClientAddress {
            key: "client_address",
            flag: (long),
            value: "SOURCE",
            default: ClientAddress::XForwardedFor,
        }
    }
}

section! {
    /// The tables `[[listener]]`, one for each further public address. All of them share the limits and the
    /// threads. Processes that share a configuration file cannot share these addresses.
    pub struct ListenerOptions in "Listeners" {
        /// Where to listen: ADDR:PORT or unix:PATH
        ///
        /// Must be given. The packaged service may make sockets in the folder /run/mirrorlistd.
        address: Address {
            key: "listener.address",
            flag: (skip),
            value: "ADDRESS",
            example: "\"unix:/run/mirrorlistd/http.sock\"",
        }
        /// Where proxies tell the addresses of its clients
        client_address: ClientAddress {
            key: "listener.client_address",
            flag: (skip),
            value: "SOURCE",
            otherwise: "as for the first address",
            example: "\"proxy-protocol\"",
        }
        /// The socket that takes its place, where systemd hands one over under this name
        ///
        /// systemd calls it `FileDescriptorName=`.
        name: String {
            key: "listener.name",
            flag: (skip),
            value: "NAME",
            example: "\"http\"",
        }
    }
}

/// A table `[[listener]]`: one more public address.
#[derive(Clone, Debug)]
pub struct ListenerTable {
    /// Where to listen.
    address: Address,
    keys: ListenerOptions,
}

/// The keys of the table.
static KEYS: LazyLock<Vec<&str>> =
    LazyLock::new(|| names_in("listener", &ListenerOptions::definitions()));

impl<'de> Deserialize<'de> for ListenerTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut keys = ListenerOptions::default();
        let table = TomlTable { name: "listener", known: &KEYS, target: &mut keys };
        table.deserialize(deserializer)?;
        let address = keys.address.take().ok_or_else(|| D::Error::missing_field("address"))?;
        Ok(Self { address, keys })
    }
}

/// A public address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicAddress {
    /// Port 0 takes any free one.
    pub address: Address,
    /// Where the addresses of its clients are found.
    pub client_address: AddressSource,
    /// The name of a socket that takes its place.
    pub name: Option<String>,
}

impl ListenOptions {
    /// The public addresses: first that of the options, then those of the tables.
    pub fn addresses(&self, listeners: Vec<ListenerTable>) -> (PublicAddress, Vec<PublicAddress>) {
        let address = match self.listen() {
            ListenAddress::Unix(path) => Address::Unix(path),
            ListenAddress::Ip(address) => Address::Tcp(SocketAddr::new(address, self.port())),
        };
        let client_address = self.client_address().into();
        let first = PublicAddress { address, client_address, name: None };
        let others = listeners.into_iter().map(|ListenerTable { address, keys }| PublicAddress {
            address,
            client_address: keys.client_address.map_or(client_address, Into::into),
            name: keys.name,
        });
        (first, others.collect())
    }

    /// The mode of public unix sockets.
    pub fn mode(&self) -> Mode {
        self.socket_mode.map(|SocketMode(mode)| mode)
    }
}
