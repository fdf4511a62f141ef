//! What happened to a mirror, grouped, and how its last days were.

use serde::{Deserialize, Serialize};

use crate::class::FailureClass;
use crate::observation::MAX_DETAIL;
use crate::settings::Settings;

const DAY: u64 = 86_400;
/// The most events that are kept of a mirror; the one that happened last the longest time ago goes first.
const MAX_EVENTS: usize = 200;
/// The most bytes of what an event is about.
const MAX_SUBJECT: usize = 1024;
/// How many days are kept.
pub const N_DAYS: usize = 30;

/// Something that happened, once or several times.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// To which URL or directory; empty for the mirror as a whole.
    pub subject: String,
    /// What was seen the last time.
    pub detail: String,
    /// When it happened first, in seconds since 1970.
    pub first: u64,
    /// When it happened last, in seconds since 1970.
    pub last: u64,
    /// How many times.
    pub count: u32,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A URL or a repository failed.
    Failed(FailureClass),
    /// The mirror is down: no URL works.
    Down,
    /// It works again.
    Recovered,
    /// The checks switched it off.
    Disabled,
    /// They, or its owner, switched it on again.
    Enabled,
    /// A certificate expires soon.
    Certificate,
}

/// The events of a mirror, in the order in which they happened first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Events(Vec<Event>);

impl Events {
    /// The events.
    pub fn all(&self) -> &[Event] {
        &self.0
    }

    /// Adds an event, to one of its kind and subject if that happened within the last day.
    pub(crate) fn add(
        &mut self,
        kind: EventKind,
        subject: &str,
        detail: &str,
        clock: u64,
        settings: &Settings,
    ) -> Event {
        let oldest = clock.saturating_sub(settings.event_keep);
        self.0.retain(|event| event.last >= oldest);
        let subject = cut(subject, MAX_SUBJECT);
        let same = |event: &&mut Event| {
            event.kind == kind && event.subject == subject && clock.abs_diff(event.last) <= DAY
        };
        if let Some(event) = self.0.iter_mut().rev().find(same) {
            event.last = clock;
            event.first = event.first.min(clock);
            event.count = event.count.saturating_add(1);
            event.detail = cut(detail, MAX_DETAIL).to_owned();
            return event.clone();
        }
        if self.0.len() >= MAX_EVENTS {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, event)| event.last);
            if let Some(index) = oldest.map(|(index, _)| index) {
                self.0.remove(index);
            }
        }
        let event = Event {
            kind,
            subject: subject.to_owned(),
            detail: cut(detail, MAX_DETAIL).to_owned(),
            first: clock,
            last: clock,
            count: 1,
        };
        self.0.push(event.clone());
        event
    }
}

/// How a day was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Days since 1970.
    pub day: u64,
    /// Visits in which something worked.
    pub n_good: u32,
    /// Visits in which nothing worked.
    pub n_failed: u32,
    /// The worst state of the day.
    pub worst: DayState,
}

/// The state of a mirror on a day, from good to bad.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayState {
    /// Up and current.
    Good,
    /// Up, with a repository that is behind.
    Behind,
    /// Up, with a repository that is not listed.
    Bad,
    /// Down.
    Down,
}

/// The last [`N_DAYS`] days of a mirror in which it was visited, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days(Vec<Day>);

impl Days {
    /// The days.
    pub fn all(&self) -> &[Day] {
        &self.0
    }

    /// The share of visits in which something worked; `None` without visits.
    pub fn availability(&self) -> Option<f64> {
        let (good, all) = self.0.iter().fold((0_u32, 0_u32), |(good, all), day| {
            let both = day.n_good.saturating_add(day.n_failed);
            (good.saturating_add(day.n_good), all.saturating_add(both))
        });
        (all > 0).then(|| f64::from(good) / f64::from(all))
    }

    pub(crate) fn add(&mut self, clock: u64, is_good: bool, state: DayState) {
        let today = clock / DAY;
        // What the clock said before it was set back.
        self.0.retain(|day| day.day <= today);
        if self.0.last().is_none_or(|last| last.day < today) {
            self.0.push(Day { day: today, n_good: 0, n_failed: 0, worst: state });
            let n_old = self.0.len().saturating_sub(N_DAYS);
            self.0.drain(..n_old);
        }
        if let Some(day) = self.0.last_mut() {
            let counter = if is_good { &mut day.n_good } else { &mut day.n_failed };
            *counter = counter.saturating_add(1);
            day.worst = day.worst.max(state);
        }
    }
}

/// The beginning of a text, at most so many bytes.
fn cut(text: &str, most: usize) -> &str {
    let fits = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    fits.and_then(|end| text.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_a_day_are_one_and_old_ones_go() {
        let settings = Settings::default();
        let mut events = Events::default();
        let kind = EventKind::Failed(FailureClass::ConnectTimeout);
        for hour in 0..14 {
            events.add(kind, "http://a.example/", "x", 1_800_000_000 + hour * 3600, &settings);
        }
        events.add(EventKind::Down, "", "", 1_800_050_000, &settings);
        assert_eq!(events.all().len(), 2);
        assert_eq!(events.all()[0].count, 14);
        events.add(kind, "http://a.example/", "x", 1_800_000_000 + 10 * DAY, &settings);
        assert_eq!(events.all().len(), 3);
        events.add(kind, "http://a.example/", "x", 1_800_000_000 + 90 * DAY, &settings);
        assert_eq!(events.all().len(), 1);
    }

    #[test]
    fn events_are_bounded_in_number_and_size() {
        let mut events = Events::default();
        for n in 0..1000_u64 {
            let subject = format!("{n}{}", "ü".repeat(2000));
            events.add(
                EventKind::Down,
                &subject,
                &subject,
                1_800_000_000 + n,
                &Settings::default(),
            );
        }
        assert_eq!(events.all().len(), MAX_EVENTS);
        assert!(events.all().iter().all(|event| event.subject.len() <= MAX_SUBJECT));
        assert!(events.all()[0].subject.starts_with("800"));
    }

    #[test]
    fn thirty_days_are_kept_and_no_future_ones() {
        let mut days = Days::default();
        for day in 0..40 {
            days.add(day * DAY, day % 4 != 0, DayState::Good);
        }
        assert_eq!(days.all().len(), N_DAYS);
        days.add(20 * DAY, false, DayState::Down);
        assert_eq!(days.all().last().map(|day| (day.day, day.worst)), Some((20, DayState::Down)));
        assert!(days.availability().unwrap() < 0.75);
    }
}
