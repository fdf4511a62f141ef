//! librepo, the library beneath dnf and PackageKit, through its Python binding.

use crate::client::{Run, librepo};
use crate::mirror::ALTERED_REVISION;
use crate::mirror::Behaviour::{self, Alters, Dead, Missing, Serves, Stalls};
use crate::repository::{Version, repository};
use crate::stage::{List, Stage};

tests! {
    librepo_lists_the_mirrors_in_the_servers_order,
    librepo_downloads_from_the_first_mirror_that_works,
    librepo_refuses_a_mirror_that_has_neither_the_current_version_nor_an_alternate,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);

fn mirrors_of(run: &Run) -> Vec<String> {
    run.output.lines().filter_map(|line| line.strip_prefix("mirror ")).map(str::to_owned).collect()
}

fn librepo_lists_the_mirrors_in_the_servers_order() {
    for list in List::BOTH {
        let order = [13, 11, 15, 12, 14];
        for stage in Stage::of_each_source(&order.map(|number| (number, NEW))) {
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
}

/// Fails unless librepo downloaded this revision.
#[track_caller]
pub fn check_revision(stage: &Stage, run: &Run, expected: &str) {
    stage.check_success(run);
    let mut revisions = run.output.lines().filter_map(|line| line.strip_prefix("revision "));
    let revision = revisions.next();
    let what = format!("revision {revision:?} was downloaded and not {expected}");
    stage.check(revision == Some(expected), &what, run);
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

/// A text list has no checksums: there the first mirror is believed.
fn librepo_refuses_a_mirror_that_has_neither_the_current_version_nor_an_alternate() {
    let [old, new] = [Version::Old, Version::New].map(|version| repository(version).revision());
    for (list, second, asked, revision) in [
        (List::Metalink, NEW, &[11, 12][..], new.as_str()),
        (List::Metalink, OLD, &[11, 12], &old),
        (List::Mirrorlist, NEW, &[11], ALTERED_REVISION),
    ] {
        for stage in Stage::of_each_source(&[(11, Alters), (12, second), (13, NEW)]) {
            let run = librepo(&stage, list, &[]);
            check_revision(&stage, &run, revision);
            stage.check(stage.repomd_asked() == asked, "other mirrors were asked", &run);
        }
    }
}
