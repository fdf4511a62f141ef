//! Parts of path patterns as automata, which tell whether two patterns match the same path.
//!
//! An automaton takes the paths that its parts match and that are written without escapes, no more and
//! no fewer. Escapes make no further path common to two patterns: neither literals nor variables of a
//! segment hold characters that need one, and within `{name*}` any other character does as well.
//!
//! The search goes through pairs of positions, the shortest paths first, so that what it finds is short.
//! How long the values of variables are is no part of a position, which would make sixty times as many:
//! of two ways to the same pair of positions one counts only if some value is shorter in it, as whatever
//! may follow a longer value may follow a shorter one.

use std::collections::HashMap;

use model::MAX_NAME;

use super::charset::CharSet;
use super::limits::MAX_VALUE;
use super::map::Lists;
use super::pattern::Part;
use super::value_state::{Dots, ValueState};

/// Parts of a pattern as an automaton.
pub(crate) struct Automaton<'t> {
    tokens: Vec<Token>,
    /// Whether a slash may follow.
    slash: bool,
    /// The first token of the segment with `{name*}`.
    rest: Option<usize>,
    lists: &'t Lists,
}

/// The search needed more steps than it was allowed.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct CutShort;

enum Token {
    Literal(u8),
    Variable { start: ValueState, max: usize },
}

/// A state of an automaton, but for the length of the value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Position {
    /// The token that comes next, or in which the position is.
    token: usize,
    /// What is known of the value, in a variable.
    value: Option<ValueState>,
    /// What is known of the last segment, behind the beginning of one with `{name*}`.
    segment: Dots,
}

/// A position, with the length of the value.
#[derive(Clone, Copy)]
struct Place {
    position: Position,
    length: usize,
}

/// A pair of places, and how the search came there.
struct Step {
    places: (Place, Place),
    /// The step before, and the character between; `None` for the start.
    from: Option<(usize, u8)>,
}

impl<'t> Automaton<'t> {
    /// The automaton of parts, each behind a slash. Another slash may end the path if `slash`, or if the
    /// rest of the path among the parts says so.
    pub(crate) fn new(parts: &[Part], mut slash: bool, lists: &'t Lists) -> Self {
        let (mut tokens, mut rest) = (Vec::new(), None);
        let literal = |text: &str, tokens: &mut Vec<_>| {
            tokens.extend(text.bytes().map(Token::Literal));
        };
        for part in parts {
            literal("/", &mut tokens);
            match part {
                Part::Literal(text) => literal(text, &mut tokens),
                Part::Variables(segment) => {
                    literal(segment.head(), &mut tokens);
                    for (class, behind) in segment.variables() {
                        let start = ValueState::start(*class, lists);
                        tokens.push(Token::Variable { start, max: MAX_VALUE });
                        literal(behind, &mut tokens);
                    }
                }
                Part::Rest(part) => {
                    slash = part.slash;
                    rest = Some(tokens.len());
                    literal(&part.head, &mut tokens);
                    let start = ValueState::Rest(Dots::Empty);
                    tokens.push(Token::Variable { start, max: MAX_NAME });
                    literal(&part.tail, &mut tokens);
                }
            }
        }
        Self { tokens, slash, rest, lists }
    }

    /// The shortest path that both automata take. Looks at `budget` pairs of moves at most, and takes
    /// off what it has used.
    pub(crate) fn find_common(
        &self,
        other: &Self,
        budget: &mut usize,
    ) -> Result<Option<String>, CutShort> {
        if self.ends_differ(other) {
            return Ok(None);
        }
        let mut steps = vec![Step { places: (self.start(), other.start()), from: None }];
        let mut shortest: HashMap<(Position, Position), Vec<(usize, usize)>> = HashMap::new();
        let (mut own_moves, mut other_moves) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(&Step { places: (own, others), .. }) = steps.get(at) {
            if self.is_end(own.position) && other.is_end(others.position) {
                return Ok(Some(read_back(&steps, at)));
            }
            own_moves.clear();
            self.moves(own, &mut own_moves);
            other_moves.clear();
            other.moves(others, &mut other_moves);
            let n_pairs = own_moves.len() * other_moves.len();
            *budget = budget.checked_sub(n_pairs.max(1)).ok_or(CutShort)?;
            for &(own_chars, own) in &own_moves {
                for &(other_chars, others) in &other_moves {
                    let Some(character) = own_chars.and(other_chars).example() else { continue };
                    let lengths = (own.length, others.length);
                    let known = shortest.entry((own.position, others.position)).or_default();
                    if !known.iter().any(|known| known.0 <= lengths.0 && known.1 <= lengths.1) {
                        known.push(lengths);
                        steps.push(Step { places: (own, others), from: Some((at, character)) });
                    }
                }
            }
            at += 1;
        }
        Ok(None)
    }

