//! URL globs, as curl expands them: `[1-9]`, `[01-10:2]`, `[a-z]` and `{a,b}` in one URL stand for
//! many URLs.
//!
//! The last glob varies fastest. A URL is computed from its number, so that a glob of a million
//! URLs takes no memory. `[]` and IPv6 addresses in brackets are text, and `\` before a bracket or
//! a brace makes it text.

use crate::failure::Failure;
use std::net::Ipv6Addr;

/// The largest number of URLs that one argument may stand for.
const MOST_URLS: u64 = 10_000_000;
/// The largest number of globs in one URL.
const MOST_GLOBS: usize = 100;
/// The longest name of a glob, in bytes.
const LONGEST_NAME: usize = 64;

/// A URL with globs in it.
#[derive(Debug)]
pub(super) struct Glob {
    pieces: Vec<Piece>,
    count: u64,
}

/// One of the URLs, and the value that each glob has in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expansion {
    pub(super) text: Vec<u8>,
    pub(super) values: Values,
}

/// The values of all globs in one URL, for `#1` and `#<name>` in the name of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::get) struct Values {
    /// Those of the URL, which have a number, and perhaps a name.
    numbered: Vec<Value>,
    /// Those of another text, which have a name only.
    named: Vec<Value>,
}

/// The name of a glob, which may be empty, and its value.
type Value = (Vec<u8>, Vec<u8>);

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    Choice { name: Vec<u8>, choice: Choice },
}

/// The values that one glob takes.
#[derive(Debug)]
enum Choice {
    Set(Vec<Vec<u8>>),
    Letters { first: u8, step: u64, count: u64 },
    Numbers(Numbers),
}

#[derive(Debug)]
struct Numbers {
    first: u64,
    step: u64,
    count: u64,
    /// Numbers with fewer digits begin with zeros.
    width: usize,
}

impl Glob {
    /// Reads the globs of a URL.
    ///
    /// # Errors
    /// Exit code 3 and the position, counted from 1, for a glob that is malformed.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Failure> {
        let mut parser = Parser { text, at: 0 };
        let mut glob = Glob {
            pieces: Vec::new(),
            count: 1,
        };
        loop {
            let literal = parser.literal()?;
            if !literal.is_empty() {
                glob.pieces.push(Piece::Text(literal));
            }
            if parser.peek().is_none() {
                return Ok(glob);
            }
            let start = parser.at;
            let (name, choice) = parser.glob()?;
            if glob
                .names()
                .filter(|other| !other.is_empty())
                .any(|other| *other == name)
            {
                return Err(parser.error("a second glob of the same name", start));
            }
            glob.count = glob.count.saturating_mul(choice.count());
            if glob.names().count() == MOST_GLOBS {
                return Err(parser.error("one glob too many", start));
            }
            if glob.count > MOST_URLS {
                let what = format!("more than {MOST_URLS} URLs");
                return Err(parser.error(&what, start));
            }
            glob.pieces.push(Piece::Choice { name, choice });
        }
    }

    /// A text without globs.
    pub(super) fn literal(text: &[u8]) -> Self {
        Glob {
            pieces: vec![Piece::Text(text.to_vec())],
            count: 1,
        }
    }

    fn names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Choice { name, .. } => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// How many URLs there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The URL with that number, counted from 0.
    pub(super) fn expand(&self, number: u64) -> Expansion {
        let mut rest = number;
        let mut parts = Vec::with_capacity(self.pieces.len());
        let mut values = Vec::new();
        for piece in self.pieces.iter().rev() {
            match piece {
                Piece::Text(text) => parts.push(text.clone()),
                Piece::Choice { name, choice } => {
                    let value = choice.value(rest % choice.count());
                    rest /= choice.count();
                    values.push((name.clone(), value.clone()));
                    parts.push(value);
                }
            }
        }
        parts.reverse();
        values.reverse();
        Expansion {
            text: parts.concat(),
            values: Values {
                numbered: values,
                named: Vec::new(),
            },
        }
    }
}

impl Choice {
    fn count(&self) -> u64 {
        match self {
            Choice::Set(elements) => elements.len() as u64,
            Choice::Letters { count, .. } => *count,
            Choice::Numbers(numbers) => numbers.count,
        }
    }

