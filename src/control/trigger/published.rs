//! Watches the published snapshot file, and makes a task to compile when somebody else has removed or replaced
//! it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use store::record::{State, Task, TaskId};
use tokio::time::{Instant as Moment, sleep, timeout};

use super::files::{Changes, look};
use super::submit::Trigger;
use crate::freshness::Step;
use crate::kinds::compile;
use snapshot::format;
use sources::Revision;

/// How long the file must be left alone. It is replaced as a whole, and the store knows that a moment later.
const QUIET: Duration = Duration::from_secs(1);
/// How often it is compared with what was compiled last, even if no change was seen.
const VERIFY: Duration = Duration::from_secs(10);
/// How long it is not asked for again, so that two who publish the same file do not keep each other busy. It
/// doubles with each compile that fails for good.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);
/// How many compiles are looked through for the last one that has published.
const MAX_COMPILES: i64 = 20;

/// Makes a task to compile whenever the published file is not the one that was compiled last, while `is_working`.
/// Never returns.
pub(crate) async fn watch_published(
    trigger: Trigger,
    file: PathBuf,
    is_working: impl Fn() -> bool,
) {
    let watched = file.clone();
    let mut changes = Changes::new(QUIET, move || Revision::of_files([watched.as_path()]));
    let mut published = Published::new(trigger, file);
    loop {
        // A file that comes and goes between two looks has not changed for who looks.
        let changed = timeout(VERIFY, changes.next()).await;
        let since = changed.map_or_else(|_| Instant::now(), |(since, _)| since);
        // A machine that its site has refused has other files, and its own look replaced for ever.
        if !is_working() || published.is_ours().await {
            continue;
        }
        // Perhaps the store does not know yet what was published just now.
        sleep(QUIET).await;
        if !published.is_ours().await {
            published.ask(since).await;
        }
    }
}

/// The published file, and what is known of it.
struct Published {
    trigger: Trigger,
    file: PathBuf,
    /// The file as it was, and the compile that had made it, when both were compared and agreed.
    agreed: Option<(Revision, TaskId)>,
    /// When a compile was asked for last.
    asked: Option<Moment>,
    /// How long none is asked for after that.
    pause: Duration,
}

impl Published {
    fn new(trigger: Trigger, file: PathBuf) -> Self {
        Self { trigger, file, agreed: None, asked: None, pause: PAUSE }
    }

    /// Whether the file is intact, and what the last compile of its site has made, on whichever node.
    async fn is_ours(&mut self) -> bool {
        // One that was cancelled when it had just done its work has published as well.
        let states = [State::Completed, State::Cancelled];
        let compiles = self.trigger.latest(compile::NAME, &states, MAX_COMPILES).await;
        // Without an answer, nothing can be said.
        let compiles = compiles.unwrap_or_default();
        let Some((id, made)) = compiles.iter().find_map(|task| Some((task.id, made_by(task)?)))
        else {
            // Nothing was published yet.
            return true;
        };
        let (file, agreed) = (self.file.clone(), self.agreed.take());
        let looked = look(move || {
            let now = (Revision::of_files([file.as_path()]), id);
            // The whole file is read to know its generation: not again while nothing has changed.
            let agrees = agreed.as_ref() == Some(&now)
                || format::read_generation(&file).is_ok_and(|found| found.to_string() == made);
            (now, agrees)
        });
        // After a panic, nothing can be said either.
        let Some((now, agrees)) = looked.await else { return true };
        if agrees {
            self.agreed = Some(now);
            self.pause = PAUSE;
        }
        agrees
    }

    /// Asks for a compile, unless one was asked for not long ago, or one waits or runs and will publish.
    async fn ask(&mut self, since: Instant) {
        if self.asked.is_some_and(|asked| asked.elapsed() < self.pause) {
            return;
        }
        let Ok(latest) = self.trigger.latest(compile::NAME, &[], 1).await else { return };
        match latest.first() {
            Some(last) if !last.state.is_terminal() => return,
            Some(last) if self.asked.is_some() && has_failed_for_good(last) => {
                self.pause = (self.pause * 2).min(MAX_PAUSE);
            }
            _ => self.pause = PAUSE,
        }
        tracing::warn!(
            "{}: somebody has removed or replaced it; it is asked for again",
            self.file.display()
        );
        self.trigger.submit_change(since, compile::NAME, Step::Compile, "changed snapshot").await;
        self.asked = Some(Moment::now());
    }
}

/// The generation that a compile has published.
fn made_by(task: &Task) -> Option<String> {
    let result: Value = serde_json::from_str(task.result.as_deref()?).ok()?;
    result.get(compile::GENERATION)?.as_str().map(str::to_owned)
}

