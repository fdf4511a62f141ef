//! Reading the values of targets and options.

use super::fault::Problem;
use super::limits::{MAX_LIST, MAX_TEXT};
use super::written::Value;

/// A text.
pub(crate) fn as_text(value: &Value) -> Result<&str, Problem> {
    match value {
        Value::Text(text) => Ok(text),
        _ => Err(value.is_not("a text")),
    }
}

/// `true` or `false`.
pub(crate) fn as_switch(value: &Value) -> Result<bool, Problem> {
    match value {
        Value::Switch(switch) => Ok(*switch),
        _ => Err(value.is_not("true or false")),
    }
}

/// A number in these bounds.
pub(crate) fn as_number(value: &Value, min: usize, max: usize) -> Result<usize, Problem> {
    let Value::Number(number) = value else {
        return Err(value.is_not("a number"));
    };
    let fitting = usize::try_from(*number).ok().filter(|number| (min..=max).contains(number));
    fitting.ok_or(Problem::OutOfRange { number: *number, min, max })
}

/// One text, or a list of texts that is not empty.
pub(crate) fn as_list(value: &Value) -> Result<Vec<&str>, Problem> {
    match value {
        Value::Text(text) => Ok(vec![text.as_str()]),
        Value::List(list) if list.is_empty() => Err(Problem::EmptyList),
        Value::List(list) if list.len() > MAX_LIST => Err(Problem::LongList),
        Value::List(list) => Ok(list.iter().map(String::as_str).collect()),
        _ => Err(value.is_not("a list of texts")),
    }
}

/// A text that can stand in a line.
pub(crate) fn as_line(text: &str) -> Result<String, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::TooLong(text.len()));
    }
    match text.chars().find(|c| c.is_control()) {
        Some(bad) => Err(Problem::BadCharacter(bad)),
        None => Ok(text.to_owned()),
    }
}
