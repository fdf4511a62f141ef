//! Schedules: when each runs, when it ran, and how it is paused.

use askama::Template;
use serve::pages::layout::PageLayout;
use store::operations::read::Overview;
use store::record::{CatchUp, Schedule, Timestamp, slot_of};

use super::display::{Shown, When, coarse, number};
use super::frame::{Frame, new_request_id};
use super::json_view::{JsonView, ValueView};
use super::overview::PauseView;

/// The most schedules that are shown.
const MAX_SCHEDULES: usize = 100;
/// How many slots are told in advance.
const N_SLOTS: usize = 5;

/// What the page is made of.
pub(super) struct SchedulesData {
    /// What is going on.
    pub(super) overview: Overview,
    /// Why a change was not made.
    pub(super) refused: Option<String>,
}

/// The values for the template, which escapes text.
#[derive(Template)]
#[template(path = "schedules.html")]
struct SchedulesPage<'d> {
    layout: PageLayout,
    frame: Frame,
    refused: Option<Shown>,
    schedules: Vec<ScheduleView<'d>>,
    n_more: usize,
    request_id: String,
}

/// A schedule.
struct ScheduleView<'d> {
    /// The name, for forms and links.
    key: &'d str,
    name: Shown,
    kind: Shown,
    /// The site whose files its tasks are about; empty if any node may run them.
    site: Shown,
    period: String,
    pause: Option<PauseView>,
    slots: Vec<When>,
    last_slot: Option<When>,
    last_success: Option<When>,
    missed: Option<String>,
    catch_up: &'static str,
    args: Option<JsonView>,
    list: String,
}

/// Renders the page.
pub(super) fn render(
    data: &SchedulesData,
    frame: Frame,
    layout: PageLayout,
) -> askama::Result<String> {
    let Overview { now, schedules, .. } = &data.overview;
    let page = SchedulesPage {
        layout,
        frame,
        refused: data.refused.as_deref().map(Shown::line),
        schedules: schedules.iter().take(MAX_SCHEDULES).map(|one| view(one, *now)).collect(),
        n_more: schedules.len().saturating_sub(MAX_SCHEDULES),
        request_id: new_request_id(),
    };
    page.render()
}

/// The slots that begin after `now`.
pub(super) fn next_slots(schedule: &Schedule, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let period = schedule.period.max(1);
    let slot = slot_of(now, period, schedule.phase);
    (1..).map(move |n: i64| slot.plus(period.saturating_mul(n)))
}

fn view(schedule: &Schedule, now: Timestamp) -> ScheduleView<'_> {
    let query = super::fields::Fields::default().with("schedule", &schedule.id).to_query();
    ScheduleView {
        key: &schedule.id,
        name: Shown::short(&schedule.id),
        kind: Shown::short(&schedule.kind),
        site: Shown::short(schedule.site.as_deref().unwrap_or("")),
        period: coarse(schedule.period),
        pause: PauseView::new(
            schedule.paused_at,
            schedule.paused_by.as_deref(),
            schedule.reason.as_deref(),
            now,
        ),
        slots: next_slots(schedule, now).take(N_SLOTS).map(|at| When::new(at, now)).collect(),
        last_slot: Some(schedule.last_slot).filter(|at| at.0 > 0).map(|at| When::new(at, now)),
        last_success: schedule.last_success.map(|at| When::new(at, now)),
        missed: (schedule.missed > 0).then(|| number(schedule.missed)),
        catch_up: match schedule.catch_up {
            CatchUp::One => "one run, however many were missed",
            CatchUp::None => "nothing; the next slot is waited for",
        },
        args: JsonView::read(&schedule.args),
        list: format!("/tasks/list{query}"),
    }
}
