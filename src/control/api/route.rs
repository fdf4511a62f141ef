//! The paths of the API.

use model::percent;

/// What a path stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// All tasks.
    Tasks,
    /// A task, as the client names it.
    Task(String, TaskRoute),
    /// All queues.
    Queues,
    /// A queue.
    Queue(String, Verb),
    /// All schedules.
    Schedules,
    /// A schedule.
    Schedule(String, Verb),
    /// All nodes.
    Nodes,
    /// All mirrors.
    Mirrors,
    /// A mirror, and what is done to it.
    Mirror(String, Option<MirrorVerb>),
    /// Check-ins of mirrors.
    Checkin,
    /// All kinds.
    Kinds,
    /// What must not be in the store.
    Doctor,
}

/// What of a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TaskRoute {
    Whole,
    Events,
    Attempts,
    Cancel,
    Retry,
    Comment,
}

/// What is done to a queue or a schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Pause,
    Resume,
    /// Only to a schedule.
    Run,
}

/// What is done to a mirror.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MirrorVerb {
    Check,
    Pause,
    Resume,
}

impl Route {
    /// The route of a path.
    pub(super) fn find(path: &str) -> Option<Self> {
        let mut segments = path.strip_prefix("/api/v1/")?.split('/');
        let (first, second, third) = (segments.next()?, segments.next(), segments.next());
        if segments.next().is_some() {
            return None;
        }
        let name = second.map(percent::decode).transpose().ok()?;
        Some(match (first, name, third) {
            ("tasks", None, None) => Self::Tasks,
            ("tasks", Some(id), part) => Self::Task(id.into_owned(), task_route(part)?),
            ("queues", None, None) => Self::Queues,
            ("queues", Some(name), Some(verb)) => {
                Self::Queue(name.into_owned(), verb_of(verb).filter(|verb| *verb != Verb::Run)?)
            }
            ("schedules", None, None) => Self::Schedules,
            ("schedules", Some(name), Some(verb)) => {
                Self::Schedule(name.into_owned(), verb_of(verb)?)
            }
            ("mirrors", None, None) => Self::Mirrors,
            ("mirrors", Some(key), None) => Self::Mirror(key.into_owned(), None),
            ("mirrors", Some(key), Some(verb)) => {
                Self::Mirror(key.into_owned(), Some(mirror_verb(verb)?))
            }
            ("checkin", None, None) => Self::Checkin,
            ("nodes", None, None) => Self::Nodes,
            ("kinds", None, None) => Self::Kinds,
            ("doctor", None, None) => Self::Doctor,
            _ => return None,
        })
    }

    /// The methods that there are. HEAD comes as GET.
    pub(super) fn methods(&self) -> &'static [&'static str] {
        use TaskRoute::{Attempts, Cancel, Comment, Events, Retry, Whole};
        match self {
            Self::Tasks => &["GET", "POST"],
            Self::Task(_, Whole | Events | Attempts) => &["GET"],
            Self::Mirrors | Self::Mirror(_, None) => &["GET"],
            Self::Queues | Self::Schedules | Self::Nodes | Self::Kinds | Self::Doctor => &["GET"],
            Self::Checkin | Self::Task(_, Cancel | Retry | Comment) => &["POST"],
            Self::Queue(..) | Self::Schedule(..) | Self::Mirror(_, Some(_)) => &["POST"],
        }
    }
}

fn task_route(part: Option<&str>) -> Option<TaskRoute> {
    Some(match part {
        None => TaskRoute::Whole,
        Some("events") => TaskRoute::Events,
        Some("attempts") => TaskRoute::Attempts,
        Some("cancel") => TaskRoute::Cancel,
        Some("retry") => TaskRoute::Retry,
        Some("comment") => TaskRoute::Comment,
        Some(_) => return None,
    })
}

fn verb_of(word: &str) -> Option<Verb> {
    match word {
        "pause" => Some(Verb::Pause),
        "resume" => Some(Verb::Resume),
        "run" => Some(Verb::Run),
        _ => None,
    }
}

fn mirror_verb(word: &str) -> Option<MirrorVerb> {
    match word {
        "check" => Some(MirrorVerb::Check),
        "pause" => Some(MirrorVerb::Pause),
        "resume" => Some(MirrorVerb::Resume),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The handbook's examples are run by a test of the packages, but for those of mirrors.
    #[test]
    fn the_handbook_has_an_example_of_every_route() {
        let handbook = [
            include_str!("../../../contrib/handbook/tasks.md"),
            include_str!("../../../contrib/handbook/checks.md"),
        ];
        let lines = handbook.iter().flat_map(|chapter| chapter.lines());
        let examples = lines.filter_map(|line| {
            let (_, url) = line.strip_prefix("$ curl ")?.split_once("http://localhost")?;
            let path = url.split([' ', '\'', '?']).next().unwrap_or(url);
            Some(Route::find(path).unwrap_or_else(|| panic!("no route: {line}")))
        });
        let shown: std::collections::BTreeSet<String> = examples
            .map(|route| match route {
                Route::Task(_, part) => format!("Task {part:?}"),
                Route::Queue(_, verb) => format!("Queue {verb:?}"),
                Route::Schedule(_, verb) => format!("Schedule {verb:?}"),
                Route::Mirror(_, None) => "Mirror".to_owned(),
                Route::Mirror(_, Some(verb)) => format!("Mirror {verb:?}"),
                other => format!("{other:?}"),
            })
            .collect();
        let all = "Checkin, Doctor, Kinds, Mirror, Mirror Check, Mirror Pause, Mirror Resume, Mirrors, Nodes, Queue Pause, \
                   Queue Resume, Queues, Schedule Pause, Schedule Resume, Schedule Run, Schedules, Task Attempts, Task Cancel, Task Comment, \
                   Task Events, Task Retry, Task Whole, Tasks";
        assert_eq!(shown.into_iter().collect::<Vec<_>>().join(", "), all);
    }

    #[test]
    fn paths_have_routes() {
        let find = |path: &str| Route::find(&format!("/api/v1/{path}"));
        assert_eq!(find("tasks"), Some(Route::Tasks));
        assert_eq!(find("tasks/1-234"), Some(Route::Task("1-234".into(), TaskRoute::Whole)));
        assert_eq!(find("tasks/7/events"), Some(Route::Task("7".into(), TaskRoute::Events)));
        assert_eq!(find("queues/cpu/pause"), Some(Route::Queue("cpu".into(), Verb::Pause)));
        let run = Route::Schedule("a/b".into(), Verb::Run);
        assert_eq!(find("schedules/a%2Fb/run"), Some(run));
        assert_eq!(find("mirrors"), Some(Route::Mirrors));
        assert_eq!(find("mirrors/a%2Fb"), Some(Route::Mirror("a/b".into(), None)));
        let pause = Route::Mirror("7".into(), Some(MirrorVerb::Pause));
        assert_eq!(find("mirrors/7/pause"), Some(pause));
        for odd in [
            "mirrors/7/run",
            "queues/cpu/check",
            "schedules/a/check",
            "mirror/7",
            "",
            "/",
            "task",
            "tasks/7/",
            "tasks/7/events/1",
            "queues/cpu",
            "queues/cpu/run",
            "queues/%ff/pause",
            "nodes/a",
            "kinds/",
            "tasks/7/unknown",
            "schedules/a",
        ] {
            assert_eq!(find(odd), None, "{odd}");
        }
        assert_eq!(Route::find("/api/v2/tasks"), None);
        assert_eq!(Route::find("/api/v1"), None);
    }
}
