//! Mirrors that are visited while clients install: they follow at different speeds, one dies, one serves garbage, one
//! redirects away. No client fails at any time, and what is told of mirrors is the case.
//!
//! The time of visits goes faster than that of scans here, so a version that the primary never had is taken for one
//! that it will have: both are left out.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Dnf, Run};
use crate::data::Data;
use crate::director::get_at;
use crate::mirror::Behaviour::{self, Alters, Dead, HangsUp, Redirects, Serves};
use crate::primary::Primary;
use crate::repository::{PACKAGE, Version};
use crate::stage::{List, Source, Stage};

tests! {
    dnf_installs_all_the_time_while_mirrors_are_checked,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);
/// The mirrors, and one that is in no list and refuses connections.
const MIRRORS: [(u8, Behaviour); 7] =
    [(11, OLD), (12, OLD), (13, OLD), (14, OLD), (15, OLD), (16, OLD), (19, Dead)];
/// What is waited for happens within seconds; it takes longer where many tests run at once.
const PATIENCE: Duration = Duration::from_secs(600);

fn dnf_installs_all_the_time_while_mirrors_are_checked() {
    let order = [11, 12, 13, 14, 15, 16];
    let data = Data { versions: vec![Version::Old], ..Data::ordered(&order) };
    let stage = Stage::new(Source::Checked, [127, 0, 0, 1].into(), &MIRRORS, data);
    let site = Site { primary: Primary::checked(stage.folder.path()), stage };

    site.wait_until("all are visited", |list| {
        list["settled"] == true && all(list, &order, |mirror| mirror["state"] == "up")
    });
    site.check_installs("1.0");

    // Nobody has the new version yet.
    site.primary.put(Version::New);
    site.wait_until("all are behind", |_| {
        order.iter().all(|&of| site.has_gate(of, "1 version behind"))
    });
    site.check_installs("1.0");

    // The first one that has it is the first of the list.
    site.stage.mirror(13).become_(NEW);
    site.wait_until("one is current", |_| site.has_gate(13, "repository 1/x86_64: current"));
    site.wait_until("it is listed first", |_| site.first() == 13);
    site.check_installs("2.0");

    // One dies, one serves garbage, one redirects to where nobody is.
    site.stage.mirror(14).become_(HangsUp);
    site.stage.mirror(15).become_(Alters);
    site.stage.mirror(16).become_(Redirects(site.stage.mirror(19).address()));
    for (number, state, listed) in [(14, "down", "no"), (15, "up", "partly"), (16, "up", "partly")]
    {
        site.wait_until(&format!("mirror {number} is left out"), |list| {
            let mirror = of(list, number);
            mirror["state"] == state && mirror["listed"] == listed
        });
    }
    site.wait_until("nobody gets them", |_| site.listed().iter().all(|number| *number < 14));
    site.check_installs("2.0");
    let told =
        ["behind yes", "behind yes", "in-sync yes", "down no", "behind partly", "behind partly"];
    site.wait_until("everybody is told so", |_| site.told() == told);
    let page = get_at(&site.primary.pages(), "/mirror/mirror16").body;
    assert!(page.contains("not there: missing"), "{page}");

    // The others follow, and what was broken is mended.
    for number in order {
        site.stage.mirror(number).become_(NEW);
    }
    site.wait_until("all are listed and current", |list| {
        all(list, &order, |mirror| mirror["listed"] == "yes" && mirror["accepted"] == 1)
            && order.iter().all(|&of| site.has_gate(of, "repository 1/x86_64: current"))
    });
    site.wait_until("clients get all of them", |_| site.listed().len() == order.len());
    site.check_installs("2.0");
    site.wait_until("everybody is told so", |_| site.told() == ["in-sync yes"; 6]);
    let spread = site.page("/propagation.json/1/x86_64");
    let spread = &spread["repository"];
    assert_eq!(spread["mirrors"]["current"], 6, "{spread:#}");
    assert!(spread["changed"].is_string() && spread["changes"][0].is_object(), "{spread:#}");
}

