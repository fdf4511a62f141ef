//! Reading templates.

use super::fault::Problem;
use super::limits::MAX_TEXT;
use super::map::Lists;
use super::parse_pattern::check_name;
use super::template::{Filter, Piece, Template, Variable};

/// Reads a template of a route with these variables. `optional` holds the indexes of those that a
/// request may leave out.
pub(crate) fn parse(
    text: &str,
    variables: &[String],
    optional: &[usize],
    lists: &Lists,
) -> Result<Template, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::TooLong(text.len()));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control()) {
        return Err(Problem::BadCharacter(bad));
    }
    let mut pieces = Vec::new();
    let mut left = text;
    while !left.is_empty() {
        let end = left.find('{').unwrap_or(left.len());
        let (literal, behind) = left.split_at_checked(end).unwrap_or((left, ""));
        if literal.contains('}') {
            return Err(Problem::BadCharacter('}'));
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.to_owned()));
        }
        let Some(inside) = behind.strip_prefix('{') else { break };
        let (variable, behind) =
            inside.split_once('}').ok_or_else(|| Problem::Unclosed(behind.to_owned()))?;
        pieces.push(Piece::Variable(read_variable(variable, variables, lists)?));
        left = behind;
    }
    let template = Template(pieces);
    for variable in template.variables().filter(|variable| !variable.has_default()) {
        match variable.index {
            None => return Err(Problem::Unbound(variable.name.clone())),
            Some(index) if optional.contains(&index) => {
                return Err(Problem::MayBeAbsent(variable.name.clone()));
            }
            Some(_) => {}
        }
    }
    Ok(template)
}

fn read_variable(text: &str, variables: &[String], lists: &Lists) -> Result<Variable, Problem> {
    let mut words = text.split('|');
    let name = words.next().unwrap_or_default();
    check_name(name)?;
    Ok(Variable {
        name: name.to_owned(),
        index: variables.iter().position(|known| known == name),
        filters: words.map(|word| read_filter(word, lists)).collect::<Result<_, _>>()?,
    })
}

fn read_filter(text: &str, lists: &Lists) -> Result<Filter, Problem> {
    let unknown = || Problem::UnknownFilter(text.to_owned());
    match text {
        "lower" => return Ok(Filter::Lower),
        "upper" => return Ok(Filter::Upper),
        _ => {}
    }
    let (name, argument) = text.split_once(':').ok_or_else(unknown)?;
    match name {
        "map" => {
            let map = lists.find_map(argument);
            Ok(Filter::Map(map.ok_or_else(|| Problem::UnknownMap(argument.to_owned()))?))
        }
        "default" => Ok(Filter::Default(argument.to_owned())),
        "literal" if !argument.is_empty() => Ok(Filter::Literal(argument.to_owned())),
        "strip" if !argument.is_empty() => Ok(Filter::Strip(argument.to_owned())),
        _ => Err(unknown()),
    }
}
