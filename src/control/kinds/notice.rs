//! Sends notices of what has happened to mirrors.

use std::sync::Arc;
use std::time::Duration;

use store::record::OnLoss;
use tasks::kind::{Plan, Policy, Work};
use tasks::{Args, Kind, Run};

use super::shared::told;
use crate::mirrors::checker::Checker;
use crate::options::queue;

/// The name of the kind.
pub(crate) const NAME: &str = "notice.send";

/// `notice.send`.
pub(crate) struct SendNotices {
    pub(crate) checker: Arc<Checker>,
    pub(crate) keep: Duration,
}

impl Kind for SendNotices {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "send what has happened to mirrors to the webhook"
    }

    fn policy(&self) -> Policy {
        Policy {
            queue: queue::NET,
            priority: 0,
            on_loss: OnLoss::Requeue,
            // For about three hours; the sweep after that asks for it again.
            max_failures: 25,
            stall_after: Duration::from_secs(900),
            keep: self.keep,
        }
    }

    fn is_bound_to_site(&self) -> bool {
        true
    }

    fn plan(&self, _: &Args) -> Result<Plan, String> {
        let summary = "what the webhook has not taken yet".to_owned();
        Ok(Plan { summary, unique_key: Some(NAME.to_owned()) })
    }

    fn run(self: Arc<Self>, _: Args, run: Run) -> Work {
        Box::pin(async move { told(NAME, self.checker.send_notices(&run).await) })
    }
}
