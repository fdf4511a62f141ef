//! The Debian packages that the suite runs.

use std::sync::OnceLock;

use crate::debian::{Outcome, Packages};

const fn packages(why_root: Option<&'static str>) -> Packages {
    Packages {
        suite: "the suite of faults",
        why_root,
        needed: &[
            ("strace", "/usr/bin/strace"),
            ("nginx-light", "/usr/sbin/nginx"),
            ("haproxy", "/usr/sbin/haproxy"),
            ("apache2-bin", "/usr/sbin/apache2"),
            ("openssl", "/usr/bin/openssl"),
            ("curl", "/usr/bin/curl"),
            ("faketime", "/usr/bin/faketime"),
        ],
    }
}

/// Returns when everything is installed, and ends the test otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    packages(None).require(&OUTCOME);
}

/// The same for rows that start the proxies as they are shipped.
pub fn require_proxies() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    packages(Some("the proxies change their user")).require(&OUTCOME);
}
