//! Path patterns as automata, which tell whether two patterns match the same path.
//!
//! An automaton takes a few paths more than its pattern: values that are longer than they may be, and
//! `..`. So what is found is an example that must be tried.

use std::collections::{HashMap, VecDeque};

use super::charset::CharSet;
use super::class::Class;
use super::map::Lists;
use super::pattern::{Part, Pattern};

/// The most entries of a map that is looked at entry by entry.
const MAX_ENTRIES: usize = 256;

/// A pattern as an automaton. State 0 is the start.
#[derive(Default)]
pub(crate) struct Automaton {
    states: Vec<State>,
    end: usize,
}

/// A state of each of two automata.
type Pair = (usize, usize);

/// How pairs of states were reached: from which pair, and by which character.
type Steps = HashMap<Pair, (Pair, Option<u8>)>;

/// What may follow.
#[derive(Default)]
struct State {
    /// Characters, each set with the state that it leads to.
    moves: Vec<(CharSet, usize)>,
    /// States that nothing more is needed for.
    free: Vec<usize>,
}

impl Automaton {
    /// The automaton of a pattern.
    pub(crate) fn new(pattern: &Pattern, lists: &Lists) -> Self {
        let mut automaton = Self::default();
        let mut at = automaton.add();
        let mut slash = pattern.slash;
        for part in &pattern.parts {
            at = automaton.literal(at, "/");
            at = match part {
                Part::Literal(text) => automaton.literal(at, text),
                Part::Variables(segment) => {
                    let mut at = automaton.literal(at, segment.head());
                    for (class, behind) in segment.variables() {
                        at = automaton.class(at, *class, lists);
                        at = automaton.literal(at, behind);
                    }
                    at
                }
                Part::Rest(rest) => {
                    slash = rest.slash;
                    let at = automaton.literal(at, &rest.head);
                    let inside = automaton.step(at, CharSet::PRINTABLE);
                    automaton.join(inside, CharSet::PRINTABLE, inside);
                    // A slash, and then at least one character.
                    let next = automaton.step(inside, CharSet::of(b"/"));
                    automaton.join(next, CharSet::PRINTABLE, inside);
                    let end = automaton.add();
                    automaton.skip(inside, end);
                    automaton.literal(end, &rest.tail)
                }
            };
        }
        automaton.end = automaton.add();
        let end = automaton.end;
        automaton.skip(at, end);
        if slash {
            automaton.join(at, CharSet::of(b"/"), end);
        }
        automaton
    }

    fn add(&mut self) -> usize {
        self.states.push(State::default());
        self.states.len() - 1
    }

    fn join(&mut self, from: usize, chars: CharSet, to: usize) {
        if let Some(state) = self.states.get_mut(from) {
            state.moves.push((chars, to));
        }
    }

    fn skip(&mut self, from: usize, to: usize) {
        if let Some(state) = self.states.get_mut(from) {
            state.free.push(to);
        }
    }

    fn step(&mut self, from: usize, chars: CharSet) -> usize {
        let to = self.add();
        self.join(from, chars, to);
        to
    }

    fn literal(&mut self, from: usize, text: &str) -> usize {
        text.bytes().fold(from, |at, byte| self.step(at, CharSet::of(&[byte])))
    }

    fn class(&mut self, from: usize, class: Class, lists: &Lists) -> usize {
        let map = match class {
            Class::Map(map) => lists.maps.get(map).filter(|map| map.entries().len() <= MAX_ENTRIES),
            _ => None,
        };
        match (class, map) {
            (Class::Country, _) => {
                let first = self.step(from, CharSet::LETTERS);
                self.step(first, CharSet::LETTERS)
            }
            (Class::Arch, _) => {
                let end = self.add();
                for arch in &lists.arches {
                    let at = self.literal(from, arch);
                    self.skip(at, end);
                }
                end
            }
            (_, Some(map)) => {
                let end = self.add();
                for (name, _) in map.entries() {
                    let at = self.literal(from, name);
                    self.skip(at, end);
                    let behind = self.step(at, CharSet::of(b"."));
                    self.join(behind, CharSet::TEXT, behind);
                    self.skip(behind, end);
                }
                end
            }
            _ => {
                let chars = class.chars(lists);
                let end = self.step(from, chars);
                self.join(end, chars, end);
                end
            }
        }
    }

