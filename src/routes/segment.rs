//! One segment of a path pattern with variables in it.
//!
//! A segment is split in one way only, without trying several. Each variable but one, the *open* one, is
//! of a class that cannot hold the character at which it ends: the first one of the literal behind it
//! for variables before the open one, the last one of the literal before it for variables behind the
//! open one. So the ends of all variables follow from a search for single characters, and the open
//! variable takes what is left.

use std::ops::Range;

use super::affix::strip;
use super::class::Class;
use super::map::Lists;

/// A segment with variables.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Segment {
    /// The literal before the first variable.
    head: String,
    /// The variables, each with the literal behind it; not empty, and only the last literal may be.
    variables: Vec<(Class, String)>,
    /// The index of the open variable.
    open: usize,
}

impl Segment {
    /// Makes a segment of variables, each with the literal behind it. `None` if it could be split in
    /// several ways.
    pub(crate) fn new(
        head: String,
        variables: Vec<(Class, String)>,
        lists: &Lists,
    ) -> Option<Self> {
        let (last, others) = variables.split_last()?;
        if others.iter().any(|(_, behind)| behind.is_empty()) {
            return None;
        }
        // How many variables from the start end at a character that they cannot hold.
        let ends = |(class, behind): &&(Class, String)| {
            behind.bytes().next().is_some_and(|first| !class.chars(lists).contains(first))
        };
        let from_start = others.iter().take_while(ends).count();
        // How many variables from the end begin after a character that they cannot hold.
        let classes = others.iter().skip(1).map(|(class, _)| class).chain([&last.0]);
        let begins = |(class, before): &(&Class, &String)| {
            before.bytes().last().is_some_and(|end| !class.chars(lists).contains(end))
        };
        let pairs: Vec<_> = classes.zip(others.iter().map(|(_, behind)| behind)).collect();
        let from_end = pairs.into_iter().rev().take_while(begins).count();
        (from_start + from_end >= others.len()).then_some(Self {
            head,
            open: others.len() - from_end,
            variables,
        })
    }

    /// The literal before the first variable.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// The variables, each with the literal behind it.
    pub(crate) fn variables(&self) -> &[(Class, String)] {
        &self.variables
    }

    /// Whether the segment matches.
    pub(crate) fn matches(&self, text: &str, lists: &Lists) -> bool {
        let accepts = |class: Class, value: &str| class.accepts(value, lists);
        self.split(text, accepts, |_, _| {}).is_some()
    }

    /// Calls `each` with the index of each variable in this segment and its place in `text`, which the
    /// segment matches.
    pub(crate) fn capture(&self, text: &str, each: impl FnMut(usize, Range<usize>)) -> Option<()> {
        self.split(text, |_, _| true, each)
    }

    /// Splits a decoded segment of a request. What `each` was called with does not count if the result is
    /// `None`.
    fn split(
        &self,
        text: &str,
        accepts: impl Fn(Class, &str) -> bool,
        mut each: impl FnMut(usize, Range<usize>),
    ) -> Option<()> {
        let (last, others) = self.variables.split_last()?;
        let mut left = strip(text, &self.head, &last.1)?;
        let mut start = self.head.len();
        let (before, behind) = others.split_at_checked(self.open)?;
        for (index, (class, divider)) in before.iter().enumerate() {
            let first = char::from(divider.bytes().next()?);
            let (value, rest) = left.split_at_checked(left.find(first)?)?;
            accepts(*class, value).then_some(())?;
            each(index, start..start + value.len());
            start += value.len() + divider.len();
            left = rest.strip_prefix(divider.as_str())?;
        }
        let classes = self.variables.iter().map(|(class, _)| class).enumerate().skip(self.open + 1);
        for ((index, class), (_, divider)) in classes.zip(behind).rev() {
            let end = char::from(divider.bytes().last()?);
            let (rest, value) = left.split_at_checked(left.rfind(end)? + 1)?;
            accepts(*class, value).then_some(())?;
            each(index, start + rest.len()..start + left.len());
            left = rest.strip_suffix(divider.as_str())?;
        }
        let (class, _) = self.variables.get(self.open)?;
        accepts(*class, left).then_some(())?;
        each(self.open, start..start + left.len());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists() -> Lists {
        let arches = ["aarch64", "i686", "x86_64"].map(str::to_owned).to_vec();
        Lists { arches, maps: Vec::new() }
    }

    fn segment(head: &str, variables: &[(Class, &str)]) -> Option<Segment> {
        let variables = variables.iter().map(|&(class, behind)| (class, behind.to_owned()));
        Segment::new(head.to_owned(), variables.collect(), &lists())
    }

    fn split<'t>(segment: &Segment, text: &'t str) -> Option<Vec<&'t str>> {
        let mut values = vec![""; segment.variables().len()];
        segment.matches(text, &lists()).then_some(())?;
        segment
            .capture(text, |index, place| values[index] = text.get(place).unwrap_or_default())?;
        Some(values)
    }

    #[test]
    fn the_open_variable_takes_what_the_others_leave() {
        let mageia = segment("mageia.", &[(Class::Text, "."), (Class::Arch, ".list")]);
        let mageia = mageia.expect("an architecture has no dot");
        assert_eq!(split(&mageia, "mageia.9.x86_64.list"), Some(vec!["9", "x86_64"]));
        assert_eq!(split(&mageia, "mageia.9.1.x86_64.list"), Some(vec!["9.1", "x86_64"]));
        for other in
            ["mageia.9.mips.list", "mageia..x86_64.list", "mageia.x86_64.list", "mageia.list"]
        {
            assert_eq!(split(&mageia, other), None, "{other}");
        }
        let elrepo = segment("mirrors-", &[(Class::Text, ".el"), (Class::Digits, "")]);
        let elrepo = elrepo.expect("digits have no l");
        assert_eq!(split(&elrepo, "mirrors-a.el8.el9"), Some(vec!["a.el8", "9"]));
        assert_eq!(split(&elrepo, "mirrors-el9"), None);
        let three = [(Class::Digits, "-"), (Class::Text, "-"), (Class::Digits, "")];
        let three = segment("", &three).expect("digits have no dash");
        assert_eq!(split(&three, "1-a-b-2"), Some(vec!["1", "a-b", "2"]));
        assert_eq!(split(&three, "1-2"), None);
        assert_eq!(split(&three, "1--2"), None);
    }

    #[test]
    fn segments_that_could_be_split_in_several_ways_are_refused() {
        assert_eq!(segment("", &[(Class::Text, "."), (Class::Text, "")]), None);
        assert_eq!(segment("", &[(Class::Text, ""), (Class::Digits, "")]), None);
        // `aa` is found in `aaab` before the place where it divides.
        assert_eq!(segment("", &[(Class::Letters, "a1"), (Class::Text, "")]), None);
        let middle = [(Class::Text, "-"), (Class::Digits, "."), (Class::Text, "")];
        assert_eq!(segment("", &middle), None);
    }

    #[test]
    fn without_an_open_variable_each_end_is_known_twice() {
        let both = segment("", &[(Class::Digits, "."), (Class::Letters, "")]).expect("disjoint");
        assert_eq!(split(&both, "1.a"), Some(vec!["1", "a"]));
        assert_eq!(split(&both, "a.1"), None);
        assert_eq!(split(&both, "ü.1"), None);
    }
}
