//! The filter of the list of tasks, as the fields of its form.

use store::operations::read::List;
use store::record::{State, TaskId, Timestamp};

use super::fields::Fields;

/// How many tasks a page of the list has.
pub(super) const PAGE: usize = 50;
/// The most values of one field.
const MAX_VALUES: usize = 20;
/// The most bytes of a value.
const MAX_VALUE: usize = 500;

/// Fields that more than one value of may hold, with the values.
const MANY: [&str; 6] = ["kind", "queue", "actor", "node", "schedule", "parent"];

/// Reads the filter of a query. The error is one line, for whoever has filled the form.
pub(super) fn read(fields: &Fields) -> Result<List, String> {
    let known = ["state", "since", "until", "text", "number", "before", "refresh", "done"];
    if let Some((name, _)) =
        fields.iter().find(|(name, _)| !known.contains(name) && !MANY.contains(name))
    {
        return Err(format!(
            "`{name}` is no filter; there are state, {}, since, until, text, number",
            MANY.join(", ")
        ));
    }
    let mut states = Vec::new();
    for word in fields.all("state").take(MAX_VALUES) {
        let state = State::find(word).ok_or_else(|| {
            let words: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
            format!("`{word}` is no state; there are {}", words.join(", "))
        })?;
        states.push(state);
    }
    let parents = fields.all("parent").take(MAX_VALUES).map(|text| parse_id("parent", text));
    let before = Some(fields.get("before")).filter(|text| !text.is_empty());
    Ok(List {
        kinds: values(fields, "kind")?,
        states,
        queues: values(fields, "queue")?,
        actors: values(fields, "actor")?,
        nodes: values(fields, "node")?,
        schedules: values(fields, "schedule")?,
        parents: parents.collect::<Result<_, _>>()?,
        site: None,
        since: time(fields, "since")?,
        until: time(fields, "until")?,
        text: value(fields, "text")?,
        suffix: suffix(fields.get("number"))?,
        before: before.map(|text| parse_id("before", text)).transpose()?,
        from: None,
        // One more than is shown tells whether there are more.
        limit: i64::try_from(PAGE).unwrap_or(0) + 1,
    })
}

fn values(fields: &Fields, name: &str) -> Result<Vec<String>, String> {
    fields.all(name).take(MAX_VALUES).map(|text| check(name, text).map(str::to_owned)).collect()
}

fn value(fields: &Fields, name: &str) -> Result<Option<String>, String> {
    let text = Some(fields.get(name)).filter(|text| !text.is_empty());
    text.map(|text| check(name, text).map(str::to_owned)).transpose()
}

fn check<'t>(name: &str, text: &'t str) -> Result<&'t str, String> {
    if text.len() > MAX_VALUE {
        return Err(format!("the value of {name}= is longer than {MAX_VALUE} bytes"));
    }
    match text.contains('\0') {
        true => Err(format!("the value of {name}= holds a NUL")),
        false => Ok(text),
    }
}

/// The number of a task, as people write it: `123456` or `123-456`.
pub(super) fn find_id(text: &str) -> Option<TaskId> {
    let is_number = text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '-');
    let digits = text.replace('-', "");
    is_number.then(|| digits.parse().ok()).flatten().filter(|&id| id > 0).map(TaskId)
}

fn parse_id(name: &str, text: &str) -> Result<TaskId, String> {
    find_id(text)
        .ok_or_else(|| format!("{name}={text} is no number of a task: write one such as 123-456"))
}

fn suffix(text: &str) -> Result<Option<String>, String> {
    let digits = text.replace(['-', ' '], "");
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.len() <= 19 && digits.chars().all(|c| c.is_ascii_digit()) {
        true => Ok(Some(digits)),
        false => Err(format!("number={text} is no number of a task: write its last digits")),
    }
}

/// A time as browsers write it, `2026-11-21T11:01`, in UTC.
fn time(fields: &Fields, name: &str) -> Result<Option<Timestamp>, String> {
    let text = fields.get(name);
    if text.is_empty() {
        return Ok(None);
    }
    let time = parse_time(text).ok_or_else(|| {
        format!("{name}={text} is no time: write one such as 2026-11-21T11:01, in UTC")
    })?;
    Ok(Some(time))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let text = text.trim_end_matches('Z');
    let (day, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut day = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (day.next()??, day.next()??, day.next()??);
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..60).contains(&second);
    if !fits {
        return None;
    }
    // Days since 1970-01-01, by years that begin in March (see model::date).
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(Timestamp((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(query: &str) -> Result<List, String> {
        read(&Fields::read(query).unwrap())
    }

    #[test]
    fn a_filter_is_read() {
        let list = list(
            "state=failed&state=dropped&kind=a&parent=1-234&number=-456&text=x+y&before=99&since=2026-11-21T11:01&refresh=5",
        )
        .unwrap();
        assert_eq!(list.states, [State::Failed, State::Dropped]);
        assert_eq!((list.kinds, list.parents), (vec!["a".to_owned()], vec![TaskId(1_234)]));
        assert_eq!((list.suffix.as_deref(), list.text.as_deref()), (Some("456"), Some("x y")));
        assert_eq!((list.before, list.limit), (Some(TaskId(99)), 51));
        assert_eq!(list.since, Some(Timestamp(1_795_258_860_000)));
    }

    #[test]
    fn odd_filters_are_refused_with_the_reason() {
        let reason = |query: &str| list(query).unwrap_err();
        assert!(reason("state=odd").starts_with("`odd` is no state; there are enqueued, running"));
        assert!(reason("stat=failed").starts_with("`stat` is no filter; there are state, kind"));
        for odd in ["x", "-1", "0", "99999999999999999999", "１"] {
            assert!(find_id(odd).is_none(), "{odd}");
        }
        assert!(reason("before=x").contains("is no number of a task"));
        assert!(reason("number=1x").contains("write its last digits"));
        for odd in [
            "2026",
            "2026-13-01",
            "2026-1-1T25:00",
            "2026-1-1Tx",
            "1-1-1",
            "2026-11-21T11:01:60",
            "ä",
        ] {
            assert!(reason(&format!("since={odd}")).contains("is no time"), "{odd}");
        }
        assert!(reason(&format!("kind={}", "x".repeat(501))).contains("longer than 500"));
        assert_eq!(reason("text=a%00"), "the value of text= holds a NUL");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (text, shown) in [
            ("1970-01-01", "1970-01-01T00:00:00Z"),
            ("2000-02-29T23:59", "2000-02-29T23:59:00Z"),
            ("2026-11-21T11:01:29Z", "2026-11-21T11:01:29Z"),
            ("2100-03-01 00:00", "2100-03-01T00:00:00Z"),
        ] {
            let Timestamp(time) = parse_time(text).unwrap();
            let seconds = u64::try_from(time / 1_000).unwrap();
            assert_eq!(model::date::Timestamp { seconds }.to_string(), shown);
        }
    }
}
