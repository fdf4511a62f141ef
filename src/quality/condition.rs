//! Conditions on figures, as in `first_four_mean_km > 400`.

use std::fmt;
use std::str::FromStr;

use super::figures::{Figure, Figures};

/// The names of policies that a condition can name.
pub const POLICIES: [&str; 5] = ["compatible", "modern_tiers", "modern", "limit", "configured"];

/// A condition: `[POLICY.]FIGURE OPERATOR NUMBER`.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    text: String,
    policy: Option<&'static str>,
    figure: Figure,
    operator: Operator,
    number: f64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer ones first: each begins with a shorter one.
const OPERATORS: [(&str, Operator); 4] = [
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Why a text is no condition.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadCondition {
    /// It has no operator.
    #[error("write a figure, one of < <= > >=, and a number, as in `first_four_mean_km > 400`")]
    NoOperator,
    /// No figure has the name.
    #[error("no figure is called `{0}`: did you mean `{1}`?")]
    Figure(String, &'static str),
    /// No policy has the name.
    #[error("no policy is called `{0}`: did you mean `{1}`?")]
    Policy(String, &'static str),
    /// The right side is no number.
    #[error("`{0}` is no number, such as 400 or 1.3")]
    Number(String),
}

impl FromStr for Condition {
    type Err = BadCondition;

    fn from_str(text: &str) -> Result<Self, BadCondition> {
        let at = text.find(['<', '>']).ok_or(BadCondition::NoOperator)?;
        let (left, right) = text.split_at(at);
        let (operator, number) = OPERATORS
            .iter()
            .find_map(|&(sign, operator)| Some((operator, right.strip_prefix(sign)?)))
            .ok_or(BadCondition::NoOperator)?;
        let (policy, name) = match left.trim().split_once('.') {
            Some((policy, name)) => (Some(policy.trim()), name.trim()),
            None => (None, left.trim()),
        };
        let policy = policy.map(|name| find(name, &POLICIES).map_err(|near| (name, near)));
        let policy =
            policy.transpose().map_err(|(name, near)| BadCondition::Policy(name.into(), near))?;
        let figure = Figure::ALL.iter().find(|figure| figure.name() == name).ok_or_else(|| {
            let names: Vec<_> = Figure::ALL.iter().map(|figure| figure.name()).collect();
            BadCondition::Figure(name.into(), nearest(name, &names))
        })?;
        let number = number.trim();
        // No `inf`, no `NaN`, no exponent.
        let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
        let parsed = number.parse().ok().filter(|_| is_plain);
        let number = parsed.ok_or_else(|| BadCondition::Number(number.into()))?;
        Ok(Self { text: text.trim().into(), policy, figure: *figure, operator, number })
    }
}

fn find(name: &str, known: &[&'static str]) -> Result<&'static str, &'static str> {
    let found = known.iter().find(|known| **known == name).copied();
    found.ok_or_else(|| nearest(name, known))
}

/// The name that is most like what was written.
fn nearest(written: &str, known: &[&'static str]) -> &'static str {
    // A long text is no misspelt name, and would take long to compare.
    let written: String = written.chars().take(64).collect::<String>().to_ascii_lowercase();
    known
        .iter()
        .min_by_key(|known| strsim::osa_distance(&written, known))
        .copied()
        .unwrap_or_default()
}

impl Condition {
    /// The policy that it names; `None` for the one that is configured.
    pub fn policy(&self) -> Option<&'static str> {
        self.policy
    }

    /// What to say if the condition holds for the figures of `policy`, or if they do not tell; else `None`.
    pub fn check(&self, policy: &str, figures: &Figures) -> Option<String> {
        let name = self.figure.name();
        let Some(value) = figures.get(self.figure) else {
            let remedy = self.figure.remedy().map_or(String::new(), |remedy| format!(": {remedy}"));
            return Some(format!("`{self}` cannot be told: {policy}.{name} is not known{remedy}"));
        };
        let holds = match self.operator {
            Operator::Less => value < self.number,
            Operator::LessOrEqual => value <= self.number,
            Operator::Greater => value > self.number,
            Operator::GreaterOrEqual => value >= self.number,
        };
        holds.then(|| format!("`{self}` holds: {policy}.{name} is {value}"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value: Option<f64>) -> String {
        let mut figures = Figures::default();
        figures.set(Figure::FirstMeanKm, value);
        match text.parse::<Condition>() {
            Ok(condition) => {
                let policy = condition.policy().unwrap_or("configured");
                condition.check(policy, &figures).unwrap_or_else(|| "passes".into())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn conditions_compare_a_figure_with_a_number() {
        for (text, value, expected) in [
            ("first_mean_km > 400", 400.0, "passes"),
            (
                "first_mean_km>=400",
                400.0,
                "`first_mean_km>=400` holds: configured.first_mean_km is 400",
            ),
            (" first_mean_km <-0.5 ", 400.0, "passes"),
            (
                "modern.first_mean_km <= 0.5",
                0.5,
                "`modern.first_mean_km <= 0.5` holds: modern.first_mean_km is 0.5",
            ),
            (
                "limit . first_mean_km < 1",
                0.5,
                "`limit . first_mean_km < 1` holds: limit.first_mean_km is 0.5",
            ),
        ] {
            assert_eq!(check(text, Some(value)), expected, "{text}");
        }
        assert_eq!(
            check("first_mean_km > 400", None),
            "`first_mean_km > 400` cannot be told: configured.first_mean_km is not known"
        );
        assert_eq!(
            check("fairness_worst > 1.3", None),
            "`fairness_worst > 1.3` cannot be told: configured.fairness_worst is not known: no mirror has enough \
             first places to be compared; more --clients may help"
        );
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_would_be_right() {
        const NONE: &str =
            "write a figure, one of < <= > >=, and a number, as in `first_four_mean_km > 400`";
        for (text, expected) in [
            ("", NONE),
            ("first_mean_km", NONE),
            ("first_mean_km = 4", NONE),
            ("first_mean_km == 4", NONE),
            ("first_mean > 4", "no figure is called `first_mean`: did you mean `first_mean_km`?"),
            ("> 4", "no figure is called ``: did you mean `urls`?"),
            ("starve > 0", "no figure is called `starve`: did you mean `starving`?"),
            ("moderm.urls > 4", "no policy is called `moderm`: did you mean `modern`?"),
            (".urls > 4", "no policy is called ``: did you mean `limit`?"),
            ("urls >", "`` is no number, such as 400 or 1.3"),
            ("urls > many", "`many` is no number, such as 400 or 1.3"),
            ("urls > NaN", "`NaN` is no number, such as 400 or 1.3"),
            ("urls > inf", "`inf` is no number, such as 400 or 1.3"),
            ("urls >> 4", "`> 4` is no number, such as 400 or 1.3"),
            ("urls > 4 < 5", "`4 < 5` is no number, such as 400 or 1.3"),
            ("urls > 4e9", "`4e9` is no number, such as 400 or 1.3"),
        ] {
            assert_eq!(check(text, None), expected, "{text}");
        }
        let long = format!("{} > 1", "u".repeat(1 << 16));
        assert!(check(&long, None).contains("did you mean"));
    }

    #[test]
    fn names_of_figures_are_distinct_and_plain() {
        for (index, figure) in Figure::ALL.iter().enumerate() {
            let name = figure.name();
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            );
            assert!(Figure::ALL[..index].iter().all(|other| other.name() != name), "{name}");
        }
    }
}
