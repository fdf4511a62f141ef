//! Text of TOML: heads, keys and values in a readable layout.

use toml_writer::{ToTomlKey, ToTomlValue};

use super::keys::Table;

/// The longest line, in bytes, that a list is written in; a longer list has a line for each element.
const MAX_LINE: usize = 100;

/// A value in TOML.
pub(super) fn value_text(value: &(impl ToTomlValue + ?Sized)) -> String {
    value.to_toml_value()
}

/// A key in TOML.
pub(super) fn key_text(key: &str) -> String {
    key.to_toml_key()
}

/// The text so far.
#[derive(Default)]
pub(super) struct Writer {
    out: String,
}

impl Writer {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// Writes a line.
    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    pub(super) fn comment(&mut self, text: &str) {
        self.line(&format!("# {text}"));
    }

    pub(super) fn head(&mut self, table: &Table) {
        self.line(&format!("\n{}", table.head));
    }

    /// Writes a value that is TOML already.
    pub(super) fn value(&mut self, key: &str, value: &str) {
        self.line(&format!("{} = {value}", key.to_toml_key()));
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.value(key, &text.to_toml_value());
    }

    pub(super) fn optional(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    pub(super) fn texts(&mut self, key: &str, texts: impl Iterator<Item = String>) {
        self.list(key, texts.map(|text| text.to_toml_value()));
    }

    /// Writes a table in one line, of keys with values that are TOML already; nothing if there are none.
    pub(super) fn table(&mut self, key: &str, entries: impl IntoIterator<Item = (String, String)>) {
        let entries: Vec<String> = entries
            .into_iter()
            .map(|(key, value)| format!("{} = {value}", key.to_toml_key()))
            .collect();
        if !entries.is_empty() {
            self.value(key, &format!("{{ {} }}", entries.join(", ")));
        }
    }

    /// Writes a list of values that are TOML already; nothing if there are none.
    pub(super) fn list(&mut self, key: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.collect();
        let length: usize = values.iter().map(|value| value.len() + ", ".len()).sum();
        match values.is_empty() {
            true => {}
            false if key.len() + length + " = []".len() <= MAX_LINE => {
                self.value(key, &format!("[{}]", values.join(", ")));
            }
            false => self.value(key, &format!("[\n    {},\n]", values.join(",\n    "))),
        }
    }
}
