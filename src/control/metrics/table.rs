//! The metrics of tasks: one row for each, from which the exposition and the handbook are written.
//!
//! Names must not change; dashboards and alerts depend on them.

use store::record::State;
use tasks::numbers::{Numbers, ReapReason};

use super::exposition::{Exposition, seconds};
use super::scrape::Scrape;
use MetricKind::{Counter, Gauge, Histogram};

/// One metric.
pub struct ControlMetric {
    /// Its name, without the suffix of counters.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// What it counts or measures.
    pub help: &'static str,
    /// Its labels: keys, and the values that are known beforehand.
    pub labels: &'static [ControlLabel],
    pub(super) values: fn(&Scrape<'_>, &mut Exposition),
}

/// A label: its key, and the values that are known beforehand.
pub type ControlLabel = (&'static str, fn() -> Vec<&'static str>);

/// The kind of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "they are those of OpenMetrics")]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        }
    }
}

impl ControlMetric {
    /// Its name as Prometheus shows it.
    pub fn full_name(&self) -> String {
        let suffix = if self.kind == Counter { "_total" } else { "" };
        format!("{}{suffix}", self.name)
    }
}

/// Values that come from the configuration, or from the code of kinds.
pub(super) const OPEN: fn() -> Vec<&'static str> = Vec::new;

