//! Reading the rules of a route for query parameters.

use super::fault::{Problem, shorten};
use super::limits::{MAX_PARAMETERS, MAX_TEXT, MAX_VARIABLES};
use super::parse_pattern::check_name;
use super::query::{ALWAYS_ALLOWED, Bound, Form, Parameters, QueryRules};
use super::standard::Standard;
use super::written::WrittenRoute;

/// A rule, as it is written.
enum Rule<'t> {
    /// `-`: the parameter may be there and means nothing.
    Ignored,
    /// `flag`: the parameter must be there.
    Flag,
    /// `=value`: the parameter must have that value.
    Equals(&'t str),
    /// `variable`, `variable?` or `variable!`.
    Fills { variable: &'t str, form: Form, need: Need },
}

/// Whether a parameter must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It may be left out.
    Optional,
    /// It should be there: without it the answer may be an error.
    Expected,
    /// Without it the route does not match.
    Required,
}

/// The rules of a route, with what the checks of a catalog need to know.
pub(crate) struct ParsedQuery {
    /// The compiled rules.
    pub(crate) rules: QueryRules,
    /// The variables that a request may leave out without an error, by index.
    pub(crate) optional: Vec<usize>,
}

/// Reads the rules of a route, and appends the variables that they fill to `variables`. Problems are
/// reported with the name of the parameter.
pub(crate) fn parse(
    route: &WrittenRoute,
    parameters: &Parameters,
    variables: &mut Vec<String>,
    report: &mut impl FnMut(&str, Problem),
) -> ParsedQuery {
    let mut parsed = ParsedQuery { rules: QueryRules::default(), optional: Vec::new() };
    let mut listed = 0;
    for (name, text) in &route.query {
        let Some(parameter) = parameters.find(name).filter(|&index| index < MAX_PARAMETERS) else {
            // Too many parameters, which is reported once for the table.
            continue;
        };
        let bit = 1 << parameter;
        if listed & bit != 0 {
            report(name, Problem::ParameterTwice(name.clone()));
        }
        listed |= bit;
        match read_rule(text).and_then(|rule| apply(rule, parameter, variables, &mut parsed)) {
            Ok(is_required) => parsed.rules.required |= if is_required { bit } else { 0 },
            Err(problem) => report(name, problem),
        }
    }
    let always = parameters.find(ALWAYS_ALLOWED).filter(|&index| index < MAX_PARAMETERS);
    let always = always.map_or(0, |index| 1 << index);
    parsed.rules.allowed = route.strict.then_some(listed | always);
    parsed
}

/// Checks the name of a parameter.
pub(crate) fn check_parameter(name: &str) -> Result<(), Problem> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~[]".contains(&byte);
    match !name.is_empty() && name.len() <= 32 && name.bytes().all(is_name) {
        true => Ok(()),
        false => Err(Problem::BadParameter(shorten(name))),
    }
}

/// Returns whether the parameter must be there.
fn apply(
    rule: Rule<'_>,
    parameter: usize,
    variables: &mut Vec<String>,
    parsed: &mut ParsedQuery,
) -> Result<bool, Problem> {
    match rule {
        Rule::Ignored => Ok(false),
        Rule::Flag => Ok(true),
        Rule::Equals(value) => {
            parsed.rules.equals.push((parameter, value.to_owned()));
            Ok(true)
        }
        Rule::Fills { variable, form, need } => {
            let index = add_variable(variable, variables)?;
            parsed.rules.bound.push(Bound { parameter, variable: index, form });
            if need == Need::Optional {
                parsed.optional.push(index);
            }
            match form {
                _ if need != Need::Required => {}
                Form::List => parsed.rules.listed |= 1 << parameter,
                Form::Text | Form::Region => parsed.rules.filled |= 1 << parameter,
            }
            if form == Form::Region {
                parsed.optional.push(add_variable(Standard::Region.name(), variables)?);
            }
            Ok(need == Need::Required)
        }
    }
}

fn add_variable(name: &str, variables: &mut Vec<String>) -> Result<usize, Problem> {
    if variables.iter().any(|known| known == name) {
        return Err(Problem::VariableTwice(name.to_owned()));
    }
    if variables.len() >= MAX_VARIABLES {
        return Err(Problem::TooManyVariables);
    }
    variables.push(name.to_owned());
    Ok(variables.len() - 1)
}

fn read_rule(text: &str) -> Result<Rule<'_>, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::TooLong(text.len()));
    }
    if let Some(value) = text.strip_prefix('=') {
        return Ok(Rule::Equals(value));
    }
    let (inside, need) = match text {
        "-" => return Ok(Rule::Ignored),
        "flag" => return Ok(Rule::Flag),
        _ => match (text.strip_suffix('?'), text.strip_suffix('!')) {
            (Some(inside), _) => (inside, Need::Optional),
            (None, Some(inside)) => (inside, Need::Required),
            (None, None) => (text, Need::Expected),
        },
    };
    let (variable, form) = match inside.split_once(':') {
        None => (inside, Form::Text),
        Some((variable, "list")) => (variable, Form::List),
        Some(("country", "region")) => ("country", Form::Region),
        Some(_) => return Err(Problem::BadRule(text.to_owned())),
    };
    check_name(variable).map_err(|_| Problem::BadRule(text.to_owned()))?;
    Ok(Rule::Fills { variable, form, need })
}
