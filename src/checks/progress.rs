//! How far checks have come, of all mirrors together.

use serde::{Deserialize, Serialize};

use crate::moment::{Clocks, Moment};
use crate::shared::ByShared;

/// How far checks have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Progress {
    /// When the last visit began.
    pub now: Moment,
    /// The clocks of visits.
    pub clocks: Clocks,
    /// When the first visit began.
    pub started: Option<Moment>,
    /// Since when mirrors can be hidden: the first round over all of them has ended. Mirrors that were there
    /// before need not prove themselves.
    pub settled: Option<Moment>,
    /// Since when nobody has said anything, good or bad, though mirrors were visited.
    pub unheard_since: Option<Moment>,
    /// Since when somebody is wanted who works, as a mirror fails, and nobody has worked for a while. Only of what few
    /// mirrors have: of many, one is visited soon.
    pub unwitnessed: ByShared<Option<Moment>>,
    /// Since when too many mirrors fail at the same time.
    pub own_fault_since: Option<Moment>,
    /// Since when too many mirrors fail that have something in common.
    pub shared_fault_since: ByShared<Option<Moment>>,
}
