//! Ways to break the store that tests must notice. Each changes the text of one statement.

/// A broken variant of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the table below says it")]
pub enum Mutant {
    FinishByStateOnly,
    FinishByBootOnly,
    FinishTwice,
    FinishIgnoresCancel,
    ClaimIsGivenBack,
    ReapWithoutBeat,
    ReapWithoutClaim,
    ClaimWithoutLimit,
    ClaimOfPaused,
    ClaimBeforeItsTime,
    EnqueueWithoutRerun,
    MergeKeepsPriority,
    FollowUpForgottenOnDrop,
    PurgeOfRunning,
    PurgeOfLast,
    SlotTwice,
    CancelUndone,
    PredecessorLives,
    RequestForgotten,
    SiteIgnored,
    ReturnedAsFailure,
    ReturnedWithoutClaim,
    ScheduleOfOthersRemoved,
    OtherFilesIgnored,
}

impl Mutant {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::FinishByStateOnly,
        Self::FinishByBootOnly,
        Self::FinishTwice,
        Self::FinishIgnoresCancel,
        Self::ClaimIsGivenBack,
        Self::ReapWithoutBeat,
        Self::ReapWithoutClaim,
        Self::ClaimWithoutLimit,
        Self::ClaimOfPaused,
        Self::ClaimBeforeItsTime,
        Self::EnqueueWithoutRerun,
        Self::MergeKeepsPriority,
        Self::FollowUpForgottenOnDrop,
        Self::PurgeOfRunning,
        Self::PurgeOfLast,
        Self::SlotTwice,
        Self::CancelUndone,
        Self::PredecessorLives,
        Self::RequestForgotten,
        Self::SiteIgnored,
        Self::ReturnedAsFailure,
        Self::ReturnedWithoutClaim,
        Self::ScheduleOfOthersRemoved,
        Self::OtherFilesIgnored,
    ];

    /// The operations, what is replaced in their statements, and by what. Every parameter stays in use.
    fn change(self) -> (&'static [&'static str], &'static str, &'static str) {
        match self {
            Self::FinishByStateOnly => (
                &["finish"],
                "AND claim = ?2 AND boot = ?3 AND state",
                "AND ?2 > 0 AND ?3 <> '' AND state",
            ),
            Self::FinishByBootOnly => (
                &["finish"],
                "AND claim = ?2 AND boot = ?3 AND state",
                "AND ?2 > 0 AND boot = ?3 AND state",
            ),
            Self::FinishTwice => {
                (&["finish"], "AND boot = ?3 AND state = 'running'", "AND ?3 <> ''")
            }
            Self::FinishIgnoresCancel => (&["finish"], "WHEN cancel_at IS NOT NULL", "WHEN 1 = 0"),
            Self::ClaimIsGivenBack => {
                (&["finish"], "SET boot = NULL, state", "SET boot = NULL, claim = claim - 1, state")
            }
            Self::ReapWithoutBeat => (&["reap"], "AND beat = ?3", "AND ?3 >= 0"),
            Self::ReapWithoutClaim => (&["reap"], "AND claim = ?2", "AND ?2 > 0"),
            Self::ClaimWithoutLimit => (&["claim"], "LIMIT ?3", "LIMIT ?3 + 100"),
            Self::ClaimOfPaused => (&["claim"], "WHERE paused_at IS NULL AND", "WHERE"),
            Self::ClaimBeforeItsTime => {
                (&["claim"], "(run_after <= ?2", "(run_after <= ?2 + 100000000")
            }
            Self::EnqueueWithoutRerun => {
                (&["enqueue"], "THEN 1 ELSE task.rerun", "THEN 0 ELSE task.rerun")
            }
            Self::MergeKeepsPriority => (
                &["enqueue"],
                "THEN ?2 ELSE task.priority",
                "THEN task.priority ELSE task.priority",
            ),
            Self::FollowUpForgottenOnDrop => (
                &["reap", "start_node"],
                "boot = NULL, failures",
                "boot = NULL, rerun = 0, failures",
            ),
            Self::PurgeOfRunning => {
                (&["purge"], "WHERE id IN(", "WHERE state = 'running' OR id IN(")
            }
            Self::PurgeOfLast => (&["purge"], "AND EXISTS(", "AND 1 = 1 OR EXISTS("),
            Self::SlotTwice => (&["tick"], "SET last_slot = ?2,", "SET last_slot = ?2 - period,"),
            Self::CancelUndone => (
                &["cancel"],
                "state = CASE WHEN state = 'enqueued' THEN 'cancelled' ELSE state END, finished_at = CASE \
                 WHEN state = 'enqueued' THEN ?2 ELSE NULL END",
                "stage = NULL",
            ),
            Self::PredecessorLives => (&["start_node"], "AND boot <> ?2", "AND boot = ?2"),
            Self::RequestForgotten => {
                (&["enqueue"], "VALUES(?1, ?2, ?3)", "VALUES(?1 || ' forgotten', ?2, ?3)")
            }
            Self::SiteIgnored => (&["claim"], "(site IS NULL OR site", "(1 = 1 OR site"),
            Self::ReturnedAsFailure => {
                (&["give_back"], "SET boot = NULL,", "SET failures = failures + 1, boot = NULL,")
            }
            Self::ReturnedWithoutClaim => (&["give_back"], "AND claim = ?2", "AND ?2 > 0"),
            Self::OtherFilesIgnored => {
                (&["start_node"], "AND files <> ?3", "AND files || ' ' = ?3")
            }
            Self::ScheduleOfOthersRemoved => (
                &["start_node"],
                "DELETE FROM schedule_node WHERE node = ?1",
                "DELETE FROM schedule_node WHERE ?1 <> ''",
            ),
        }
    }

    /// The statement as this mutant has it; `None` if it is not concerned.
    pub fn rewrite(self, operation: &str, sql: &str) -> Option<String> {
        let (operations, from, to) = self.change();
        let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        (operations.contains(&operation) && sql.contains(from)).then(|| sql.replace(from, to))
    }
}
