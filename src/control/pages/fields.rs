//! The fields of a form, in a query or a body.
//!
//! They are read as browsers write forms: `+` is a blank, and a field that was left empty is not there.

use encode::write::push_percent_encoded;
use model::percent;

/// The most fields.
const MAX_FIELDS: usize = 100;
/// The most bytes of a name.
const MAX_NAME: usize = 100;
/// The most bytes of a value: those of the arguments of a task.
const MAX_VALUE: usize = 16 * 1024;

/// The fields of a form, in their order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a query, without `?`, or a body. The error is one line.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut fields = Vec::new();
        for field in text.split('&').filter(|field| !field.is_empty()) {
            if fields.len() == MAX_FIELDS {
                return Err(format!("the form has more than {MAX_FIELDS} fields"));
            }
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let name = decode(name).ok_or("the name of a field is not UTF-8")?;
            if name.len() > MAX_NAME {
                return Err(format!("the name of a field is longer than {MAX_NAME} bytes"));
            }
            let value =
                decode(value).ok_or_else(|| format!("the value of {name}= is not UTF-8"))?;
            if value.len() > MAX_VALUE {
                return Err(format!("the value of {name}= is longer than {MAX_VALUE} bytes"));
            }
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        Ok(Self(fields))
    }

    /// The first value of a field; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// All values of a field.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All fields: names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Without the fields of these names.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        Self(kept.cloned().collect())
    }

    /// With one more.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The query that holds them, with `?`; empty if there are none.
    pub(super) fn to_query(&self) -> String {
        let mut query = String::new();
        for (name, value) in &self.0 {
            query.push(if query.is_empty() { '?' } else { '&' });
            push_encoded(name, &mut query);
            query.push('=');
            push_encoded(value, &mut query);
        }
        query
    }
}

fn decode(text: &str) -> Option<String> {
    let blanks = text.replace('+', " ");
    let text = percent::decode(&blanks).ok()?;
    Some(text.trim_matches([' ', '\r', '\n', '\t']).to_owned())
}

fn push_encoded(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' | ',' | '/' | ':' => {
                out.push(character);
            }
            _ => push_percent_encoded(character, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        let fields = Fields::read("a=1&b=&a=+x%26y%0d%0a&c").unwrap();
        assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", "x&y"]);
        assert_eq!((fields.get("a"), fields.get("b"), fields.get("c")), ("1", "", ""));
        assert_eq!(fields.without(&["x"]).with("d", "ü").to_query(), "?a=1&a=x%26y&d=%C3%BC");
        assert_eq!(fields.without(&["a"]).to_query(), "");
    }

    #[test]
    fn odd_forms_are_refused_with_the_reason() {
        let reason = |text: &str| Fields::read(text).unwrap_err();
        assert_eq!(reason("a=%ff"), "the value of a= is not UTF-8");
        assert_eq!(reason("%ff=a"), "the name of a field is not UTF-8");
        assert_eq!(reason(&"a=1&".repeat(101)), "the form has more than 100 fields");
        assert_eq!(
            reason(&format!("a={}", "x".repeat(MAX_VALUE + 1))),
            "the value of a= is longer than 16384 bytes"
        );
        assert_eq!(reason(&"x".repeat(101)), "the name of a field is longer than 100 bytes");
    }
}
