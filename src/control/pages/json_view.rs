//! JSON as people read it: an object as names and values, everything else as it is written.

use serde_json::Value;

use super::display::{Shown, number};

/// The most names of an object that are shown.
const MAX_NAMES: usize = 40;

/// JSON of the store, to be shown.
pub(super) struct JsonView {
    /// The names and values of an object.
    pub(super) pairs: Vec<(Shown, ValueView)>,
    /// What is no object, or no JSON.
    pub(super) text: Option<Shown>,
    /// How many names are left out.
    pub(super) n_more: usize,
}

/// A value of an object.
pub(super) enum ValueView {
    /// On a line.
    Line(Shown),
    /// With its lines.
    Block(Shown),
}

impl JsonView {
    /// What there is to see; `None` for nothing.
    pub(super) fn read(json: &str) -> Option<Self> {
        let text = |shown| Some(Self { pairs: Vec::new(), text: Some(shown), n_more: 0 });
        match serde_json::from_str(json) {
            Ok(Value::Null) => None,
            Ok(Value::Object(object)) if object.is_empty() => None,
            Ok(Value::Object(object)) => {
                let n_more = object.len().saturating_sub(MAX_NAMES);
                // What all values together may take.
                let mut room = super::display::MAX_BLOCK;
                let pair = |(name, value): (&String, &Value)| {
                    let view = value_view(value, room);
                    room = room.saturating_sub(view.len());
                    (Shown::short(name), view)
                };
                let pairs = object.iter().take(MAX_NAMES).map(pair).collect();
                Some(Self { pairs, text: None, n_more })
            }
            Ok(Value::String(line)) => text(Shown::block(&line)),
            Ok(other) => {
                text(Shown::block(&serde_json::to_string_pretty(&other).unwrap_or_default()))
            }
            Err(_) => text(Shown::block(json)),
        }
    }
}

impl ValueView {
    fn len(&self) -> usize {
        match self {
            Self::Line(shown) | Self::Block(shown) => shown.len(),
        }
    }
}

fn value_view(value: &Value, room: usize) -> ValueView {
    match value {
        Value::String(text) if !text.contains('\n') && text.len() <= 200 => {
            ValueView::Line(Shown::line(text))
        }
        Value::String(text) => ValueView::Block(Shown::block_of(text, room)),
        Value::Bool(true) => ValueView::Line(Shown::line("yes")),
        Value::Bool(false) => ValueView::Line(Shown::line("no")),
        Value::Null => ValueView::Line(Shown::line("–")),
        Value::Number(n) => ValueView::Line(match n.as_i64() {
            Some(n) => Shown::line(&number(n)),
            None => Shown::line(&n.to_string()),
        }),
        Value::Array(items) if items.iter().all(is_plain) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            ValueView::Line(Shown::line(&if items.is_empty() {
                "none".to_owned()
            } else {
                items.join(", ")
            }))
        }
        Value::Array(_) | Value::Object(_) => {
            let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
            ValueView::Block(Shown::block_of(&pretty, room))
        }
    }
}

fn is_plain(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.len() <= 100) || value.is_number()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and values on lines.
    fn shown(json: &str) -> String {
        let Some(view) = JsonView::read(json) else { return "nothing".to_owned() };
        let pairs = view.pairs.iter().map(|(name, value)| match value {
            ValueView::Line(line) => format!("{name}: {line}"),
            ValueView::Block(block) => format!("{name}:\n{block}"),
        });
        let text = view.text.iter().map(ToString::to_string);
        pairs.chain(text).collect::<Vec<_>>().join("\n").replace('\u{202f}', " ")
    }

    #[test]
    fn values_are_for_people() {
        assert_eq!(shown("{}"), "nothing");
        assert_eq!(shown("null"), "nothing");
        assert_eq!(
            shown(r#"{"files":12345,"new":true,"names":["a","b"],"none":[],"x":null}"#),
            "files: 12 345\nnew: yes\nnames: a, b\nnone: none\nx: –"
        );
        assert_eq!(shown(r#"{"a":{"b":1}}"#), "a:\n{\n  \"b\": 1\n}");
        assert_eq!(shown(r#""text""#), "text");
        assert_eq!(shown("[1,2]"), "[\n  1,\n  2\n]");
        assert_eq!(shown("{broken"), "{broken");
    }

    #[test]
    fn large_values_are_cut() {
        let long = "x".repeat(60_000);
        let many = (0..50).map(|n| (n.to_string(), Value::String(long.clone())));
        let json = Value::Object(many.collect()).to_string();
        let view = JsonView::read(&json).unwrap();
        assert_eq!((view.pairs.len(), view.n_more), (40, 10));
        let n_bytes: usize = view.pairs.iter().map(|(_, value)| value.len()).sum();
        assert!(n_bytes < 2 * super::super::display::MAX_BLOCK, "{n_bytes}");
    }
}
