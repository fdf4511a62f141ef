//! The tree of path segments.

use super::map::Lists;
use super::pattern::{Part, Pattern, Rest};
use super::route_set::RouteSet;
use super::segment::Segment;
use super::text::split_at_byte;
use super::word::{Word, search};
use model::percent::decode;

/// The patterns of all routes as a tree: patterns that begin with the same segments share them.
#[derive(Clone, Debug)]
pub(crate) struct Tree(Vec<Node>);

/// What may follow the same segments.
#[derive(Clone, Debug, Default)]
struct Node {
    /// Literal segments in the order of words, each with its node.
    literals: Vec<(Word, usize)>,
    /// Segments with variables, each with its node.
    segments: Vec<(Segment, usize)>,
    /// Rests of paths, each with the routes that end with it.
    rests: Vec<(Rest, RouteSet)>,
    /// The routes whose pattern ends here.
    ends: RouteSet,
    /// The routes that end here or below.
    below: RouteSet,
}

impl Tree {
    /// Makes the tree of patterns.
    pub(crate) fn new<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> Self {
        let mut tree = Self(vec![Node::default()]);
        for (route, pattern) in patterns.enumerate() {
            tree.insert(pattern.parts.iter(), route);
            if pattern.slash {
                let end = Part::Literal(String::new());
                tree.insert(pattern.parts.iter().chain([&end]), route);
            }
        }
        tree
    }

    fn insert<'a>(&mut self, parts: impl Iterator<Item = &'a Part>, route: usize) {
        let mut at = 0;
        for part in parts {
            let next = self.0.len();
            let Some(node) = self.0.get_mut(at) else { return };
            node.below.insert(route);
            at = match part {
                Part::Literal(text) => match search(&node.literals, |(word, _)| word, text) {
                    Ok(found) => node.literals.get(found).map_or(next, |&(_, child)| child),
                    Err(place) => {
                        node.literals.insert(place, (Word::new(text.clone()), next));
                        next
                    }
                },
                Part::Variables(segment) => {
                    match node.segments.iter().find(|(known, _)| known == segment) {
                        Some(&(_, child)) => child,
                        None => {
                            node.segments.push((segment.clone(), next));
                            next
                        }
                    }
                }
                Part::Rest(rest) => {
                    match node.rests.iter_mut().find(|(known, _)| known == rest) {
                        Some((_, routes)) => routes.insert(route),
                        None => {
                            let mut routes = RouteSet::default();
                            routes.insert(route);
                            node.rests.push((rest.clone(), routes));
                        }
                    }
                    return;
                }
            };
            if at == next {
                self.0.push(Node::default());
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            node.ends.insert(route);
            node.below.insert(route);
        }
    }

    /// The routes out of `wanted` whose pattern matches a path.
    pub(crate) fn find(&self, path: &str, wanted: RouteSet, lists: &Lists) -> RouteSet {
        let mut found = RouteSet::default();
        if let Some(rest) = path.strip_prefix('/') {
            self.walk(0, rest, wanted, lists, &mut found);
        }
        found.and(wanted)
    }

    /// Adds the routes at a node and below that match the part of a path behind a slash. It goes no
    /// deeper than patterns have segments, and meets no node twice.
    fn walk(&self, node: usize, path: &str, wanted: RouteSet, lists: &Lists, found: &mut RouteSet) {
        let Some(node) = self.0.get(node) else { return };
        if node.below.and(wanted).is_empty() {
            return;
        }
        for (rest, routes) in &node.rests {
            if !routes.and(wanted).is_empty() && rest.find(path).is_some() {
                *found = found.or(*routes);
            }
        }
        if node.literals.is_empty() && node.segments.is_empty() {
            return;
        }
        let (raw, behind) = split_at_byte(path, b'/');
        let Ok(segment) = decode(raw) else { return };
        let mut enter = |child: usize| match behind {
            Some(behind) => self.walk(child, behind, wanted, lists, found),
            None => {
                if let Some(node) = self.0.get(child) {
                    *found = found.or(node.ends);
                }
            }
        };
        let literal = search(&node.literals, |(word, _)| word, &segment);
        if let Some(&(_, child)) = literal.ok().and_then(|at| node.literals.get(at)) {
            enter(child);
        }
        for (pattern, child) in &node.segments {
            if pattern.matches(&segment, lists) {
                enter(*child);
            }
        }
    }
}
