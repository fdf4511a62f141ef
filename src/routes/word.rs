//! Words that requests are compared with: literal segments of paths, and names of parameters.
//!
//! They are short, and most comparisons find a difference. A number is made of up to eight of their bytes,
//! so that nearly every comparison is one of two numbers and not a call of `memcmp`, which took a fifth
//! of the time of a lookup.

use std::cmp::Ordering;

/// A word of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    number: u64,
    text: String,
}

impl Word {
    /// Makes a word.
    pub(crate) fn new(text: String) -> Self {
        Self { number: number(&text), text }
    }

    /// The word as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Finds a text among items that are in the order of their words: its index, or the one where it would
/// have to be inserted.
pub(crate) fn search<T>(
    items: &[T],
    word: impl Fn(&T) -> &Word,
    text: &str,
) -> Result<usize, usize> {
    let number = number(text);
    items.binary_search_by(|item| {
        let known = word(item);
        let by_number = known.number.cmp(&number).then(known.text.len().cmp(&text.len()));
        match by_number {
            Ordering::Equal if text.len() > SIZE => known.text.as_str().cmp(text),
            order => order,
        }
    })
}

/// How many bytes fit in the number.
const SIZE: usize = 8;

/// The first bytes of a text as a number. Shorter texts of equal length have different numbers as well;
/// they are read by halves that may overlap, as a loop over their bytes took a tenth of the time of a
/// lookup.
fn number(text: &str) -> u64 {
    let bytes = text.as_bytes();
    if let Some(first) = bytes.first_chunk::<SIZE>() {
        return u64::from_be_bytes(*first);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last));
    }
    bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_among_words_that_begin_alike() {
        let texts = [
            "",
            "\0",
            "a",
            "a\0",
            "ab",
            "abab",
            "ababab",
            "abacab",
            "b",
            "release",
            "releases",
            "releases1",
            "releases12",
            "releases2",
            "ä",
        ];
        let mut words: Vec<Word> = Vec::new();
        for text in texts {
            let place = search(&words, |word| word, text).expect_err("each is inserted once");
            words.insert(place, Word::new(text.to_owned()));
        }
        for text in texts {
            let found = search(&words, |word| word, text).map(|at| words[at].as_str());
            assert_eq!(found, Ok(text));
        }
        for other in ["\0\0", "releases11", "releases123", "releas", "c"] {
            assert!(search(&words, |word| word, other).is_err(), "{other}");
        }
    }
}
