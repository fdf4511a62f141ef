//! The units as text: how much they expose, and what systemd's checker says.

use std::process::Command;

use crate::built::{contrib, contrib_text, run};
use crate::host::Host;
use crate::packages;

tests! {
    the_services_expose_next_to_nothing,
    systemd_finds_nothing_wrong_with_the_installed_units,
    instances_differ_from_the_single_service_in_what_is_numbered_only,
}

const SERVICES: [&str; 4] = [
    "mirrorlistd.service",
    "mirrorlistd@.service",
    "mirrorlistd-scan@.service",
    "mirrorlistd-control.service",
];

/// What `systemd-analyze security` may say at most.
const EXPOSURE: f64 = 1.5;

fn the_services_expose_next_to_nothing() {
    packages::require();
    for name in SERVICES {
        let table = run(Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--no-pager"])
            .arg(contrib("systemd").join(name)));
        let verdict = table.lines().last().unwrap();
        let (_, level) = verdict.split_once("Overall exposure level for ").expect(verdict);
        let level = level.split_whitespace().nth(1).unwrap();
        eprintln!("{name}: {level}");
        assert!(level.parse::<f64>().expect(verdict) <= EXPOSURE, "{name}: {table}");
    }
}

fn systemd_finds_nothing_wrong_with_the_installed_units() {
    let host = Host::with_package();
    let units = "mirrorlistd.service mirrorlistd@1.service mirrorlistd.socket mirrorlistd@1.socket \
                 mirrorlistd-scan@srv-pub.service mirrorlistd-scan@srv-pub.timer \
                 mirrorlistd-control.service";
    let verify = |units: &str| {
        let output =
            host.try_run(&format!("systemd-analyze verify --recursive-errors=no {units} 2>&1"));
        let said = String::from_utf8(output.stdout).unwrap();
        let ours = said.lines().filter(|line| line.contains("mirrorlistd")).collect::<Vec<_>>();
        (output.status.success(), ours.join("\n"))
    };
    assert_eq!(verify(units), (true, String::new()));
    // With what listings need, for either of those that may make them.
    for unit in ["mirrorlistd-control.service", "mirrorlistd.service"] {
        let folder = format!("/etc/systemd/system/{unit}.d");
        let example = "/usr/share/mirrorlistd/systemd-rsync-listings.conf";
        host.run(&format!("mkdir -p {folder} && cp {example} {folder}/rsync-listings.conf"));
        assert_eq!(verify(unit), (true, String::new()));
    }
    // It would notice.
    host.run("echo 'ProtectSytem=strict' >> /usr/lib/systemd/system/mirrorlistd.service");
    assert!(verify(units).1.contains("ProtectSytem"));
}

fn instances_differ_from_the_single_service_in_what_is_numbered_only() {
    let lines = |name: &str| -> Vec<String> {
        let text = contrib_text(&format!("systemd/{name}"));
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let [single, instance, ..] = SERVICES.map(lines);
    assert_eq!(single.len(), instance.len());
    for (single, instance) in single.iter().zip(&instance) {
        let is_numbered = instance.contains("%i") && instance.starts_with(single);
        assert!(single == instance || is_numbered, "{single}\n{instance}");
    }
}
