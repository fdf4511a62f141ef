//! Installs the Debian packages that the suite runs, once, or says exactly what is missing.
//!
//! A suite that skips itself proves nothing, so a missing client is a failure of every test here.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// A package, and a file that shows that it is there.
pub type Package = (&'static str, &'static str);

const NEEDED: [Package; 11] = [
    ("dnf", "/usr/bin/dnf"),
    ("zypper", "/usr/bin/zypper"),
    ("aria2", "/usr/bin/aria2c"),
    ("python3-librepo", "/usr/lib/python3/dist-packages/librepo/__init__.py"),
    ("createrepo-c", "/usr/bin/createrepo_c"),
    ("rpm", "/usr/bin/rpmbuild"),
    ("nginx-light", "/usr/sbin/nginx"),
    ("haproxy", "/usr/sbin/haproxy"),
    ("apache2-bin", "/usr/sbin/apache2"),
    ("openssl", "/usr/bin/openssl"),
    ("curl", "/usr/bin/curl"),
];

/// Started services would stand in the way of the host, so none is started: the tests run nginx and
/// HAProxy themselves, from their own configuration.
const INSTALL: &str = r#"
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod +x $policy
    trap 'rm -f $policy' EXIT
fi
apt-get update &&
apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
"#;

/// Returns when everything is installed; panics with what to install otherwise.
pub fn require() {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    if let Err(reason) = OUTCOME.get_or_init(install_clients) {
        panic!("{reason}");
    }
}

fn install_clients() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        let mut reason = "the suite of real clients must run as root: dnf and zypper install \
                          into a root of their own, and the proxies change their user"
            .to_owned();
        let missing = missing(&NEEDED);
        if !missing.is_empty() {
            reason += &format!("\nit also needs these Debian packages: {}", missing.join(" "));
        }
        return Err(reason);
    }
    install(&NEEDED)
}

/// Installs what is missing of `needed`, or says what to install.
pub fn install(needed: &[Package]) -> Result<(), String> {
    let missing = missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing {}", missing.join(" "));
    // Two runs of the suite at the same time: the second waits, and then finds them installed.
    let output = Command::new("flock")
        .arg("/run/mirrorlistd-clients-apt.lock")
        .args(["sh", "-c", INSTALL, "sh"])
        .args(&missing)
        .output();
    let details = match output {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("cannot run flock: {error}"),
    };
    let missing = self::missing(needed);
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "these tests need Debian packages that could not be installed; \
         install them and run the tests again:\n\n    \
         apt-get update && apt-get install --no-install-recommends {}\n\n\
         apt said:\n{details}",
        missing.join(" ")
    ))
}

fn missing(needed: &[Package]) -> Vec<&'static str> {
    let absent = needed.iter().filter(|(_, file)| !Path::new(file).exists());
    absent.map(|&(package, _)| package).collect()
}
