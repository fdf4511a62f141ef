//! Debian packages that a suite needs: installs the missing ones, or reports which they are.
//!
//! [`Packages::require`] decides whether a test without its packages is ignored or fails. If they cannot
//! be installed here, as without root or on another system, the test is ignored and reports what it
//! needs. With `CI=true` in the environment it fails instead, because an ignored test proves nothing;
//! it also fails if an installation fails.

#[macro_use]
pub mod suite;

use std::panic::resume_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::geteuid;

/// The script that installs packages. It prevents them from starting services on the host: the tests run
/// servers themselves, with their own configuration.
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

/// The program that installs packages.
const APT_GET: &str = "/usr/bin/apt-get";

/// The result of looking for packages, and of installing them.
pub type Outcome = Result<(), Missing>;

/// The reason why a test cannot run.
pub enum Missing {
    /// A package is missing and cannot be installed on this host.
    Unmet(String),
    /// The installation failed.
    Failed(String),
}

/// The panic payload of a test that is to be ignored: one line that says what it needs.
pub struct Unmet(pub String);

/// Whether tests that could be ignored fail instead.
static INSISTS: AtomicBool = AtomicBool::new(false);

/// Makes tests that could be ignored fail from now on.
pub fn insist() {
    INSISTS.store(true, Ordering::Relaxed);
}

/// Whether no test may be ignored in this run.
fn must_run() -> bool {
    let ci = std::env::var_os("CI");
    let is_ci = ci.is_some_and(|value| !["", "0", "false"].iter().any(|no| value == *no));
    is_ci || INSISTS.load(Ordering::Relaxed)
}

/// Ends the test because something is missing that no package of Debian brings: ignored, or failed where no
/// test may be ignored. `needs` is one line.
pub fn unmet(needs: String) -> ! {
    match must_run() {
        true => panic!("{needs}"),
        // Unwinds without the panic hook, which would print a message: the runner prints its own.
        false => resume_unwind(Box::new(Unmet(needs))),
    }
}

/// The requirements of a suite.
pub struct Packages {
    /// The suite, for messages.
    pub suite: &'static str,
    /// Why it must run as root even if no package is missing; `None` if it need not.
    pub why_root: Option<&'static str>,
    /// Each package, and a file that exists if it is installed.
    pub needed: &'static [(&'static str, &'static str)],
}

impl Packages {
    /// Returns if everything is installed; otherwise the test ends, ignored or failed. `outcome` stores
    /// the result, so that one test installs and the others wait.
    pub fn require(&self, outcome: &OnceLock<Outcome>) {
        match outcome.get_or_init(|| self.install()) {
            Ok(()) => {}
            // Unwinds without the panic hook, which would print a message: the runner prints its own.
            Err(Missing::Unmet(needs)) if !must_run() => {
                resume_unwind(Box::new(Unmet(needs.clone())));
            }
            Err(Missing::Unmet(reason) | Missing::Failed(reason)) => panic!("{reason}"),
        }
    }

    /// Whether everything is installed, for tests of Rust's own runner, which can leave none out: one that cannot run
    /// passes, and says so. It fails where [`Self::require`] fails.
    pub fn are_there(&self, outcome: &OnceLock<Outcome>) -> bool {
        match outcome.get_or_init(|| self.install()) {
            Ok(()) => true,
            Err(Missing::Unmet(needs)) if !must_run() => {
                eprintln!("not tested: {needs}");
                false
            }
            Err(Missing::Unmet(reason) | Missing::Failed(reason)) => panic!("{reason}"),
        }
    }

    /// The requirements that cannot be met on this host, in one line.
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
        // If two runs install at the same time, the second waits, and finds the packages installed.
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
