//! Values from outside, made fit for one line of a message.

use std::fmt::{self, Display, Write};

/// The longest value in a diagnostic, which is one line; longer ones are cut.
const MAX_VALUE: usize = 160;

/// A value made fit for a log line: without control characters, and cut if too long.
pub fn one_line(value: &impl Display) -> String {
    one_line_up_to(MAX_VALUE, value)
}

/// As [`one_line`], cut after about `max` bytes.
pub fn one_line_up_to(max: usize, value: &impl Display) -> String {
    struct Cut {
        text: String,
        max: usize,
    }
    impl fmt::Write for Cut {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for character in text.chars() {
                if self.text.len() >= self.max {
                    self.text.push('…');
                    return Err(fmt::Error);
                }
                if character.is_control() {
                    self.text.extend(character.escape_default());
                } else {
                    self.text.push(character);
                }
            }
            Ok(())
        }
    }
    let mut cut = Cut { text: String::new(), max };
    // An error only means that the value was cut.
    let _ = write!(cut, "{value}");
    cut.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_no_control_characters_and_end() {
        assert_eq!(one_line(&"</times\namp>\t\u{85}"), "</times\\namp>\\t\\u{85}");
        assert_eq!(one_line(&1.5), "1.5");
        let long = one_line(&"é".repeat(1_000_000));
        assert_eq!((long.chars().count(), long.chars().last()), (MAX_VALUE / 2 + 1, Some('…')));
    }
}
