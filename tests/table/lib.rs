//! Tables of cases as text: a line each, `case => outcome`, so that they read like the RFC.
//!
//! | text | meaning |
//! |---|---|
//! | `=>` | separates a case from its outcome; either may be empty |
//! | `#` at the start of a line | a comment |
//! | `a \| b` | several parts on a side, such as field lines: [`parts`], [`fields`] |
//! | `a 'b c'` | the arguments of a command, as in a shell: [`arguments`] |
//! | `\r \n \t \0 \\ \x7f \u{fc}` | characters, as in Rust: [`bytes`], [`unescaped`] |

use std::fmt::Display;

/// The cases of a table, with their outcomes.
///
/// # Panics
/// If a line has no `=>`.
pub fn cases(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let end = line.find(" => ").or_else(|| line.rfind(" =>"));
        let at = end.map_or_else(|| line.find("=>"), |end| Some(end + 1));
        let (case, outcome) = line.split_at(at.unwrap_or_else(|| panic!("no outcome: {line}")));
        (case.trim_end(), outcome[2..].trim_start())
    })
}

/// Compares the outcome of each case with what `run` returns for it.
///
/// # Panics
/// If any differ: with all of them.
#[track_caller]
pub fn check<O: Display>(table: &str, mut run: impl FnMut(&str) -> O) {
    let mut wrong = String::new();
    for (case, outcome) in cases(table) {
        let got = run(case).to_string();
        if got != outcome {
            wrong += &format!("\n  {case} => {outcome}, but got: {got}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The parts of a side, which ` | ` separates; none if it is empty.
pub fn parts(side: &str) -> impl Iterator<Item = &str> {
    side.split(" | ").filter(|side| !side.is_empty())
}

/// Fields, as `Name: value | Name: value`.
///
/// # Panics
/// If one has no colon.
pub fn fields(side: &str) -> impl Iterator<Item = (&str, &str)> {
    parts(side).map(|field| {
        let (name, value) = field.split_once(':').expect("a field has a colon");
        (name, value.trim())
    })
}

/// The first words of a side, and the rest of it.
///
/// # Panics
/// If it has fewer words.
pub fn words<const N: usize>(side: &str) -> ([&str; N], &str) {
    let mut rest = side;
    let words = [(); N].map(|()| {
        let (word, other) = rest.split_once(' ').unwrap_or((rest, ""));
        assert!(!word.is_empty(), "{N} words: {side}");
        rest = other.trim_start();
        word
    });
    (words, rest)
}

/// The arguments of a command: words, of which those with blanks stand in single quotes.
pub fn arguments(side: &str) -> impl Iterator<Item = String> {
    let mut words = Vec::new();
    let mut is_quoted = false;
    let mut is_within = false;
    for character in side.chars() {
        match character {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => {
                is_within = false;
                continue;
            }
            _ => {}
        }
        if !is_within {
            words.push(String::new());
            is_within = true;
        }
        if let (Some(word), true) = (words.last_mut(), character != '\'') {
            word.push(character);
        }
    }
    words.into_iter()
}

/// The bytes of a text with escapes.
///
/// # Panics
/// If an escape is not one of Rust's.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let kind = escape.chars().next().expect("a character is escaped");
        rest = &escape[kind.len_utf8()..];
        let code = |digits: &str| u32::from_str_radix(digits, 16).expect("hexadecimal digits");
        match kind {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::try_from(code(&rest[..2])).unwrap());
                rest = &rest[2..];
            }
            'u' => {
                let (digits, other) = rest[1..].split_once('}').expect("a brace ends it");
                let character = char::from_u32(code(digits)).expect("a character has the code");
                bytes.extend_from_slice(character.to_string().as_bytes());
                rest = other;
            }
            other => panic!("\\{other} is no escape"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// The text that escapes stand for.
///
/// # Panics
/// As [`bytes`], and if it is not UTF-8.
pub fn unescaped(text: &str) -> String {
    String::from_utf8(bytes(text)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_line_by_line() {
        let table = r"
            # a comment
            a: 1 | b: =>1 => x | y
            => nothing
            no outcome =>

            a=>b
        ";
        let found: Vec<_> = cases(table).collect();
        let want = [
            ("a: 1 | b: =>1", "x | y"),
            ("", "nothing"),
            ("no outcome", ""),
            ("a", "b"),
        ];
        assert_eq!(found, want);
        assert_eq!(parts("a | b").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(parts("").count(), 0);
        let lines: Vec<_> = fields("A: b | C:").collect();
        assert_eq!(lines, [("A", "b"), ("C", "")]);
        assert_eq!(words("GET 200 a b"), (["GET", "200"], "a b"));
        assert_eq!(words("GET"), (["GET"], ""));
    }

    #[test]
    fn arguments_are_words_or_quoted() {
        let found: Vec<_> = arguments("-d  'a b' n='c d'e ''").collect();
        assert_eq!(found, ["-d", "a b", "n=c de", ""]);
        assert_eq!(arguments("").count(), 0);
    }

    #[test]
    fn escapes_are_those_of_rust() {
        let read = bytes(r"a\r\n\t\0\\n\x7f\xff\u{fc}ü");
        assert_eq!(read, b"a\r\n\t\0\\n\x7f\xff\xc3\xbc\xc3\xbc");
    }

    #[test]
    #[should_panic(expected = "b => 2, but got: 1")]
    fn every_difference_is_reported() {
        check("a => 1\n b => 2", str::len);
    }
}
