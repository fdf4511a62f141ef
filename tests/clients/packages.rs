//! The Debian packages that the suite runs.

use std::sync::OnceLock;

use crate::debian::{Outcome, Packages};

const PACKAGES: Packages = Packages {
    suite: "the suite of real clients",
    why_root: Some(
        "dnf, zypper, apt and pacman install into a root of their own, and the proxies change their user",
    ),
    needed: &[
        ("dnf", "/usr/bin/dnf"),
        ("zypper", "/usr/bin/zypper"),
        ("aria2", "/usr/bin/aria2c"),
        ("python3-librepo", "/usr/lib/python3/dist-packages/librepo/__init__.py"),
        ("createrepo-c", "/usr/bin/createrepo_c"),
        ("rpm", "/usr/bin/rpmbuild"),
        ("apt-utils", "/usr/bin/apt-ftparchive"),
        ("gpg", "/usr/bin/gpg"),
        ("gpg-agent", "/usr/bin/gpg-agent"),
        ("gpgconf", "/usr/bin/gpgconf"),
        ("pacman-package-manager", "/usr/bin/pacman"),
        ("nginx-light", "/usr/sbin/nginx"),
        ("haproxy", "/usr/sbin/haproxy"),
        ("apache2-bin", "/usr/sbin/apache2"),
        ("openssl", "/usr/bin/openssl"),
        ("curl", "/usr/bin/curl"),
    ],
};

/// Returns when everything is installed, and ends the test otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Outcome> = OnceLock::new();
    PACKAGES.require(&OUTCOME);
}
