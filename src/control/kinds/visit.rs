//! Visits mirrors and judges them: those that are due, or one.

use std::sync::Arc;
use std::time::Duration;

use store::record::OnLoss;
use tasks::kind::{Parameter, Plan, Policy, Values, Work};
use tasks::{Args, Kind, Run};

use super::shared::told;
use crate::mirrors::VISIT;
use crate::mirrors::checker::Checker;
use crate::options::queue;

/// The argument that names one mirror.
const MIRROR: Parameter = Parameter {
    name: "mirror",
    about: "the key of one mirror, which is visited whether it is due or not",
    values: Values::Text,
    is_required: false,
};

/// `mirror.visit`.
pub(crate) struct VisitMirrors {
    pub(crate) checker: Arc<Checker>,
    pub(crate) keep: Duration,
}

impl Kind for VisitMirrors {
    fn name(&self) -> &'static str {
        VISIT
    }

    fn about(&self) -> &'static str {
        "visit the mirrors that are due, judge what was seen, and write findings; a compile follows if they have \
         changed"
    }

    fn parameters(&self) -> &'static [Parameter] {
        &[MIRROR]
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: queue::NET,
            priority: 0,
            on_loss: OnLoss::Requeue,
            max_failures: 3,
            stall_after: Duration::from_secs(900),
            keep: self.keep,
        }
    }

    fn is_bound_to_site(&self) -> bool {
        true
    }

    fn plan(&self, args: &Args) -> Result<Plan, String> {
        Ok(match mirror(args) {
            None => {
                Plan { summary: "the mirrors that are due".into(), unique_key: Some(VISIT.into()) }
            }
            Some(key) => {
                let unique_key = Some(format!("{VISIT} {key}"));
                Plan { summary: format!("the mirror {key}"), unique_key }
            }
        })
    }

    fn run(self: Arc<Self>, args: Args, run: Run) -> Work {
        Box::pin(async move { told(VISIT, self.checker.sweep(mirror(&args), &run).await) })
    }
}

/// The arguments of a visit to one mirror.
pub(crate) fn args_of(key: &str) -> Args {
    [(MIRROR.name.to_owned(), key.into())].into_iter().collect()
}

fn mirror(args: &Args) -> Option<&str> {
    args.get(MIRROR.name).and_then(|key| key.as_str())
}
