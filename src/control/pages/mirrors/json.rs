//! The same for programs. What is not known is null; times are in the form of RFC 3339, in UTC.

use checks::propagation::{Change, HOURS, Mass, Spread, median};
use checks::state::{Day, Status};
use model::date::{Date, Timestamp};
use model::url::Protocol;
use serde_json::{Value, json};

use super::path::{Filter, NotThere};
use super::words;
use crate::mirrors::survey::{RepositoryStanding, Survey, SurveyedMirror, SurveyedRepository};

const DAY: u64 = 86_400;

/// All mirrors that pass a filter.
pub(super) fn list(survey: &Survey, filter: Filter) -> Value {
    let mirrors = survey.mirrors.iter().filter(|mirror| filter.passes(mirror));
    let mirrors: Vec<Value> = mirrors.map(|mirror| short(survey, mirror)).collect();
    with_times(survey, json!({ "next": null, "mirrors": mirrors }))
}

/// One mirror.
pub(super) fn mirror(survey: &Survey, mirror: &SurveyedMirror) -> Value {
    let mut all = short(survey, mirror);
    if let Some(fields) = all.as_object_mut() {
        let gates = mirror.gates.iter().map(|gate| {
            json!({ "of": gate.kind.to_string(), "passed": gate.is_passed, "text": gate.text })
        });
        let repositories = mirror.repositories.iter().map(|one| repository_of(survey, one));
        let events = mirror.events.iter().map(|event| {
            json!({
                "kind": event.kind,
                "subject": event.subject,
                "detail": event.detail,
                "first": at(event.first),
                "last": at(event.last),
                "count": event.count,
            })
        });
        fields.insert("gates".into(), gates.collect());
        fields.insert("repos".into(), repositories.collect());
        fields.insert("days".into(), mirror.days.iter().map(day).collect());
        fields.insert("events".into(), events.collect());
        fields.insert("events_earlier".into(), json!(mirror.n_earlier));
        fields.insert("user_agent".into(), json!(survey.visitor.agent));
    }
    with_times(survey, json!({ "mirror": all }))
}

/// All repositories.
pub(super) fn spread(survey: &Survey) -> Value {
    let repositories: Vec<Value> = survey.repositories.iter().map(short_repository).collect();
    with_times(survey, json!({ "repositories": repositories }))
}

/// One repository.
pub(super) fn repository(survey: &Survey, repository: &SurveyedRepository) -> Value {
    let mut all = short_repository(repository);
    if let Some(fields) = all.as_object_mut() {
        let changes = repository.changes.iter();
        let of_change = |change: &Change| json!({ "at": at(change.at), "curve": curve(change) });
        let median = median(changes.clone());
        let median = HOURS.iter().zip(median).map(|(hours, share)| point(*hours, share));
        fields.insert("median".into(), median.collect());
        fields.insert("changes".into(), changes.map(of_change).collect());
    }
    with_times(survey, json!({ "repository": all }))
}

/// An error.
pub(super) fn error(error: &NotThere) -> Value {
    json!({ "error": { "code": error.code, "message": error.message } })
}

/// A time.
pub(super) fn at(seconds: u64) -> String {
    Timestamp { seconds }.to_string()
}

/// A time that may not be known.
fn maybe(seconds: Option<u64>) -> Option<String> {
    seconds.filter(|seconds| *seconds > 0).map(at)
}

fn with_times(survey: &Survey, mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.insert("built".into(), json!(at(survey.made)));
        fields.insert("visited".into(), json!(maybe(Some(survey.visited))));
        fields.insert("scanned".into(), json!(maybe(Some(survey.scanned))));
        fields.insert("stale".into(), json!(survey.is_stale));
        fields.insert("findings".into(), json!(maybe(Some(survey.found))));
        fields.insert("settled".into(), json!(survey.is_settled));
    }
    value
}

