//! The Debian packages that the suite runs.

use std::sync::OnceLock;

use crate::debian::{Outcome, Packages};

const PACKAGES: Packages = Packages {
    suite: "the suite of packaging",
    why_root: Some(
        "it makes a scratch host, installs the package there, and starts it with systemd",
    ),
    needed: &[
        ("systemd", "/lib/systemd/systemd"),
        ("util-linux", "/usr/bin/nsenter"),
        ("iproute2", "/usr/sbin/ip"),
        ("dpkg-dev", "/usr/bin/dpkg-shlibdeps"),
        ("binutils", "/usr/bin/strip"),
        ("rpm", "/usr/bin/rpmbuild"),
        ("lintian", "/usr/bin/lintian"),
        ("logrotate", "/usr/sbin/logrotate"),
        ("prometheus", "/usr/bin/promtool"),
        ("groff-base", "/usr/bin/groff"),
        ("mandoc", "/usr/bin/mandoc"),
        ("zsh", "/usr/bin/zsh"),
        ("fish", "/usr/bin/fish"),
        ("curl", "/usr/bin/curl"),
    ],
};

/// Returns when everything is installed, and ends the test otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    PACKAGES.require(&OUTCOME);
}
