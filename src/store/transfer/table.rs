//! The tables, as they are moved.

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Int,
    Text,
}

use Type::{Int, Text};

/// How the rows of a table are ordered, and told where to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// By a number, which is the first column.
    Number,
    /// By the first two columns, both numbers.
    TwoNumbers,
    /// By the first two columns, a number and a text.
    NumberAndText,
    /// By a name, which is the first column. There are few rows.
    Name,
    /// By the first two columns, both names. There are few rows.
    TwoNames,
}

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) order: Order,
    pub(super) columns: &'static [(&'static str, Type)],
}

/// All tables with rows to move, those that others refer to first. A test compares them with the schema.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "queue",
        order: Order::Name,
        columns: &[
            ("name", Text),
            ("max_running", Int),
            ("paused_at", Int),
            ("paused_by", Text),
            ("reason", Text),
        ],
    },
    Table {
        name: "node",
        order: Order::Name,
        columns: &[
            ("id", Text),
            ("boot", Text),
            ("version", Text),
            ("kinds", Text),
            ("started_at", Int),
            ("seen_at", Int),
            ("stopping", Int),
            ("site", Text),
            ("files", Text),
        ],
    },
    Table {
        name: "schedule",
        order: Order::Name,
        columns: &[
            ("id", Text),
            ("kind", Text),
            ("queue", Text),
            ("priority", Int),
            ("args", Text),
            ("summary", Text),
            ("unique_key", Text),
            ("on_loss", Text),
            ("max_failures", Int),
            ("period", Int),
            ("phase", Int),
            ("catch_up", Text),
            ("last_slot", Int),
            ("missed", Int),
            ("paused_at", Int),
            ("paused_by", Text),
            ("reason", Text),
            ("last_success", Int),
            ("site", Text),
        ],
    },
    Table {
        name: "schedule_node",
        order: Order::TwoNames,
        columns: &[("schedule", Text), ("node", Text)],
    },
    Table {
        name: "task",
        order: Order::Number,
        columns: &[
            ("id", Int),
            ("kind", Text),
            ("queue", Text),
            ("state", Text),
            ("priority", Int),
            ("args", Text),
            ("summary", Text),
            ("unique_key", Text),
            ("request_id", Text),
            ("rerun", Int),
            ("on_loss", Text),
            ("failures", Int),
            ("max_failures", Int),
            ("run_after", Int),
            ("created_at", Int),
            ("actor", Text),
            ("parent", Int),
            ("schedule", Text),
            ("slot", Int),
            ("claim", Int),
            ("node", Text),
            ("boot", Text),
            ("beat", Int),
            ("beat_at", Int),
            ("started_at", Int),
            ("stage", Text),
            ("done", Int),
            ("total", Int),
            ("cancel_at", Int),
            ("cancel_by", Text),
            ("finished_at", Int),
            ("error_code", Text),
            ("error", Text),
            ("result", Text),
            ("site", Text),
        ],
    },
    Table {
        name: "task_request",
        order: Order::NumberAndText,
        columns: &[("task", Int), ("request_id", Text), ("at", Int)],
    },
    Table {
        name: "task_attempt",
        order: Order::TwoNumbers,
        columns: &[
            ("task", Int),
            ("claim", Int),
            ("node", Text),
            ("boot", Text),
            ("started", Int),
            ("ended", Int),
            ("outcome", Text),
            ("stages", Text),
        ],
    },
    Table {
        name: "task_event",
        order: Order::Number,
        columns: &[
            ("id", Int),
            ("task", Int),
            ("at", Int),
            ("actor", Text),
            ("what", Text),
            ("detail", Text),
        ],
    },
    Table {
        name: "mirror",
        order: Order::Number,
        columns: &[("id", Int), ("site", Text), ("key", Text), ("version", Int), ("state", Text)],
    },
    Table {
        name: "mirror_visit",
        order: Order::Number,
        columns: &[
            ("id", Int),
            ("site", Text),
            ("mirror", Text),
            ("tier", Text),
            ("round", Int),
            ("at", Int),
            ("judged", Int),
            ("record", Text),
        ],
    },
    Table {
        name: "check_fact",
        order: Order::TwoNames,
        columns: &[("site", Text), ("name", Text), ("version", Int), ("value", Text)],
    },
];

/// The tables whose numbers count up and are never given twice.
pub(super) const NUMBERED: [&str; 4] = ["task", "task_event", "mirror", "mirror_visit"];

impl Table {
    /// The table of that name.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// The names of the first columns: all if there are fewer.
    pub(super) fn first_columns(&self, n: usize) -> impl Iterator<Item = &'static str> {
        self.columns.iter().take(n).map(|(name, _)| *name)
    }

    /// The names of the columns, with commas between them.
    pub(super) fn column_list(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}
