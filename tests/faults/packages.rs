//! The Debian packages that the suite runs.

use std::sync::OnceLock;

use crate::debian::Packages;

const PACKAGES: Packages = Packages {
    suite: "the suite of faults",
    why_root: None,
    needed: &[
        ("strace", "/usr/bin/strace"),
        ("nginx-light", "/usr/sbin/nginx"),
        ("haproxy", "/usr/sbin/haproxy"),
        ("apache2-bin", "/usr/sbin/apache2"),
        ("openssl", "/usr/bin/openssl"),
        ("curl", "/usr/bin/curl"),
    ],
};

/// Returns when everything is installed; panics with what to install otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    PACKAGES.require(&OUTCOME);
}
