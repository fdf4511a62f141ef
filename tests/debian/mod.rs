//! Debian packages that a suite runs: installs what is missing, or says exactly what that is.
//!
//! A suite that skips itself proves nothing, so a missing package is a failure of every test in it.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Started services would stand in the way of the host, so none is started: the tests run servers
/// themselves, from their own configuration.
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

/// What a suite cannot do without.
pub struct Packages {
    /// The suite, for messages.
    pub suite: &'static str,
    /// Why it must run as root, if it must even where nothing is missing.
    pub why_root: Option<&'static str>,
    /// Package, and a file that shows that it is there.
    pub needed: &'static [(&'static str, &'static str)],
}

impl Packages {
    /// Returns when everything is installed; panics with what to install otherwise. `outcome` keeps
    /// what came of it, so that one test installs and the others wait.
    pub fn require(&self, outcome: &OnceLock<Result<(), String>>) {
        if let Err(reason) = outcome.get_or_init(|| self.install()) {
            panic!("{reason}");
        }
    }

    fn install(&self) -> Result<(), String> {
        let missing = self.missing();
        let to_install = (!missing.is_empty()).then_some("it installs what it needs");
        if let Some(why) = self.why_root.or(to_install)
            && !rustix::process::geteuid().is_root()
        {
            let mut reason = format!("{} must run as root: {why}", self.suite);
            if !missing.is_empty() {
                reason += &format!("\nit also needs these Debian packages: {}", missing.join(" "));
            }
            return Err(reason);
        }
        if missing.is_empty() {
            return Ok(());
        }
        eprintln!("installing {}", missing.join(" "));
        // Two runs at the same time: the second waits, and then finds them installed.
        let output = Command::new("flock")
            .arg("/run/mirrorlistd-clients-apt.lock")
            .args(["sh", "-c", INSTALL, "sh"])
            .args(&missing)
            .output();
        let details = match output {
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => format!("cannot run flock: {error}"),
        };
        let missing = self.missing();
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "{} needs Debian packages that could not be installed; install them and run the tests \
             again:\n\n    apt-get update && apt-get install --no-install-recommends {}\n\n\
             apt said:\n{details}",
            self.suite,
            missing.join(" ")
        ))
    }

    fn missing(&self) -> Vec<&'static str> {
        let absent = self.needed.iter().filter(|(_, file)| !Path::new(file).exists());
        absent.map(|&(package, _)| package).collect()
    }
}
