//! apt, with its mirror method: `mirror+http://` and a list of base URLs.

use std::net::IpAddr;

use crate::client::Apt;
use crate::data::Data;
use crate::debian_repository::DEBIAN;
use crate::mirror::Behaviour::{self, Dead, Missing, Serves};
use crate::primary::APT_LIST;
use crate::repository::{PACKAGE, Version};
use crate::stage::{Source, Stage};

tests! {
    apt_installs_a_package_from_the_mirrors_of_a_list,
    apt_goes_on_to_another_mirror_when_one_is_dead_or_empty,
    apt_honours_the_priorities_of_a_route,
    apt_tells_that_a_list_is_unknown,
}

const NEW: Behaviour = Serves(Version::New);

fn list(stage: &Stage, path: &str) -> String {
    format!("http://{}/mirrorlist?path={path}", stage.recorder.address)
}

fn apt_installs_a_package_from_the_mirrors_of_a_list() {
    let stage = Stage::scanned(&[(11, NEW), (12, NEW)]);
    let apt = Apt::new(&stage, &list(&stage, DEBIAN));
    check_install(&stage, &apt);
    let agents = stage.recorder.exchanges().into_iter().map(|exchange| {
        exchange.request_header("user-agent").map(|agent| agent.starts_with("Debian APT-HTTP"))
    });
    assert!(agents.collect::<Vec<_>>() == [Some(true); 2], "apt asks once for each run");
}

/// It chooses by chance among mirrors without a priority.
fn apt_goes_on_to_another_mirror_when_one_is_dead_or_empty() {
    for other in [Dead, Missing] {
        let stage = Stage::scanned(&[(11, other), (12, NEW), (13, other)]);
        let apt = Apt::new(&stage, &list(&stage, DEBIAN));
        check_install(&stage, &apt);
    }
}

fn apt_honours_the_priorities_of_a_route() {
    let [here, elsewhere] = [[127, 0, 0, 1], [192, 0, 2, 1]].map(IpAddr::from);
    for (nearest, asked) in [(NEW, &[13][..]), (Dead, &[11, 12])] {
        // The others are for a network in which the client is not.
        let orders = vec![(here, vec![13]), (elsewhere, vec![11, 12])];
        let data = Data { orders, ..Data::ordered(&[]) };
        let stage = Stage::new(Source::Catalog, here, &[(11, NEW), (12, NEW), (13, nearest)], data);
        let apt = Apt::new(&stage, &format!("http://{}{APT_LIST}", stage.recorder.address));
        check_install(&stage, &apt);
        for exchange in stage.recorder.exchanges() {
            let lines: Vec<_> =
                exchange.body.lines().filter(|line| !line.starts_with('#')).collect();
            let [first, others @ ..] = lines.as_slice() else { panic!("{exchange}") };
            let base = |number| format!("{}/{DEBIAN}/", stage.mirror(number).base_url());
            assert_eq!(*first, format!("{}\tpriority:1", base(13)), "{exchange}");
            assert_eq!(others.len(), 2, "{exchange}");
            for number in [11, 12] {
                let line = format!("{}\tpriority:2", base(number));
                assert!(others.contains(&line.as_str()), "{line}: {exchange}");
            }
        }
        let is_right = stage.hits().iter().all(|hit| asked.contains(&hit.mirror));
        assert!(is_right, "other mirrors than {asked:?} were asked: {:?}", stage.hits());
    }
}

/// Fails unless apt updates its lists and installs the newest version.
#[track_caller]
fn check_install(stage: &Stage, apt: &Apt) {
    for arguments in [&["update"][..], &["install", PACKAGE]] {
        let run = apt.run(arguments);
        stage.check_success(&run);
        let is_quiet = !run.output.lines().any(|line| line.starts_with(['W', 'E']));
        stage.check(is_quiet, "apt warns", &run);
        let installed = apt.installed();
        let is_installed = installed == "2.0";
        stage.check(is_installed == (arguments[0] == "install"), &installed, &run);
    }
}

fn apt_tells_that_a_list_is_unknown() {
    let stage = Stage::scanned(&[(11, NEW)]);
    let apt = Apt::new(&stage, &list(&stage, "nowhere"));
    let run = apt.run(&["update"]);
    stage.check(!run.is_success(), "apt succeeded without a list", &run);
    stage.check(run.output.contains("404"), "apt does not show the status 404", &run);
    let statuses: Vec<u16> = stage.recorder.exchanges().iter().map(|e| e.status()).collect();
    stage.check(statuses == [404], &format!("statuses {statuses:?}"), &run);
}
