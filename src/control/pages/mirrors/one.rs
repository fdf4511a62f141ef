//! `/mirror/KEY`: what keeps a mirror in the lists or out of them, and what has happened to it.

use askama::Template;
use checks::explain::Gate;
use checks::state::{Day, DayState, Event, N_DAYS, Status};
use model::date::Date;
use serve::pages::layout::PageLayout;

use super::super::display::{Shown, When, coarse};
use super::frame::{MirrorFrame, time};
use super::path::{Form, Wanted, of_repository};
use super::words::{self, CountryNames};
use crate::mirrors::survey::{Condition, RepositoryStanding, Survey, SurveyedMirror};

/// The most repositories that are shown.
const MAX_REPOSITORIES: usize = 1_000;
/// So many repositories are shown without being asked for.
const FEW: usize = 20;
const DAY: u64 = 86_400;
/// The width and the height of the cell of a day, in the units of the drawing.
const CELL: (usize, u32) = (10, 24);

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "mirror.html")]
struct MirrorPage {
    layout: PageLayout,
    frame: MirrorFrame,
    name: Shown,
    /// The key, where that is not the name.
    key: Option<Shown>,
    condition: Condition,
    word: &'static str,
    reach: &'static str,
    since: Option<When>,
    listed: &'static str,
    why: Option<(Shown, Option<When>)>,
    is_settled: bool,
    place: String,
    bandwidth: String,
    categories: Vec<Shown>,
    urls: Vec<UrlRow>,
    last_visit: Option<When>,
    next_visit: Option<When>,
    agent: Shown,
    interval: String,
    gates: Vec<GateRow>,
    repositories: Vec<RepositoryRow>,
    n_accepted: usize,
    n_repositories: usize,
    n_more: usize,
    is_long: bool,
    days: Vec<DayView>,
    /// How wide and high the drawing of days is.
    size: (usize, u32),
    availability: Option<String>,
    events: Vec<EventRow>,
    n_earlier: usize,
}

struct UrlRow {
    url: String,
    /// Whether a browser can follow it.
    is_link: bool,
    families: String,
}

struct GateRow {
    of: Shown,
    /// `yes`, `no` or `not known`.
    passed: &'static str,
    class: &'static str,
    text: Shown,
}

struct RepositoryRow {
    path: String,
    directory: Shown,
    accepted: &'static str,
    class: &'static str,
    text: Shown,
    seen: Option<When>,
}

struct DayView {
    x: usize,
    /// Where its bar begins from above, and how high it is: it is higher the better the day was.
    y: u32,
    height: u32,
    class: &'static str,
    date: String,
    word: &'static str,
    /// Visits in which something worked, and in which nothing did.
    visits: Option<(u32, u32)>,
}

struct EventRow {
    what: String,
    subject: Shown,
    detail: Shown,
    n: u32,
    first: When,
    last: When,
}

/// Renders the page.
pub(super) fn render(
    survey: &Survey,
    mirror: &SurveyedMirror,
    mut layout: PageLayout,
) -> askama::Result<String> {
    let twin = Wanted::Mirror(mirror.key.clone(), Form::Page).path(Form::Json);
    let frame = MirrorFrame::new(&mut layout, "", &twin, survey);
    let profile = &mirror.profile;
    let now = time(survey.made);
    let when = |seconds: u64| When::new(time(seconds), now);
    let place = match (profile.country, profile.continent) {
        (Some(country), continent) => {
            let continent = continent.map(|continent| format!(", {}", words::continent(continent)));
            CountryNames::read().of(country) + &continent.unwrap_or_default()
        }
        (None, _) => "not known".to_owned(),
    };
    let why = mirror.why.as_ref();
    let shown = repositories(survey, mirror);
    let days = days(&mirror.days, survey.made / DAY);
    let page = MirrorPage {
        layout,
        frame,
        name: Shown::short(&profile.name),
        key: (profile.name != mirror.key).then(|| Shown::short(&mirror.key)),
        condition: mirror.condition,
        word: words::condition(mirror.condition),
        reach: words::reached(mirror.reachability),
        since: mirror.since.map(when),
        listed: mirror.listed.as_str(),
        why: why.map(|why| {
            let since = Some(why.since()).filter(|since| *since > 0);
            (Shown::line(why.reason()), since.map(when))
        }),
        is_settled: survey.is_settled,
        place,
        bandwidth: words::bandwidth(profile.bandwidth),
        categories: profile.categories.iter().map(|name| Shown::short(name)).collect(),
        urls: urls(mirror),
        last_visit: mirror.last_visit.map(when),
        next_visit: mirror.next_visit.map(when),
        agent: Shown::line(&survey.visitor.agent),
        interval: coarse(time(survey.visitor.interval).0),
        gates: mirror.gates.iter().map(gate).collect(),
        n_accepted: mirror.n_accepted(),
        n_repositories: mirror.repositories.len(),
        n_more: mirror.repositories.len() - shown.len(),
        is_long: shown.len() > FEW,
        repositories: shown,
        size: (days.len() * CELL.0, CELL.1),
        days,
        availability: mirror.availability.map(words::percent),
        events: mirror.events.iter().map(|event| row(event, when)).collect(),
        n_earlier: mirror.n_earlier,
    };
    page.render()
}

