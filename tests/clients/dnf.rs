//! dnf 4, with metalinks and text lists.

use crate::client::Dnf;
use crate::data::Data;
use crate::mirror::Behaviour::{self, Alters, Dead, Missing, Serves, Stalls};
use crate::repository::{PACKAGE, Version};
use crate::stage::{List, Stage};

tests! {
    dnf_asks_the_servers_first_mirror_and_installs_from_it,
    dnf_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty,
    dnf_asks_the_last_mirror_after_a_stalled_one,
    dnf_installs_the_newest_version_although_a_mirror_is_stale,
    dnf_accepts_an_alternate_from_a_metalink,
    dnf_refuses_a_mirror_that_has_neither_the_current_version_nor_an_alternate,
    dnf_refreshes_with_one_list_request_and_no_download,
    dnf_tells_that_a_repository_is_unknown_and_reuses_connections,
    dnf_gets_a_filtered_list_whatever_the_order_of_parameters,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);

fn dnf_asks_the_servers_first_mirror_and_installs_from_it() {
    for list in List::BOTH {
        // The order is not the one of addresses: a client that sorts would be noticed.
        let stage = Stage::of(&[(13, NEW), (11, NEW), (12, NEW)]);
        let dnf = Dnf::new(&stage, list);
        let run = dnf.run(&["install", PACKAGE]);
        stage.check_success(&run);
        stage.check_asked(&[13], &run);
        let only_first = stage.hits().iter().all(|hit| hit.mirror == 13);
        stage.check(only_first, "not everything came from the first mirror", &run);
        stage.check(dnf.installed() == "2.0", "the newest version is not installed", &run);
        let has_agent = stage.recorder.exchanges().iter().all(|exchange| {
            exchange.request_header("user-agent").is_some_and(|ua| ua.starts_with("libdnf"))
        });
        stage.check(has_agent, "a request did not come from dnf", &run);
    }
}

fn dnf_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty() {
    for list in List::BOTH {
        for first in [Dead, Missing] {
            let stage = Stage::of(&[(11, first), (12, NEW), (13, NEW)]);
            let run = Dnf::new(&stage, list).run(&["makecache"]);
            stage.check_success(&run);
            let asked: &[u8] = if first == Dead { &[12] } else { &[11, 12] };
            stage.check_asked(asked, &run);
        }
    }
}

fn dnf_asks_the_last_mirror_after_a_stalled_one() {
    for list in List::BOTH {
        let stage = Stage::of(&[(11, Stalls), (12, NEW), (13, NEW), (14, NEW), (15, NEW)]);
        let run = Dnf::new(&stage, list).run(&["makecache"]);
        stage.check_success(&run);
        stage.check_asked(&[11, 15], &run);
    }
}

/// Without an alternate in the metalink, only the current version will do; a text list cannot tell,
/// so there the server has to put the stale mirror behind a current one.
fn dnf_installs_the_newest_version_although_a_mirror_is_stale() {
    for (list, order, asked) in [
        (List::Metalink, [(11, OLD), (12, NEW), (13, NEW)], &[11, 12][..]),
        (List::Mirrorlist, [(12, NEW), (11, OLD), (13, NEW)], &[12]),
    ] {
        let numbers: Vec<u8> = order.iter().map(|(number, _)| *number).collect();
        let data = Data { versions: vec![Version::New], ..Data::ordered(&numbers) };
        let stage = Stage::with(&order, data);
        let dnf = Dnf::new(&stage, list);
        let run = dnf.run(&["install", PACKAGE]);
        stage.check_success(&run);
        stage.check_asked(asked, &run);
        stage.check(dnf.installed() == "2.0", "the newest version is not installed", &run);
    }
}

/// An alternate is as good as the current version: while mirrors lag, clients work.
fn dnf_accepts_an_alternate_from_a_metalink() {
    let stage = Stage::of(&[(11, OLD), (12, OLD)]);
    let run = Dnf::new(&stage, List::Metalink).run(&["makecache"]);
    stage.check_success(&run);
    stage.check_asked(&[11], &run);
}

fn dnf_refuses_a_mirror_that_has_neither_the_current_version_nor_an_alternate() {
    for (second, version) in [(NEW, "2.0"), (OLD, "1.0")] {
        for stage in Stage::of_each_source(&[(11, Alters), (12, second), (13, NEW)]) {
            let dnf = Dnf::new(&stage, List::Metalink);
            let run = dnf.run(&["install", PACKAGE]);
            stage.check_success(&run);
            stage.check_asked(&[11, 12], &run);
            stage.check(dnf.installed() == version, "not what the second mirror has", &run);
        }
    }
}

fn dnf_refreshes_with_one_list_request_and_no_download() {
    let stage = Stage::of(&[(11, NEW), (12, NEW)]);
    let dnf = Dnf::new(&stage, List::Metalink);
    stage.check_success(&dnf.run(&["makecache"]));
    stage.clear();
    let run = dnf.run(&["makecache", "--refresh"]);
    stage.check_success(&run);
    let n_requests = stage.recorder.exchanges().len();
    stage.check(n_requests == 1, &format!("{n_requests} list requests instead of one"), &run);
    stage.check(stage.hits().is_empty(), "mirrors were asked although nothing has changed", &run);
}

fn dnf_tells_that_a_repository_is_unknown_and_reuses_connections() {
    for list in List::BOTH {
        let stage = Stage::of(&[(11, NEW)]);
        let url = stage.url(list).replace("repo=epel-9", "repo=nowhere");
        let run = Dnf::with(&stage, list, &url, "").run(&["makecache"]);
        stage.check(!run.is_success(), "dnf succeeded with an unknown repository", &run);
        stage.check(run.output.contains("404"), "dnf does not show the status 404", &run);
        let exchanges = stage.recorder.exchanges();
        let statuses_fit = exchanges.iter().all(|exchange| exchange.status() == 404);
        stage.check(statuses_fit, "an answer to an unknown repository is not 404", &run);
        let mut connections: Vec<usize> = exchanges.iter().map(|e| e.connection).collect();
        connections.dedup();
        let (n_requests, n_connections) = (exchanges.len(), connections.len());
        let what = format!(
            "{n_requests} requests on {n_connections} connections, expected 12 on 3 at most \
             (connections are closed after a 404?)"
        );
        stage.check(n_requests == 12 && n_connections <= 3, &what, &run);
    }
}

fn dnf_gets_a_filtered_list_whatever_the_order_of_parameters() {
    for list in List::BOTH {
        // Mirrors up to 12 are in Germany, the others in France.
        let stage = Stage::of(&[(13, NEW), (12, NEW), (14, NEW)]);
        let url = format!(
            "http://{}/{}?protocol=http&arch=x86_64&country=de&repo=epel-9",
            stage.recorder.address,
            list.name()
        );
        let run = Dnf::with(&stage, list, &url, "").run(&["makecache"]);
        stage.check_success(&run);
        stage.check_asked(&[12], &run);
    }
}
