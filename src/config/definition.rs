//! Definitions of options, from which help, manual page, example file and reference are generated.
//!
//! A [`Definition`] is made from a row of [`section!`](super::section_macro), together with the field
//! that holds the option's value. So adding an option takes one row.

use clap::ValueEnum;

/// An option of the configuration file, and often of the command line.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The path of its key in the file, such as `port` or `limits.max_headers`.
    pub key: &'static str,
    /// The identifier of its flag in the command line, if it has one.
    pub id: &'static str,
    /// Its documentation: a paragraph that can stand alone, then any others.
    pub paragraphs: Vec<String>,
    /// The name of its value, which says the unit: `SECONDS`, `FILE`, `N`.
    pub value: &'static str,
    /// The values that it takes.
    pub kind: ValueKind,
    /// What applies if it is not set.
    pub absent: Absent,
    /// A value for the example file, as TOML, if the default cannot be shown there.
    pub example: Option<&'static str>,
    /// The value that the example file sets, as TOML.
    pub shipped: Option<&'static str>,
}

/// The kind of values that an option takes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// On or off.
    Switch,
    /// A whole number, both bounds included.
    Number {
        /// The least value.
        min: u32,
        /// The greatest value.
        max: u32,
    },
    /// One of these words.
    Choice(Vec<String>),
    /// A text; the name of the value describes its form.
    Text,
    /// A list of values of one kind.
    List(Box<ValueKind>),
    /// A table of names and their values.
    Table,
}

/// What applies if an option is not set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Absent {
    /// A value.
    Value(ShownDefault),
    /// A value for each profile of answers.
    ByProfile {
        /// The value with the profile `compatible`.
        compatible: ShownDefault,
        /// The value with the profile `modern`.
        modern: ShownDefault,
    },
    /// Behaviour that these words describe.
    Words(&'static str),
    /// No default.
    Nothing,
}

/// A value in the two forms that it can be written in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShownDefault {
    /// As in the file.
    pub toml: String,
    /// As on the command line.
    pub plain: String,
}

impl Definition {
    /// The table of its key (empty for the top level), and its name in that table.
    pub fn place(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}

/// The names of the options in a table, in their order.
pub fn names_in(table: &str, definitions: &[Definition]) -> Vec<&'static str> {
    let places = definitions.iter().map(Definition::place);
    places.filter(|(of, _)| *of == table).map(|(_, name)| name).collect()
}

/// Joins the lines of a doc comment into paragraphs.
pub fn paragraphs(lines: &[&str]) -> Vec<String> {
    let blocks = lines.split(|line| line.trim().is_empty());
    let join = |block: &[&str]| block.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    blocks.filter(|block| !block.is_empty()).map(join).collect()
}

/// A type of the values of options.
pub trait OptionValue: Sized {
    /// The kind of its values.
    fn kind() -> ValueKind {
        ValueKind::Text
    }

    /// Merges the values of two layers of configuration; the upper layer wins.
    fn merge(upper: Option<Self>, lower: Option<Self>) -> Option<Self> {
        upper.or(lower)
    }
}

/// A value that can be shown as a default.
pub trait Show {
    /// The value as it is written.
    fn show(&self) -> ShownDefault;
}

impl ShownDefault {
    /// A text: quoted in the file.
    pub fn text(text: impl Into<String>) -> Self {
        let plain = text.into();
        Self { toml: format!("\"{plain}\""), plain }
    }

    /// A number or a switch, which is written alike in both.
    pub fn bare(value: impl ToString) -> Self {
        let plain = value.to_string();
        Self { toml: plain.clone(), plain }
    }
}

/// The kind of an enum: a choice of its words.
pub fn choices<T: ValueEnum>() -> ValueKind {
    let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
    ValueKind::Choice(names.map(|value| value.get_name().to_owned()).collect())
}

/// The word of a variant, as it is shown.
pub fn choice<T: ValueEnum>(value: &T) -> ShownDefault {
    ShownDefault::text(
        value.to_possible_value().map_or_else(String::new, |v| v.get_name().to_owned()),
    )
}

impl OptionValue for bool {
    fn kind() -> ValueKind {
        ValueKind::Switch
    }

    /// A `false` in the upper layer does not count: clap reads an absent switch as `false`.
    fn merge(upper: Option<Self>, lower: Option<Self>) -> Option<Self> {
        upper.filter(|&on| on).or(lower)
    }
}

impl Show for bool {
    fn show(&self) -> ShownDefault {
        ShownDefault::bare(self)
    }
}

impl<T: OptionValue> OptionValue for Vec<T> {
    fn kind() -> ValueKind {
        ValueKind::List(Box::new(T::kind()))
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> ShownDefault {
        let shown: Vec<_> = self.iter().map(Show::show).collect();
        let join = |form: fn(&ShownDefault) -> &str, with| {
            shown.iter().map(form).collect::<Vec<_>>().join(with)
        };
        let plain = if shown.is_empty() { "none".into() } else { join(|s| &s.plain, " and ") };
        ShownDefault { toml: format!("[{}]", join(|s| &s.toml, ", ")), plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_parted_by_empty_lines() {
        assert_eq!(paragraphs(&[" One", " more", "", " Two"]), ["One more", "Two"]);
        assert!(paragraphs(&[]).is_empty());
    }

    #[test]
    fn lists_are_shown_in_both_forms() {
        let empty: Vec<bool> = Vec::new();
        assert_eq!(empty.show(), ShownDefault { toml: "[]".into(), plain: "none".into() });
        let shown = vec![true, false].show();
        assert_eq!(
            (shown.toml.as_str(), shown.plain.as_str()),
            ("[true, false]", "true and false")
        );
    }

    #[test]
    fn a_switch_that_is_absent_above_leaves_the_lower_one() {
        assert_eq!(bool::merge(Some(false), Some(true)), Some(true));
        assert_eq!(bool::merge(Some(true), Some(false)), Some(true));
        assert_eq!(bool::merge(Some(false), None), None);
    }
}
