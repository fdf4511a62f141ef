//! Data are replaced while clients loop, from the old version of the repository to the new one.
//!
//! What happens is what a careful distribution does: one mirror has the new version, then the data
//! say so (the old version is an alternate), then the other mirror follows, then the alternate goes.
//! No client notices at any point: neither those that read alternates, nor aria2, which knows none.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::client::{Dnf, Run, Zypper, aria2};
use crate::data::Data;
use crate::director::wait_until;
use crate::mirror::Behaviour::Serves;
use crate::repository::Version;
use crate::stage::{List, Stage};

tests! {
    clients_notice_nothing_while_data_and_mirrors_go_from_old_to_new,
}

/// How many runs each client has finished, and whether to go on.
struct Loops {
    finished: [AtomicUsize; 4],
    ending: AtomicBool,
}

impl Loops {
    /// Waits until each client has finished a run that began after now.
    fn wait_for_whole_runs(&self, n_runs: usize) {
        let now = self.finished.each_ref().map(|count| count.load(Ordering::SeqCst));
        for (count, before) in self.finished.iter().zip(now) {
            // The run under way began before.
            let target = before + 1 + n_runs;
            wait_until("clients go on", || {
                count.load(Ordering::SeqCst) >= target || self.ending.load(Ordering::SeqCst)
            });
        }
    }
}

/// Ends the loops also when the test fails, or the scope would never end.
struct EndOnDrop<'a>(&'a Loops);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.ending.store(true, Ordering::SeqCst);
    }
}

fn check(stage: &Stage, run: &Run) {
    stage.check(run.is_success(), "a client failed while data were replaced", run);
    let said = run.output.to_ascii_lowercase();
    let mismatch = said.contains("checksum") || said.contains("mismatch");
    stage.check(!mismatch, "a client met a checksum mismatch while data were replaced", run);
}

fn clients_notice_nothing_while_data_and_mirrors_go_from_old_to_new() {
    let old = || Data { versions: vec![Version::Old], ..Data::ordered(&[11]) };
    let both = || Data::ordered(&[12, 11]);
    let new = || Data { versions: vec![Version::New], ..Data::ordered(&[11, 12]) };
    let stage = Stage::with(&[(11, Serves(Version::Old)), (12, Serves(Version::New))], old());
    let loops = Loops { finished: Default::default(), ending: AtomicBool::new(false) };

    std::thread::scope(|scope| {
        let end = EndOnDrop(&loops);
        let clients: [fn(&Stage) -> Run; 4] = [
            |stage| Dnf::new(stage, List::Metalink).run(&["makecache"]),
            |stage| Dnf::new(stage, List::Mirrorlist).run(&["makecache"]),
            |stage| Zypper::new(stage, List::Metalink).run(&["refresh"]),
            |stage| aria2(stage, &stage.url(List::Metalink), &[], "repomd.xml").0,
        ];
        for (client, finished) in clients.into_iter().zip(&loops.finished) {
            let (stage, loops) = (&stage, &loops);
            scope.spawn(move || {
                let end = EndOnDrop(loops);
                while !loops.ending.load(Ordering::SeqCst) {
                    check(stage, &client(stage));
                    finished.fetch_add(1, Ordering::SeqCst);
                }
                drop(end);
            });
        }
        loops.wait_for_whole_runs(1);
        replace_many_times(&stage, &old(), &both());
        loops.wait_for_whole_runs(2);
        // Nobody holds an answer of the first data any more.
        stage.mirror(11).become_(Serves(Version::New));
        loops.wait_for_whole_runs(1);
        replace_many_times(&stage, &both(), &new());
        loops.wait_for_whole_runs(2);
        drop(end);
    });
    let finished = loops.finished.each_ref().map(|count| count.load(Ordering::SeqCst));
    eprintln!("runs of dnf metalink, dnf mirrorlist, zypper, aria2: {finished:?}");
    let causes = stage.recorder.exchanges().iter().filter(|e| e.status() != 200).count();
    assert_eq!(causes, 0, "answers other than 200 while data were replaced");
}

/// Reloads the same data, a file that is half written, and then the next data.
fn replace_many_times(stage: &Stage, before: &Data, after: &Data) {
    for _ in 0..20 {
        stage.files.replace(before, &stage.mirrors);
        stage.director.hang_up();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let n_refused = || stage.director.report().matches("reload refused").count();
    let before = n_refused();
    let file = stage.files.main_file();
    let whole = fs::read(file).unwrap();
    fs::write(file, &whole[..whole.len() / 2]).unwrap();
    stage.director.hang_up();
    wait_until("the half-written file is refused", || n_refused() > before);
    stage.publish(after.clone());
}