fn short(survey: &Survey, mirror: &SurveyedMirror) -> Value {
    let profile = &mirror.profile;
    let urls = profile.urls.iter().map(|(protocol, url, _)| url_of(mirror, *protocol, url));
    let why = mirror.why.as_ref();
    json!({
        "id": mirror.key,
        "name": profile.name,
        "country": profile.country.map(|country| country.to_string()),
        "continent": profile.continent.map(|continent| continent.to_string()),
        "lat": profile.point.map(|point| point.north()),
        "lon": profile.point.map(|point| point.east()),
        "bandwidth_mbit": profile.bandwidth,
        "urls": urls.collect::<Vec<_>>(),
        "categories": profile.categories,
        "condition": mirror.condition.as_str(),
        "state": words::reachability(mirror.reachability),
        "since": maybe(mirror.since),
        "listed": mirror.listed.as_str(),
        "why": why.map(|why| why.reason()),
        "why_since": why.and_then(|why| maybe(Some(why.since()))),
        "repos_total": mirror.repositories.len(),
        "repos_current": mirror.n_current(),
        "repos_accepted": mirror.n_accepted(),
        "behind_seconds": mirror.behind_seconds(survey.made),
        "last_visit": maybe(mirror.last_visit),
        "next_visit": maybe(mirror.next_visit),
        "availability_30d": mirror.availability,
    })
}

fn url_of(mirror: &SurveyedMirror, protocol: Protocol, url: &str) -> Value {
    let families = mirror.families(url);
    let known = mirror.urls.get(url);
    json!({
        "url": url,
        "protocol": protocol.as_str(),
        "ipv4": words::reach(families.v4),
        "ipv6": words::reach(families.v6),
        "since": maybe(known.map(|known| known.since)),
        "reason": known.and_then(|known| known.failure).map(|class| class.as_str()),
    })
}

fn repository_of(survey: &Survey, one: &RepositoryStanding) -> Value {
    let behind = match one.status {
        Status::Current => Some(0),
        Status::Behind { since, .. } => Some(survey.made.saturating_sub(since)),
        _ => None,
    };
    json!({
        "repo": survey.repository(one.index).map(|repository| &repository.directory),
        "status": one.status.word(),
        "accepted": one.status.is_accepted(),
        "behind_seconds": behind,
        "seen": maybe(one.seen),
        "text": &*one.text,
    })
}

fn day(day: &Day) -> Value {
    json!({
        "day": Date::of(day.day.saturating_mul(DAY)).to_string(),
        "good": day.n_good,
        "failed": day.n_failed,
        "worst": day.worst,
    })
}

fn short_repository(repository: &SurveyedRepository) -> Value {
    let last = repository.changes.first();
    json!({
        "repo": repository.directory,
        "changed": maybe(repository.changed),
        "hash": repository.current,
        "mirrors": buckets(&repository.spread, |mass| u64::from(mass.0)),
        "bandwidth_mbit": buckets(&repository.spread, |mass| mass.1),
        "curve": last.map(curve),
    })
}

fn buckets(spread: &Spread, of: impl Fn(Mass) -> u64) -> Value {
    json!({
        "all": of(spread.all),
        "current": of(spread.current),
        "previous": of(spread.previous),
        "older": of(spread.older),
        "foreign": of(spread.foreign),
        "missing": of(spread.missing),
        "unknown": of(spread.unknown),
    })
}

fn curve(change: &Change) -> Value {
    let points = HOURS.iter().zip(&change.points);
    points.map(|(hours, known)| point(*hours, known.share())).collect()
}

fn point(hours: u64, (mirrors, bandwidth): (f64, f64)) -> Value {
    // Four digits are more than there are mirrors.
    let rounded = |share: f64| (share * 10_000.0).round() / 10_000.0;
    json!({
        "after_s": hours * 3_600,
        "mirrors": rounded(mirrors),
        "bandwidth": rounded(bandwidth),
    })
}
