//! Escapes text from elsewhere for the terminal: a server must not move the cursor, change the
//! title or type for the user.

use std::fmt::{self, Write};

/// Displays a text with its control characters escaped.
pub(crate) fn visible(text: &str) -> Visible<'_> {
    Visible(text)
}

pub(crate) struct Visible<'t>(&'t str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' | '\t' => f.write_char(character)?,
                _ if is_dangerous(character) => write!(f, "{}", character.escape_default())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Whether a character controls the terminal or changes the direction of writing.
pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let table = [
            ("plain ü €\n\t", "plain ü €\n\t"),
            ("\x1b[31mred", "\\u{1b}[31mred"),
            ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\0c\x7f", "a\\rb\\u{0}c\\u{7f}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("abc\u{202e}txt.exe", "abc\\u{202e}txt.exe"),
        ];
        for (given, want) in table {
            assert_eq!(visible(given).to_string(), want);
        }
    }
}
