//! Debian packages that a suite runs: installs what is missing, or says exactly what that is.
//!
//! Whether a test that misses something is ignored or fails is decided here, in
//! [`Packages::require`]: where nobody could install it, as without root or on another system, it is
//! ignored and says what it needs. A suite that skips itself proves nothing, though: with `CI=true` in
//! the environment, and where an installation fails, it is a failure.

#[macro_use]
pub mod suite;

use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::geteuid;

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

/// What installs.
const APT_GET: &str = "/usr/bin/apt-get";

/// What comes of looking for packages, and of installing them.
pub type Outcome = Result<(), Missing>;

/// Why a test cannot run.
pub enum Missing {
    /// Nobody could install it here.
    Unmet(String),
    /// It could not be installed.
    Failed(String),
}

/// With this a test ends that is to be ignored: one line that says what it needs.
pub struct Unmet(pub String);

/// Whether tests fail that could be ignored.
static INSISTS: AtomicBool = AtomicBool::new(false);

/// From now on tests fail that could be ignored.
pub fn insist() {
    INSISTS.store(true, Ordering::Relaxed);
}

/// Whether this run is to prove something: nothing may be ignored then.
fn must_run() -> bool {
    let ci = std::env::var_os("CI");
    let is_ci = ci.is_some_and(|value| !["", "0", "false"].iter().any(|no| value == *no));
    is_ci || INSISTS.load(Ordering::Relaxed)
}

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
    /// Returns when everything is installed, and ends the test otherwise: it is ignored, or fails.
    /// `outcome` keeps what came of it, so that one test installs and the others wait.
    pub fn require(&self, outcome: &OnceLock<Outcome>) {
        match outcome.get_or_init(|| self.install()) {
            Ok(()) => {}
            // No panic, of which the hook would tell: the runner does.
            Err(Missing::Unmet(needs)) if !must_run() => {
                resume_unwind(Box::new(Unmet(needs.clone())));
            }
            Err(Missing::Unmet(reason) | Missing::Failed(reason)) => panic!("{reason}"),
        }
    }

    /// What nobody could install here, in one line.
    fn find_unmet(&self, missing: &[&str]) -> Option<String> {
        let to_install = (!missing.is_empty()).then_some("it installs what it needs");
        let needs_root = self.why_root.or(to_install).filter(|_| !geteuid().is_root());
        let packages = missing.join(" ");
        match needs_root {
            Some(why) if missing.is_empty() => Some(format!("needs root: {why}")),
            Some(why) => Some(format!("needs root: {why}; and Debian's packages {packages}")),
            None if !missing.is_empty() && !Path::new(APT_GET).exists() => {
                Some(format!("needs Debian's packages {packages}, and there is no {APT_GET}"))
            }
            None => None,
        }
    }

    fn install(&self) -> Outcome {
        let missing = self.missing();
        if let Some(needs) = self.find_unmet(&missing) {
            return Err(Missing::Unmet(format!("{} {needs}", self.suite)));
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
        Err(Missing::Failed(format!(
            "{} needs Debian packages that could not be installed; install them and run the tests \
             again:\n\n    apt-get update && apt-get install --no-install-recommends {}\n\n\
             apt said:\n{details}",
            self.suite,
            missing.join(" ")
        )))
    }

    fn missing(&self) -> Vec<&'static str> {
        let absent = self.needed.iter().filter(|(_, file)| !Path::new(file).exists());
        absent.map(|&(package, _)| package).collect()
    }
}
