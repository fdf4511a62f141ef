//! What a scan has to say about entries of the tree that are not as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use model::one_line::one_line_up_to;

/// The most examples of a problem that are kept.
const MAX_EXAMPLES: usize = 20;
/// The longest example, in bytes.
const MAX_LENGTH: usize = 600;

/// A kind of problem. The worst come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Problem {
    /// A file with checksums that cannot be used now: the version before stays.
    HeldBack,
    /// As [`Self::HeldBack`], but no version before is known.
    Unusable,
    /// A file that has changed so often that not all versions within the time are kept.
    TooManyVersions,
    /// The `repomd.xml` of a repository is a link.
    LinkedIndex,
    /// A checksum file of images is a link.
    LinkedChecksums,
    /// A link that has the name of a directory.
    LinkAndDirectory,
    /// A link that leads out of the tree.
    LinkOutside,
    /// A link that leads to itself.
    LinkLoop,
    /// A name that is no UTF-8.
    NotText,
    /// A name with a control character.
    Control,
    /// A name that is too long for a URL.
    TooLong,
    /// A directory that lies too deep.
    TooDeep,
    /// No file, directory or link.
    Special,
    /// More links than are followed.
    TooManyLinks,
    /// A line of a listing that is none.
    Line,
}

impl Problem {
    /// A name for programs.
    pub fn key(self) -> &'static str {
        match self {
            Self::HeldBack => "held_back",
            Self::Unusable => "unusable",
            Self::TooManyVersions => "too_many_versions",
            Self::LinkedIndex => "linked_index",
            Self::LinkedChecksums => "linked_checksums",
            Self::LinkAndDirectory => "link_and_directory",
            Self::LinkOutside => "link_outside",
            Self::LinkLoop => "link_loop",
            Self::NotText => "name_not_text",
            Self::Control => "name_control",
            Self::TooLong => "name_too_long",
            Self::TooDeep => "too_deep",
            Self::Special => "special",
            Self::TooManyLinks => "too_many_links",
            Self::Line => "line",
        }
    }

    /// What it is, and what was done about it.
    pub fn text(self) -> &'static str {
        match self {
            Self::HeldBack => "held back, the version before stays",
            Self::Unusable => "cannot be used, and no version before is known",
            Self::TooManyVersions => "file with more than 32 versions, the oldest is not kept",
            Self::LinkedIndex => "repomd.xml that is a link, skipped",
            Self::LinkedChecksums => "checksum file that is a link, skipped",
            Self::LinkAndDirectory => "link that has the name of a directory, skipped",
            Self::LinkOutside => "link that leaves the tree, skipped",
            Self::LinkLoop => "link that leads to itself, skipped",
            Self::NotText => "name that is no UTF-8, skipped",
            Self::Control => "name with a control character, skipped",
            Self::TooLong => "path longer than 500 bytes, skipped",
            Self::TooDeep => "directory more than 64 levels deep, skipped",
            Self::Special => "neither file, directory nor link, skipped",
            Self::TooManyLinks => "link after the first million, skipped",
            Self::Line => "line that is none of `rsync -rl --list-only`, skipped",
        }
    }
}

/// The problems of a scan: all are counted; of each kind, the first examples in the order of the alphabet
/// are kept, so that they do not depend on the order of the walk.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    kinds: BTreeMap<Problem, Found>,
}

/// The problems of a kind.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many there are.
    pub count: u64,
    /// Some of them, each with its path.
    pub examples: BTreeSet<String>,
}

impl Findings {
    /// Adds a problem; `value` is the path, and what else there is to say.
    pub fn add(&mut self, problem: Problem, value: impl Display) {
        let found = self.kinds.entry(problem).or_default();
        found.count += 1;
        found.keep(one_line_up_to(MAX_LENGTH, &value));
    }

    /// Adds the problems that another thread has found.
    pub fn append(&mut self, other: Self) {
        for (problem, Found { count, examples }) in other.kinds {
            let found = self.kinds.entry(problem).or_default();
            found.count += count;
            examples.into_iter().for_each(|example| found.keep(example));
        }
    }

    /// The number of problems of a kind.
    pub fn count(&self, problem: Problem) -> u64 {
        self.kinds.get(&problem).map_or(0, |found| found.count)
    }

    /// The problems by kind, the worst first.
    pub fn iter(&self) -> impl Iterator<Item = (Problem, &Found)> {
        self.kinds.iter().map(|(&problem, found)| (problem, found))
    }
}

impl Found {
    fn keep(&mut self, example: String) {
        self.examples.insert(example);
        if self.examples.len() > MAX_EXAMPLES {
            self.examples.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_do_not_depend_on_the_order_of_the_walk() {
        let (mut forward, mut halves) =
            (Findings::default(), [(); 2].map(|()| Findings::default()));
        for number in 100..200 {
            forward.add(Problem::Special, number);
            halves[number % 2].add(Problem::Special, 299 - number);
        }
        let [mut joined, other] = halves;
        joined.append(other);
        let examples = |findings: &Findings| {
            findings.iter().map(|(_, found)| found.examples.clone()).collect::<Vec<_>>()
        };
        assert_eq!(examples(&joined), examples(&forward));
        assert_eq!(joined.count(Problem::Special), 100);
        assert_eq!(joined.count(Problem::Control), 0);
        joined.add(Problem::Control, "a\nb");
        joined.add(Problem::HeldBack, "x".repeat(2 * MAX_LENGTH));
        let kinds: Vec<_> = joined.iter().map(|(problem, _)| problem).collect();
        assert_eq!(kinds, [Problem::HeldBack, Problem::Control, Problem::Special]);
        let control = joined.iter().nth(1).map(|(_, found)| found.examples.first().cloned());
        assert_eq!(control, Some(Some("a\\nb".into())));
    }
}
