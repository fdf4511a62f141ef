//! The paths of pages.

use store::record::TaskId;

use super::fields::Fields;
use super::filter;

/// The pages, and what each holds, for the index of the listener.
pub const PATHS: &[(&str, &str)] = &[
    ("/tasks", "background work, for people: what runs, waits, failed and comes next"),
    ("/tasks/list", "all tasks that are kept, with a filter"),
    ("/tasks/schedules", "when what is run by itself, with pause and resume"),
    ("/tasks/nodes", "the processes that run tasks"),
    ("/tasks/run", "a form that runs a task"),
];

/// A path of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Page {
    Overview,
    Queues,
    List,
    Schedules,
    Nodes,
    Run,
    SignOut,
    Task(TaskId),
    /// Below `/tasks/`, and nothing.
    Unknown,
}

impl Page {
    /// The page of a path; `None` if it is none of ours.
    pub(super) fn find(path: &str) -> Option<Self> {
        let below = path.strip_prefix("/tasks")?;
        Some(match below {
            "" | "/" => Self::Overview,
            "/queues" => Self::Queues,
            "/list" => Self::List,
            "/schedules" => Self::Schedules,
            "/nodes" => Self::Nodes,
            "/run" => Self::Run,
            "/sign-out" => Self::SignOut,
            _ => {
                let name = below.strip_prefix('/')?;
                filter::find_id(name).map_or(Self::Unknown, Self::Task)
            }
        })
    }

    /// Whether only a form is sent there: who comes otherwise is sent on to the overview.
    pub(super) fn is_form_only(self) -> bool {
        matches!(self, Self::Queues | Self::SignOut)
    }

    /// The entry of the navigation that stands for it, and the path of the same for programs.
    pub(super) fn place(self, query: &Fields) -> (&'static str, String) {
        let filter = || query.without(&["refresh", "done", "before"]).to_query();
        match self {
            Self::Overview | Self::Queues | Self::SignOut => {
                ("/tasks", "/api/v1/queues".to_owned())
            }
            Self::List => ("/tasks/list", format!("/api/v1/tasks{}", filter())),
            Self::Schedules => ("/tasks/schedules", "/api/v1/schedules".to_owned()),
            Self::Nodes => ("/tasks/nodes", "/api/v1/nodes".to_owned()),
            Self::Run => ("/tasks/run", "/api/v1/kinds".to_owned()),
            Self::Task(TaskId(id)) => ("", format!("/api/v1/tasks/{id}")),
            Self::Unknown => ("", "/api/v1/tasks".to_owned()),
        }
    }
}

/// Whether there may be a page at this path.
pub fn answers(path: &str) -> bool {
    Page::find(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_page_or_to_none() {
        for (path, page) in [
            ("/tasks", Some(Page::Overview)),
            ("/tasks/", Some(Page::Overview)),
            ("/tasks/list", Some(Page::List)),
            ("/tasks/sign-out", Some(Page::SignOut)),
            ("/tasks/123-456", Some(Page::Task(TaskId(123_456)))),
            ("/tasks/7", Some(Page::Task(TaskId(7)))),
            ("/tasks/x", Some(Page::Unknown)),
            ("/tasks/7/x", Some(Page::Unknown)),
            ("/tasks/-7", Some(Page::Unknown)),
            ("/tasks2", None),
            ("/", None),
        ] {
            assert_eq!(Page::find(path), page, "{path}");
            assert_eq!(answers(path), page.is_some(), "{path}");
        }
    }
}
