//! All URLs in the form of mirmon's state file: a line for each, with seven fields.
//!
//! | field | what it is here |
//! |---|---|
//! | url | the base URL, with a slash at its end |
//! | age | until when the content is that of the primary, in seconds since 1970 |
//! | status of the last probe | `ok`, or the class of the failure with its words joined by `_` |
//! | last successful probe | when the URL last worked, as far as that is known |
//! | probe history | the days in which something worked (`s`) and in which nothing did (`f`), the last one at the end |
//! | state history | when it was updated, `-`, and a character for each day: `s` fresh, `b` oldish, `f` old, `z` bad |
//! | last probe | when the mirror was visited last |
//!
//! What is not known is `undef`. Of each mirror the URLs that can be visited are there.

use std::fmt::Write as _;

use checks::state::{Day, DayState};
use model::families::Reach;
use model::url::Protocol;

use crate::mirrors::survey::{Survey, SurveyedMirror};

/// The state file.
pub(super) fn state(survey: &Survey) -> String {
    let mut text = String::new();
    for mirror in &survey.mirrors {
        for (protocol, url, _) in &mirror.profile.urls {
            if matches!(protocol, Protocol::Http | Protocol::Https) {
                push_line(mirror, url, &mut text);
            }
        }
    }
    text
}

fn push_line(mirror: &SurveyedMirror, url: &str, text: &mut String) {
    let known = mirror.urls.get(url);
    let families = mirror.families(url);
    let works = [families.v4, families.v6].contains(&Reach::Works);
    let age = known.and_then(|_| mirror.content_age()?.synced());
    let status = match known {
        Some(_) if works => "ok",
        Some(known) => known.failure.map_or("undef", |class| class.as_str()),
        None => "undef",
    };
    let checked = known.map(|known| known.checked).filter(|checked| works && *checked > 0);
    let probes = history(&mirror.days, 'f', |day| if day.n_good > 0 { 's' } else { 'f' });
    let states = history(&mirror.days, 'z', |day| match day.worst {
        DayState::Good => 's',
        DayState::Behind => 'b',
        DayState::Bad => 'f',
        DayState::Down => 'z',
    });
    // A String takes everything.
    let _ = writeln!(
        text,
        "{url}/ {} {status} {} {probes} {}-{states} {}",
        seconds(age),
        seconds(checked),
        mirror.last_visit.unwrap_or(0),
        seconds(mirror.last_visit),
    );
}

/// A character for each day; of a mirror that was never probed the worst one, as mirmon begins.
fn history(days: &[Day], unknown: char, of: impl Fn(&Day) -> char) -> String {
    match days {
        [] => unknown.to_string(),
        days => days.iter().map(of).collect(),
    }
}

fn seconds(at: Option<u64>) -> String {
    at.map_or_else(|| "undef".to_owned(), |at| at.to_string())
}
