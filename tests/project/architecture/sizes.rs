//! The sizes of functions, structs and files.
//!
//! The source is formatted, so an item ends at the first line that closes its braces at the item's
//! own indentation. Tests don't count.

use super::{CRATES, source};

const LONGEST_FUNCTION: usize = 80;
const MOST_FIELDS: usize = 14;
const LONGEST_FILE: usize = 500;

/// Functions that are tables, and structs that are the arguments of a constructor.
const EXCEPTIONS: &[&str] = &[
    "client error/words.rs fmt",
    "server files/options/mod.rs Options",
];

/// The lines of a file up to its tests.
fn code_lines(text: &str) -> Vec<&str> {
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    // A later module may follow the declaration of the tests.
    let is_declaration = text[tests..]
        .lines()
        .nth(1)
        .is_some_and(|line| line.ends_with(';'));
    let end = if is_declaration { text.len() } else { tests };
    text[..end].lines().collect()
}

/// The name of the item of a kind that a line begins.
fn item<'l>(line: &'l str, kind: &str) -> Option<&'l str> {
    let mut words = line.split_whitespace();
    let modifiers = ["pub", "pub(crate)", "pub(super)", "const", "async"];
    let is_modifier = |word: &&str| modifiers.contains(word) || word.starts_with("pub(");
    let first = words.find(|word| !is_modifier(word) && *word != "in" && !word.ends_with(')'))?;
    if first != kind {
        return None;
    }
    words.next()?.split(['(', '<', '{', ';']).next()
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines of the item that begins a slice.
fn extent<'s, 'l>(lines: &'s [&'l str]) -> &'s [&'l str] {
    let closing = format!("{}}}", " ".repeat(indentation(lines[0])));
    let end = lines.iter().position(|line| *line == closing);
    &lines[..end.map_or(1, |end| end + 1)]
}

fn is_field(line: &str, depth: usize) -> bool {
    let is_name = |name: &str| {
        name.chars()
            .all(|c| c.is_alphanumeric() || "_# ()".contains(c))
    };
    let declaration = line.trim_start();
    indentation(line) == depth
        && !declaration.starts_with("//")
        && declaration
            .split_once(": ")
            .is_some_and(|(name, _)| is_name(name))
}

#[test]
fn items_are_short_enough_to_read() {
    let mut found = Vec::new();
    for name in CRATES {
        let src = support::root().join("crates").join(name).join("src");
        for (path, text) in source(name) {
            let file = path.strip_prefix(&src).unwrap().to_str().unwrap();
            if file.contains("tests/") || file.ends_with("tests.rs") {
                continue;
            }
            let lines = code_lines(&text);
            if lines.len() > LONGEST_FILE {
                found.push((format!("{name} {file}"), lines.len()));
            }
            for (at, line) in lines.iter().enumerate() {
                if let Some(function) = item(line, "fn") {
                    let length = extent(&lines[at..]).len();
                    if length > LONGEST_FUNCTION {
                        found.push((format!("{name} {file} {function}"), length));
                    }
                }
                if let Some(of) = item(line, "struct").filter(|_| line.ends_with('{')) {
                    let depth = indentation(line) + 4;
                    let body = extent(&lines[at..]);
                    let fields = body.iter().filter(|line| is_field(line, depth)).count();
                    if fields > MOST_FIELDS {
                        found.push((format!("{name} {file} {of}"), fields));
                    }
                }
            }
        }
    }
    let is_found = |entry: &&&str| found.iter().any(|(name, _)| name == **entry);
    let unused: Vec<_> = EXCEPTIONS.iter().filter(|entry| !is_found(entry)).collect();
    assert!(
        unused.is_empty(),
        "no longer too large, so no longer to be listed: {unused:#?}"
    );
    found.retain(|(name, _)| !EXCEPTIONS.contains(&&name[..]));
    assert!(
        found.is_empty(),
        "functions may have {LONGEST_FUNCTION} lines, structs {MOST_FIELDS} fields, files \
         {LONGEST_FILE} lines: {found:#?}"
    );
}

#[test]
fn items_are_found_in_lines() {
    let table = [
        ("pub(crate) fn name<T>(a: u8) {", "fn", Some("name")),
        (
            "    pub(in crate::files) const fn name() -> u8 {",
            "fn",
            Some("name"),
        ),
        ("pub struct Name<'a> {", "struct", Some("Name")),
        ("struct Name(u8);", "struct", Some("Name")),
        ("// fn name() {", "fn", None),
        ("let fn_name = 1;", "fn", None),
    ];
    for (line, kind, want) in table {
        assert_eq!(item(line, kind), want, "{line}");
    }
    assert!(is_field("    pub(super) name: Option<u8>,", 4));
    assert!(!is_field("    /// name: text", 4) && !is_field("        inner: 1,", 4));
}
