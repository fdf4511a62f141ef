//! The search for a path that two patterns match.
//!
//! Segments are compared one by one, as each segment of a path belongs to one segment of either pattern:
//! literals first, and two segments with variables only once for all patterns. What lies behind the
//! beginning of a `{name*}` in one of the patterns is compared as a whole.

use std::collections::HashMap;

use super::automaton::{Automaton, CutShort};
use super::map::Lists;
use super::pattern::{Part, Pattern};
use super::segment::Segment;

/// What follows the segments of a pattern with `/?` in a path with a slash at the end.
static END: Part = Part::Literal(String::new());

/// Comparisons of the patterns of a table.
pub(crate) struct CommonPaths<'t> {
    lists: &'t Lists,
    /// How many pairs of moves of automata may still be looked at.
    budget: usize,
    /// What pairs of segments have in common.
    known: HashMap<(&'t Segment, &'t Segment), Option<String>>,
}

impl<'t> CommonPaths<'t> {
    /// Comparisons that may look at this many pairs of moves of automata.
    pub(crate) fn new(lists: &'t Lists, budget: usize) -> Self {
        Self { lists, budget, known: HashMap::new() }
    }

    /// A short path that both patterns match.
    pub(crate) fn find(
        &mut self,
        a: &'t Pattern,
        b: &'t Pattern,
    ) -> Result<Option<String>, CutShort> {
        let first_rest =
            |pattern: &Pattern| pattern.parts.iter().position(|part| matches!(part, Part::Rest(_)));
        let Some(rest) = [a, b].into_iter().filter_map(first_rest).min() else {
            for (a_slash, b_slash) in [(false, false), (true, false), (false, true)] {
                if (a.slash || !a_slash) && (b.slash || !b_slash) {
                    let parts = |pattern: &'t Pattern, slash: bool| {
                        pattern.parts.iter().chain(slash.then_some(&END)).collect::<Vec<_>>()
                    };
                    let found = self.find_segments(&parts(a, a_slash), &parts(b, b_slash))?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
            return Ok(None);
        };
        let (Some((a_start, a_end)), Some((b_start, b_end))) =
            (a.parts.split_at_checked(rest), b.parts.split_at_checked(rest))
        else {
            return Ok(None);
        };
        let (a_start, b_start): (Vec<_>, Vec<_>) =
            (a_start.iter().collect(), b_start.iter().collect());
        let Some(start) = self.find_segments(&a_start, &b_start)? else { return Ok(None) };
        let own = Automaton::new(a_end, a.slash, self.lists);
        let other = Automaton::new(b_end, b.slash, self.lists);
        let end = own.find_common(&other, &mut self.budget)?;
        Ok(end.map(|end| start + &end))
    }

    /// A path whose segments match these parts, none of which is a rest.
    fn find_segments(
        &mut self,
        a: &[&'t Part],
        b: &[&'t Part],
    ) -> Result<Option<String>, CutShort> {
        if a.len() != b.len() || !a.iter().zip(b).all(|(a, b)| self.literals_agree(a, b)) {
            return Ok(None);
        }
        let mut path = String::new();
        for (a, b) in a.iter().zip(b) {
            match (a, b) {
                (Part::Variables(a), Part::Variables(b)) => match self.find_segment(a, b)? {
                    Some(segment) => path.push_str(&segment),
                    None => return Ok(None),
                },
                (Part::Literal(text), _) | (_, Part::Literal(text)) => {
                    path.push('/');
                    path.push_str(text);
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(path))
    }

    /// Whether a literal among two parts is no reason why they have nothing in common.
    fn literals_agree(&self, a: &Part, b: &Part) -> bool {
        match (a, b) {
            (Part::Literal(a), Part::Literal(b)) => a == b,
            (Part::Literal(text), Part::Variables(segment))
            | (Part::Variables(segment), Part::Literal(text)) => segment.matches(text, self.lists),
            _ => true,
        }
    }

    /// A slash and a segment that both match.
    fn find_segment(&mut self, a: &'t Segment, b: &'t Segment) -> Result<Option<String>, CutShort> {
        if let Some(known) = self.known.get(&(a, b)) {
            return Ok(known.clone());
        }
        let [own, other] = [a, b]
            .map(|segment| Automaton::new(&[Part::Variables(segment.clone())], false, self.lists));
        let found = own.find_common(&other, &mut self.budget)?;
        self.known.insert((a, b), found.clone());
        Ok(found)
    }
}
