//! JSON made readable as it streams by: indented and coloured, nothing changed but the white space
//! between tokens.
//!
//! It is not parsed into values: numbers, escapes, repeated keys and the order stay what they were.
//! What turns out not to be JSON is passed on as it is from there.

use super::terminal::styles;
use crate::visible::is_dangerous;
use anstyle::Style;
use std::fmt::Write;

/// Indentation of one level.
const INDENT: &str = "  ";
/// The deepest level that gets more indentation; a reader can't follow deeper ones anyway.
const DEEPEST: usize = 64;

/// Levels that are kept in mind. Content that nests deeper is passed on as it is, so that it can't
/// fill the memory.
const LEVELS: usize = 4096;

/// The state between two pieces.
pub(in crate::get) struct Indenter {
    colour: bool,
    /// What is open: `{` or `[`.
    open: Vec<char>,
    state: State,
    /// A `{` or `[` has just been written, and nothing behind it.
    is_fresh: bool,
    /// In an object, before the colon.
    is_key: bool,
    style: Option<Style>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    /// In a number, `true`, `false` or `null`.
    Word,
    String,
    Escape,
    /// That wasn't JSON.
    Raw,
}

impl Indenter {
    pub(in crate::get) fn new(colour: bool) -> Self {
        Indenter {
            colour,
            open: Vec::new(),
            state: State::Between,
            is_fresh: false,
            is_key: false,
            style: None,
        }
    }

    /// The next piece, as it is to be shown.
    pub(in crate::get) fn indent(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() * 2);
        for character in text.chars() {
            self.take(character, &mut out);
        }
        out
    }

    /// Whatever has to be switched off at the end.
    pub(in crate::get) fn finish(&mut self) -> String {
        let mut out = String::new();
        self.plain(&mut out);
        out
    }

    fn take(&mut self, character: char, out: &mut String) {
        match self.state {
            State::Raw => push(out, character),
            State::Escape => {
                push(out, character);
                self.state = State::String;
            }
            State::String => {
                push(out, character);
                match character {
                    '\\' => self.state = State::Escape,
                    '"' => {
                        self.plain(out);
                        self.state = State::Between;
                    }
                    _ => {}
                }
            }
            State::Word if character.is_ascii_alphanumeric() || "+-.".contains(character) => {
                push(out, character);
            }
            State::Word | State::Between => {
                if self.state == State::Word {
                    self.plain(out);
                    self.state = State::Between;
                }
                self.token(character, out);
            }
        }
    }

    fn token(&mut self, character: char, out: &mut String) {
        match character {
            ' ' | '\t' | '\r' => {}
            // Between values on the top level a line's end tells them apart.
            '\n' if self.open.is_empty() => out.push('\n'),
            '\n' => {}
            '{' | '[' if self.open.len() == LEVELS => {
                push(out, character);
                self.state = State::Raw;
            }
            '{' | '[' => {
                self.value(out);
                out.push(character);
                self.open.push(character);
                self.is_fresh = true;
                self.is_key = character == '{';
            }
            '}' | ']' => {
                self.open.pop();
                if !self.is_fresh {
                    self.line(out);
                }
                self.is_fresh = false;
                out.push(character);
            }
            ',' => {
                out.push(',');
                self.line(out);
                self.is_key = self.open.last() == Some(&'{');
            }
            ':' => {
                out.push_str(": ");
                self.is_key = false;
            }
            '"' => {
                self.value(out);
                let style = if self.is_key {
                    styles::NAME
                } else {
                    styles::STRING
                };
                self.paint(style, out);
                out.push('"');
                self.state = State::String;
            }
            't' | 'f' | 'n' | '-' | '0'..='9' => {
                self.value(out);
                self.paint(styles::WORD, out);
                out.push(character);
                self.state = State::Word;
            }
            other => {
                push(out, other);
                self.state = State::Raw;
            }
        }
    }

    /// The first value in a container begins a line.
    fn value(&mut self, out: &mut String) {
        if std::mem::take(&mut self.is_fresh) {
            self.line(out);
        }
    }

    fn line(&self, out: &mut String) {
        out.push('\n');
        for _ in 0..self.open.len().min(DEEPEST) {
            out.push_str(INDENT);
        }
    }

    fn paint(&mut self, style: Style, out: &mut String) {
        if self.colour {
            // Writing to a String doesn't fail.
            let _ = write!(out, "{style}");
            self.style = Some(style);
        }
    }

    fn plain(&mut self, out: &mut String) {
        if let Some(style) = self.style.take() {
            let _ = write!(out, "{style:#}");
        }
    }
}

fn push(out: &mut String, character: char) {
    if character != '\n' && character != '\t' && is_dangerous(character) {
        out.extend(character.escape_default());
    } else {
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn indent(text: &str, step: usize) -> String {
        let mut indenter = Indenter::new(false);
        let characters: Vec<char> = text.chars().collect();
        let mut out = String::new();
        for piece in characters.chunks(step) {
            out.push_str(&indenter.indent(&piece.iter().collect::<String>()));
        }
        out + &indenter.finish()
    }

    #[test]
    fn layout() {
        let table = r#"
            {} => {}
            [ ] => []
            1 => 1
            {"a":1,"b":[true,null,-1.5e+3]} => {\n  "a": 1,\n  "b": [\n    true,\n    null,\n    -1.5e+3\n  ]\n}
            { "a" : { } , "a" : [\n] } => {\n  "a": {},\n  "a": []\n}
            ["a,b:{}[]\\"\\\\"] => [\n  "a,b:{}[]\\"\\\\"\n]
            {"a":1}\n{"b":2}\n => {\n  "a": 1\n}\n{\n  "b": 2\n}\n
            <p>not json</p> at all => <p>not json</p> at all
            ["\x1b[31m"] => [\n  "\\u{1b}[31m"\n]
            ]]} => \n]\n]\n}
        "#;
        for (given, want) in table::cases(table) {
            let (given, want) = (table::unescaped(given), table::unescaped(want));
            for step in [1, 3, 100] {
                assert_eq!(indent(&given, step), want, "{given} by {step}");
            }
        }
    }

    #[test]
    fn deep_nesting_takes_bounded_memory() {
        for open in ["[", "{\"a\":", "[{\"a\":["] {
            let mut indenter = Indenter::new(true);
            for _ in 0..1000 {
                indenter.indent(&open.repeat(100));
            }
            assert!(indenter.open.capacity() <= LEVELS, "{open}");
            assert_eq!(indenter.state, State::Raw, "{open}");
            assert_eq!(indenter.indent("[,]"), "[,]");
        }
    }

    #[test]
    fn colours() {
        let mut indenter = Indenter::new(true);
        let out = indenter.indent("{\"k\":\"v\",\"n\":1}") + &indenter.finish();
        assert_eq!(
            out,
            "{\n  \x1b[36m\"k\"\x1b[0m: \x1b[32m\"v\"\x1b[0m,\n  \x1b[36m\"n\"\x1b[0m: \x1b[33m1\x1b[0m\n}"
        );
    }

    proptest! {
        #[test]
        fn no_token_is_changed(text in "([\\[\\]{},:]|\"[a-z\\\\\\\\\"]{0,4}\"|[0-9]{1,3}|true| |\n){0,40}", step in 1usize..9) {
            let squeeze = |text: &str| text.replace([' ', '\n'], "");
            let shown = indent(&text, step);
            prop_assert_eq!(squeeze(&shown), squeeze(&text));
            prop_assert_eq!(&shown, &indent(&text, 1000));
        }
    }
}