fn urls(mirror: &SurveyedMirror) -> Vec<UrlRow> {
    let row = |url: &String, is_link| UrlRow {
        url: url.clone(),
        is_link,
        families: words::families(mirror.families(url)),
    };
    let urls = mirror.profile.urls.iter();
    urls.map(|(protocol, url, _)| row(url, protocol.as_str().starts_with("http"))).collect()
}

fn passed(is_passed: Option<bool>) -> (&'static str, &'static str) {
    match is_passed {
        Some(true) => ("yes", "good-word"),
        Some(false) => ("no", "bad-word"),
        None => ("not known", "soft-word"),
    }
}

fn gate(gate: &Gate) -> GateRow {
    let (passed, class) = passed(gate.is_passed);
    let of = Shown::line(&gate.kind.to_string());
    GateRow { of, passed, class, text: Shown::line(&gate.text) }
}

/// The repositories, those that clients do not accept first, then those that are not current.
fn repositories(survey: &Survey, mirror: &SurveyedMirror) -> Vec<RepositoryRow> {
    let rank = |one: &&RepositoryStanding| {
        let status = one.status;
        (status.is_accepted(), matches!(status, Status::Current | Status::NotComparable), one.index)
    };
    let mut all: Vec<&RepositoryStanding> = mirror.repositories.iter().collect();
    all.sort_by_key(rank);
    let row = |one: &RepositoryStanding| {
        let directory = survey.repository(one.index).map_or("", |known| &known.directory);
        let is_accepted = match one.status {
            Status::Unknown => None,
            status => Some(status.is_accepted()),
        };
        let (accepted, class) = passed(is_accepted);
        RepositoryRow {
            path: of_repository(directory),
            directory: directory_name(directory),
            accepted,
            class,
            text: Shown::line(&one.text),
            seen: one.seen.map(|seen| When::new(time(seen), time(survey.made))),
        }
    };
    all.into_iter().take(MAX_REPOSITORIES).map(row).collect()
}

/// The name of a directory as pages show it.
pub(super) fn directory_name(directory: &str) -> Shown {
    match directory {
        "" => Shown::short("(top of the tree)"),
        name => Shown::line(name),
    }
}

/// The last [`N_DAYS`] days until today, with those in which nobody visited.
fn days(known: &[Day], today: u64) -> Vec<DayView> {
    let n = u64::try_from(N_DAYS).unwrap_or(30);
    let first = (today + 1).saturating_sub(n);
    let view = |(x, day): (usize, u64)| {
        let of_day = known.iter().find(|known| known.day == day);
        let (height, class, word) = match of_day.map(|day| day.worst) {
            None => (2, "none", "no visit"),
            Some(state) => {
                let (height, class) = match state {
                    DayState::Good => (24, "good"),
                    DayState::Behind => (18, "behind"),
                    DayState::Bad => (12, "partly"),
                    DayState::Down => (6, "down"),
                };
                (height, class, words::day(state))
            }
        };
        DayView {
            x: x * CELL.0,
            y: CELL.1 - height,
            height,
            class,
            date: Date::of(day * DAY).to_string(),
            word,
            visits: of_day.map(|day| (day.n_good, day.n_failed)),
        }
    };
    (first..=today).enumerate().map(view).collect()
}

fn row(event: &Event, when: impl Fn(u64) -> When) -> EventRow {
    EventRow {
        what: words::event(event.kind),
        subject: Shown::line(&event.subject),
        detail: Shown::line(&event.detail),
        n: event.count,
        first: when(event.first),
        last: when(event.last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_thirty_days_and_the_last_one_is_today() {
        let day = |day, worst| Day { day, n_good: 2, n_failed: 1, worst };
        let known = [day(60, DayState::Down), day(71, DayState::Good), day(99, DayState::Behind)];
        let days = days(&known, 100);
        assert_eq!(days.len(), N_DAYS);
        let of = |n: usize| (days[n].x, days[n].y + days[n].height, days[n].class);
        assert_eq!(of(0), (0, 24, "good"));
        assert_eq!(of(28), (280, 24, "behind"));
        assert_eq!(of(29), (290, 24, "none"));
        assert_eq!(days[29].date, "1970-04-11");
        // A clock that stands near 1970.
        assert_eq!(super::days(&[], 3).len(), 4);
    }
}
