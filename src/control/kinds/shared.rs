//! What several kinds have in common: how heavy work is treated, and how failures are told.

use std::time::Duration;

use serde_json::Value;
use store::record::OnLoss;
use tasks::kind::{Output, Parameter, Policy, Values};
use tasks::{Args, Failure, Run};

use crate::options::queue;

/// How many faults of an input the error of a task names.
const MAX_FAULTS: usize = 10;

/// The argument of kinds that compare what they make with what was there.
pub(super) const ALLOW_SHRINK: Parameter = Parameter {
    name: "allow_shrink",
    about: "accept data that have lost implausibly much",
    values: Values::Switch,
    is_required: false,
};

/// The priority of all of it. With one for each kind, what a scan has found would wait for scans of ten minutes
/// that were asked for later; so it waits for those at most that were asked for before.
const PRIORITY: i64 = 10;

/// How work is treated that takes processors and disks, and may be done again.
pub(super) fn heavy(keep: Duration) -> Policy {
    Policy {
        queue: queue::CPU,
        priority: PRIORITY,
        on_loss: OnLoss::Requeue,
        max_failures: 5,
        stall_after: Duration::from_secs(900),
        keep,
    }
}

/// Tells the log why a task could not do its work; what was told to stop is no news.
pub(super) fn told(kind: &str, outcome: Result<Output, Failure>) -> Result<Output, Failure> {
    if let Err(Failure::Failed { message, .. }) = &outcome {
        tracing::error!("{kind} failed: {message}");
    }
    outcome
}

/// Whether a switch is on.
pub(super) fn is_on(args: &Args, name: &str) -> bool {
    args.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// What the temporary files of a run have in their names.
pub(crate) fn tag(run: &Run) -> String {
    format!("{}-{}", run.id().0, run.claim().0)
}

/// The lines of an error in one, without those that are too many.
pub(super) fn in_one_line(error: &str) -> String {
    let lines: Vec<&str> = error.lines().collect();
    let n_more = lines.len().saturating_sub(MAX_FAULTS);
    let mut text = lines.into_iter().take(MAX_FAULTS).collect::<Vec<_>>().join("; ");
    if n_more > 0 {
        text.push_str(&format!("; and {n_more} more"));
    }
    text
}

/// A failure that the input or the file explains; reading it again may help if the system is at fault.
pub(super) fn of_input(
    code: &'static str,
    message: &str,
    io_error: Option<&std::io::Error>,
) -> Failure {
    let message = in_one_line(message);
    match io_error {
        Some(_) => Failure::may_pass(code, message),
        None => Failure::lasting(code, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_many_lines_is_one_line_with_a_bound() {
        assert_eq!(in_one_line("one"), "one");
        assert_eq!(in_one_line("one\ntwo"), "one; two");
        let many: String = (0..12).map(|n| format!("{n}\n")).collect();
        assert!(in_one_line(&many).ends_with("; 9; and 2 more"));
    }
}
