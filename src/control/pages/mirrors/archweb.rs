//! All URLs in the form of archweb's status, version 3 (`/mirrors/status/json/` of Arch Linux), which tools that choose
//! mirrors read.
//!
//! Its fields are those that archweb has, in the sense that comes closest:
//!
//! | field | what it is here |
//! |---|---|
//! | `last_sync` | until when the content is that of the primary: when the repository was seen that was looked at the longest time ago if all are current, else when the primary replaced what the repository has that is furthest behind |
//! | `delay` | how long that is behind, in seconds; null of what does not work |
//! | `completion_pct` | the share of the visits of two days in which something worked, from 0 to 1 |
//! | `duration_avg` | seconds until the first byte of the last good answer; there is one of them, so `duration_stddev` is null |
//! | `score` | hours of delay and seconds of duration together, divided by `completion_pct` |
//! | `active` | whether lists have the URL for something |
//! | `isos` | false: it is not known |
//! | `details` | the path of the page of the mirror |
//!
//! Visits are counted by mirror, so `completion_pct` is the same for its URLs that were visited. Of URLs that are not
//! (those of ftp and rsync) it is null, and so are `last_sync`, `delay` and `score`.

use model::country_name;
use model::families::{Families, Reach};
use serde_json::{Value, json};

use super::json::at;
use super::path::of_mirror;
use crate::mirrors::content_age::ContentAge;
use crate::mirrors::listed::Listed;
use crate::mirrors::survey::{Survey, SurveyedMirror};

/// Over how long a time visits are counted, in seconds.
const CUTOFF: u64 = 2 * 86_400;
const DAY: u64 = 86_400;

/// All URLs of mirrors that carry a category, if one is named; `None` if no mirror carries it.
pub(super) fn status(survey: &Survey, category: Option<&str>) -> Option<Value> {
    let carries = |mirror: &&SurveyedMirror| {
        category.is_none_or(|name| mirror.profile.categories.iter().any(|known| known == name))
    };
    let mirrors: Vec<&SurveyedMirror> = survey.mirrors.iter().filter(carries).collect();
    if category.is_some() && mirrors.is_empty() {
        return None;
    }
    let n_visits = mirrors.iter().map(|mirror| visits(survey, mirror).1).max().unwrap_or(0);
    let urls: Vec<Value> = mirrors.into_iter().flat_map(|mirror| urls_of(survey, mirror)).collect();
    Some(json!({
        "cutoff": CUTOFF,
        "last_check": (survey.visited > 0).then(|| at(survey.visited)),
        "num_checks": n_visits,
        "check_frequency": survey.visitor.interval,
        "urls": urls,
        "version": 3,
    }))
}

fn urls_of(survey: &Survey, mirror: &SurveyedMirror) -> Vec<Value> {
    let profile = &mirror.profile;
    let (good, all) = visits(survey, mirror);
    let country = profile.country.and_then(country_name::usual).unwrap_or_default();
    let code = profile.country.map(|country| country.to_string()).unwrap_or_default();
    let urls = profile.urls.iter().map(|(protocol, url, _)| {
        let families = mirror.families(url);
        let visited = mirror.urls.get(url).filter(|known| known.checked > 0);
        let is_listed = mirror.listed != Listed::No && visited.is_none_or(|url| !url.is_hidden);
        let age = visited.and_then(|_| mirror.content_age());
        // What lists leave out, or does not work, gives nobody its content.
        let usable = visited.filter(|_| is_listed && works(families));
        let delay = usable.and_then(|_| mirror.behind_seconds(survey.made));
        let completion =
            visited.map(|_| if all == 0 { 0.0 } else { f64::from(good) / f64::from(all) });
        let first_byte = usable.and_then(|known| known.first_byte);
        let duration = first_byte.map(|millis| f64::from(millis) / 1_000.0);
        let score = delay.zip(duration).zip(completion.filter(|share| *share > 0.0));
        let score = score.map(|((delay, duration), completion)| {
            #[allow(clippy::cast_precision_loss, reason = "hours, rounded for comparison")]
            let hours = delay as f64 / 3_600.0;
            (hours + duration) / completion
        });
        json!({
            "url": format!("{url}/"),
            "protocol": protocol.as_str(),
            "last_sync": age.and_then(ContentAge::synced).map(at),
            "completion_pct": completion,
            "delay": delay,
            "duration_avg": duration,
            "duration_stddev": null,
            "score": score,
            "active": is_listed,
            "country": country,
            "country_code": code,
            "isos": false,
            "ipv4": families.v4 == Reach::Works,
            "ipv6": families.v6 == Reach::Works,
            "details": of_mirror(&mirror.key),
        })
    });
    urls.collect()
}

fn works(families: Families) -> bool {
    [families.v4, families.v6].contains(&Reach::Works)
}

/// The visits of two days in which something worked, and all.
fn visits(survey: &Survey, mirror: &SurveyedMirror) -> (u32, u32) {
    let since = (survey.made / DAY + 1).saturating_sub(CUTOFF / DAY);
    let days = mirror.days.iter().filter(|day| day.day >= since);
    days.fold((0_u32, 0_u32), |(good, all), day| {
        let both = day.n_good.saturating_add(day.n_failed);
        (good.saturating_add(day.n_good), all.saturating_add(both))
    })
}