/// A server that visits its mirrors.
struct Site {
    stage: Stage,
    primary: Primary,
}

impl Site {
    /// What the program says to an operator, as JSON.
    fn ask(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(support::program());
        command.arg("mirror").args(arguments).args(["--json", "--admin"]);
        command.arg(format!("unix:{}", self.primary.socket().display()));
        let output = command.output().unwrap();
        // The store may not be open yet.
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Whether a gate of a mirror says this.
    fn has_gate(&self, number: u8, text: &str) -> bool {
        let shown = self.ask(&["show", &key(number)]);
        let gates = shown["mirror"]["gates"].as_array().cloned().unwrap_or_default();
        let line = |gate: &Value| {
            format!(
                "{}: {}",
                gate["of"].as_str().unwrap_or(""),
                gate["text"].as_str().unwrap_or("")
            )
        };
        gates.iter().any(|gate| line(gate).contains(text))
    }

    /// The mirrors that clients get, in order.
    fn listed(&self) -> Vec<u8> {
        let list = crate::director::get(self.stage.director.address, &List::Mirrorlist.target());
        let number = |line: &str| {
            let mirrors = self.stage.mirrors.iter();
            let mut found = mirrors.filter(|mirror| line.starts_with(&mirror.base_url()));
            found.next().map(|mirror| mirror.number)
        };
        list.body.lines().filter_map(number).collect()
    }

    /// What everybody sees at this path.
    fn page(&self, path: &str) -> Value {
        let reply = get_at(&self.primary.pages(), path);
        serde_json::from_str(&reply.body).unwrap_or(Value::Null)
    }

    /// What everybody is told of mirrors in short, in the order of their keys.
    fn told(&self) -> Vec<String> {
        let mut list = self.page("/mirrors.json");
        let mirrors = list["mirrors"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let word = |mirror: &Value, name: &str| mirror[name].as_str().unwrap_or("").to_owned();
        let mut told: Vec<_> = mirrors
            .iter()
            .map(|of| (word(of, "id"), word(of, "condition") + " " + &word(of, "listed")))
            .collect();
        told.sort();
        told.into_iter().map(|(_, told)| told).collect()
    }

    fn first(&self) -> u8 {
        self.listed().first().copied().unwrap_or(0)
    }

    /// Waits until it is so with what `mirror list` says. A new system installs all the time.
    #[track_caller]
    fn wait_until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut n_installed = 0;
        loop {
            let list = self.ask(&["list"]);
            if is_so(&list) {
                eprintln!("{what}: {n_installed} systems were installed meanwhile");
                return;
            }
            let run = self.install().1;
            self.check(run.is_success(), &format!("dnf has failed before {what}"), &run);
            self.check(Instant::now() < deadline, &format!("never: {what}: {list:#}"), &run);
            n_installed += 1;
        }
    }

    /// A new system installs this version.
    #[track_caller]
    fn check_installs(&self, version: &str) {
        let (dnf, run) = self.install();
        self.check(run.is_success(), "dnf has failed", &run);
        let installed = dnf.installed();
        self.check(installed == version, &format!("{installed} is installed, not {version}"), &run);
    }

    fn install(&self) -> (Dnf, Run) {
        self.stage.clear();
        let dnf = Dnf::new(&self.stage, List::Metalink);
        let run = dnf.run(&["install", PACKAGE]);
        (dnf, run)
    }

    #[track_caller]
    fn check(&self, is_so: bool, what: &str, run: &Run) {
        self.stage.check(is_so, what, run);
    }
}

fn key(number: u8) -> String {
    format!("mirror{number}")
}

/// What a list says of a mirror.
fn of(list: &Value, number: u8) -> &Value {
    let mirrors = list["mirrors"].as_array().map_or(&[][..], Vec::as_slice);
    mirrors.iter().find(|mirror| mirror["key"] == *key(number)).unwrap_or(&Value::Null)
}

/// Whether it is so with all of these mirrors.
fn all(list: &Value, numbers: &[u8], is_so: impl Fn(&Value) -> bool) -> bool {
    numbers.iter().all(|&number| is_so(of(list, number)))
}