    /// Whether the literals at the ends leave no common path. Without this, patterns that begin alike, each
    /// with an end of its own, would be searched as a whole.
    fn ends_differ(&self, other: &Self) -> bool {
        let pairs = self.tokens.iter().rev().zip(other.tokens.iter().rev());
        let mut literals = pairs.map_while(|(a, b)| match (a, b) {
            (Token::Literal(a), Token::Literal(b)) => Some((a, b)),
            _ => None,
        });
        // Only one of two paths of equal ends could have a slash more.
        self.slash == other.slash && literals.any(|(a, b)| a != b)
    }

    fn start(&self) -> Place {
        self.before(0, Dots::Empty)
    }

    /// The place before a token.
    fn before(&self, token: usize, segment: Dots) -> Place {
        let value = match self.tokens.get(token) {
            Some(Token::Variable { start, .. }) => Some(*start),
            Some(Token::Literal(_)) | None => None,
        };
        Place { position: Position { token, value, segment }, length: 0 }
    }

    fn is_end(&self, at: Position) -> bool {
        let is_value_end = at.value.is_none_or(|value| value.is_end(self.lists));
        let next = at.token + usize::from(at.value.is_some());
        // Behind a slash that may be left out there is nothing to check any more.
        let is_segment = self.rest.is_none() || at.segment.is_segment();
        next > self.tokens.len() || next == self.tokens.len() && is_value_end && is_segment
    }

    /// Adds the characters that may follow, with the places behind them.
    fn moves(&self, at: Place, out: &mut Vec<(CharSet, Place)>) {
        let Place { position: Position { token, value, segment }, length } = at;
        match (self.tokens.get(token), value) {
            (Some(Token::Literal(byte)), _) => {
                self.add(CharSet::of(&[*byte]), at, self.before(token + 1, segment), out);
            }
            (Some(Token::Variable { max, .. }), Some(value)) => {
                if length < *max {
                    value.moves(self.lists, |chars, value| {
                        let position = Position { token, value: Some(value), segment };
                        self.add(chars, at, Place { position, length: length + 1 }, out);
                    });
                }
                if value.is_end(self.lists) {
                    // No variable follows another, so this ends.
                    self.moves(self.before(token + 1, segment), out);
                }
            }
            _ => {
                if self.slash && token == self.tokens.len() && self.is_end(at.position) {
                    out.push((CharSet::of(b"/"), self.before(token + 1, segment)));
                }
            }
        }
    }

    /// Adds a move, with what it says of the last segment of a rest.
    fn add(&self, chars: CharSet, from: Place, to: Place, out: &mut Vec<(CharSet, Place)>) {
        if self.rest.is_none_or(|rest| from.position.token < rest) {
            out.push((chars, to));
            return;
        }
        ValueState::Rest(from.position.segment).moves(self.lists, |more, state| {
            if let ValueState::Rest(segment) = state {
                let position = Position { segment, ..to.position };
                out.push((chars.and(more), Place { position, ..to }));
            }
        });
    }
}

fn read_back(steps: &[Step], end: usize) -> String {
    let mut text = Vec::new();
    let mut at = end;
    while let Some(Step { from: Some((before, character)), .. }) = steps.get(at) {
        text.push(char::from(*character));
        at = *before;
    }
    text.iter().rev().collect()
}