    /// The value with that number, which is less than `count`.
    fn value(&self, number: u64) -> Vec<u8> {
        match self {
            Choice::Set(elements) => elements.get(number as usize).cloned().unwrap_or_default(),
            Choice::Letters { first, step, .. } => {
                vec![first.wrapping_add((number * step) as u8)]
            }
            Choice::Numbers(Numbers {
                first, step, width, ..
            }) => format!("{:0width$}", first + number * step).into_bytes(),
        }
    }
}

/// A value that is referred to, and the text behind the reference; `None` if it is none.
type Reference<'v, 't> = Option<(&'v [u8], &'t [u8])>;

impl Values {
    /// Replaces `#N` by the value of the glob with that number, counted from 1, and `#<NAME>` by
    /// that of the glob with that name. A number that no glob has stays as it is, and so does all
    /// text if the URL has no globs.
    ///
    /// # Errors
    /// Exit code 43 for a name that no glob has.
    pub(in crate::get) fn fill(&self, text: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((&first, after)) = rest.split_first() {
            let found = match first {
                b'#' => self.reference(after)?,
                _ => None,
            };
            match found {
                Some((value, after)) => {
                    filled.extend(value);
                    rest = after;
                }
                None => {
                    filled.push(first);
                    rest = after;
                }
            }
        }
        Ok(filled)
    }

    /// Adds the values of globs in another text that have a name. They have no number.
    pub(super) fn add_named(&mut self, others: &Values) {
        let named = others.numbered.iter().filter(|(name, _)| !name.is_empty());
        self.named.extend(named.cloned());
    }