    /// A short text that both automata take. Looks at `budget` pairs of states at most, and takes off what
    /// it has used.
    pub(crate) fn find_common(&self, other: &Self, budget: &mut usize) -> Option<String> {
        let mut steps = Steps::new();
        let mut open = VecDeque::from([(0, 0)]);
        steps.insert((0, 0), ((0, 0), None));
        while let Some((a, b)) = open.pop_front() {
            if (a, b) == (self.end, other.end) {
                return Some(read_back(&steps, (a, b)));
            }
            *budget = budget.checked_sub(1)?;
            let (own, others) = (self.states.get(a)?, other.states.get(b)?);
            let mut visit = |next, character: Option<u8>, is_free: bool| {
                steps.entry(next).or_insert_with(|| {
                    match is_free {
                        true => open.push_front(next),
                        false => open.push_back(next),
                    }
                    ((a, b), character)
                });
            };
            own.free.iter().for_each(|&next| visit((next, b), None, true));
            others.free.iter().for_each(|&next| visit((a, next), None, true));
            for &(chars, next) in &own.moves {
                for &(other_chars, other_next) in &others.moves {
                    if let Some(character) = chars.and(other_chars).example() {
                        visit((next, other_next), Some(character), false);
                    }
                }
            }
        }
        None
    }
}

fn read_back(steps: &Steps, end: Pair) -> String {
    let mut text = Vec::new();
    let mut at = end;
    while at != (0, 0) {
        let Some(&(previous, character)) = steps.get(&at) else { break };
        text.extend(character.map(char::from));
        at = previous;
    }
    text.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::super::map::CompiledMap;
    use super::super::parse_pattern::parse;
    use super::*;

    #[test]
    fn a_common_path_is_found_if_there_is_one() {
        let arches = ["i686", "x86_64"].map(str::to_owned).to_vec();
        let entries = vec![("9".to_owned(), "9.8".to_owned())];
        let maps = vec![CompiledMap::new("m".to_owned(), entries)];
        let lists = Lists { arches, maps };
        for (a, b, common) in [
            ("/a", "/a", Some("/a")),
            ("/a", "/b", None),
            ("/{x}", "/b", Some("/b")),
            ("/{x}", "/b/", None),
            ("/{x}/?", "/b/", Some("/b/")),
            ("/{x:digits}", "/{x:letters}", None),
            ("/{x:digits}", "/{x:word}", Some("/0")),
            ("/{arch}", "/{x:letters}", None),
            ("/{arch}", "/{x:word}", Some("/i686")),
            ("/{arch}.a", "/x{x}", Some("/x86_64.a")),
            ("/{country}", "/{x:digits}", None),
            ("/{v:map:m}", "/{x:digits}", Some("/9")),
            ("/{v:map:m}", "/9.{x}", Some("/9.a")),
            ("/{v:map:m}", "/99{x}", None),
            ("/{path*}", "/a/{b}.c", Some("/a/a.c")),
            ("/{path*}", "/a/", None),
            ("/{path*}/?", "/a/", Some("/a/")),
            ("/{path*}.a", "/b{path*}", Some("/b.a")),
            ("/a{path*}", "/b{path*}", None),
            ("/a/b/{path*}", "/{x}/{y:letters}", None),
        ] {
            let automaton = |text| {
                let pattern = parse(text, &lists).expect("a good pattern");
                Automaton::new(&pattern, &lists)
            };
            let (first, second) = (automaton(a), automaton(b));
            let find = |a: &Automaton, b: &Automaton| a.find_common(b, &mut 10_000);
            assert_eq!(find(&first, &second).as_deref(), common, "{a} {b}");
            assert_eq!(find(&second, &first).as_deref(), common, "{b} {a}");
        }
    }
}
