//! dnf 4.

use crate::client::Dnf;
use crate::mirror::Behaviour::Serves;
use crate::repository::{PACKAGE, Version};
use crate::stage::{List, Stage};

#[test]
fn dnf_takes_the_servers_first_mirror_and_installs() {
    for list in List::BOTH {
        let stage = Stage::of(&[
            (12, Serves(Version::New)),
            (11, Serves(Version::New)),
            (13, Serves(Version::New)),
        ]);
        let dnf = Dnf::new(&stage, list);
        let run = dnf.run(&["makecache"]);
        eprintln!("{run}");
        stage.check_success(&run);
        stage.check_asked(&[12], &run);
        let run = dnf.run(&["install", PACKAGE]);
        eprintln!("{run}");
        stage.check_success(&run);
        stage.check(dnf.installed() == "2.0", "the newest version is not installed", &run);
    }
}
