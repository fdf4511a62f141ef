//! Reads the Markdown of the handbook: fenced blocks, the commands in them, links and headings.

use std::collections::BTreeSet;

/// A fenced block.
pub struct Block {
    /// The first word after the backticks.
    pub language: String,
    /// The other words.
    pub words: Vec<String>,
    /// Its lines.
    pub lines: Vec<String>,
    /// The number of its first line.
    pub at: usize,
}

impl Block {
    /// Whether a word stands after the language.
    pub fn is(&self, word: &str) -> bool {
        self.words.iter().any(|other| other == word)
    }

    /// Whether it holds commands.
    pub fn has_commands(&self) -> bool {
        ["sh", "console"].contains(&self.language.as_str())
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Its commands: in `console` those after `$ `, with what they print, else all of them.
    pub fn commands(&self) -> Vec<Command> {
        let is_console = self.language == "console";
        let mut commands: Vec<Command> = Vec::new();
        let mut goes_on = false;
        for (at, line) in (self.at..).zip(&self.lines) {
            let starts = if is_console { line.strip_prefix("$ ") } else { Some(line.as_str()) };
            match (commands.last_mut(), starts) {
                (Some(last), _) if goes_on => last.line = format!("{}\n{line}", last.line),
                (_, Some("")) => continue,
                (_, Some(line)) => {
                    let prints = is_console.then(Vec::new);
                    commands.push(Command { at, line: line.to_owned(), prints });
                }
                (Some(Command { prints: Some(prints), .. }), None) => {
                    prints.push(line.trim_end().to_owned());
                    continue;
                }
                _ => panic!("line {at} comes before the first command"),
            }
            goes_on = line.ends_with('\\');
        }
        for prints in commands.iter_mut().filter_map(|command| command.prints.as_mut()) {
            // A blank line separates commands.
            prints.pop_if(|last| last.is_empty());
        }
        commands
    }
}

/// A command, of several lines where they end in a backslash.
pub struct Command {
    pub line: String,
    /// What it prints, `…` standing for anything; nothing is said in blocks of `sh`.
    pub prints: Option<Vec<String>>,
    /// The number of its line.
    /// The number of its first line.
    pub at: usize,
}

impl Command {
    /// Whether this is what it prints.
    pub fn matches(&self, printed: &str) -> bool {
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        self.prints.as_ref().is_none_or(|pattern| match_lines(pattern, &lines))
    }
}

fn match_lines(pattern: &[String], lines: &[&str]) -> bool {
    match pattern.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|n_skipped| match_lines(rest, &lines[n_skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| match_text(first, line) && match_lines(rest, others)),
    }
}

fn match_text(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('…') else { return pattern == text };
    let rest = text.strip_prefix(before);
    rest.is_some_and(|rest| {
        let mut places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        places.any(|at| match_text(after, &rest[at..]))
    })
}

/// All fenced blocks of a document.
pub fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(document.lines()) {
        match (line.strip_prefix("```"), open.take()) {
            (Some(info), None) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let words = words.collect();
                open = Some(Block { language, words, lines: Vec::new(), at: number + 1 });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.lines.push(line.to_owned());
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

/// The lines outside fenced blocks.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    document.lines().filter(move |line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Where its links lead, other sites left out.
pub fn links(document: &str) -> Vec<&str> {
    let targets = prose(document).flat_map(|line| line.split("](").skip(1));
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://")).collect()
}

/// What its headings are called in links.
pub fn anchors(document: &str) -> BTreeSet<String> {
    let headings = prose(document).filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|&c| c.is_alphanumeric() || "-_ ".contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}
