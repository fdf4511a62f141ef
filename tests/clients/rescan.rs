//! The primary tree changes, is scanned again, and the server takes the index up.

use crate::aria2::check_current;
use crate::client::{Dnf, Run, Zypper, librepo};
use crate::data::Data;
use crate::librepo::check_revision;
use crate::mirror::Behaviour::{self, Serves};
use crate::primary::Primary;
use crate::repository::{PACKAGE, Version, repository};
use crate::stage::{List, Source, Stage};

tests! {
    clients_get_what_a_rescan_has_found_and_mirrors_have_time_to_follow,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);

fn clients_get_what_a_rescan_has_found_and_mirrors_have_time_to_follow() {
    let data = Data { versions: vec![Version::Old], ..Data::ordered(&[11, 12]) };
    let stage = Stage::new(Source::Catalog, [127, 0, 0, 1].into(), &[(11, OLD), (12, OLD)], data);
    let primary = Primary::new(stage.folder.path());
    let dnf = Dnf::new(&stage, List::Metalink);
    let zypper = Zypper::new(&stage, List::Metalink);
    check_installed(&stage, &dnf.run(&["install", PACKAGE]), &dnf.installed(), "1.0");
    check_installed(&stage, &zypper.run(&["install", PACKAGE]), &zypper.installed(), "1.0");

    // No mirror has the new version yet: the one before is an alternate.
    stage.director.reload_after(|| {
        primary.put(Version::New);
        primary.scan(&[]);
    });
    check_librepo(&stage, Version::Old, &[11]);
    check_installed(&stage, &dnf.run(&["--refresh", "upgrade"]), &dnf.installed(), "1.0");

    // A mirror has it that is not the first. aria2 knows no alternates.
    stage.mirror(12).become_(NEW);
    check_librepo(&stage, Version::Old, &[11]);
    stage.clear();
    check_current(&stage, &stage.url(List::Metalink), &[11, 12]);

    // The time that mirrors have to follow is over.
    stage.director.reload_after(|| primary.scan(&["--keep-versions", "0"]));
    check_librepo(&stage, Version::New, &[11, 12]);
    check_installed(&stage, &dnf.run(&["--refresh", "upgrade"]), &dnf.installed(), "2.0");

    // zypper believes the first mirror.
    stage.mirror(11).become_(NEW);
    stage.check_success(&zypper.run(&["refresh", "--force"]));
    check_installed(&stage, &zypper.run(&["update"]), &zypper.installed(), "2.0");
}

/// Fails unless the client succeeded, and this version of the package is installed then.
#[track_caller]
fn check_installed(stage: &Stage, run: &Run, installed: &str, version: &str) {
    stage.check_success(run);
    stage.check(installed == version, &format!("{installed} is installed, not {version}"), run);
}

/// Fails unless librepo gets this version and has asked these mirrors.
#[track_caller]
fn check_librepo(stage: &Stage, version: Version, asked: &[u8]) {
    stage.clear();
    let run = librepo(stage, List::Metalink, &[]);
    check_revision(stage, &run, &repository(version).revision());
    stage.check(stage.repomd_asked() == asked, "other mirrors were asked", &run);
}
