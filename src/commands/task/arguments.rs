//! Arguments of a kind: words of the command line become values of the types that the kind says.

use serde_json::{Map, Value};

use super::record::{int, items, text};
use crate::commands::meant::meant;

/// The longest text that is sent as one argument, in bytes.
const MAX_TEXT: usize = 16 * 1024;

/// Reads `NAME=VALUE` words for a kind, of which `kinds` (the API's answer) tells the parameters.
pub(super) fn typed(
    kinds: &[Value],
    kind: &str,
    words: &[String],
) -> Result<Map<String, Value>, String> {
    let known = kinds.iter().find(|known| text(known, "name") == kind).ok_or_else(|| {
        let names: Vec<_> = kinds.iter().map(|kind| text(kind, "name")).collect();
        format!("`{kind}` is no kind of tasks there; {}", meant(kind, &names))
    })?;
    let parameters = items(known.get("parameters").unwrap_or(&Value::Null), "parameters");
    let parameters = parameters.unwrap_or(&[]);
    let mut args = Map::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word.as_str(), None),
        };
        let parameter = parameters.iter().find(|parameter| text(parameter, "name") == name);
        let parameter = parameter.ok_or_else(|| {
            let names: Vec<_> = parameters.iter().map(|one| text(one, "name")).collect();
            match names.is_empty() {
                true => format!("`{name}` is no argument: {kind} takes none"),
                false => format!("`{name}` is no argument of {kind}; {}", meant(name, &names)),
            }
        })?;
        if args.insert(name.to_owned(), value_of(parameter, name, value)?).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    let missing = parameters.iter().find(|parameter| {
        parameter.get("required").and_then(Value::as_bool).unwrap_or(false)
            && !args.contains_key(text(parameter, "name"))
    });
    match missing {
        Some(missing) => {
            let (name, about) = (text(missing, "name"), text(missing, "about"));
            Err(format!("`{name}` is missing: {about}; write {name}={}", form(missing)))
        }
        None => Ok(args),
    }
}

/// The form of a parameter's values, for people.
pub(super) fn form(parameter: &Value) -> String {
    let bound = |name: &str| parameter.get(name).and_then(Value::as_i64);
    match (text(parameter, "type"), bound("min"), bound("max")) {
        ("number", Some(min), Some(max)) => format!("{min}…{max}"),
        ("number", ..) => "NUMBER".into(),
        ("switch", ..) => "yes|no".into(),
        _ => "TEXT".into(),
    }
}

fn value_of(parameter: &Value, name: &str, value: Option<&str>) -> Result<Value, String> {
    match (text(parameter, "type"), value) {
        ("switch", None | Some("true" | "yes" | "on" | "1")) => Ok(true.into()),
        ("switch", Some("false" | "no" | "off" | "0")) => Ok(false.into()),
        ("switch", Some(other)) => Err(format!("`{name}` is `{other}`, and must be yes or no")),
        (_, None) => Err(format!("`{name}` has no value: write {name}={}", form(parameter))),
        ("number", Some(text)) => {
            let bounds = match (parameter.get("min"), parameter.get("max")) {
                (Some(_), Some(_)) => (int(parameter, "min"), int(parameter, "max")),
                _ => (i64::MIN, i64::MAX),
            };
            let number = text.parse::<i64>().ok();
            number
                .filter(|number| (bounds.0..=bounds.1).contains(number))
                .map(Value::from)
                .ok_or_else(|| match bounds {
                    (i64::MIN, i64::MAX) => {
                        format!("`{name}` is `{text}`, and must be a whole number")
                    }
                    (min, max) => format!(
                        "`{name}` is `{text}`, and must be a whole number from {min} to {max}"
                    ),
                })
        }
        (_, Some(text)) if text.len() > MAX_TEXT => {
            Err(format!("`{name}` has {} bytes, and may have {MAX_TEXT} at most", text.len()))
        }
        (_, Some(text)) => Ok(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let kinds = [
            json!({"name": "test.sleep", "parameters": [
                {"name": "seconds", "about": "how long", "type": "number", "min": 0, "max": 60,
                 "required": true},
                {"name": "fail", "about": "whether it fails", "type": "switch", "required": false},
                {"name": "note", "about": "a note", "type": "text", "required": false},
            ]}),
            json!({"name": "primary.scan", "parameters": []}),
        ];
        let mut words = words.split(' ').map(str::to_owned);
        let kind = words.next().expect("a kind");
        let shown = match typed(&kinds, &kind, &words.collect::<Vec<_>>()) {
            Ok(args) => Value::Object(args).to_string(),
            Err(error) => error,
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn words_become_values_of_the_types_that_the_kind_says() {
        check("test.sleep seconds=3 fail note=a=b", r#"{"seconds":3,"fail":true,"note":"a=b"}"#);
        check("test.sleep seconds=0 fail=no note=", r#"{"seconds":0,"fail":false,"note":""}"#);
        check("primary.scan", "{}");
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        check("test.slep", "`test.slep` is no kind of tasks there; did you mean `test.sleep`?");
        check("x", "`x` is no kind of tasks there; there are test.sleep, primary.scan");
        check("test.sleep", "`seconds` is missing: how long; write seconds=0…60");
        check(
            "test.sleep second=3",
            "`second` is no argument of test.sleep; did you mean `seconds`?",
        );
        check("test.sleep x=3", "`x` is no argument of test.sleep; there are seconds, fail, note");
        check("test.sleep seconds", "`seconds` has no value: write seconds=0…60");
        check("test.sleep seconds=x", "`seconds` is `x`, and must be a whole number from 0 to 60");
        check(
            "test.sleep seconds=61",
            "`seconds` is `61`, and must be a whole number from 0 to 60",
        );
        check("test.sleep seconds=1 fail=maybe", "`fail` is `maybe`, and must be yes or no");
        check("test.sleep seconds=1 seconds=2", "`seconds` is given twice");
        check("primary.scan a=b", "`a` is no argument: primary.scan takes none");
    }
}