/// Those of tasks, in the order of the exposition.
pub(super) const OF_TASKS: &[ControlMetric] = &[
    ControlMetric {
        name: "mirrorlistd_store_up",
        kind: Gauge,
        help: "1 when the store of tasks answers; else what comes from the store is left out",
        labels: &[],
        values: |s, out| out.gauge(&[], flag(s.overview.is_some())),
    },
    ControlMetric {
        name: "mirrorlistd_tasks_queued",
        kind: Gauge,
        help: "Tasks that wait and may run now",
        labels: &[("queue", OPEN)],
        values: |s, out| s.queues().for_each(|q| out.gauge(&[("queue", &q.name)], count(q.ready))),
    },
    ControlMetric {
        name: "mirrorlistd_tasks_delayed",
        kind: Gauge,
        help: "Tasks that wait for their time",
        labels: &[("queue", OPEN)],
        values: |s, out| {
            s.queues().for_each(|q| out.gauge(&[("queue", &q.name)], count(q.delayed)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_oldest_queued_age_seconds",
        kind: Gauge,
        help: "Since when the oldest task that may run now waits; 0 when none does",
        labels: &[("queue", OPEN)],
        values: |s, out| {
            let Some(overview) = &s.overview else { return };
            for queue in s.queues() {
                let age = queue.oldest_ready.map_or(0, |since| overview.now.since(since).max(0));
                out.gauge(&[("queue", &queue.name)], count(age) / 1_000.0);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_tasks_running",
        kind: Gauge,
        help: "Tasks that run, on all nodes",
        labels: &[("queue", OPEN)],
        values: |s, out| {
            s.queues().for_each(|q| out.gauge(&[("queue", &q.name)], count(q.running)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_tasks_running_limit",
        kind: Gauge,
        help: "How many tasks of a queue may run at the same time, on all nodes",
        labels: &[("queue", OPEN)],
        values: |s, out| {
            s.queues().for_each(|q| out.gauge(&[("queue", &q.name)], count(q.max_running)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_queue_paused",
        kind: Gauge,
        help: "1 while a queue is paused",
        labels: &[("queue", OPEN)],
        values: |s, out| {
            s.queues().for_each(|q| out.gauge(&[("queue", &q.name)], flag(q.paused_at.is_some())));
        },
    },
    ControlMetric {
        name: "mirrorlistd_tasks_finished",
        kind: Counter,
        help: "Attempts that have ended on this node; `retried` are those that another one follows",
        labels: &[("kind", OPEN), ("state", finished_states)],
        values: |s, out| {
            for kind in s.numbers().into_iter().flat_map(|numbers| &numbers.kinds) {
                for (state, n) in kind.finished() {
                    out.counter(&[("kind", kind.kind), ("state", state_label(state))], n);
                }
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_wait_seconds",
        kind: Histogram,
        help: "From the time when a task may run until it does, on this node",
        labels: &[("kind", OPEN), ("le", OPEN)],
        values: |s, out| {
            for kind in s.numbers().into_iter().flat_map(|numbers| &numbers.kinds) {
                out.histogram(&[("kind", kind.kind)], &kind.wait);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_run_seconds",
        kind: Histogram,
        help: "From the start of an attempt to its end, on this node",
        labels: &[("kind", OPEN), ("le", OPEN)],
        values: |s, out| {
            for kind in s.numbers().into_iter().flat_map(|numbers| &numbers.kinds) {
                out.histogram(&[("kind", kind.kind)], &kind.run);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_stage_seconds",
        kind: Histogram,
        help: "How long the stages of tasks take, on this node; at most 25 for each kind, then `other`",
        labels: &[("kind", OPEN), ("stage", OPEN), ("le", OPEN)],
        values: |s, out| {
            for kind in s.numbers().into_iter().flat_map(|numbers| &numbers.kinds) {
                for (stage, times) in kind.stages() {
                    out.histogram(&[("kind", kind.kind), ("stage", &stage)], &times);
                }
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_lease_lost",
        kind: Counter,
        help: "Tasks that this node lost while it ran them",
        labels: &[],
        values: |s, out| s.numbers().into_iter().for_each(|n| out.counter(&[], n.lease_lost.get())),
    },
    ControlMetric {
        name: "mirrorlistd_task_stale_write_rejected",
        kind: Counter,
        help: "Ends that the store refused, because this node had lost the task",
        labels: &[],
        values: |s, out| {
            s.numbers().into_iter().for_each(|n| out.counter(&[], n.stale_writes.get()));
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_reaped",
        kind: Counter,
        help: "Claims that this node has ended, because their runner was dead or hung",
        labels: &[("reason", reap_reasons)],
        values: |s, out| {
            for (reason, n) in s.numbers().into_iter().flat_map(Numbers::reaped) {
                out.counter(&[("reason", reason.as_str())], n);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_task_zombie_threads",
        kind: Gauge,
        help: "Threads of tasks that nobody waits for any more and that do not end, on this node",
        labels: &[],
        values: |s, out| {
            let status = s.node.iter().map(|(_, status)| status);
            #[allow(clippy::cast_precision_loss, reason = "there are few threads")]
            status.for_each(|status| out.gauge(&[], status.n_zombie_threads() as f64));
        },
    },
    ControlMetric {
        name: "mirrorlistd_node_takes_tasks",
        kind: Gauge,
        help: "1 while this node takes tasks; 0 while it starts or stops, the store fails, or too many \
               threads do not end",
        labels: &[],
        values: |s, out| {
            let status = s.node.as_ref().map(|(_, status)| status);
            out.gauge(&[], flag(status.is_some_and(|status| status.idle.is_none())));
        },
    },
    ControlMetric {
        name: "mirrorlistd_schedule_missed",
        kind: Counter,
        help: "Slots of a schedule that passed without a task, on all nodes",
        labels: &[("schedule", OPEN)],
        values: |s, out| {
            for schedule in s.schedules() {
                let missed = u64::try_from(schedule.missed).unwrap_or(0);
                out.counter(&[("schedule", &schedule.id)], missed);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_schedule_last_success_timestamp_seconds",
        kind: Gauge,
        help: "When a task of a schedule has completed last; absent before the first",
        labels: &[("schedule", OPEN)],
        values: |s, out| {
            for schedule in s.schedules() {
                if let Some(at) = schedule.last_success {
                    out.gauge(&[("schedule", &schedule.id)], count(at.0) / 1_000.0);
                }
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_schedule_period_seconds",
        kind: Gauge,
        help: "The time between two slots of a schedule",
        labels: &[("schedule", OPEN)],
        values: |s, out| {
            for schedule in s.schedules() {
                out.gauge(&[("schedule", &schedule.id)], count(schedule.period) / 1_000.0);
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_schedule_paused",
        kind: Gauge,
        help: "1 while a schedule is paused",
        labels: &[("schedule", OPEN)],
        values: |s, out| {
            for schedule in s.schedules() {
                out.gauge(&[("schedule", &schedule.id)], flag(schedule.paused_at.is_some()));
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_store_seconds",
        kind: Histogram,
        help: "How long the store takes, by what is asked of it",
        labels: &[("statement", OPEN), ("le", OPEN)],
        values: |s, out| {
            for (statement, times, _) in s.tasks.store_times().operations() {
                if times.count() > 0 {
                    out.histogram(&[("statement", statement)], times);
                }
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_store_errors",
        kind: Counter,
        help: "What the store could not do, by what was asked of it",
        labels: &[("statement", OPEN)],
        values: |s, out| {
            for (statement, times, n_errors) in s.tasks.store_times().operations() {
                if times.count() > 0 {
                    out.counter(&[("statement", statement)], n_errors);
                }
            }
        },
    },
    ControlMetric {
        name: "mirrorlistd_control_loop_lag_seconds",
        kind: Gauge,
        help: "By how much the loop of this node was late at most in the last minute",
        labels: &[],
        values: |s, out| {
            let status = s.node.iter().map(|(_, status)| status);
            status.for_each(|status| out.gauge(&[], seconds(status.loop_lag)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_changes_published",
        kind: Counter,
        help: "Changes of the tree and of the inputs that this process has noticed and that were published \
               since, by whichever node; those of one publication count once",
        labels: &[],
        values: |s, out| out.counter(&[], s.publish_times.count),
    },
    ControlMetric {
        name: "mirrorlistd_change_publish_seconds",
        kind: Counter,
        help: "From when changes were noticed until they were published, all of them together",
        labels: &[],
        values: |s, out| out.seconds_counter(s.publish_times.sum),
    },
    ControlMetric {
        name: "mirrorlistd_last_change_publish_seconds",
        kind: Gauge,
        help: "The same for the change that was published last; absent before the first",
        labels: &[],
        values: |s, out| {
            s.publish_times.last.into_iter().for_each(|took| out.gauge(&[], seconds(took)));
        },
    },
    ControlMetric {
        name: "mirrorlistd_change_waiting_seconds",
        kind: Gauge,
        help: "How long the oldest change that this process has noticed has waited to be published, by \
               whichever node; 0 if none does",
        labels: &[],
        values: |s, out| out.gauge(&[], seconds(s.publish_times.waiting.unwrap_or_default())),
    },
    ControlMetric {
        name: "mirrorlistd_child_processes",
        kind: Gauge,
        help: "Processes that this one has started and that have not ended",
        labels: &[],
        #[allow(clippy::cast_precision_loss, reason = "there are few processes")]
        values: |s, out| s.n_children.into_iter().for_each(|n| out.gauge(&[], n as f64)),
    },
];

impl Scrape<'_> {
    fn numbers(&self) -> Option<&Numbers> {
        self.node.as_ref().map(|(node, _)| node.numbers())
    }
}

pub(super) fn flag(is_set: bool) -> f64 {
    if is_set { 1.0 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^53")]
fn count(n: i64) -> f64 {
    n as f64
}

fn state_label(state: State) -> &'static str {
    match state {
        State::Enqueued => "retried",
        other => other.as_str(),
    }
}

fn finished_states() -> Vec<&'static str> {
    State::ALL
        .iter()
        .filter(|state| **state != State::Running)
        .map(|state| state_label(*state))
        .collect()
}

fn reap_reasons() -> Vec<&'static str> {
    ReapReason::ALL.iter().map(|reason| reason.as_str()).collect()
}
