//! The listener of the operator.

use crate::config::section_macro::section;
use crate::config::values::HostName;
use serve::admin;
use serve::admin::allowed_hosts::AllowedHosts;
use serve::http::socket::Address;
use serve::http::watchdog::Timeouts;

section! {
    /// The listener of the operator. It has no passwords: keep it on loopback or on a unix socket.
    pub struct AdminOptions in "Admin" {
        /// Where to answer the operator: health, metrics, status; ADDR:PORT or unix:PATH
        ///
        /// It has the paths /healthz, /readyz, /metrics and /status.
        admin: Address {
            key: "admin.listen",
            flag: (long),
            value: "ADDRESS",
            otherwise: "nowhere",
            shipped: "\"127.0.0.1:3001\"",
        }
        /// A name that the operator's listener may be asked by over TCP, beside addresses and localhost; may be
        /// repeated
        ///
        /// A request whose Host is another name gets 421, so that no page in a browser can read what it says
        /// (DNS rebinding).
        admin_host: Vec<HostName> {
            key: "admin.hosts",
            flag: (long),
            value: "NAME",
            default: Vec::new(),
        }
    }
}

impl AdminOptions {
    /// The listener, if there is to be one.
    pub fn options(&self, timeouts: Timeouts) -> Option<admin::Options> {
        let address = self.admin.clone()?;
        let hosts = self.admin_host().into_iter().map(|HostName(name)| name).collect();
        Some(admin::Options {
            address,
            hosts: Some(AllowedHosts(hosts)),
            timeouts,
            max_connections: admin::MAX_CONNECTIONS,
            // There are too few connections to need a limit.
            unsent_bytes: u64::MAX,
        })
    }
}