/// Whether another run on the same inputs fails as well: not all attempts were used up.
fn has_failed_for_good(task: &Task) -> bool {
    task.state == State::Failed && task.failures < task.max_failures
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use serve::build_snapshot::build;
    use sources::Inputs;
    use store::operations::finish::End;
    use store::operations::people::Cancel;
    use store::operations::read::Events;
    use tokio::time::advance;

    use super::*;
    use crate::trigger::elsewhere::Elsewhere;

    /// A snapshot file, and the result of the compile that has made it.
    fn publish(folder: &tempfile::TempDir) -> (PathBuf, String) {
        let compiled = build(&Inputs::Demo, None).expect("the demo data can be compiled");
        let file = folder.path().join("mirrors.snapshot");
        fs::write(&file, compiled.bytes).expect("a write");
        (file, result(&compiled.snapshot.generation().to_string()))
    }

    fn result(generation: &str) -> String {
        json!({ compile::GENERATION: generation }).to_string()
    }

    fn completed(result: &str) -> End {
        End::Completed { result: Some(result.to_owned()) }
    }

    #[tokio::test]
    async fn what_another_site_has_compiled_says_nothing_of_the_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, made) = publish(&folder);
        let elsewhere = Elsewhere::start().await;
        let mut published = Published::new(elsewhere.trigger_of("one"), file);
        assert!(published.is_ours().await, "nothing was compiled yet");
        elsewhere.run(compile::NAME, Some("one"), completed(&made)).await;
        assert!(published.is_ours().await);
        elsewhere.run(compile::NAME, Some("two"), completed(&result("another"))).await;
        assert!(published.is_ours().await);
        elsewhere.run(compile::NAME, Some("one"), completed(&result("another"))).await;
        assert!(!published.is_ours().await);
    }

    #[tokio::test]
    async fn a_compile_that_was_cancelled_when_it_had_published_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, made) = publish(&folder);
        let elsewhere = Elsewhere::start().await;
        let mut published = Published::new(elsewhere.trigger_of("one"), file);
        elsewhere.run(compile::NAME, Some("one"), completed(&result("the one before"))).await;
        assert!(!published.is_ours().await);
        let task = elsewhere.claim(compile::NAME, Some("one")).await;
        let cancel = Cancel { id: task.id, actor: "anna".into(), reason: String::new() };
        elsewhere.store.run(cancel).await.expect("it is there");
        elsewhere.finish(&task, completed(&made)).await;
        assert!(published.is_ours().await);
    }

    #[tokio::test]
    async fn a_file_is_not_read_again_while_nothing_has_changed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, made) = publish(&folder);
        let elsewhere = Elsewhere::start().await;
        let mut published = Published::new(elsewhere.trigger_of("one"), file.clone());
        elsewhere.run(compile::NAME, Some("one"), completed(&made)).await;
        assert!(published.is_ours().await);
        // If it were read, it would not be ours.
        fs::write(&file, "no snapshot").expect("a write");
        let id = published.agreed.as_ref().expect("they agreed").1;
        published.agreed = Some((Revision::of_files([file.as_path()]), id));
        assert!(published.is_ours().await);
        // Another compile, or another state of the file, is a reason to read it.
        elsewhere.run(compile::NAME, Some("one"), completed(&made)).await;
        assert!(!published.is_ours().await);
    }

    #[tokio::test]
    async fn while_a_compile_waits_it_is_not_asked_for_again() {
        let elsewhere = Elsewhere::start().await;
        let task = elsewhere.ask(compile::NAME, Some("one")).await.id;
        let file = PathBuf::from("/nowhere/mirrors.snapshot");
        Published::new(elsewhere.trigger_of("one"), file).ask(Instant::now()).await;
        let events = elsewhere.store.run(Events { task, after: 0, limit: 10 }).await;
        assert_eq!(events.expect("it is there").len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_cannot_be_made_is_asked_for_ever_more_rarely() {
        let elsewhere = Elsewhere::start().await;
        elsewhere.run(compile::NAME, Some("one"), completed(&result("gone"))).await;
        let file = PathBuf::from("/nowhere/mirrors.snapshot");
        let mut published = Published::new(elsewhere.trigger_of("one"), file);
        let mut asked = Vec::new();
        for round in 0..720 {
            advance(VERIFY).await;
            assert!(!published.is_ours().await);
            published.ask(Instant::now()).await;
            if let Some(task) = elsewhere.claim_any().await {
                asked.push(round / 6);
                let (code, error) = ("bad_inputs".to_owned(), "a typing error".to_owned());
                elsewhere.finish(&task, End::Failed { code, error, retry_after: None }).await;
            }
        }
        assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63]);
        // Once it is there, the next time is like the first one.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, made) = publish(&folder);
        published.file = file;
        elsewhere.run(compile::NAME, Some("one"), completed(&made)).await;
        assert!(published.is_ours().await);
        assert_eq!(published.pause, PAUSE);
    }
}
