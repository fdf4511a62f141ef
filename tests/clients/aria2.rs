//! aria2, which is strict about hashes and knows no alternates.

use crate::client::aria2;
use crate::mirror::Behaviour::{self, Alters, Dead, Missing, Serves, Stalls};
use crate::repository::{Version, repository};
use crate::stage::{List, Stage};

tests! {
    aria2_downloads_and_verifies_from_the_servers_first_mirror,
    aria2_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty_or_stalls,
    aria2_follows_a_redirect_to_the_first_mirror,
    aria2_goes_on_to_the_next_mirror_when_files_do_not_fit_their_hash,
    aria2_refuses_a_file_that_does_not_fit_its_hash,
    aria2_goes_on_to_a_duplicate_when_the_mirror_of_a_redirect_is_dead,
}

const NEW: Behaviour = Serves(Version::New);
const OLD: Behaviour = Serves(Version::Old);

fn aria2_downloads_and_verifies_from_the_servers_first_mirror() {
    // The stale mirror stands behind a current one, where the server has to put it.
    for stage in Stage::of_each_source(&[(13, NEW), (11, OLD), (12, NEW)]) {
        for url in urls(&stage) {
            stage.clear();
            check_current(&stage, &url, &[13]);
        }
    }
}

/// URLs of a metalink and a metalink of version 4. As a client that names version 4 in `Accept`, aria2
/// gets it from both.
fn urls(stage: &Stage) -> [String; 2] {
    let url = stage.url(List::Metalink);
    [url.clone(), url.replace("/metalink?", "/metalink4?")]
}

/// Fails unless aria2 gets the current repomd.xml from a URL, asking these mirrors, each once or several
/// times.
#[track_caller]
pub fn check_current(stage: &Stage, url: &str, asked: &[u8]) {
    let (run, file) = aria2(stage, url, &[], "repomd.xml");
    stage.check_success(&run);
    let mut mirrors = stage.repomd_asked();
    mirrors.dedup();
    stage.check(mirrors == asked, &format!("{mirrors:?} were asked, not {asked:?}"), &run);
    let current = repository(Version::New).repomd();
    stage.check(file == Some(current), "the file is not the current repomd.xml", &run);
}

/// A file in one piece: aria2 asks the next mirror for a piece that does not fit its hash.
fn aria2_goes_on_to_the_next_mirror_when_files_do_not_fit_their_hash() {
    for stage in Stage::of_each_source(&[(11, Alters), (12, OLD), (13, NEW)]) {
        for url in urls(&stage) {
            stage.clear();
            check_current(&stage, &url, &[11, 12, 13]);
        }
    }
}

fn aria2_goes_on_to_the_second_mirror_when_the_first_is_dead_or_empty_or_stalls() {
    for first in [Dead, Missing, Stalls] {
        let stage = Stage::of(&[(11, first), (12, NEW), (13, NEW)]);
        let (run, file) = aria2(&stage, &stage.url(List::Metalink), &[], "repomd.xml");
        stage.check_success(&run);
        stage.check(stage.repomd_asked().contains(&12), "the second mirror was not asked", &run);
        stage.check(file.is_some(), "there is no file", &run);
    }
}

fn aria2_follows_a_redirect_to_the_first_mirror() {
    let stage = Stage::of(&[(13, NEW), (12, NEW)]);
    let url = format!(
        "http://{}/mirrorlist?path=pub/fixture/1/x86_64/repodata/repomd.xml&redirect=1",
        stage.recorder.address
    );
    let (run, file) = aria2(&stage, &url, &[], "repomd.xml");
    stage.check_success(&run);
    stage.check_asked(&[13], &run);
    stage.check(file.is_some(), "there is no file", &run);
}

fn aria2_refuses_a_file_that_does_not_fit_its_hash() {
    let stage = Stage::of(&[(11, OLD)]);
    let (run, _) = aria2(&stage, &stage.url(List::Metalink), &[], "repomd.xml");
    stage.check(!run.is_success(), "aria2 took a stale file for the current one", &run);
}

/// RFC 6249: the redirect names other mirrors in `Link` headers, and aria2 uses them.
fn aria2_goes_on_to_a_duplicate_when_the_mirror_of_a_redirect_is_dead() {
    let stage = Stage::of(&[(11, Dead), (12, NEW)]);
    let url = format!(
        "http://{}/mirrorlist?path=pub/fixture/1/x86_64/repodata/repomd.xml&redirect=1",
        stage.recorder.address
    );
    let (run, file) = aria2(&stage, &url, &[], "repomd.xml");
    stage.check_success(&run);
    stage.check_asked(&[12], &run);
    let current = repository(Version::New).repomd();
    stage.check(file == Some(current), "the file is not the current repomd.xml", &run);
}