    /// The value that is meant by the text behind a `#`, and the text behind the reference.
    fn reference<'t>(&self, text: &'t [u8]) -> Result<Reference<'_, 't>, Failure> {
        let Some(name) = text.strip_prefix(b"<") else {
            return Ok(self.numbered(text));
        };
        let end = name.iter().position(|byte| *byte == b'>');
        let Some(end @ 1..=LONGEST_NAME) = end.filter(|_| !self.is_empty()) else {
            return Ok(None);
        };
        let (name, rest) = (&name[..end], &name[end + 1..]);
        let mut all = self.numbered.iter().chain(&self.named);
        match all.find(|(other, _)| other == name) {
            Some((_, value)) => Ok(Some((value, rest))),
            None => {
                let name = String::from_utf8_lossy(name);
                let what = format!("no glob in the URL has the name {name:?}");
                Err(Failure::with_code(43, what).hint("name one as {<name>a,b} or [<name>1-9]"))
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.numbered.is_empty() && self.named.is_empty()
    }

    fn numbered<'t>(&self, text: &'t [u8]) -> Reference<'_, 't> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number: usize = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
        let (_, value) = self.numbered.get(number.checked_sub(1)?)?;
        Some((value, &text[digits..]))
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn error(&self, what: &str, at: usize) -> Failure {
        let text = String::from_utf8_lossy(self.text);
        let position = String::from_utf8_lossy(&self.text[..at]).chars().count() + 1;
        Failure::with_code(3, format!("{what} in position {position} of {text:?}")).hint(
            "write [1-9], [a-z], [0-100:10] or {a,b}, or \\[ for the bracket itself; -g turns all of them off",
        )
    }

    /// Text up to the next glob.
    fn literal(&mut self) -> Result<Vec<u8>, Failure> {
        let mut literal = Vec::new();
        while let Some(byte) = self.peek() {
            match byte {
                b'{' => break,
                b'[' => match bracketed_text(&self.text[self.at..]) {
                    0 => break,
                    length => {
                        literal.extend(&self.text[self.at..self.at + length]);
                        self.at += length;
                    }
                },
                b'}' | b']' => {
                    let what = format!("a {:?} that nothing opens", char::from(byte));
                    return Err(self.error(&what, self.at));
                }
                b'\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some(escaped @ (b'{' | b'}' | b'[' | b']')) => {
                            literal.push(escaped);
                            self.at += 1;
                        }
                        // Any other backslash is text.
                        _ => literal.push(b'\\'),
                    }
                }
                other => {
                    literal.push(other);
                    self.at += 1;
                }
            }
        }
        Ok(literal)
    }

    /// A glob, whose opening bracket or brace is next.
    fn glob(&mut self) -> Result<(Vec<u8>, Choice), Failure> {
        let is_set = self.peek() == Some(b'{');
        let start = self.at;
        self.at += 1;
        let name = self.name();
        let choice = match is_set {
            true => self.set(start)?,
            false => self.range()?,
        };
        Ok((name, choice))
    }

    /// `<name>`; what only begins like one is a part of the glob.
    fn name(&mut self) -> Vec<u8> {
        let rest = &self.text[self.at..];
        let Some(name) = rest.strip_prefix(b"<") else {
            return Vec::new();
        };
        match name.iter().position(|byte| *byte == b'>') {
            Some(end @ 1..=LONGEST_NAME) => {
                self.at += end + 2;
                name[..end].to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// `a,b}`; the brace before it is at `start`.
    fn set(&mut self, start: usize) -> Result<Choice, Failure> {
        if self.peek() == Some(b'}') {
            return Err(self.error("nothing within braces", self.at));
        }
        let mut elements = vec![Vec::new()];
        loop {
            let Some(byte) = self.peek() else {
                return Err(self.error("a '{' that nothing closes", start));
            };
            match byte {
                b'{' | b'[' => return Err(self.error("a glob within braces", self.at)),
                b']' => return Err(self.error("a ']' within braces", self.at)),
                _ => self.at += 1,
            }
            let text = match byte {
                b'}' => return Ok(Choice::Set(elements)),
                b',' => {
                    elements.push(Vec::new());
                    continue;
                }
                b'\\' => self.peek().inspect(|_| self.at += 1).unwrap_or(byte),
                other => other,
            };
            if let Some(element) = elements.last_mut() {
                element.push(text);
            }
        }
    }

    /// `1-9]`, `a-z:2]`.
    fn range(&mut self) -> Result<Choice, Failure> {
        let start = self.at;
        let is_letter = match self.peek() {
            Some(byte) if byte.is_ascii_alphabetic() => true,
            Some(byte) if byte.is_ascii_digit() => false,
            _ => return Err(self.error("a bad range", start)),
        };
        let width = match self.peek() {
            Some(b'0') => self.digits(),
            _ => 0,
        };
        let bounds = match is_letter {
            true => self.letters(),
            false => self.numbers(),
        };
        let (first, last, step) = bounds.ok_or_else(|| self.error("a bad range", self.at))?;
        let fits = match first == last {
            true => step == 1,
            false => first < last && (1..=last - first).contains(&step),
        };
        let is_alphabet = !is_letter || last.wrapping_sub(first) <= u64::from(b'z' - b'a');
        if !(fits && is_alphabet) {
            return Err(self.error("a bad range", start));
        }
        let count = ((last - first) / step).saturating_add(1);
        Ok(match is_letter {
            true => Choice::Letters {
                first: first as u8,
                step,
                count,
            },
            false => Choice::Numbers(Numbers {
                first,
                step,
                count,
                width,
            }),
        })
    }

    /// How many digits are next.
    fn digits(&self) -> usize {
        let rest = &self.text[self.at..];
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A number that fits into 63 bits, as in curl.
    fn number(&mut self) -> Option<u64> {
        let digits = self.digits();
        let text = std::str::from_utf8(&self.text[self.at..self.at + digits]).ok()?;
        let number = text.parse::<i64>().ok()?;
        self.at += digits;
        u64::try_from(number).ok()
    }

    /// The first and the last letter, and the step between letters.
    fn letters(&mut self) -> Option<(u64, u64, u64)> {
        let &[first, b'-', last, ..] = &self.text[self.at..] else {
            return None;
        };
        self.at += 3;
        Some((first.into(), last.into(), self.step()?))
    }

    /// The first and the last number, and the step between numbers.
    fn numbers(&mut self) -> Option<(u64, u64, u64)> {
        let first = self.number()?;
        if !self.take(b'-') {
            return None;
        }
        while self.take(b' ') || self.take(b'\t') {}
        let last = self.number()?;
        Some((first, last, self.step()?))
    }

    /// `]`, or `:STEP]`.
    fn step(&mut self) -> Option<u64> {
        let step = match self.take(b':') {
            true => self.number()?,
            false => 1,
        };
        self.take(b']').then_some(step)
    }
}

/// The length of `[]` or of an IPv6 address in brackets at the beginning, which are text; else 0.
fn bracketed_text(text: &[u8]) -> usize {
    let Some(end) = text.iter().position(|byte| *byte == b']') else {
        return 0;
    };
    let inner = String::from_utf8_lossy(&text[1..end]);
    // A zone is what follows the percent sign.
    let address = inner.split('%').next().unwrap_or_default();
    let is_address = address.parse::<Ipv6Addr>().is_ok();
    match inner.is_empty() || is_address {
        true => end + 1,
        false => 0,
    }
}

#[cfg(test)]
mod tests;
