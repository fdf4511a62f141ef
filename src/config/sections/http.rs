//! How connections and requests are treated.
use crate::config::section_macro::section;
use crate::config::values::{Count, TrustedProxy};
use serve::http;
use serve::http::client_address::TrustedProxies;
use serve::http::watchdog::Timeouts;

section! {
    /// How connections and requests are treated. Beyond a limit, requests are refused or connections closed.
    pub struct HttpOptions in "Connections" {
        /// Trust proxies in this network; may be repeated; `none` trusts nobody
        ///
        /// If one is missing, all of its clients look alike; the log says so when most addresses are private.
        /// Loopback is no proxy where a container runtime forwards the port: trust nobody there. Whoever
        /// connects through a unix socket is trusted in any case: its mode decides who can.
        trusted_proxy: Vec<TrustedProxy> {
            key: "trusted_proxy",
            flag: (long),
            value: "CIDR",
            default: TrustedProxies::default().0.into_iter().map(TrustedProxy::Network).collect(),
        }
        /// How long a request's header may take from its first byte to its end, and a connection to its first
        /// byte
        header_timeout: Count<1, 86_400> {
            key: "limits.header_timeout_seconds",
            flag: (skip),
            value: "SECONDS",
            default: Count::of(10),
        }
        /// How long a connection is kept between two requests
        ///
        /// Longer than the proxy keeps its end (60 s in nginx): the proxy then closes first, and no request
        /// meets a connection that is being closed.
        idle_timeout: Count<1, 86_400> {
            key: "limits.idle_timeout_seconds",
            flag: (skip),
            value: "SECONDS",
            default: Count::of(75),
        }
        /// How long a client may take no byte of an answer
        write_timeout: Count<1, 86_400> {
            key: "limits.write_timeout_seconds",
            flag: (skip),
            value: "SECONDS",
            default: Count::of(30),
        }
        /// How long a client may go on sending after a refusal that ends its connection, such as that of a body
        ///
        /// If the connection were closed at once, a proxy in front would lose the answer, and take this server
        /// for broken.
        linger_timeout: Count<1, 3_600> {
            key: "limits.linger_timeout_seconds",
            flag: (skip),
            value: "SECONDS",
            default: Count::of(2),
        }
        /// Bytes that are read and thrown away after such a refusal
        linger_bytes: Count<0, 1_000_000_000> {
            key: "limits.linger_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(256 * 1_024),
        }
        /// Connections at the same time
        ///
        /// Fewer where the limit of open files (`LimitNOFILE=` in the unit) leaves less. When they run short,
        /// those are closed that have been idle longest.
        max_connections: Count<1, 1_000_000> {
            key: "limits.max_connections",
            flag: (skip),
            value: "N",
            default: Count::of(10_000),
        }
        /// Bytes that may wait for clients that do not read their answers, in the whole process
        ///
        /// Beyond it the slowest of them are closed. Each takes 256 KiB of it, the kernel's half included.
        unsent_bytes: Count<1_048_576, 4_294_967_295> {
            key: "limits.unsent_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(256 << 20),
        }
        /// Bytes of the path and query of a request; 414 beyond
        max_target_bytes: Count<64, 15_000> {
            key: "limits.max_target_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(8_000),
        }
        /// Header fields of a request; 431 beyond
        max_headers: Count<1, 1_000> {
            key: "limits.max_headers",
            flag: (skip),
            value: "N",
            default: Count::of(64),
        }
        /// Bytes of a body that may be compressed (see `answer.compress`)
        ///
        /// Longer ones are sent as they are, because the thread that answers waits for the compression.
        // At 3 µs for each KB (gzip), a worker is busy with the default for less than a millisecond.
        max_compressed_bytes: Count<0, 1_000_000_000> {
            key: "limits.max_compressed_bytes",
            flag: (skip),
            value: "BYTES",
            default: Count::of(256 * 1_024),
        }
    }
}

impl HttpOptions {
    /// The rules of the transport.
    pub fn options(
        &self,
        compress: bool,
        explains_per_second: Option<u32>,
        answer: answer::Options,
    ) -> http::Options {
        http::Options {
            timeouts: self.timeouts(),
            linger_bytes: self.linger_bytes().get().into(),
            max_headers: self.max_headers().as_usize(),
            max_target_bytes: self.max_target_bytes().as_usize(),
            max_connections: self.max_connections().as_usize(),
            unsent_bytes: self.unsent_bytes().get().into(),
            compress,
            max_compressed_bytes: self.max_compressed_bytes().as_usize(),
            explains_per_second,
            answer,
            trusted_proxies: self.trusted(),
        }
    }

    /// How long a connection may wait for its client.
    pub fn timeouts(&self) -> Timeouts {
        Timeouts {
            header: self.header_timeout().as_seconds(),
            idle: self.idle_timeout().as_seconds(),
            write: self.write_timeout().as_seconds(),
            linger: self.linger_timeout().as_seconds(),
        }
    }

    fn trusted(&self) -> TrustedProxies {
        let networks = self.trusted_proxy().into_iter().map(|proxy| match proxy {
            TrustedProxy::None => None,
            TrustedProxy::Network(prefix) => Some(prefix),
        });
        TrustedProxies(networks.flatten().collect())
    }
}
