//! Templates: texts with variables, which make names, paths and URLs.

use encode::write::push_url_path;
use model::MAX_NAME;

use super::map::Lists;
use super::unresolved::Unresolved;
use super::values::Values;

/// A text with variables.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Template(pub(crate) Vec<Piece>);

/// A piece of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// A literal text.
    Text(String),
    /// The value of a variable.
    Variable(Variable),
}

/// A variable in a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    /// Its index in the route; `None` if nothing fills it, so that its default counts.
    pub(crate) index: Option<usize>,
    /// What is done to the value, in this order.
    pub(crate) filters: Vec<Filter>,
}

/// Something that is done to a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Filter {
    /// Makes ASCII letters small.
    Lower,
    /// Makes ASCII letters capital.
    Upper,
    /// Replaces the value by what stands for it in the map at this index. Without an entry there is no
    /// value.
    Map(usize),
    /// Stands for a value that is not there.
    Default(String),
    /// Stands for a value that is not there, and for each value that the variable could have.
    Literal(String),
    /// Removes this end, if the value has it.
    Strip(String),
}

/// How values of a request are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaping {
    /// As they are.
    None,
    /// As a part of a URL's path.
    Url,
}

/// What a template has made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Made {
    /// A text of values and defaults.
    Named,
    /// A text with a `literal:` in it.
    Literal,
}

impl Template {
    /// Appends the text to `out`.
    pub(crate) fn write<'t>(
        &'t self,
        values: &Values<'_>,
        lists: &'t Lists,
        escaping: Escaping,
        out: &mut String,
    ) -> Result<Made, Unresolved<'t>> {
        let start = out.len();
        let mut made = Made::Named;
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Variable(variable) => {
                    if variable.write(values, lists, escaping, out)? == Made::Literal {
                        made = Made::Literal;
                    }
                }
            }
            // A URL may be longer than a name, by its literal part and by escapes.
            let max = if escaping == Escaping::Url { 4 * MAX_NAME } else { MAX_NAME };
            if out.len() - start > max {
                return Err(Unresolved::TooLong);
            }
        }
        Ok(made)
    }

    /// The variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(variable),
            Piece::Text(_) => None,
        })
    }
}

impl Variable {
    /// Whether a value that is not there has something that stands for it.
    pub(crate) fn has_default(&self) -> bool {
        let stands = |filter: &Filter| matches!(filter, Filter::Default(_) | Filter::Literal(_));
        self.filters.iter().any(stands)
    }

    /// Whether a text can stand for each value.
    pub(crate) fn has_literal(&self) -> bool {
        self.filters.iter().any(|filter| matches!(filter, Filter::Literal(_)))
    }

    fn write<'t>(
        &'t self,
        values: &Values<'_>,
        lists: &'t Lists,
        escaping: Escaping,
        out: &mut String,
    ) -> Result<Made, Unresolved<'t>> {
        let start = out.len();
        let value = self.index.and_then(|index| values.get(index));
        out.push_str(value.unwrap_or_default());
        let mut is_there = value.is_some();
        // Whether `out` holds what a client has sent, and not what a catalog says.
        let mut is_sent = is_there;
        let mut made = Made::Named;
        let mut missing = Unresolved::Missing(&self.name);
        for filter in &self.filters {
            match filter {
                Filter::Default(text) | Filter::Literal(text) if !is_there => {
                    out.push_str(text);
                    (is_there, is_sent) = (true, false);
                    if matches!(filter, Filter::Literal(_)) {
                        made = Made::Literal;
                    }
                }
                Filter::Default(_) | Filter::Literal(_) => {}
                _ if !is_there => {}
                Filter::Lower => change_case(out, start, str::make_ascii_lowercase),
                Filter::Upper => change_case(out, start, str::make_ascii_uppercase),
                Filter::Strip(suffix) => {
                    let value = out.get(start..).unwrap_or_default();
                    if value.ends_with(suffix.as_str()) {
                        out.truncate(out.len() - suffix.len());
                    }
                }
                Filter::Map(index) => {
                    let value = out.get(start..).unwrap_or_default();
                    let map = lists.maps.get(*index);
                    let found = map.and_then(|map| map.find(value));
                    out.truncate(start);
                    is_sent = false;
                    match found {
                        Some(text) => out.push_str(text),
                        None => {
                            is_there = false;
                            let map = map.map_or("", |map| map.name.as_str());
                            let variable = self.name.as_str();
                            missing = Unresolved::NotInMap { variable, parameter: variable, map };
                        }
                    }
                }
            }
        }
        if !is_there {
            return Err(missing);
        }
        if escaping == Escaping::Url && is_sent {
            let value = out.split_off(start);
            if value.split('/').any(|segment| segment == "..") {
                return Err(Unresolved::LeadsAbove(&self.name));
            }
            push_url_path(&value, out);
        }
        Ok(made)
    }
}

fn change_case(out: &mut str, start: usize, change: fn(&mut str)) {
    if let Some(value) = out.get_mut(start..) {
        change(value);
    }
}
