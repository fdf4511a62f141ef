//! The parameters of a query. What is not known is refused: a filter with a typing error would otherwise
//! show everything.

use std::time::Duration;

use model::percent;
use store::operations::read::List;
use store::record::{State, TaskId, bounded};

use super::ids::{self, Written};
use super::reply::ApiError;
use super::time;

/// The longest query, in bytes.
const MAX_QUERY: usize = 8 * 1024;
/// The most values of a parameter.
const MAX_VALUES: usize = 50;
/// The longest text that is searched for, in bytes.
const MAX_TEXT: usize = 200;
/// How many entries a page has if the client does not say.
const USUAL_LIMIT: i64 = 50;
/// The most entries of a page.
pub(super) const MAX_LIMIT: i64 = 500;
/// The longest wait.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60);

/// The parameters of a query, decoded, in their order.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query that may have these parameters.
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, ApiError> {
        if query.len() > MAX_QUERY {
            let message =
                format!("the query has {} bytes, at most {MAX_QUERY} are read", query.len());
            return Err(ApiError::invalid(message));
        }
        let mut pairs = Vec::new();
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            if !known.contains(&name.as_str()) {
                let (name, there_are) = (bounded(&name, 60), known.join(", "));
                return Err(ApiError::invalid(match known.is_empty() {
                    true => format!("`{name}` is no parameter here: there are none"),
                    false => format!("`{name}` is no parameter here; there are {there_are}"),
                }));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The only value of a parameter; `None` if it is absent or empty.
    fn one<'q>(&'q self, name: &'q str) -> Result<Option<&'q str>, ApiError> {
        let mut values = self.values(name).filter(|value| !value.is_empty());
        let value = values.next();
        match values.next() {
            Some(_) => Err(ApiError::invalid(format!("`{name}` is given twice"))),
            None => Ok(value),
        }
    }

    /// All values of a parameter, which may be repeated, or hold several with commas in between.
    fn many<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ApiError>,
    ) -> Result<Vec<T>, ApiError> {
        let values = self.values(name).flat_map(|value| value.split(','));
        let values = values.map(str::trim).filter(|value| !value.is_empty());
        let values: Vec<_> = values.map(parse).collect::<Result<_, _>>()?;
        match values.len() > MAX_VALUES {
            true => Err(ApiError::invalid(format!("`{name}` has more than {MAX_VALUES} values"))),
            false => Ok(values),
        }
    }

    fn number(&self, name: &str, max: i64) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (0..=max).contains(number));
        number.map(Some).ok_or_else(|| {
            ApiError::invalid(format!(
                "`{name}` is `{}`, and must be a whole number from 0 to {max}",
                bounded(text, 60)
            ))
        })
    }

    /// The number of entries that is asked for.
    pub(super) fn limit(&self) -> Result<i64, ApiError> {
        match self.number("limit", MAX_LIMIT)? {
            Some(0) => Err(ApiError::invalid("`limit` is 0, and must be at least 1")),
            limit => Ok(limit.unwrap_or(USUAL_LIMIT)),
        }
    }

    /// Where the page before has ended.
    pub(super) fn after(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.number(name, i64::MAX)
    }

    /// How long the client waits.
    pub(super) fn wait(&self) -> Result<Duration, ApiError> {
        let Some(text) = self.one("wait")? else { return Ok(Duration::ZERO) };
        let number = |text: &str| text.parse::<u32>().ok();
        let wait = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
            (Some(text), _) => number(text).map(|n| Duration::from_millis(n.into())),
            (None, Some(text)) => number(text).map(|n| Duration::from_secs(n.into())),
            (None, None) => number(text).map(|n| Duration::from_secs(n.into())),
        };
        wait.filter(|wait| *wait <= MAX_WAIT).ok_or_else(|| {
            ApiError::invalid(format!(
                "`wait` is `{}`, and must be at most {} seconds, such as 30s",
                bounded(text, 60),
                MAX_WAIT.as_secs()
            ))
        })
    }
}

/// The parameters of a list of tasks.
const FILTERS: &[&str] = &[
    "kind", "state", "queue", "actor", "node", "since", "until", "schedule", "parent", "text",
    "number", "limit", "cursor",
];

