//! zypper, with text lists and metalinks.
//!
//! It ignores hashes and looks at the first four URLs only, so what it gets is the server's order.
//!
//! That a first mirror stalls is no case here: zypper 1.14.42 asks it with HEAD and without a time
//! limit, whatever zypp.conf says. It was still waiting after 380 s with limits of 3 s configured.

use crate::client::Zypper;
use crate::mirror::Behaviour::{self, Alters, Dead, Missing, Serves};
use crate::repository::{PACKAGE, Version};
use crate::stage::{List, Stage};

tests! {
    zypper_asks_the_servers_first_mirror_and_installs_the_newest_version,
    zypper_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty,
    zypper_believes_the_first_mirror_also_in_a_metalink,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);

fn zypper_asks_the_servers_first_mirror_and_installs_the_newest_version() {
    for list in List::BOTH {
        for stage in Stage::of_each_source(&[(13, NEW), (11, OLD), (12, NEW)]) {
            let zypper = Zypper::new(&stage, list);
            let run = zypper.run(&["refresh"]);
            stage.check_success(&run);
            stage.check_asked(&[13], &run);
            let run = zypper.run(&["install", PACKAGE]);
            stage.check_success(&run);
            stage.check(zypper.installed() == "2.0", "the newest version is not installed", &run);
        }
    }
}

fn zypper_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty() {
    for list in List::BOTH {
        for first in [Dead, Missing] {
            for stage in Stage::of_each_source(&[(11, first), (12, NEW), (13, NEW)]) {
                let run = Zypper::new(&stage, list).run(&["refresh"]);
                stage.check_success(&run);
                let goes_on = stage.repomd_asked().contains(&12);
                stage.check(goes_on, "the second mirror was not asked", &run);
            }
        }
    }
}

/// The order of mirrors is all that a server can do for it.
fn zypper_believes_the_first_mirror_also_in_a_metalink() {
    for list in List::BOTH {
        for first in [Alters, OLD] {
            for stage in Stage::of_each_source(&[(11, first), (12, NEW)]) {
                let run = Zypper::new(&stage, list).run(&["refresh"]);
                stage.check_success(&run);
                stage.check(
                    stage.repomd_asked().iter().all(|&asked| asked == 11),
                    "12 was asked",
                    &run,
                );
            }
        }
    }
}
