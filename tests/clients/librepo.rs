//! librepo, the library beneath dnf and PackageKit, through its Python binding.

use crate::client::{Run, librepo};
use crate::mirror::Behaviour::{self, Dead, Missing, Serves, Stalls};
use crate::repository::Version;
use crate::stage::{List, Stage};

tests! {
    librepo_lists_the_mirrors_in_the_servers_order,
    librepo_downloads_from_the_first_mirror_that_works,
}

const NEW: Behaviour = Serves(Version::New);

fn mirrors_of(run: &Run) -> Vec<String> {
    run.output.lines().filter_map(|line| line.strip_prefix("mirror ")).map(str::to_owned).collect()
}

fn librepo_lists_the_mirrors_in_the_servers_order() {
    for list in List::BOTH {
        let order = [13, 11, 15, 12, 14];
        let stage = Stage::of(&order.map(|number| (number, NEW)));
        let run = librepo(&stage, list, &["list"]);
        stage.check_success(&run);
        // It cuts repodata/repomd.xml off the URLs of a metalink.
        let expected = order.map(|number| stage.mirror(number).repository_url());
        let listed = mirrors_of(&run);
        let difference = crate::lint::order(&listed, &expected).unwrap_or_default();
        stage.check(difference.is_empty(), &format!("LRO_FETCHMIRRORS: {difference}"), &run);
        stage.check(stage.hits().is_empty(), "a mirror was asked for nothing", &run);
    }
}

fn librepo_downloads_from_the_first_mirror_that_works() {
    for list in List::BOTH {
        for (first, asked) in
            [(NEW, &[11][..]), (Dead, &[12]), (Missing, &[11, 12]), (Stalls, &[11, 14])]
        {
            let stage = Stage::of(&[(11, first), (12, NEW), (13, NEW), (14, NEW)]);
            let run = librepo(&stage, list, &[]);
            stage.check_success(&run);
            stage.check_asked(asked, &run);
        }
    }
}
