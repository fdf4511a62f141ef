//! Query parameters: which of them a route needs, and which variables they fill.

use std::borrow::Cow;

use model::MAX_NAME;

use super::limits::MAX_PARAMETERS;
use model::percent::decode;

/// The names of parameters that a table knows, in ascending order. A set of them is a word.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<String>);

/// What a route says about query parameters. A parameter is meant by its index in [`Parameters`].
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryRules {
    /// The parameters that must be there.
    pub(crate) required: u64,
    /// The parameters that may be there, if no others may.
    pub(crate) allowed: Option<u64>,
    /// The parameters that must have one value, each with the value.
    pub(crate) equals: Vec<(usize, String)>,
    /// The parameters that fill a variable.
    pub(crate) bound: Vec<Bound>,
}

/// A parameter that fills a variable.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    /// The parameter.
    pub(crate) parameter: usize,
    /// The index of the variable.
    pub(crate) variable: usize,
    /// How the value is read.
    pub(crate) form: Form,
}

/// How the value of a parameter is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// As it is; the last of equal parameters counts.
    Text,
    /// The values of all equal parameters, joined by commas.
    List,
    /// A country, with a region behind a dash, which fills the next variable.
    Region,
}

/// The reason why the value of a parameter cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadValue {
    /// It is not UTF-8.
    #[error("is not UTF-8")]
    NotUtf8,
    /// It is longer than any name.
    #[error("is longer than {MAX_NAME} bytes")]
    TooLong,
    /// It would break lines, headers or logs.
    #[error("holds a control character")]
    Control,
}

/// The parameters of a request that a table knows.
pub(crate) struct Given<'r> {
    /// Those that are there.
    present: u64,
    /// Whether others are there.
    has_others: bool,
    /// The raw value of each that is there, the last one of equals.
    values: [&'r str; MAX_PARAMETERS],
}

impl Parameters {
    /// Takes distinct names.
    pub(crate) fn new(mut names: Vec<String>) -> Self {
        names.sort();
        names.dedup();
        Self(names)
    }

    /// The index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// The name at an index; empty where there is none.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }

    /// Reads a query.
    pub(crate) fn read<'r>(&self, query: &'r str) -> Given<'r> {
        let mut given = Given { present: 0, has_others: false, values: [""; MAX_PARAMETERS] };
        for (name, value) in pairs(query) {
            match self.find(name) {
                Some(index) => {
                    given.present |= 1 << index;
                    if let Some(slot) = given.values.get_mut(index) {
                        *slot = value;
                    }
                }
                None => given.has_others = true,
            }
        }
        given
    }

    /// The decoded value for a variable; `None` if the parameter is not there or empty.
    pub(crate) fn value<'r>(
        &self,
        given: &Given<'r>,
        query: &'r str,
        bound: &Bound,
    ) -> Result<Option<Cow<'r, str>>, BadValue> {
        let raw = given.value(bound.parameter).unwrap_or_default();
        if bound.form != Form::List {
            return (!raw.is_empty()).then(|| decode_value(raw)).transpose();
        }
        let own = self.name(bound.parameter);
        let mut values = pairs(query).filter(|&(name, value)| name == own && !value.is_empty());
        let Some((_, first)) = values.next() else { return Ok(None) };
        let mut list = decode_value(first)?;
        for (_, value) in values {
            let list = list.to_mut();
            list.push(',');
            list.push_str(&decode_value(value)?);
            if list.len() > MAX_NAME {
                return Err(BadValue::TooLong);
            }
        }
        Ok(Some(list))
    }
}

impl<'r> Given<'r> {
    /// The raw value of a parameter, if it is there.
    fn value(&self, parameter: usize) -> Option<&'r str> {
        let is_present = parameter < MAX_PARAMETERS && self.present >> parameter & 1 == 1;
        is_present.then(|| self.values.get(parameter).copied()).flatten()
    }
}

impl QueryRules {
    /// Whether a route says anything about queries.
    pub(crate) fn is_empty(&self) -> bool {
        self.required == 0 && self.allowed.is_none() && self.bound.is_empty()
    }

    /// Whether a request with these parameters matches.
    pub(crate) fn hold(&self, given: &Given<'_>) -> bool {
        given.present & self.required == self.required
            && self.allowed.is_none_or(|allowed| !given.has_others && given.present & !allowed == 0)
            && self.equals.iter().all(|(parameter, expected)| {
                let value = given.value(*parameter).map(decode);
                value.is_some_and(|value| value.is_ok_and(|value| value == expected.as_str()))
            })
    }
}

/// The parameters of a query, as they are written. Empty ones do not count.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

fn decode_value(raw: &str) -> Result<Cow<'_, str>, BadValue> {
    let value = decode(raw).map_err(|_| BadValue::NotUtf8)?;
    if value.len() > MAX_NAME {
        return Err(BadValue::TooLong);
    }
    // Bytes first: nearly all values are ASCII, and control characters beyond it begin with 0xc2.
    let is_odd = !value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if is_odd && value.chars().any(char::is_control) {
        return Err(BadValue::Control);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_the_last_of_equals_counts() {
        let parameters = Parameters::new(vec!["repo".into(), "country".into()]);
        let query = "repo=a&x&country=de&repo=b%2fc&&country=fr&country=";
        let given = parameters.read(query);
        assert!(given.has_others);
        let bound = |name, form| Bound {
            parameter: parameters.find(name).expect("a known name"),
            variable: 0,
            form,
        };
        let value = |name, form| parameters.value(&given, query, &bound(name, form));
        assert_eq!(value("repo", Form::Text), Ok(Some("b/c".into())));
        assert_eq!(value("country", Form::Text), Ok(None));
        assert_eq!(value("country", Form::List), Ok(Some("de,fr".into())));
    }

    #[test]
    fn values_that_would_break_an_answer_are_named() {
        for (raw, expected) in [
            ("%ff", BadValue::NotUtf8),
            ("a%0d%0ab", BadValue::Control),
            ("%c2%85", BadValue::Control),
            ("%7f", BadValue::Control),
            (&"a".repeat(501), BadValue::TooLong),
        ] {
            assert_eq!(decode_value(raw), Err(expected), "{raw}");
        }
        assert_eq!(decode_value("%C3%BC"), Ok("ü".into()));
    }
}
