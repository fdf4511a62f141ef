//! Does nothing for a while, in all ways that a task can misbehave: for tests, and for trying things out.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runtime::write_lock::WriteLock;
use serde_json::{Value, json};
use store::record::OnLoss;
use tasks::kind::{Output, Parameter, Plan, Policy, Values, Work};
use tasks::{Args, Failure, Kind, Run};

use super::shared::is_on;
use crate::options::queue;

/// How long it sleeps between two looks at whether it must stop.
const STEP: Duration = Duration::from_millis(100);

/// The argument that names a file for marks.
const MARK: &str = "mark";

/// `test.sleep`.
pub(super) struct Sleep {
    pub(super) keep: Duration,
}

const fn switch(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, values: Values::Switch, is_required: false }
}

const PARAMETERS: [Parameter; 6] = [
    Parameter {
        name: "seconds",
        about: "how long it takes",
        values: Values::Number { min: 0, max: 86_400 },
        is_required: false,
    },
    switch("fail", "fail at the end, as something that may pass"),
    switch("stall", "show no sign of life meanwhile, and do not stop"),
    switch("block", "block a thread meanwhile, and do not stop"),
    switch("panic", "panic at the end"),
    Parameter {
        name: MARK,
        about: "add a line of JSON to this file at the begin, and one at the end",
        values: Values::Text,
        is_required: false,
    },
];

impl Kind for Sleep {
    fn name(&self) -> &'static str {
        "test.sleep"
    }

    fn about(&self) -> &'static str {
        "do nothing for a while, for tests"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &PARAMETERS
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: queue::CPU,
            priority: 50,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            stall_after: Duration::from_secs(60),
            keep: self.keep,
        }
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        let seconds = seconds(args).as_secs();
        Ok(Plan { summary: format!("sleep for {seconds} s"), unique_key: None })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(sleep(args, run))
    }
}

fn seconds(args: &Args) -> Duration {
    let seconds = args.get("seconds").and_then(Value::as_u64).unwrap_or(1);
    Duration::from_secs(seconds)
}

async fn sleep(args: Args, run: Run) -> Result<Output, Failure> {
    let time = seconds(&args);
    let mark = args.get(MARK).and_then(Value::as_str).map(PathBuf::from);
    if let Some(mark) = &mark {
        write_mark(mark, &run, "run_began")?;
    }
    run.stage("sleep");
    if is_on(&args, "block") {
        run.on_thread(move |_| {
            std::thread::sleep(time);
            Ok(())
        })
        .await?;
    } else if is_on(&args, "stall") {
        tokio::time::sleep(time).await;
    } else {
        let total = time.as_secs();
        let begin = tokio::time::Instant::now();
        while let Some(left) = time.checked_sub(begin.elapsed()).filter(|left| !left.is_zero()) {
            run.progress(begin.elapsed().as_secs(), Some(total));
            tokio::select! {
                biased;
                _ = run.until_stopped() => {}
                () = tokio::time::sleep(left.min(STEP)) => {}
            }
            run.checkpoint()?;
        }
    }
    if is_on(&args, "panic") {
        panic_for_tests();
    }
    if is_on(&args, "fail") {
        return Err(Failure::may_pass("asked_for", "it was told to fail"));
    }
    if let Some(mark) = &mark {
        // As a file is published: who is stopped between the check and the effect keeps later runs out.
        let mut place = mark.clone().into_os_string();
        place.push(format!("-{}", run.id().0));
        let _lock = WriteLock::acquire(Path::new(&place))
            .map_err(|error| Failure::may_pass("not_marked", error.to_string()))?;
        run.check_fence().await?;
        write_mark(mark, &run, "effect_published")?;
    }
    Ok(Output { result: json!({ "slept_seconds": time.as_secs() }), then: Vec::new() })
}

/// Adds a line that says what a run has seen, in one write, so that others may write to the same file.
fn write_mark(path: &Path, run: &Run, seen: &str) -> Result<(), Failure> {
    let (task, claim, boot) = (run.id().0, run.claim().0, run.boot());
    let line = json!({
        "at": 0,
        "who": boot,
        "seen": seen,
        "task": task,
        "claim": claim,
        "node": "",
        "boot": boot,
        "place": task.to_string(),
    });
    let file = File::options().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.map_err(|error| Failure::may_pass("not_marked", format!("{}: {error}", path.display())))
}

#[allow(clippy::panic, reason = "that is what it is for")]
fn panic_for_tests() {
    panic!("it was told to panic");
}