/// The list that a query asks for. Between parameters all conditions hold, within one any.
pub(super) fn list(query: &str) -> Result<List, ApiError> {
    let query = Query::read(query, FILTERS)?;
    let name = |value: &str| match value.len() > 200 || value.chars().any(char::is_control) {
        true => {
            Err(ApiError::invalid("a name is longer than 200 bytes, or holds control characters"))
        }
        false => Ok(value.to_owned()),
    };
    let state = |value: &str| {
        State::find(value).ok_or_else(|| {
            let names: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
            let (value, names) = (bounded(value, 60), names.join(", "));
            ApiError::invalid(format!("`state` is `{value}`; there are {names}"))
        })
    };
    let parent = |value: &str| match ids::parse(value)? {
        Written::Whole(id) => Ok(id),
        Written::Ending(_) => Err(ApiError::invalid("`parent` must be a whole number of a task")),
    };
    let time = |name: &str| -> Result<_, ApiError> {
        let Some(text) = query.one(name)? else { return Ok(None) };
        time::parse(text).map(Some).ok_or_else(|| {
            let text = bounded(text, 60);
            ApiError::invalid(format!(
                "`{name}` is `{text}`, and must be a time such as 2026-11-21T11:01:29Z, or a day"
            ))
        })
    };
    let text = query.one("text")?;
    if text.is_some_and(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control)) {
        let message =
            format!("`text` is longer than {MAX_TEXT} bytes, or holds control characters");
        return Err(ApiError::invalid(message));
    }
    Ok(List {
        kinds: query.many("kind", name)?,
        states: query.many("state", state)?,
        queues: query.many("queue", name)?,
        actors: query.many("actor", name)?,
        nodes: query.many("node", name)?,
        schedules: query.many("schedule", name)?,
        parents: query.many("parent", parent)?,
        site: None,
        since: time("since")?,
        until: time("until")?,
        text: text.map(str::to_owned),
        suffix: query.one("number")?.map(ending).transpose()?,
        before: query.after("cursor")?.map(TaskId),
        from: None,
        limit: query.limit()?,
    })
}

/// The last digits of the number of a task, in groups or not.
fn ending(text: &str) -> Result<String, ApiError> {
    let digits = text.replace(['-', ' '], "");
    match (1..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(digits),
        false => Err(ApiError::invalid(format!(
            "`number` is `{}`, and must be the last digits of a task's number",
            bounded(text, 60)
        ))),
    }
}

/// Whether the query of a task asks to wait.
pub(super) fn asks_to_wait(query: &str) -> bool {
    Query::read(query, &["wait"]).and_then(|query| query.wait()).is_ok_and(|wait| !wait.is_zero())
}

/// Refuses all parameters: those of a change are in its body.
pub(super) fn refuse_any(query: &str) -> Result<(), ApiError> {
    Query::read(query, &[]).map(drop)
}

fn decode(text: &str) -> Result<String, ApiError> {
    let blanks = text.replace('+', " ");
    let decoded = percent::decode(&blanks).map(|text| text.into_owned());
    decoded.map_err(|_| ApiError::invalid("the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use store::record::Timestamp;

    use super::*;

    #[track_caller]
    fn refused(query: &str, expected: &str) {
        let error = list(query).expect_err(query);
        assert!(error.message.starts_with(expected), "{query}: {}", error.message);
    }

    #[test]
    fn filters_are_read() {
        let found =
            list("kind=a,b&kind=c&state=failed&since=1970-01-01T00:00:01Z&text=a+b&cursor=9");
        let found = found.unwrap_or_default();
        assert_eq!(found.kinds, ["a", "b", "c"]);
        assert_eq!(found.states, [State::Failed]);
        assert_eq!(found.since, Some(Timestamp(1_000)));
        assert_eq!(found.text.as_deref(), Some("a b"));
        assert_eq!((found.before, found.limit), (Some(TaskId(9)), 50));
        let empty = list("kind=&state=,&&limit=500&text=").unwrap_or_default();
        assert_eq!((empty.kinds.len(), empty.states.len(), empty.limit), (0, 0, 500));
    }

    #[test]
    fn odd_filters_are_refused_with_the_reason() {
        refused("knd=a", "`knd` is no parameter here; there are kind, state,");
        refused("suffix=1", "`suffix` is no parameter");
        refused("state=done", "`state` is `done`; there are enqueued, running,");
        refused("since=yesterday", "`since` is `yesterday`, and must be a time");
        refused("number=1x", "`number` is `1x`");
        refused("limit=0", "`limit` is 0");
        refused("limit=501", "`limit` is `501`, and must be a whole number from 0 to 500");
        refused("limit=-1", "`limit` is `-1`");
        refused("cursor=x", "`cursor` is `x`");
        refused("cursor=9223372036854775808", "`cursor` is");
        refused("limit=1&limit=2", "`limit` is given twice");
        refused("kind=%ff", "the query is not UTF-8");
        refused("text=%00", "`text` is longer than");
        refused("kind=%00", "a name is longer than");
        refused("parent=x", "`x` is no number of a task");
        refused(&"kind=a,".repeat(51), "`kind` has more than 50 values");
        refused(&"a".repeat(9_000), "the query has 9000 bytes");
    }

    #[test]
    fn a_wait_is_bounded() {
        let wait = |text: &str| Query::read(text, &["wait"]).and_then(|query| query.wait()).ok();
        assert_eq!(wait(""), Some(Duration::ZERO));
        assert_eq!(wait("wait=30s"), Some(Duration::from_secs(30)));
        assert_eq!(wait("wait=60"), Some(MAX_WAIT));
        assert_eq!(wait("wait=250ms"), Some(Duration::from_millis(250)));
        for odd in ["wait=61", "wait=1h", "wait=-1", "wait=1.5s", "wait=s", "wait=99999999999s"] {
            assert_eq!(wait(odd), None, "{odd}");
        }
        assert!(asks_to_wait("wait=1s") && !asks_to_wait("wait=0") && !asks_to_wait("wait=99"));
        assert!(!asks_to_wait("wait=1s&x"));
    }
}
